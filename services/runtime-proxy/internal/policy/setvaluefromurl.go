package policy

import (
	"context"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// setValueFromURL asks the API for a value and puts it into a header or a query
// parameter. The request for it goes to the host that is current at this place
// in the list, or to the one that the URL names, with the header as it is by
// now; it is sent by Exchange.Fetch only. A call without its value is not made.
func setValueFromURL(s settings) (Step, error) {
	into, err := s.target("parameterTemplate")
	if err != nil {
		return nil, err
	}
	from, err := s.path("parameterValuePathTemplate")
	if err != nil {
		return nil, err
	}
	*s.body = false // of another answer
	method, err := s.method(http.MethodGet)
	if err != nil {
		return nil, err
	}
	build, err := s.auxiliary(method)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e *Exchange) error {
		req, err := build(e)
		if err != nil {
			return err
		}
		value, err := s.fetch(ctx, e, req, from)
		if err != nil {
			return err
		}
		if into.Function == queryParameter {
			e.Request.SetQuery(into.Name, request.Escape(value))
			return nil
		}
		if !request.ValidFieldValue(value) {
			return s.failed("the value that was asked for cannot be sent in a header; the API has to be asked why")
		}
		e.Request.Header[into.Name] = []string{value}
		return nil
	}, nil
}

// target reads a parameter that names a header or a query parameter.
func (s settings) target(name string) (part, error) {
	x := parse(strings.TrimSpace(s.get(name)), dialectText)
	if len(x.parts) == 1 {
		switch p := x.parts[0]; {
		case p.Function == queryParameter && p.Name != "":
			return p, nil
		case p.Function == header && request.ValidFieldName(p.Name):
			p.Name = textproto.CanonicalMIMEHeaderKey(p.Name)
			if request.OfTransport(p.Name) || p.Name == "Host" {
				return part{}, problem("the header " + p.Name + " belongs to the transport")
			}
			return p, nil
		}
	}
	return part{}, problem(name + " must be @headers('name') or @queryParameters('name')")
}

// auxiliary compiles the URL of the request for the value.
func (s settings) auxiliary(method string) (func(*Exchange) (*request.Request, error), error) {
	text := strings.TrimSpace(s.get("parameterValueUrl"))
	if text == "" {
		return nil, problem("parameterValueUrl must not be empty")
	}
	host := ""
	if scheme, rest, found := strings.Cut(text, "://"); found && (scheme == "http" || scheme == "https") {
		end := strings.IndexAny(rest+"/", "/?")
		host, text = scheme+"://"+rest[:end], rest[end:]
	}
	if hasScheme(text) {
		return nil, problem("parameterValueUrl must be a path, or an http or https address")
	}
	elsewhere, to := parse(host, dialectURL), s.location(text)
	return func(e *Exchange) (*request.Request, error) {
		scope := s.scope(e)
		path, query, err := to.resolve(&scope)
		if err != nil {
			return nil, s.explain(err)
		}
		req := &request.Request{Method: method, Base: e.Request.Base, Path: path, Query: query, Header: cloneHeader(e.Request.Header)}
		if host == "" {
			req.Host = e.Request.Host
		} else if req.Base, err = elsewhere.base(&scope); err != nil {
			return nil, err
		}
		return req, nil
	}, nil
}

// cloneHeader returns a header of its own for a request without a body: the
// fetcher will write secrets into it.
func cloneHeader(header map[string][]string) map[string][]string {
	out := maps.Clone(header)
	for name, values := range out {
		out[name] = slices.Clone(values)
	}
	for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Length", "If-Match", "If-None-Match", "Range"} {
		delete(out, name)
	}
	return out
}

// fetch asks for a value.
func (s *settings) fetch(ctx context.Context, e *Exchange, req *request.Request, from path) (string, error) {
	if e.Fetch == nil {
		return "", s.failed("requests of policies are not sent for this kind of call; invoke the operation by its name")
	}
	answer, err := e.Fetch(ctx, req)
	if err != nil {
		return "", err
	}
	if answer.Status < http.StatusOK || answer.Status >= http.StatusMultipleChoices {
		return "", s.refused(e, req.Method, answer, "the value; look at the credential and the path")
	}
	own := &document{read: true, root: parseDocument(answer.Body)}
	scope := scope{e: e, section: s.section, own: own}
	found, err := scope.find(from)
	switch {
	case err != nil:
		return "", s.explain(err)
	case found == nil || found.kind() == '{' || found.kind() == '[' || found.words() == "":
		return "", s.failed("the API's answer does not hold the value; look at parameterValuePathTemplate")
	}
	return found.words(), nil
}

// refused is the fault of a policy that was not given what it asked for. It keeps what the
// API means by that: its words, whether it is worth trying again, and when.
func (s *settings) refused(e *Exchange, method string, answer *upstream.Response, what string) error {
	f := s.failed("the API answered %d when it was asked for %s", answer.Status, what)
	if e.Diagnose == nil {
		return f.With("status", strconv.Itoa(answer.Status))
	}
	p := e.Diagnose(answer, asksOnly(method))
	if p == nil {
		return f.With("status", strconv.Itoa(answer.Status))
	}
	what, remedy, _ := strings.Cut(what, "; ")
	if p.Retryable {
		remedy = "try again later"
	}
	f = s.failed("the API was asked for %s: %s; %s", what, p.Message, remedy)
	if p.Retryable {
		f = fault.Unavailable(f.Reason(), "%s", f.Message())
	}
	f = f.With("operation", s.operation).With("policy", s.template).
		With("status", strconv.Itoa(answer.Status)).With("upstream_reason", p.Reason)
	if p.RetryAfter > 0 {
		f = f.RetryAfter(p.RetryAfter)
	}
	return f
}

// asksOnly reports whether a request of this method changes nothing (RFC 9110, section 9.2.1).
func asksOnly(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
