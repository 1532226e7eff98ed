package service_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/service"
)

// TestNothingFollowsARequestInChunks: where its end is in doubt, what comes behind it
// may be another's, or nobody's.
func TestNothingFollowsARequestInChunks(t *testing.T) {
	const next = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, row := range []struct {
		name, text string
		served     []string
	}{
		{"a length and chunks", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, []string{"POST /a"}},
		{"chunks alone", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" + next, []string{"POST /a hi"}},
		{"a length alone", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" + next, []string{"POST /a hi", "GET /next"}},
		{"no body", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + next, []string{"GET /a", "GET /next"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			served := make(chan string, 2)
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				served <- strings.TrimSpace(r.Method + " " + r.URL.Path + " " + string(body))
			})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- service.ServeHTTP(ctx, l, handler, nil, slog.New(slog.DiscardHandler)) }()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, row.text)
			answers, _ := io.ReadAll(c) // until the server closes
			_ = c.Close()
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			close(served)
			var got []string
			for one := range served {
				got = append(got, one)
			}
			if diff := cmp.Diff(row.served, got); diff != "" || strings.Count(string(answers), "HTTP/1.1 200 ") != len(row.served) {
				t.Errorf("served (-want +got):\n%s\nanswers %q", diff, answers)
			}
		})
	}
}

// inMemory is a listener of connections in memory, whose time can pass by itself.
type inMemory struct {
	conns chan net.Conn
	close func()
}

func newInMemory() inMemory {
	conns := make(chan net.Conn)
	return inMemory{conns, sync.OnceFunc(func() { close(conns) })}
}

func (l inMemory) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l inMemory) Close() error   { l.close(); return nil }
func (l inMemory) Addr() net.Addr { return &net.TCPAddr{} }

// TestNobodyIsWaitedForInVain: anybody can promise a body and send none.
func TestNobodyIsWaitedForInVain(t *testing.T) {
	for name, text := range map[string]string{
		"a length": "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n",
		"chunks":   "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("the body ended with %v", err)
					}
				})
				l := newInMemory()
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- service.ServeHTTP(ctx, l, handler, nil, slog.New(slog.DiscardHandler)) }()
				c, theirs := net.Pipe()
				l.conns <- theirs
				_ = c.SetDeadline(time.Now().Add(time.Hour))
				_, _ = io.WriteString(c, text)
				if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
					t.Errorf("%q, %v", answer, err)
				}
				_ = c.Close()
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
