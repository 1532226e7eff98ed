package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// maxAnswer bounds the body of an answer in bytes. Tokens with many groups in them
// reach 64 KiB; metadata with many keys a little more.
const maxAnswer = 1 << 20

// firstBuffer holds most answers.
const firstBuffer = 8 << 10

// userAgent is sent because some providers refuse requests without one of a
// program's own.
const userAgent = "ferrule"

// call is one HTTP request.
type call struct {
	method   string
	endpoint *url.URL
	header   http.Header
	// body is sent and then cleared; nil for none.
	body []byte
	// certificate is presented; nil for none.
	certificate *tls.Certificate
	// hide knows every secret that is sent.
	hide *redactor
	// follow lets the guard judge redirects; without it, they are answers.
	follow bool
}

// reply is an answer, whatever its status. Whoever gets one clears it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// clear overwrites the body.
func (r *reply) clear() { clear(r.body) }

// send makes a request. Its error says that there was no answer.
func (c *Client) send(ctx context.Context, call call) (*reply, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	failed := func(err error) *Error {
		e := unanswered(call.endpoint.Host, sent.Load(), call.hide.cause(err))
		e.Description = obstacle(err)
		return e
	}
	held := &held{bytes: call.body}
	defer held.clear()
	req, err := newHTTPRequest(ctx, call, held)
	if err != nil {
		return nil, failed(err)
	}
	client, done := c.through(call)
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		return nil, failed(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readBody(resp.Body)
	if err != nil {
		broken := failed(err)
		broken.Status = resp.StatusCode
		if tooLong(err) {
			broken.Description = "its answer is too large: it is longer than 1 MiB"
		}
		return nil, broken
	}
	return &reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// readBody reads an answer without leaving outgrown copies of it behind, as it holds
// tokens.
func readBody(r io.Reader) ([]byte, error) {
	body := make([]byte, 0, firstBuffer)
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err == nil && len(body) > maxAnswer:
			err = errTooLong
		}
		if err != nil {
			clear(body)
			return nil, err
		}
		if len(body) == cap(body) {
			larger := append(make([]byte, 0, 4*cap(body)), body...)
			clear(body)
			body = larger
		}
	}
}

// tooLong reports whether the reading of an answer was ended by its size, here or in
// the guard.
func tooLong(err error) bool {
	return errors.Is(err, errTooLong) || fault.CodeOf(err) == fault.CodeResourceExhausted
}

// errTooLong ends the reading of an answer.
var errTooLong = errors.New("the answer is longer than 1 MiB")

// through returns the client for a call, and what to do afterwards.
func (c *Client) through(call call) (*http.Client, func()) {
	base, done := c.plain, func() {}
	if call.certificate != nil {
		base = c.config.HTTP(call.certificate)
		done = base.CloseIdleConnections
	}
	if call.follow {
		return base, done
	}
	still := *base // a copy, so that others go on following redirects
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &still, done
}

// newHTTPRequest builds the request of a call.
func newHTTPRequest(ctx context.Context, call call, held *held) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, call.method, call.endpoint.String(), nil)
	if err != nil {
		return nil, err
	}
	if call.body != nil {
		req.ContentLength = int64(len(call.body))
		req.Body = held.reader()
		req.GetBody = func() (io.ReadCloser, error) { return held.reader(), nil }
	}
	if call.header != nil {
		req.Header = call.header.Clone()
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	return req, nil
}

// unanswered returns the error of a request without an answer. A destination that
// the operator has not opened stays closed, so asking again would not help.
func unanswered(host string, sent bool, cause error) *Error {
	verdict := Transient
	if fault.ReasonOf(cause) == fault.ReasonEgressRefused {
		verdict = Misconfigured
	}
	return &Error{Verdict: verdict, Host: host, Sent: sent, Cause: cause}
}

// cause returns an error that tells what happened without telling what was sent:
// net/http puts URLs into its errors, and what a server wrote instead of HTTP.
func (r *redactor) cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New(r.clean([]byte(err.Error())))
}

// held is a body that can be cleared while the transport still reads it: a server
// may answer before it has read everything.
type held struct {
	mu    sync.Mutex
	bytes []byte
}

// clear overwrites the body; readers find its end.
func (h *held) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.bytes)
	h.bytes = nil
}

// reader returns a reader from the start.
func (h *held) reader() io.ReadCloser { return &heldReader{held: h} }

type heldReader struct {
	held *held
	at   int
}

// Read implements [io.Reader].
func (r *heldReader) Read(p []byte) (int, error) {
	r.held.mu.Lock()
	defer r.held.mu.Unlock()
	if r.at >= len(r.held.bytes) {
		return 0, io.EOF
	}
	n := copy(p, r.held.bytes[r.at:])
	r.at += n
	return n, nil
}

// Close implements [io.Closer].
func (r *heldReader) Close() error { return nil }
