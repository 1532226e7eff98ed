package policy

import (
	"context"
	"mime"
	"net/url"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Exchange is the call that steps work on. It belongs to the goroutine of its
// call, and one exchange may serve both sections. Functions that are nil know
// nothing; where a policy cannot do without one, it fails.
type Exchange struct {
	// Request is the request, with handles in place of secrets; during the
	// response section it has been sent and changing it has no effect.
	Request *request.Request
	// Response is the answer; nil before there is one. Of a pass-through call it
	// has a body only if the program needs one.
	Response *upstream.Response
	// Parameter returns a parameter of the connection, secrets as handles. Variables
	// of the environment are parameters too.
	Parameter func(name string) (string, bool)
	// Argument returns the value that the operation's path parameter of that name
	// has in this call, as plain text; false if it has no such parameter.
	Argument func(name string) (string, bool)
	// Fetch sends a request of a policy's own and returns the whole answer. The
	// request holds the header of the call with handles in it, and no body. It is
	// for Fetch to place what belongs into the query, to check the destination, to
	// make secrets of the handles of this request, and to bound and count what it
	// sends. What comes back is not secret.
	Fetch func(context.Context, *request.Request) (*upstream.Response, error)
	// Diagnose says what an answer to Fetch that reports a failure means; repeatable says
	// whether asking again does no harm. Nil knows nothing.
	Diagnose func(answer *upstream.Response, repeatable bool) *upstream.Problem
	// Link returns the address under which a client of ours finds what the API has
	// at an absolute URL; false if it is not for this connection to reach.
	Link func(url string) (string, bool)
	// Unauthenticated is told that the API's answer means that the connection has
	// to be signed in again. Whether the operation is the one that tests the
	// connection is for it to judge.
	Unauthenticated func(status int)
	// Next is the link of ours that the policy updatenextlink put into the answer last: it
	// says where the list goes on, whatever the member is called. Empty for none.
	Next string
	// Poll is what [Trigger.Before] returned; nil if the call is no poll.
	Poll *Poll

	routed   bool   // method and query are what they were before
	method   string // that the operation was called with
	query    string // before parameters were moved away
	sent     document
	received document
}

// document returns the body of a section.
func (e *Exchange) document(section connectorv1.PolicySection) *document {
	d, body, header := &e.sent, []byte(nil), map[string][]string(nil)
	switch {
	case section != sectionRequest:
		d = &e.received
		if e.Response != nil {
			body, header = e.Response.Body, e.Response.Header
		}
	case e.Request != nil:
		body, header = e.Request.Body, e.Request.Header
	}
	if !d.read {
		*d = document{read: true}
		if MayBeJSON(header["Content-Type"]) {
			d.root = parseDocument(body)
		}
	}
	return d
}

// writeBack writes bodies that were changed.
func (e *Exchange) writeBack() error {
	if e.sent.changed {
		text, err := e.sent.text()
		if err != nil {
			return e.sent.by.explain(err)
		}
		e.Request.Body, e.sent = text, document{}
	}
	if e.received.changed {
		text, err := e.received.text()
		if err != nil {
			return e.received.by.explain(err)
		}
		e.Response.Body, e.received = text, document{}
		for _, name := range [...]string{"Content-Length", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
			delete(e.Response.Header, name) // they speak of the body as it was
		}
	}
	return nil
}

// MayBeJSON reports whether a body may be JSON by what its Content-Type fields say,
// so that policies work on it if it is: some APIs call it text, or nothing at all. A file that happens to be JSON is not
// for policies to change.
func MayBeJSON(contentType []string) bool {
	if len(contentType) == 0 || contentType[0] == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType[0])
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(contentType[0]), ";")
	}
	return strings.Contains(kind, "json") || strings.HasPrefix(kind, "text/")
}

// route keeps what a route is about to change.
func (e *Exchange) route() {
	if !e.routed {
		e.routed, e.method, e.query = true, e.Request.Method, e.Request.Query
	}
}

// queryValue returns a query parameter of the call, also one that was moved.
func (e *Exchange) queryValue(name string) string {
	if e.Request == nil {
		return ""
	}
	for _, query := range [...]string{e.Request.Query, e.query} {
		if query == "" {
			continue
		}
		r := request.Request{Query: query}
		if value, ok := r.QueryValue(spelling(query, name)); ok {
			return value
		}
	}
	return ""
}

// spelling returns the name of a query parameter as the query has it: names are
// compared without case unless one is written exactly so.
func spelling(query, name string) string {
	r := request.Request{Query: query}
	if _, ok := r.QueryValue(name); ok {
		return name
	}
	for pair := range strings.SplitSeq(query, "&") {
		have, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(have); err == nil && strings.EqualFold(plain, name) {
			return plain
		}
	}
	return name
}

func (e *Exchange) headerValue(name string) string {
	if e.Request == nil {
		return ""
	}
	return e.Request.HeaderValue(name)
}

// ask returns what a function of the exchange knows, nothing if there is none.
func ask(f func(string) (string, bool), name string) string {
	if f == nil {
		return ""
	}
	value, _ := f(name)
	return value
}
