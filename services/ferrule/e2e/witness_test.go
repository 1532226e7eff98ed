package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// witness is an API that answers everything and remembers what it was asked.
type witness struct {
	url, host string

	mu   sync.Mutex
	seen []request
}

// request is what an API saw of a call.
type request struct {
	line   string // method and target, as they were sent
	header http.Header
	body   string
}

// startWitness starts the API. It answers with the JSON object {"id": 1}.
func startWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{}
	server := httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.url, w.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return w
}

func (w *witness) answer(res http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	w.mu.Lock()
	w.seen = append(w.seen, request{req.Method + " " + req.RequestURI, req.Header.Clone(), string(body)})
	w.mu.Unlock()
	res.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(res, `{"id":1}`)
}

// last returns the request that came last.
func (w *witness) last(t *testing.T) request {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		t.Fatal("the API was not asked anything")
	}
	return w.seen[len(w.seen)-1]
}
