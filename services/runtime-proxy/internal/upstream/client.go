// Package upstream speaks to APIs: it sends finished requests through the egress
// guard, bounds what comes back, and says in stable words what went wrong.
//
// [Client.Send] is for calls whose whole answer is wanted, [Client.Stream] for
// answers that are passed on as they arrive. Neither follows a redirect: a 3xx is
// an answer, and where it points is the caller's decision. Failures are faults
// (see [Explain]); answers of 400 and more are answers, with a [Problem].
package upstream

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream/h1"
)

// MaxResponse is the longest answer of a call, in bytes, after decompression: it
// has to fit into one message to the caller (72 MiB, package grpcx), with its
// header beside it.
const MaxResponse = 64 << 20

// maxInformational bounds the 1xx answers that are passed on for one request: one
// every ten seconds for as long as an exchange may take.
const maxInformational = 100

// errInformational means that an API had more to announce than to answer.
var errInformational = errors.New("unexpected number of informational answers")

// errSwitched means that an API switched to a protocol that nobody asked for.
// What follows is no HTTP, and may never end.
var errSwitched = errors.New("unexpected switch of protocols")

// Options bound a client.
type Options struct {
	// MaxConnsPerHost bounds the connections to one host; 0 means no bound.
	MaxConnsPerHost int
	// Clock tells how long a client certificate was not used; nil means the
	// system's.
	Clock clock.Clock
	// Standard leaves HTTP/1.1 to net/http as well, which takes more than twice the
	// time for it: a way out, should package h1 not get along with an API.
	Standard bool
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	whole      *h1.Transport // may decompress
	raw        *h1.Transport // passes bytes through
	identities *identities
	close      func()
	tracer     trace.Tracer
	client     []trace.SpanStartOption // of every span
}

// unseen is the span of a client without a tracer.
var unseen trace.Span = noop.Span{}

// New returns a client whose every connection is judged by the guard. A nil tracer
// makes no spans: one that nobody sees takes two allocations and most of 1 us.
func New(guard *egress.Guard, tracer trace.Tracer, options Options) *Client {
	return build(guard, tracer, options, nil)
}

// build returns a client with TLS settings for requests without an identity.
func build(guard *egress.Guard, tracer trace.Tracer, options Options, anonymously *tls.Config) *Client {
	create := func(settings *tls.Config) transports { return newTransports(guard, options, settings) }
	anonymous := create(anonymously)
	known := &identities{create: create, clock: options.Clock, open: map[[sha256.Size]byte]*used{}}
	if known.clock == nil {
		known.clock = clock.System()
	}
	return &Client{
		whole:      anonymous.whole,
		raw:        anonymous.raw,
		identities: known,
		tracer:     tracer,
		client:     []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)},
		close: func() {
			anonymous.close()
			known.close()
		},
	}
}

// newTransports returns transports that present what settings say. HTTP/1.1 is
// spoken by package h1, and HTTP/2 by net/http: which of them is for an API shows
// in its first handshake.
func newTransports(guard *egress.Guard, options Options, settings *tls.Config) transports {
	own := egress.TransportOptions{TLS: settings, MaxConnsPerHost: options.MaxConnsPerHost}
	whole := guard.Transport(own)
	own.DisableCompression = true
	raw := guard.Transport(own)
	if options.Standard {
		return transports{whole: h1.Off(whole), raw: h1.Off(raw)}
	}
	fast := h1.New(raw, clock.System()) // sockets know no other time
	return transports{whole: fast.With(whole), raw: fast}
}

// wholeOf and rawOf return the transport of an attempt.
func (c *Client) wholeOf(attempt *Attempt) *h1.Transport {
	c.identities.sweep()
	if attempt.Identity == nil {
		return c.whole
	}
	return c.identities.of(attempt.Identity).whole
}

func (c *Client) rawOf(attempt *Attempt) *h1.Transport {
	c.identities.sweep()
	if attempt.Identity == nil {
		return c.raw
	}
	return c.identities.of(attempt.Identity).raw
}

// Close closes idle connections. The client must not be used afterwards.
func (c *Client) Close() { c.close() }

// Response is a whole answer.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header holds the fields without those of the single connection, without
	// Set-Cookie and without Content-Length.
	Header http.Header
	// Body is the content, decompressed.
	Body []byte
	// Rest is the content instead, still to be read, if [Attempt.Leave] wanted that;
	// whoever has the answer closes it. It is nil otherwise.
	Rest io.ReadCloser
	// RestLength is how long Rest is, in bytes; -1 if that is not known.
	RestLength int64
}

// Attempt describes what is being sent to those who explain its failure.
type Attempt struct {
	// Operation is the operation's id, for messages and traces.
	Operation string
	// Host is where the request goes, for messages.
	Host string
	// Repeatable is true if sending the request twice does no harm.
	Repeatable bool
	// Redact removes secrets from text that is kept or shown.
	Redact func(string) string
	// Identity is the client certificate that is presented in the TLS handshake;
	// nil for none.
	Identity *Identity
	// Leave says of an answer, by its status and header, that its body is not to be
	// read by [Client.Send]; nil for all being read.
	Leave func(*http.Response) bool

	written atomic.Bool
	seen    observer // of the exchange that is being made
}

