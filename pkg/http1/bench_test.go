package http1

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkServers compares what a request takes here and with net/http, with a handler
// that does as little as it can.
func BenchmarkServers(b *testing.B) {
	content := []byte(strings.Repeat("x", 1024))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{"1024"}
		_, _ = w.Write(content)
	})
	const fields = " /v1/things/42?a=b HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\nUser-Agent: bench\r\nAccept: */*\r\n"
	for _, server := range []struct {
		name  string
		start func(testing.TB, http.Handler) *served
	}{{"net_http", plain}, {"http1", ours}} {
		for _, request := range []struct{ name, text string }{
			{"get", "GET" + fields + "\r\n"},
			{"post", "POST" + fields + "Content-Length: 5\r\n\r\nhello"},
		} {
			b.Run(server.name+"/"+request.name, func(b *testing.B) {
				conn := server.start(b, handler).dial(b)
				in, text := bufio.NewReaderSize(conn, 16<<10), []byte(request.text)
				answer := func() {
					left := len(content)
					for line := " "; len(line) > 2; {
						slice, err := in.ReadSlice('\n')
						if err != nil {
							b.Fatal(err)
						}
						line = string(slice[:min(3, len(slice))])
					}
					if _, err := in.Discard(left); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := conn.Write(text); err != nil {
						b.Fatal(err)
					}
					answer()
				}
			})
		}
	}
}
