package dataplane

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// bufferSize is how much is copied at once: the size in which net/http's own
// connections work well, and two TLS records.
const bufferSize = 32 << 10

// buffers are used again. Pointers, because a slice in an interface allocates.
var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// errBroken means that an answer ended in its middle.
var errBroken = errors.New("the answer was not completed")

// forward sends the request and passes the answer on.
func (h *Handler) forward(ctx context.Context, x *exchange) error {
	control := http.NewResponseController(x.out)
	if x.in.ContentLength != 0 && x.in.ProtoMajor == 1 {
		// An API may answer before it has everything. Without this, the server
		// would take the rest of the body away from it as soon as it does.
		_ = control.EnableFullDuplex()
	}
	// A transport may go on reading a body after we are done; closed, it reads
	// nothing of the connection's next request.
	defer func() { _ = x.in.Body.Close() }()
	x.interim.out, x.interim.credential = x.out, x.binding.Credential
	err := h.ask(ctx, x) // and attempts, unless an answer is kept
	x.interim.stop()
	if err != nil {
		return err
	}
	resp := x.answer
	defer func() { _ = resp.Body.Close() }()
	x.status = resp.StatusCode
	if err := h.answerHeader(ctx, x, resp); err != nil {
		return err
	}
	if resp.Body != http.NoBody && (resp.ContentLength < 0 || resp.ContentLength > bufferSize) {
		_ = control.Flush() // the first event of a stream can be hours away
	}
	if err := copyBody(x.out, control, resp); err != nil {
		return err
	}
	x.answerTrailer(resp)
	return nil
}

// repeatable reports whether a request may be sent twice: by what its caller wrote and
// by what policies have made of it. Of what was only asked nothing else may become.
func repeatable(asked, sent string) bool {
	return idempotent(asked) && idempotent(sent) && (asksOnly(sent) || !asksOnly(asked))
}

func asksOnly(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func idempotent(method string) bool {
	return asksOnly(method) || method == http.MethodPut || method == http.MethodDelete
}

// answerHeader passes the header on.
func (h *Handler) answerHeader(ctx context.Context, x *exchange, resp *http.Response) error {
	upstream.CleanHeader(resp.Header)
	x.binding.Credential.RedactAll(resp.Header)
	h.lead(ctx, x, resp.Header, "")
	if len(x.through.Policies.Response) > 0 {
		e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}}, Response: &upstream.Response{Status: resp.StatusCode, Header: resp.Header}, Parameter: x.handles.Parameter}
		if err := policy.Run(ctx, x.through.Policies.Response, e); err != nil {
			return pipeline.Made(err, resp.StatusCode, repeatable(x.in.Method, x.method))
		}
		x.handles.HideAll(resp.Header)
	}
	header := x.out.Header()
	maps.Copy(header, resp.Header)
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // or net/http makes a guess, and a page out of text
	}
	upstream.CleanTrailer(resp.Trailer)
	if len(resp.Trailer) > 0 {
		header["Trailer"] = slices.Sorted(maps.Keys(resp.Trailer))
	}
	x.out.WriteHeader(resp.StatusCode)
	return nil
}

// answerTrailer passes on what came after the body, announced or not.
func (x *exchange) answerTrailer(resp *http.Response) {
	upstream.CleanTrailer(resp.Trailer)
	x.binding.Credential.RedactAll(resp.Trailer)
	header := x.out.Header()
	for name, values := range resp.Trailer {
		if slices.Contains(header["Trailer"], name) {
			header[name] = values
		} else {
			header[http.TrailerPrefix+name] = values
		}
	}
}

// copyBody passes the body on as it arrives: what has arrived is not held back
// while the rest is waited for.
func copyBody(out io.Writer, control *http.ResponseController, resp *http.Response) error {
	buffer := buffers.Get().(*[]byte) //nolint:errcheck // nothing else is in the pool
	defer buffers.Put(buffer)
	left := resp.ContentLength
	for {
		n, err := resp.Body.Read(*buffer)
		if n > 0 {
			if _, failed := out.Write((*buffer)[:n]); failed != nil {
				return errBroken // the caller is gone
			}
			left -= int64(n)
			if err == nil && left != 0 && n < len(*buffer) {
				_ = control.Flush() // a writer that cannot flush will send it later
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errBroken
		}
	}
}

// interim passes 1xx answers on while the final one is waited for. The transport
// reports them from a goroutine of its own.
type interim struct {
	mu      sync.Mutex
	out     http.ResponseWriter
	stopped bool

	credential redactor
}

// redactor takes a credential out of a header. It is an [inject.Credential]; its
// method would have to be allocated.
type redactor interface {
	RedactAll(header map[string][]string)
}

// Informational implements [upstream.Listener].
func (i *interim) Informational(status int, header http.Header) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped {
		return
	}
	upstream.CleanHeader(header)
	i.credential.RedactAll(header)
	own := i.out.Header()
	maps.Copy(own, header)
	i.out.WriteHeader(status)
	for name := range header { // what belongs to the interim answer stays with it
		delete(own, name)
	}
}

// protect takes another credential out of what is passed on.
func (i *interim) protect(credential redactor) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.credential = credential
}

func (i *interim) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = true
}
