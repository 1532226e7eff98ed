package script

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// requestFor is a request as code sees it.
func requestFor(req *request.Request, operation string) *sandbox.Request {
	out := &sandbox.Request{
		Method: req.Method, URL: req.URL(), Header: fieldsOf(req.Header, nil), Body: req.Body, OperationID: operation,
	}
	if req.Host != "" { // a policy has set it, and it stays unless the code changes it
		out.Header = append(out.Header, sandbox.Field{Name: "Host", Value: req.Host})
	}
	return out
}

// responseFor is an answer as code sees it: without the secrets of the call.
func responseFor(resp *upstream.Response, handles *inject.Handles) *sandbox.Response {
	return &sandbox.Response{
		Status: resp.Status, Header: fieldsOf(resp.Header, handles.Conceal), Body: []byte(handles.Conceal(string(resp.Body))),
	}
}

func fieldsOf(header map[string][]string, conceal func(string) string) []sandbox.Field {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []sandbox.Field
	for _, name := range names {
		for _, value := range header[name] {
			if conceal != nil {
				value = conceal(value)
			}
			out = append(out, sandbox.Field{Name: name, Value: value})
		}
	}
	return out
}

// change makes a request what code made of it.
func change(req *request.Request, made *sandbox.Request, operation string) error {
	base, path, query, err := target(made.URL, req.Base)
	if err != nil {
		return failed(operation, err.Error())
	}
	method := strings.ToUpper(made.Method)
	if !request.ValidFieldName(method) || method == http.MethodConnect || method == http.MethodTrace {
		return failed(operation, "it made a request with a method that cannot be sent")
	}
	header, host, problem := headerOf(made.Header)
	if problem != "" {
		return failed(operation, problem)
	}
	if host == base.Host || host == req.Base.Host {
		host = "" // what code has seen, not what it has set
	}
	req.Method, req.Base, req.Path, req.Query, req.Header, req.Host = method, base, path, query, header, host
	req.Body = made.Body
	if len(made.Body) == 0 {
		req.Body = nil
	}
	return nil
}

func failed(operation, what string) error {
	return fault.Precondition(fault.ReasonScriptFailed, "the custom code of operation %q failed: %s; the connector has to be mended", operation, what).
		With("operation", operation)
}

type targetError string

func (e targetError) Error() string { return string(e) }

// target takes a URL apart. The base path of the API stays what it is where the
// URL is still below it.
func target(text string, was request.Base) (base request.Base, path, query string, err error) {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || u.Opaque != "" {
		return base, "", "", targetError("it made a request with a url that cannot be read")
	}
	query, path = u.RawQuery, u.EscapedPath()
	origin := url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}
	if base, err = request.ParseBase(origin.String()); err != nil {
		return base, "", "", targetError("it made a request that cannot be sent: " + err.Error())
	}
	if request.Climbs(path) {
		return base, "", "", targetError("it made a request with '..' in the path of its url")
	}
	if base.Scheme == was.Scheme && base.Host == was.Host && was.Path != "" {
		if rest, below := strings.CutPrefix(path, was.Path); below && (rest == "" || rest[0] == '/') {
			base.Path, path = was.Path, rest
		}
	}
	return base, path, query, nil
}

// headerOf reads fields. Those that only the transport may write are left out;
// Host is given apart.
func headerOf(fields []sandbox.Field) (header map[string][]string, host, problem string) {
	header = make(map[string][]string, len(fields)+1)
	for _, f := range fields {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		switch {
		case name == "Host":
			host = strings.ToLower(f.Value)
		case request.OfTransport(name) || name == "Expect":
		case !request.ValidFieldName(name) || !request.ValidFieldValue(f.Value):
			return nil, "", "it set a header that cannot be sent: its name or its value holds characters that are not allowed"
		default:
			header[name] = append(header[name], f.Value)
		}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{"Ferrule"}
	}
	return header, host, ""
}

// answerOf is an answer that code made.
func answerOf(made *sandbox.Response, operation string) (*upstream.Response, error) {
	if made == nil || made.Status < http.StatusOK || made.Status > 599 {
		return nil, failed(operation, "it gave no answer with a status from 200 to 599")
	}
	out := &upstream.Response{Status: made.Status, Header: http.Header{}, Body: made.Body}
	for _, f := range made.Header {
		if !request.ValidFieldName(f.Name) || !request.ValidFieldValue(f.Value) {
			return nil, failed(operation, "it answered with a header that cannot be sent")
		}
		out.Header.Add(f.Name, f.Value)
	}
	upstream.CleanHeader(out.Header)
	out.Header.Del("Content-Length")
	return out, nil
}
