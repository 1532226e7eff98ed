// Command probe is the health check of containers that hold a program without one
// of its own, and no shell to write one in:
//
//	probe 127.0.0.1:8222 /healthz
//
// It sends one HTTP GET and exits with 0 when the answer is 200 within three
// seconds, with 1 and a sentence otherwise. It leaves net/http out, which would
// make it five times as large.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// patience bounds the whole exchange.
const patience = 3 * time.Second

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: probe HOST:PORT PATH")
		os.Exit(2)
	}
	if err := probe(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// probe asks addr for path and reports anything but the status 200.
func probe(addr, path string) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, addr); err != nil {
		return err
	}
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	// "HTTP/1.0 200 OK"
	if fields := strings.Fields(status); len(fields) < 2 || fields[1] != "200" {
		return fmt.Errorf("%s%s answered %q", addr, path, strings.TrimSpace(status))
	}
	return nil
}
