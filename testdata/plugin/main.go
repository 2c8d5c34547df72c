// Command plugin is a volume driver for the tests: its volumes are folders of /data.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

type call struct{ Name string }

type answer map[string]any

var (
	mu      sync.Mutex
	volumes = map[string]answer{}
)

// respond answers a call of the engine.
func respond(path string, c call) answer {
	switch path {
	case "/Plugin.Activate":
		return answer{"Implements": []string{"VolumeDriver"}}
	case "/VolumeDriver.Capabilities":
		return answer{"Capabilities": answer{"Scope": "local"}}
	case "/VolumeDriver.Create":
		folder := filepath.Join("/data", c.Name)
		volumes[c.Name] = answer{"Name": c.Name, "Mountpoint": folder}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return answer{"Err": err.Error()}
		}
	case "/VolumeDriver.Remove":
		delete(volumes, c.Name)
	case "/VolumeDriver.Get":
		if volumes[c.Name] == nil {
			return answer{"Err": "no such volume"}
		}
		return answer{"Volume": volumes[c.Name]}
	case "/VolumeDriver.List":
		all := []answer{}
		for _, v := range volumes {
			all = append(all, v)
		}
		return answer{"Volumes": all}
	}
	return answer{"Err": ""}
}

func main() {
	socket, err := net.Listen("unix", "/run/docker/plugins/cleat.sock")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(socket, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var c call
		_ = json.NewDecoder(r.Body).Decode(&c)
		_ = json.NewEncoder(w).Encode(respond(r.URL.Path, c))
	})))
}
