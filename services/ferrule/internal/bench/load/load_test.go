package load_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
)

func TestHTTPCallsKeepTheirConnection(t *testing.T) {
	var connections, calls atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/a%2Fb?c=d" || r.Header.Get("Authorization") != "Bearer token" || string(body) != `{"e":1}` {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.(http.Flusher).Flush() // chunked
		_, _ = io.WriteString(w, "yes")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	open, done, err := load.Open(t.Context(), load.Target{
		Addr: server.Listener.Addr().String(), Token: "token",
		HTTP: &load.HTTP{Method: http.MethodPost, Path: "/a%2Fb?c=d", Body: `{"e":1}`},
	}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for range 5 {
		for _, call := range open {
			if err := call(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if connections.Load() != 3 || calls.Load() != 15 {
		t.Errorf("%d calls on %d connections, want 15 on 3", calls.Load(), connections.Load())
	}
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, "401"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "0 bytes"},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
		}, "EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(row.handler)
			t.Cleanup(server.Close)
			calls, done, err := load.Open(t.Context(), load.Target{
				Addr: server.Listener.Addr().String(), HTTP: &load.HTTP{Method: http.MethodGet, Path: "/"},
			}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			if err := calls[0](t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error = %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestTargetsThatCannotBeOpened(t *testing.T) {
	for name, target := range map[string]load.Target{
		"neither protocol": {Addr: "127.0.0.1:1"},
		"nobody there":     {Addr: "127.0.0.1:1", HTTP: &load.HTTP{Method: http.MethodGet, Path: "/"}},
		"another machine":  {Addr: "192.0.2.1:80", HTTP: &load.HTTP{Method: http.MethodGet, Path: "/"}},
		"a bad path":       {Addr: "127.0.0.1:1", HTTP: &load.HTTP{Method: http.MethodGet, Path: "/%zz"}},
	} {
		if _, _, err := load.Open(t.Context(), target, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
