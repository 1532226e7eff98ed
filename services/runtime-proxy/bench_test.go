package runtimeproxy_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/egress"
)

// body1K is what the API of the benchmarks answers.
var body1K = `{"items":"` + strings.Repeat("x", 1000) + `"}`

func fastAPI(b *testing.B) string {
	return api(b, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body1K)
	})
}

// BenchmarkInvoke is a whole call over gRPC in memory, real API included.
func BenchmarkInvoke(b *testing.B) {
	s := start(b, fastAPI(b), nil)
	ctx := s.as("ada")
	req := &runtimev1.InvokeRequest{
		Connection: connection, OperationId: "CreateItem",
		Input: &httpbody.HttpBody{Data: []byte(`{"body":{"name":"x","price":1.5,"kind":"part"}}`)},
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.runtime.Invoke(ctx, req); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkProxy compares the data plane, with everything on, to
// httputil.ReverseProxy with nothing but the same guard in front of the same
// API.
func BenchmarkProxy(b *testing.B) {
	upstream := fastAPI(b)
	s := start(b, upstream, nil)
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	must(b, err)
	target, err := url.Parse(upstream)
	must(b, err)
	plain := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("X-Api-Key", canary)
		},
		Transport: guard.Transport(egress.TransportOptions{DisableCompression: true}),
	})
	b.Cleanup(plain.Close)
	request := func(host, path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + s.tokens["ada"] + "\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	}
	b.Run("dataplane", func(b *testing.B) {
		hammer(b, s.data.Listener.Addr().String(), request("ferrule", proxyPath+"/items?limit=5"))
	})
	b.Run("ReverseProxy", func(b *testing.B) {
		hammer(b, plain.Listener.Addr().String(), request("ferrule", "/api/items?limit=5"))
	})
}

// hammer sends the same request over and over, on several connections, with as
// little work of its own as possible.
func hammer(b *testing.B, address, request string) {
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buffer := make([]byte, 8<<10)
		for p.Next() {
			if _, err := io.WriteString(c, request); err != nil {
				b.Error(err)
				return
			}
			got := 0
			for end := -1; end < 0 || got < end; {
				n, err := c.Read(buffer[got:])
				if err != nil {
					b.Error(err)
					return
				}
				got += n
				if head := strings.Index(string(buffer[:got]), "\r\n\r\n"); end < 0 && head >= 0 {
					end = head + 4 + len(body1K)
				}
			}
			if !strings.HasPrefix(string(buffer[:got]), "HTTP/1.1 200") {
				b.Errorf("answer: %s", buffer[:got])
				return
			}
		}
	})
}
