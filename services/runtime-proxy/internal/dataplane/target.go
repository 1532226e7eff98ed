package dataplane

import (
	"context"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// target is what a request URL of ours asks for.
type target struct {
	connection resource.Connection
	path       string        // as it was sent, below the API's own base path
	query      string        // as it was sent
	base       *request.Base // of a sealed link; nil for the API's own
}

// route reads the request target as it came over the wire: what net/http makes
// of it has been decoded, and would be encoded differently.
func route(_ context.Context, x *exchange) error {
	raw := x.in.RequestURI
	if raw == "" { // the handler is called without a server
		raw = x.in.URL.RequestURI()
	}
	if !strings.HasPrefix(raw, "/") { // absolute form (RFC 9112, section 3.2.2)
		_, after, _ := strings.Cut(raw, "://")
		raw = after[max(strings.IndexByte(after, '/'), 0):]
	}
	path, query, _ := strings.Cut(raw, "?")
	name, rest, ok := cutName(path)
	if !ok {
		return fault.NotFound(fault.ReasonInvalidArgument,
			"there is nothing at this path; use /v1/environments/{environment}/connections/{connection}/proxy/{path}")
	}
	var err error
	if x.target.connection, err = resource.ParseConnection(name); err != nil {
		return err
	}
	x.target.path, x.target.query = rest, query
	return x.target.check()
}

// cutName cuts "/v1/{resource name of a connection}/proxy/{rest}" in two.
func cutName(path string) (name, rest string, ok bool) {
	path, ok = strings.CutPrefix(path, "/v1/")
	if !ok {
		return "", "", false
	}
	end := 0
	for range 4 { // segments of the name
		slash := strings.IndexByte(path[end:], '/')
		if slash < 0 {
			return "", "", false
		}
		end += slash + 1
	}
	rest, ok = strings.CutPrefix(path[end:], "proxy")
	return path[:end-1], rest, ok && (rest == "" || rest[0] == '/')
}

// check refuses paths that would leave the API's base path, and bytes that have
// no place in a request target.
func (t *target) check() error {
	if request.Climbs(t.path) {
		return fault.Invalid(fault.ReasonInvalidArgument, "the path must not hold '..' between slashes, encoded or not: it would leave the path of the API").
			Field("path", "must not hold '..' between slashes")
	}
	for _, text := range []string{t.path, t.query} {
		for i := range len(text) {
			if c := text[i]; c <= ' ' || c == 0x7f || c == '#' {
				return fault.Invalid(fault.ReasonInvalidArgument, "the request target holds characters that have to be percent-encoded").
					Field("path", "must be percent-encoded")
			}
		}
	}
	return nil
}

// refuseUnsupported names what does not go through.
func refuseUnsupported(_ context.Context, x *exchange) error {
	switch r := x.in; {
	case r.Method == http.MethodConnect:
		return notSupported("CONNECT makes tunnels; send the request itself")
	case r.Method == http.MethodTrace:
		return notSupported("TRACE would show the connection's credential")
	case len(r.Header["Upgrade"]) > 0:
		return notSupported("protocol upgrades such as WebSocket do not go through; use plain requests")
	case len(r.TransferEncoding) > 1 || (len(r.TransferEncoding) == 1 && r.TransferEncoding[0] != "chunked"),
		len(r.Header["Transfer-Encoding"]) > 0:
		return fault.Invalid(fault.ReasonInvalidArgument, "the request's transfer encoding is not understood; send it chunked or with a length")
	}
	return nil
}

func notSupported(sentence string) error {
	return fault.Unimplemented(fault.ReasonOperationNotSupported, "%s", sentence)
}
