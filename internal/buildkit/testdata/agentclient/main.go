// Command agentclient runs in a build step: it asks the ssh agent for its keys and for a
// signature by each, twice over one connection, and prints them in hexadecimal.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	check(err)
	for range 2 {
		answer := ask(conn, []byte{11})
		rest := answer[5:]
		for n := binary.BigEndian.Uint32(answer[1:]); n > 0; n-- {
			var key, comment []byte
			key, rest = text(rest)
			comment, rest = text(rest)
			fmt.Printf("%s %x ", comment, key)
			sign := append(put(put([]byte{13}, key), []byte("data to sign")), 0, 0, 0, 4)
			fmt.Printf("%x\n", ask(conn, sign)[1:])
		}
	}
	check(conn.(*net.UnixConn).CloseWrite())
	left, err := io.ReadAll(conn)
	check(err)
	fmt.Printf("%d left\n", len(left))
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func put(to, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(text))), text...)
}

func text(b []byte) (text, rest []byte) {
	n := binary.BigEndian.Uint32(b)
	return b[4 : 4+n], b[4+n:]
}

func ask(conn net.Conn, request []byte) []byte {
	_, err := conn.Write(put(nil, request))
	check(err)
	var size [4]byte
	_, err = io.ReadFull(conn, size[:])
	check(err)
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(conn, answer)
	check(err)
	return answer
}