// Send sends a request and reads the whole answer within the context's time.
func (c *Client) Send(ctx context.Context, req *request.Request, attempt *Attempt) (*Response, error) {
	ctx, span := c.start(ctx, req, attempt)
	defer span.End()
	var hooks h1.Hooks
	if !attempt.Repeatable {
		hooks = attempt.observe(nil)
	}
	resp, err := exchange(c.wholeOf(attempt), outgoing(ctx, req, nil, int64(len(req.Body))), hooks)
	if err != nil {
		return nil, failed(span, Explain(ctx, err, attempt))
	}
	noteStatus(span, resp.StatusCode)
	if attempt.Leave != nil && attempt.Leave(resp) {
		return unread(resp), nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := egress.ReadSized(resp.Body, resp.ContentLength, MaxResponse)
	if err != nil {
		attempt.written.Store(true)
		return nil, failed(span, Explain(ctx, err, attempt))
	}
	CleanHeader(resp.Header)
	resp.Header.Del("Content-Length") // of what was sent, perhaps compressed
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// Streaming is a request whose content is passed on as it arrives.
type Streaming struct {
	// Body is the content. The transport closes it, perhaps after Stream has
	// returned.
	Body io.ReadCloser
	// Length is its length in bytes, -1 if it is not known.
	Length int64
	// Trailer is filled by the time Body ends; nil without trailers.
	Trailer http.Header
	// Listener is told of 1xx answers; nil for nobody.
	Listener Listener
}

// Listener is told what an API says before it answers.
type Listener interface {
	// Informational is called for each 1xx answer but 100 (RFC 9110, section 15.2),
	// perhaps from another goroutine, until Stream returns; 100 times at most.
	Informational(status int, header http.Header)
}

// Stream sends a request and returns as soon as the answer's header is there.
// The caller closes the answer's body. Its header is as the API sent it.
func (c *Client) Stream(ctx context.Context, req *request.Request, in Streaming, attempt *Attempt) (*http.Response, error) {
	ctx, span := c.start(ctx, req, attempt)
	defer span.End()
	out := outgoing(ctx, req, in.Body, in.Length)
	out.Trailer = in.Trailer
	resp, err := exchange(c.rawOf(attempt), out, attempt.observe(in.Listener))
	if err != nil {
		return nil, failed(span, Explain(ctx, err, attempt))
	}
	noteStatus(span, resp.StatusCode)
	return resp, nil
}

// observer sees what happens to one exchange.
type observer struct {
	attempt  *Attempt
	listener Listener // nil if nobody listens
	informed int
}

// observe begins another exchange.
func (a *Attempt) observe(listener Listener) *observer {
	a.seen = observer{attempt: a, listener: listener}
	return &a.seen
}

// WroteHeaders implements [h1.Hooks]: from now on nobody knows what happened.
func (o *observer) WroteHeaders() { o.attempt.written.Store(true) }

// Informational implements [h1.Hooks].
func (o *observer) Informational(status int, header http.Header) error {
	if o.informed++; o.informed > maxInformational {
		return errInformational
	}
	if o.listener != nil && status != http.StatusContinue { // our server says that itself when the body is first read
		o.listener.Informational(status, header)
	}
	return nil
}

// exchange sends a request and refuses an answer that is no answer.
func exchange(transport *h1.Transport, req *http.Request, hooks h1.Hooks) (*http.Response, error) {
	resp, err := transport.Exchange(req, hooks)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
		return nil, errSwitched
	}
	return resp, err
}

// start begins a span that knows where the request goes but neither its path nor
// its query, which may hold what is nobody's business.
//
// A call whose trace nobody records needs none: to make one for the bin is 2 us.
func (c *Client) start(ctx context.Context, req *request.Request, attempt *Attempt) (context.Context, trace.Span) {
	if parent := trace.SpanContextFromContext(ctx); c.tracer == nil || parent.IsValid() && !parent.IsSampled() {
		return ctx, unseen
	}
	ctx, span := c.tracer.Start(ctx, spanName(req.Method), c.client...)
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("http.request.method", req.Method),
			attribute.String("server.address", req.Base.Host),
			attribute.String("ferrule.operation", attempt.Operation),
		)
	}
	return ctx, span
}

// spanName is "upstream GET"; made anew for methods that are seldom.
func spanName(method string) string {
	switch method {
	case http.MethodGet:
		return "upstream GET"
	case http.MethodPost:
		return "upstream POST"
	}
	return "upstream " + method
}

func noteStatus(span trace.Span, status int) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
}

// failed notes only the stable reason: error texts can hold what an API said.
func failed(span trace.Span, err error) error {
	span.SetStatus(codes.Error, string(reasonOf(err)))
	return err
}

// blank is what requests are copied from: only a copy can have a context.
var blank = http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// outgoing makes the request that goes over the wire. A nil body sends req.Body.
func outgoing(ctx context.Context, req *request.Request, body io.ReadCloser, length int64) *http.Request {
	out := blank.WithContext(ctx)
	out.Method, out.Header, out.Host = req.Method, req.Header, req.Host
	out.URL = &url.URL{Scheme: req.Base.Scheme, Host: req.Base.Host, RawQuery: req.Query}
	out.Body, out.ContentLength = body, length
	if body == nil && req.Body != nil {
		text := string(req.Body)
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		out.Body, _ = out.GetBody()
		if length == 0 {
			out.Body = http.NoBody
		}
	}
	setPath(out.URL, req.Base.Path+req.Path)
	return out
}

// setPath makes the path go out exactly as it is: net/http would encode anew
// what it takes for badly encoded.
func setPath(u *url.URL, escaped string) {
	switch {
	case escaped == "":
		u.Path = "/"
	case strings.HasPrefix(escaped, "//"): // an opaque URL would be taken for one with a host
		u.Path, u.RawPath = escaped, escaped
		if plain, err := url.PathUnescape(escaped); err == nil {
			u.Path = plain
		}
	default:
		u.Opaque = escaped
	}
}
