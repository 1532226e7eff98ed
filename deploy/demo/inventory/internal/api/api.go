// Package api serves the inventory over HTTP, as swagger.json describes it.
//
// [New] returns the handler. Everything but the document itself asks for the
// API key; every error is an application/problem+json body (RFC 9457).
package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

// Limits of a request.
const (
	// MaxBody bounds a request's body in bytes.
	MaxBody = 64 << 10
	// DefaultLimit and MaxLimit are the items of a page.
	DefaultLimit = 50
	MaxLimit     = 100

	keyHeader = "X-Api-Key"
)

// Config is what the API needs. All fields are required.
type Config struct {
	// Key is what callers must send in X-Api-Key; never empty.
	Key string
	// Items is the store behind the API.
	Items *stock.Store
	// Hooks is told about new items.
	Hooks *hooks.Hub
	// Log receives what callers are not told about failures.
	Log *slog.Logger
}

// server holds the handlers, by area in the other files of the package.
type server struct {
	config   Config
	keyHash  [sha256.Size]byte
	document document
}

// handler is one operation. An error is answered as a problem.
type handler func(w http.ResponseWriter, r *http.Request) error

// New returns the API's handler, safe for concurrent use.
func New(config Config) (http.Handler, error) {
	if config.Key == "" {
		return nil, errors.New("the API key must not be empty")
	}
	document, err := loadDocument()
	if err != nil {
		return nil, err
	}
	s := &server{config: config, keyHash: sha256.Sum256([]byte(config.Key)), document: document}
	mux := http.NewServeMux()
	for path, methods := range s.routes() {
		mux.Handle(path, s.guarded(byMethod(methods)))
	}
	mux.Handle("/", s.guarded(func(http.ResponseWriter, *http.Request) error {
		return problem{Status: http.StatusNotFound, Detail: "there is nothing at this path; see /swagger.json"}
	}))
	mux.Handle("/swagger.json", s.open(byMethod(map[string]handler{http.MethodGet: s.getDocument})))
	return mux, nil
}

// routes is the table of operations. Paths are spelled as in swagger.json.
func (s *server) routes() map[string]map[string]handler {
	return map[string]map[string]handler{
		"/status":         {http.MethodGet: s.getStatus},
		"/items":          {http.MethodGet: s.listItems, http.MethodPost: s.createItem},
		"/items/search":   {http.MethodGet: s.searchItems},
		"/triggers/items": {http.MethodGet: s.pollItems},
		"/items/{id}": {
			http.MethodGet: s.getItem, http.MethodPut: s.replaceItem,
			http.MethodPatch: s.updateItem, http.MethodDelete: s.deleteItem,
		},
		"/webhooks":      {http.MethodGet: s.listWebhooks, http.MethodPost: s.createWebhook},
		"/webhooks/{id}": {http.MethodDelete: s.deleteWebhook},
	}
}

// guarded asks for the key before it lets anything happen.
func (s *server) guarded(next handler) http.Handler {
	return s.open(func(w http.ResponseWriter, r *http.Request) error {
		// Hashed first, so that the time says nothing about the key's length.
		given := sha256.Sum256([]byte(r.Header.Get(keyHeader)))
		if subtle.ConstantTimeCompare(given[:], s.keyHash[:]) != 1 {
			return problem{Status: http.StatusUnauthorized, Detail: "send the API key in the header " + keyHeader}
		}
		return next(w, r)
	})
}

// open bounds the body and answers errors.
func (s *server) open(next handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		if err := next(w, r); err != nil {
			s.answerError(w, r, err)
		}
	})
}

// byMethod picks the handler, HEAD counting as GET.
func byMethod(methods map[string]handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if next, ok := methods[method]; ok {
			return next(w, r)
		}
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		return problem{Status: http.StatusMethodNotAllowed, Detail: "this path does not know the method " + r.Method}
	}
}

func (s *server) getStatus(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, statusBody{Status: "ok", Items: s.config.Items.Len()})
}

type statusBody struct {
	Status string `json:"status"`
	Items  int    `json:"items"`
}
