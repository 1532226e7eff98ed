package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
)

// rogue is an API that misbehaves in every way that a connector may meet. It
// echoes credentials, which is what makes it dangerous for secrets.
type rogue struct {
	url string

	mu     sync.Mutex
	calls  int
	hidden []string // what was sent to it in confidence when a webhook was registered
}

// rogueDescription describes an API with one operation for each misdeed. Its
// place is put in by startRogue.
const rogueDescription = `{
  "swagger": "2.0", "info": {"title": "Rogue", "version": "1"}, "host": %q, "basePath": "/", "schemes": ["http"],
  "securityDefinitions": {"api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}, "security": [{"api_key": []}],
  "paths": {
    "/slow": {"get": {"operationId": "Slow", "responses": {"200": {"description": "never"}}}},
    "/drip": {"get": {"operationId": "Drip", "responses": {"200": {"description": "never complete"}}}},
    "/reset": {
      "get": {"operationId": "Reset", "responses": {"200": {"description": "never"}}},
      "post": {"operationId": "ResetAfterWork", "responses": {"200": {"description": "never"}}}
    },
    "/cut": {"get": {"operationId": "Cut", "responses": {"200": {"description": "half"}}}},
    "/garbage": {"get": {"operationId": "Garbage", "responses": {"200": {"description": "no HTTP"}}}},
    "/endless": {"get": {"operationId": "Endless", "responses": {"200": {"description": "never complete"}}}},
    "/header": {"get": {"operationId": "EndlessHeader", "responses": {"200": {"description": "never"}}}},
    "/echo": {"get": {"operationId": "Echo", "responses": {"200": {"description": "never"}}}},
    "/away": {"get": {"operationId": "Away", "responses": {"200": {"description": "elsewhere"}}}},
    "/hooks": {"x-ms-notification-content": {"schema": {"type": "object"}}, "post": {
      "operationId": "OnRogue", "x-ms-trigger": "single",
      "x-ferrule-webhook-signature": {"scheme": "hmac-sha256", "header": "X-Signature", "encoding": "hex", "secretProperty": "secret"},
      "parameters": [{"name": "body", "in": "body", "required": true, "schema": {"type": "object", "properties": {
        "url": {"type": "string", "x-ms-notification-url": true, "x-ms-visibility": "internal"}, "secret": {"type": "string"}}}}],
      "responses": {"201": {"description": "registered"}}}}
  }
}`

// startRogue serves the API on loopback.
func startRogue(t *testing.T) *rogue {
	t.Helper()
	r := &rogue{}
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.url = server.URL
	return r
}

// description is the API's Swagger document.
func (r *rogue) description() string {
	u, _ := url.Parse(r.url)
	return fmt.Sprintf(rogueDescription, u.Host)
}

// counted returns how often the API was called.
func (r *rogue) counted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// confided returns what was told to the API in confidence.
func (r *rogue) confided() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.hidden...)
}

// ServeHTTP does what the path says.
func (r *rogue) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/swagger.json" {
		_, _ = io.WriteString(w, r.description())
		return
	}
	r.mu.Lock()
	r.calls++
	r.mu.Unlock()
	key := req.Header.Get("X-Api-Key")
	switch req.URL.Path {
	case "/slow":
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	case "/drip":
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	case "/reset":
		_, _ = io.Copy(io.Discard, req.Body)
		raw(w, "")
	case "/cut":
		raw(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":")
	case "/garbage":
		raw(w, "SSH-2.0-rogue "+key+"\r\n")
	case "/endless", "/endless.json":
		endless(w)
	case "/header":
		raw(w, "HTTP/1.1 200 OK\r\nX-Endless: "+strings.Repeat("x", 12<<20)+"\r\n\r\n")
	case "/echo":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error": {"message": "the key %s is not known here"}}`, key)
	case "/away":
		http.Redirect(w, req, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	case "/hooks":
		r.register(w, req)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// raw takes the connection over, writes text and closes it.
func raw(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	if tcp, ok := conn.(*net.TCPConn); ok && text == "" {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	_ = conn.Close()
}

// endless writes until nobody reads any more.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	block := []byte(`["` + strings.Repeat("x", 1<<20) + `",`)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// register keeps what only the API and we should know: the shared secret, and
// the token in the callback URL.
func (r *rogue) register(w http.ResponseWriter, req *http.Request) {
	var body struct{ URL, Secret string }
	if json.NewDecoder(req.Body).Decode(&body) != nil || body.URL == "" || body.Secret == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.hidden = append(r.hidden, body.Secret, path.Base(body.URL))
	r.mu.Unlock()
	w.Header().Set("Location", "/hooks/1")
	w.WriteHeader(http.StatusCreated)
}

// nowhere returns the address of a server that is gone.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}
