// Package callbacks takes requests at the URLs that custom code gave out, has the
// runtime run the operation that they lead to, and mirrors its answer.
//
// Nobody authenticates here: the token in the path is the secret. What code does
// not do itself, such as checking a signature, nobody does. Only URLs that code has
// asked for lead anywhere.
package callbacks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/edge"
)

// Prefix starts the path of every callback URL; the token follows, and nothing
// after it.
const Prefix = "/callbacks/"

// Limits of a request.
const (
	// MaxBody bounds its body, in bytes.
	MaxBody = 10 << 20
	// maxQuery bounds its query, in bytes.
	maxQuery = 16 << 10
	// maxHeaders bounds the number of its header field lines.
	maxHeaders = 256
	// maxToken bounds the token, which is a digest, in bytes.
	maxToken = 128
	// maxMethod bounds the method, in bytes.
	maxMethod = 16
)

// receiver is the part of the runtime that takes callbacks.
type receiver interface {
	ReceiveCallback(ctx context.Context, in *runtimev1.ReceiveCallbackRequest, opts ...grpc.CallOption) (*runtimev1.ReceiveCallbackResponse, error)
}

// New returns the handler of all paths below [Prefix].
func New(runtime receiver) http.Handler { return &handler{runtime: runtime} }

type handler struct{ runtime receiver }

// ServeHTTP takes one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := read(w, r)
	if err != nil {
		httperr.Write(w, err)
		return
	}
	// It is the request of nobody that we know: the gateway passes it on in its own
	// name, and the runtime acts for the owner of the connection.
	res, err := h.runtime.ReceiveCallback(grpcx.AsService(r.Context()), req)
	if err != nil {
		httperr.Write(w, quiet(err))
		return
	}
	answer(w, res)
}

func unknown() error {
	return fault.NotFound(fault.ReasonCallbackUnknown, "nothing listens at this callback url")
}

// read checks what is cheap to check before the runtime is asked.
func read(w http.ResponseWriter, r *http.Request) (*runtimev1.ReceiveCallbackRequest, error) {
	token := strings.TrimPrefix(r.URL.EscapedPath(), Prefix)
	if token == "" || len(token) > maxToken || len(r.Method) > maxMethod || strings.ContainsAny(token, "/%") {
		return nil, unknown()
	}
	if len(r.URL.RawQuery) > maxQuery || !utf8.ValidString(r.URL.RawQuery) {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the query must be UTF-8 text of at most %d bytes", maxQuery)
	}
	req := &runtimev1.ReceiveCallbackRequest{Token: token, Method: r.Method, Query: r.URL.RawQuery}
	if req.Headers = passing(r.Header); len(req.GetHeaders()) > maxHeaders {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the request has more than %d header lines", maxHeaders)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, fault.Invalid(fault.ReasonInputTooLarge, "the request's body is larger than %d bytes", MaxBody)
	}
	if err != nil {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the request's body could not be read").Because(err)
	}
	req.Body = body
	return req, nil
}

// passing returns the header fields that code may see: neither those of the single
// connection nor those that say which way the request came, nor cookies of our
// origin. Authorization passes: APIs that call back prove themselves with it, and
// callers of ours have no reason to send their token here.
func passing(header http.Header) (out []*runtimev1.InvokeStreamHeader) {
	ofConnection := map[string]bool{
		"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
		"Transfer-Encoding": true, "Upgrade": true, "Expect": true, "Proxy-Authorization": true,
	}
	for _, line := range header.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			ofConnection[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	for name, values := range header {
		if ofConnection[name] || ofTheWay(name) {
			continue
		}
		for _, value := range values {
			out = append(out, &runtimev1.InvokeStreamHeader{Name: name, Value: strings.ToValidUTF8(value, "\uFFFD")})
		}
	}
	return out
}

func ofTheWay(name string) bool {
	switch name {
	case "Host", "Cookie", "Forwarded", "Via", "X-Real-Ip", "Content-Length":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Ferrule-")
}

// quiet leaves of an error what everybody may know: its kind. What was wrong with
// whose connection is for those who run it; it is in the runtime's log.
func quiet(err error) error {
	f := fault.From(err)
	if f.Reason() == fault.ReasonCallbackUnknown {
		return unknown()
	}
	out := fault.New(f.Code(), f.Reason(), "the callback could not be handled; ask whoever gave you its url").Because(err)
	if wait, ok := f.Retry(); ok {
		out = out.RetryAfter(wait)
	}
	return out
}

// answer writes the answer of the code, under the rules of an API's answer. No page
// of it becomes one of our origin: anybody can be sent here.
func answer(w http.ResponseWriter, res *runtimev1.ReceiveCallbackResponse) {
	header, status := w.Header(), int(res.GetStatusCode())
	if status < http.StatusOK || status > 599 {
		httperr.Write(w, fault.Internal(fault.ReasonInternal, "the callback was answered with no status"))
		return
	}
	for _, h := range res.GetHeaders() {
		if http.CanonicalHeaderKey(h.GetName()) == "Content-Type" {
			header.Set("Content-Type", h.GetValue())
		} else if name := edge.MirroredName(h.GetName(), res.GetStatusCode()); name != "" {
			header.Add(name, h.GetValue())
		}
	}
	if !strings.Contains(header.Get("Content-Type"), "/") { // not to be guessed by a library
		header["Content-Type"] = nil
	}
	header.Del("Service-Worker-Allowed")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(status)
	_, _ = w.Write(res.GetBody()) // whoever asked has left, or the status has no body
}
