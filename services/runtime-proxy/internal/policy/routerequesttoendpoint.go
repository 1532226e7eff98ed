package policy

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const originalMethod = policytext.OriginalMethod

// routeRequestToEndpoint replaces the path below the base, and the method. The
// query of the new path comes after what is left of the request's own, in place
// of parameters of the same names; what the new path reads has been moved there.
func routeRequestToEndpoint(s settings) (Step, error) {
	path := strings.TrimSpace(s.get("newPath"))
	if path == "" {
		return nil, problem("newPath must not be empty")
	}
	if hasScheme(path) {
		return nil, problem("newPath must be a path; dynamichosturl changes the host")
	}
	method, err := s.method(originalMethod)
	if err != nil {
		return nil, err
	}
	*s.route = method
	to := s.location(path)
	return func(_ context.Context, e *Exchange) error {
		scope := s.scope(e)
		path, query, err := to.resolve(&scope)
		if err != nil {
			return s.explain(err)
		}
		r := e.Request
		e.route()
		for _, name := range to.moved {
			r.DeleteQuery(spelling(r.Query, name))
		}
		mergeQuery(r, query)
		r.Path, r.Method = path, method
		if method == "" {
			r.Method = e.method
		}
		return nil
	}, nil
}

// mergeQuery puts the parameters of a query in place of those of their names.
func mergeQuery(r *request.Request, query string) {
	if query == "" {
		return
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		r.DeleteQuery(name)
	}
	if r.Query != "" {
		r.Query += "&"
	}
	r.Query += query
}

// method reads httpMethod; "" means the request's own.
func (s settings) method(otherwise string) (string, error) {
	text := strings.TrimSpace(s.get("httpMethod"))
	if text == "" {
		text = otherwise
	}
	if strings.EqualFold(text, originalMethod) {
		return "", nil
	}
	method := strings.ToUpper(text)
	known := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodHead}
	if !slices.Contains(known, method) {
		return "", problem("httpMethod must be an HTTP method or " + originalMethod)
	}
	return method, nil
}
