package runtimeproxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// TestRawRequestsFailAsCallsDo: with the reasons that there are.
func TestRawRequestsFailAsCallsDo(t *testing.T) {
	long := strings.Repeat("x", 10<<20+1)
	tests := []struct {
		name               string
		change             func(*connectorv1.Definition)
		method, path, body string
		headers            []string
		answer             func(http.ResponseWriter)
		status             int
		reason             string
		requests           int
	}{
		{
			name: "a body that is too long", change: policies(property(requestSection, "a", "b")),
			method: "POST", path: "/items", body: long, status: 413, reason: "INPUT_TOO_LARGE",
		},
		{
			name: "a body that is too long once it is decompressed", change: policies(property(requestSection, "a", "b")),
			method: "POST", path: "/items", body: zipped(long), headers: []string{"Content-Encoding", "gzip"}, status: 413, reason: "INPUT_TOO_LARGE",
		},
		{
			name: "a body that is not what it says", change: policies(property(requestSection, "a", "b")),
			method: "POST", path: "/items", body: "{}", headers: []string{"Content-Encoding", "gzip"}, status: 400, reason: "INVALID_ARGUMENT",
		},
		{
			name: "a body in a coding that nobody here knows", change: policies(property(requestSection, "a", "b")),
			method: "POST", path: "/items", body: "{}", headers: []string{"Content-Encoding", "zstd"}, status: 400, reason: "INVALID_ARGUMENT",
		},
		{
			name: "a method that nothing is known about", change: policies(property(requestSection, "a", "b")),
			method: "MKCOL", path: "/else", status: 501, reason: "OPERATION_NOT_SUPPORTED",
		},
		{
			name: "an answer that is too long", change: policies(property(answerSection, "a", "b")),
			method: "GET", path: "/items/7", answer: func(w http.ResponseWriter) {
				part := make([]byte, 1<<20)
				for range 65 {
					if _, err := w.Write(part); err != nil {
						return
					}
				}
			}, status: 502, reason: "UPSTREAM_RESPONSE_TOO_LARGE", requests: 1,
		},
		{
			name: "code that throws", change: withCode(`export function after() { throw new Error("no") }`),
			method: "GET", path: "/items/7", status: 400, reason: "SCRIPT_FAILED", requests: 1,
		},
		{
			name: "code that does not end", change: withCode(`export function before() { for (;;) {} }`),
			method: "GET", path: "/items/7", status: 400, reason: "SCRIPT_LIMIT_EXCEEDED",
		},
		{
			name: "code for all operations, and none that it would be", change: withCode(`export function before() {}`),
			method: "GET", path: "/else", status: 501, reason: "OPERATION_NOT_SUPPORTED",
		},
		{
			name: "code on events that may never end", change: withCode(`export function after() {}`, "GetItem"),
			method: "GET", path: "/items/7", answer: gives(200, "data: 1\n\n", "Content-Type", "text/event-stream"),
			status: 501, reason: "OPERATION_NOT_SUPPORTED", requests: 1,
		},
		{
			name: "code in a language that does not run here", change: func(d *connectorv1.Definition) {
				d.Scripts = []*connectorv1.Script{{Language: "csharp", Path: "script.csx", Source: "class Script {}", OperationIds: []string{"GetItem"}}}
			},
			method: "GET", path: "/items/7", status: 501, reason: "CUSTOM_CODE_REQUIRED",
		},
		{
			name: "a path that can be read in two ways", change: policies(property(requestSection, "a", "b")),
			method: "POST", path: "//items", body: "{}", status: 400, reason: "INVALID_ARGUMENT",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, orOK(tt.answer))
			s := startWith(t, rec.url, tt.change, func(c *settings) { c.ScriptTime = 200 * time.Millisecond })
			answer := s.pass(tt.method, tt.path, tt.body, tt.headers...)
			if answer.status != tt.status || !strings.Contains(answer.body, `"`+tt.reason+`"`) || leaks(answer.body) {
				t.Errorf("answer = %d %.300q, want %d %s", answer.status, answer.body, tt.status, tt.reason)
			}
			if n := len(rec.all()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
	t.Run("a body of unknown length that is too long", func(t *testing.T) {
		rec := record(t, always(200, `{}`))
		s := start(t, rec.url, policies(property(requestSection, "a", "b")))
		resp := s.do(s.request("POST", "/items", io.MultiReader(strings.NewReader(long)))) // no reader whose length is known
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 413 || !bytes.Contains(body, []byte("INPUT_TOO_LARGE")) || len(rec.all()) > 0 {
			t.Errorf("answer = %d %s", resp.StatusCode, body)
		}
	})
	t.Run("an API that takes too long", func(t *testing.T) {
		s := startWith(t, api(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), policies(property(answerSection, "a", "b")),
			func(c *settings) { c.ProxyTimeout = 200 * time.Millisecond })
		if answer := s.pass("GET", "/items/7", ""); answer.status != 504 || !strings.Contains(answer.body, "UPSTREAM_TIMEOUT") {
			t.Errorf("answer = %+v", answer)
		}
	})
	t.Run("an API that breaks off", func(t *testing.T) {
		s := startWith(t, tcp(t, func(c net.Conn) {
			defer c.Close()
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
		}), policies(property(answerSection, "a", "b")), func(c *settings) { c.MaxAttempts = 1 })
		if answer := s.pass("GET", "/items/7", ""); answer.status != 502 || !strings.Contains(answer.body, "UPSTREAM_RESET") {
			t.Errorf("answer = %+v", answer)
		}
	})
	t.Run("a caller who does not go on", func(t *testing.T) {
		rec := record(t, always(200, `{}`))
		s := startWith(t, rec.url, policies(property(requestSection, "a", "b")), func(c *settings) { c.ProxyTimeout = 200 * time.Millisecond })
		in, out := io.Pipe()
		t.Cleanup(func() { _ = out.Close() })
		resp := s.do(s.request("POST", "/items", in))
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 504 || !bytes.Contains(body, []byte("DEADLINE_EXCEEDED")) || len(rec.all()) > 0 {
			t.Errorf("answer = %d %s", resp.StatusCode, body)
		}
	})
}
