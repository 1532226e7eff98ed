package load_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
)

func TestLargeBodiesAreHauled(t *testing.T) {
	var received atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := io.Copy(io.Discard, r.Body)
		received.Store(size)
		if r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write(make([]byte, 70_000))
	}))
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	request := &load.HTTP{Method: http.MethodPut, Path: "/"}
	for _, row := range []struct {
		name   string
		target load.Target
		upload int64
		fails  bool
	}{
		{"down", load.Target{Addr: addr, Token: "token", HTTP: request}, 0, false},
		{"up", load.Target{Addr: addr, Token: "token", HTTP: request}, 300_000, false},
		{"refused", load.Target{Addr: addr, HTTP: request}, 0, true},
		{"over grpc", load.Target{Addr: addr, Invoke: &load.Invoke{}}, 0, true},
		{"to nobody", load.Target{Addr: "127.0.0.1:1", HTTP: request}, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := load.Haul(t.Context(), clock.System(), row.target, row.upload)
			if (err != nil) != row.fails || err == nil && (got.Bytes != 70_000 || got.Elapsed <= 0 || received.Load() != row.upload) {
				t.Errorf("%+v with %d received, %v", got, received.Load(), err)
			}
		})
	}
}

func TestNumbersAreTakenInTurn(t *testing.T) {
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Path]++ // one connection: one request at a time
		_, _ = io.WriteString(w, "yes")
	}))
	t.Cleanup(server.Close)
	calls, done, err := load.Open(t.Context(), load.Target{
		Addr: server.Listener.Addr().String(), HTTP: &load.HTTP{Method: http.MethodGet, Path: "/many-%d", Numbers: 3},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for range 6 {
		if err := calls[0](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		if path := fmt.Sprintf("/many-%d", n); seen[path] != 2 {
			t.Errorf("%s was called %d times, want 2", path, seen[path])
		}
	}
}
