package h1

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkRoundTrip compares the transport to that of net/http: 50 callers, one
// kilobyte, and a server that costs next to nothing.
func BenchmarkRoundTrip(b *testing.B) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 01 Aug 2026 12:00:00 GMT\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	s := listen(b, func(c net.Conn) {
		defer c.Close()
		buffer := make([]byte, 4096)
		for have := 0; ; {
			n, err := c.Read(buffer[have:])
			if err != nil {
				return
			}
			if have += n; bytes.HasSuffix(buffer[:have], []byte("\r\n\r\n")) {
				have = 0
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}
	})
	standard := plain()
	b.Cleanup(standard.CloseIdleConnections)
	for name, transport := range map[string]http.RoundTripper{"h1": fast(b), "nethttp": standard} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(25)
			var failed atomic.Int64
			b.RunParallel(func(p *testing.PB) {
				req := newRequest(b.Context(), b, "GET", s.url+"/things/42", "")
				buffer := make([]byte, 4096)
				for p.Next() {
					resp, err := transport.RoundTrip(req)
					if err != nil {
						failed.Add(1)
						return
					}
					if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, buffer); err != nil {
						failed.Add(1)
					}
					resp.Body.Close()
				}
			})
			if failed.Load() > 0 {
				b.Errorf("%d failed", failed.Load())
			}
		})
	}
}
