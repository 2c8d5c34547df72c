// Bare inspects a container with net/http and encoding/json alone.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
)

func main() {
	c := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", "/var/run/docker.sock")
		},
	}}
	answer, err := c.Get("http://docker/containers/" + url.PathEscape(os.Args[1]) + "/json")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatal(answer.Status)
	}
	var container struct {
		ID    string
		State struct{ Status string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&container); err != nil {
		log.Fatal(err)
	}
	println(container.ID, container.State.Status)
}
