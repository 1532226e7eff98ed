// Package baseline holds what the suite is measured against: an API, Go's own
// reverse proxy in front of it, and a gRPC handler that makes the same call and
// does nothing else. They are written as anybody would write them, with the
// defaults of net/http but for the number of connections that are kept. The client
// of the handler is whatever it is given: the suite's own, for a comparison that
// shows what the suite does besides.
package baseline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// What the API is like.
const (
	// AnswerSize is the size of the API's answer in bytes.
	AnswerSize = 1024
	// KeyHeader is where the API wants its key.
	KeyHeader = "X-Api-Key"
	// KeyName is the name of the key in the API's description.
	KeyName = "api_key"
	// Operation is the id of the operation that is called, and Path where it is.
	Operation = "GetThing"
	Path      = "/things/42"
	// Input is the operation's input that leads to Path.
	Input = `{"id": "42"}`
)

// keptConnections is more than any measurement uses at once.
const keptConnections = 1024

// description is the API's Swagger document, but for its address.
const description = `{
  "swagger": "2.0", "info": {"title": "Things", "version": "1"}, "host": %[1]q, "basePath": "/", "schemes": ["http"],
  "securityDefinitions": {%[2]q: {"type": "apiKey", "in": "header", "name": %[3]q}}, "security": [{%[2]q: []}],
  "paths": {"/things/{id}": {"get": {"operationId": %[4]q,
    "parameters": [{"name": "id", "in": "path", "type": "string", "required": true}],
    "responses": {"200": {"description": "The thing.", "schema": {"type": "object"}}}}}}
}`

// Upstream returns the API: GET /things/{id} answers [AnswerSize] bytes of JSON
// to whoever sends key, and /swagger.json describes it to everybody.
func Upstream(key string) http.Handler {
	answer := thing()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /swagger.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, description, r.Host, KeyName, KeyHeader, Operation)
	})
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(KeyHeader) != key {
			http.Error(w, "the key is wrong", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	return mux
}

// thing is the API's answer.
func thing() []byte {
	fields := map[string]string{"id": "42", "name": "A thing", "text": ""}
	empty, _ := json.Marshal(fields) // texts can always be encoded
	fields["text"] = strings.Repeat("x", AnswerSize-len(empty))
	full, _ := json.Marshal(fields)
	return full
}

func transport() *http.Transport {
	return &http.Transport{MaxIdleConns: keptConnections, MaxIdleConnsPerHost: keptConnections, IdleConnTimeout: time.Minute}
}

// ReverseProxy returns Go's reverse proxy in front of the API at target, with
// nothing added but the key.
func ReverseProxy(target *url.URL, key string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: transport(),
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of callers who leave; those who stay count errors
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set(KeyHeader, key)
		},
	}
}

// Handler is the gRPC handler: for each call it makes the same request to the
// API that the suite makes, and returns the answer in the same message.
type Handler struct {
	runtimev1.UnimplementedRuntimeServiceServer

	url, key string
	client   http.RoundTripper
}

// NewHandler returns a handler that calls the API at target with a client, which
// it does not own; nil is for that of net/http.
func NewHandler(target *url.URL, key string, client http.RoundTripper) *Handler {
	if client == nil {
		client = transport()
	}
	return &Handler{url: target.JoinPath(Path).String(), key: key, client: client}
}

// Invoke calls the API, whatever the request says.
func (h *Handler) Invoke(ctx context.Context, _ *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set(KeyHeader, h.key)
	res, err := h.client.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("call the api: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &runtimev1.InvokeResponse{
		StatusCode: int32(res.StatusCode),
		Body:       &httpbody.HttpBody{ContentType: res.Header.Get("Content-Type"), Data: body},
	}, nil
}

// ServeGRPC serves h on l with a server that has no options, until ctx ends.
func ServeGRPC(ctx context.Context, l net.Listener, h *Handler) error {
	server := grpc.NewServer()
	runtimev1.RegisterRuntimeServiceServer(server, h)
	defer context.AfterFunc(ctx, server.Stop)()
	if err := server.Serve(l); err != nil {
		return fmt.Errorf("serve grpc: %w", err)
	}
	return nil
}

// readHeaderTimeout bounds the header of a request; without it a server would be
// open to anybody who is slow.
const readHeaderTimeout = 10 * time.Second

// ServeHTTP serves handler on l until ctx ends.
func ServeHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}
