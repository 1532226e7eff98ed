package requestlog

import (
	"context"
	"crypto/rand"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// The limits of an entry. The bus takes 1 MiB.
const (
	// MaxBody is how much of a body is kept, in bytes.
	MaxBody = 16 << 10
	// Lookahead is how much more is looked at, so that no part of a secret is kept
	// that is cut off at the end: it is longer than any secret in any form.
	Lookahead = 16 << 10
	// MaxCapture is how much of a body a tap wants to see.
	MaxCapture = MaxBody + Lookahead

	maxURL     = 16 << 10
	maxHeaders = 100
	maxHeader  = 128 << 10 // of all fields together
	maxValue   = 4 << 10
	maxLogs    = 100
	maxText    = 1 << 10
)

// Tap takes what is sent and answered for one connection. It is safe for
// concurrent use. A nil Tap must not be used.
type Tap struct {
	log        *Log
	connection resource.Connection
	id         string
	until      time.Time
	bodies     bool
}

// Bodies reports whether the bodies of an exchange are kept: they need not be
// filled in otherwise.
func (t *Tap) Bodies() bool { return t.bodies }

// Exchange is one request as it was sent, and its answer as it came. A tap keeps
// nothing of it, and changes nothing in it.
type Exchange struct {
	// Time is when it was sent.
	Time time.Time
	// Operation is its operation's id; "(pass-through)" for none.
	Operation string
	// Principal is who called.
	Principal string
	// Method and URL are those of the request.
	Method, URL string
	// RequestHeader and ResponseHeader are the fields that were sent and received.
	RequestHeader, ResponseHeader map[string][]string
	// RequestBody and ResponseBody are the beginnings of the bodies, up to
	// [MaxCapture] bytes or more.
	RequestBody, ResponseBody []byte
	// RequestBytes and ResponseBytes are the lengths of the bodies.
	RequestBytes, ResponseBytes int64
	// Status is the status of the answer; 0 without one.
	Status int
	// Err is why there is no answer; only its reason is kept.
	Err error
	// Latency is how long it took.
	Latency time.Duration
	// Attempt is which attempt of the call it was; the first is 1. It is 0 for
	// custom code that failed or logged, which is no request.
	Attempt int
	// Logs are the lines that custom code logged.
	Logs []sandbox.Line
	// Redact returns text without the secrets of the connection. If a token was
	// renewed in between, without both.
	Redact func(string) string
	// Secret are the names of header fields, query parameters and cookies that the
	// connection's credential is sent in.
	Secret []string
}

// Exchange keeps one request, unless too many wait to be written. It takes time in
// proportion to the text: a fraction of a millisecond for two bodies of 1 KiB, a few for
// the longest.
func (t *Tap) Exchange(ctx context.Context, e *Exchange) {
	data, err := proto.Marshal(t.entry(e))
	if err != nil { // all text was made valid
		t.log.log.ErrorContext(ctx, "an entry of a request log could not be written", "error", err)
		return
	}
	t.log.queue.put(ctx, item{
		connection: t.connection, id: t.id, until: t.until, message: rand.Text(), data: data,
		subject: bus.RequestLogSubject(t.connection.Environment, t.connection.ID),
	})
}

// entry makes an entry without secrets.
func (t *Tap) entry(e *Exchange) *runtimev1.RequestLogEntry {
	r := newRedactor(t.log.words, e.Redact, e.Secret)
	entry := &runtimev1.RequestLogEntry{
		Time: timestamppb.New(e.Time), OperationId: clip(e.Operation, maxText), Principal: clip(e.Principal, maxText),
		Method: clip(r.text(e.Method), maxText), Url: r.head(e.URL, maxURL),
		RequestHeaders: r.header(e.RequestHeader), RequestBytes: e.RequestBytes,
		StatusCode: int32(e.Status), ResponseHeaders: r.header(e.ResponseHeader), ResponseBytes: e.ResponseBytes,
		Latency: durationpb.New(e.Latency), Attempt: int32(e.Attempt),
	}
	if e.Err != nil {
		entry.Error = string(fault.ReasonOf(e.Err))
	}
	if t.bodies {
		entry.RequestBody, entry.RequestBodyCut = r.body(e.RequestHeader, e.RequestBody, e.RequestBytes)
		entry.ResponseBody, entry.ResponseBodyCut = r.body(e.ResponseHeader, e.ResponseBody, e.ResponseBytes)
	}
	for _, line := range e.Logs[:min(len(e.Logs), maxLogs)] {
		entry.Logs = append(entry.Logs, string(line.Level)+" "+r.head(line.Text, maxText))
	}
	return entry
}

// clip returns the beginning of a text as valid UTF-8.
func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text[:min(len(text), limit)], "\uFFFD")
	return wholeRunes(text[:min(len(text), limit)])
}

// Body passes a body on and remembers how it began. It may be read by another
// goroutine than the one that asks.
type Body struct {
	io.ReadCloser

	mu   sync.Mutex
	keep int
	head []byte
	size int64
}

// Body returns a body that reads like the one it is given. Only a tap that keeps
// bodies remembers their beginning.
func (t *Tap) Body(body io.ReadCloser) *Body {
	b := &Body{ReadCloser: body}
	if t.bodies {
		b.keep = MaxCapture
	}
	return b
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size += int64(n)
	if room := b.keep - len(b.head); room > 0 && n > 0 {
		b.head = append(b.head, p[:min(n, room)]...)
	}
	return n, err
}

// Seen returns how the body began, and how many bytes of it were read. The slice
// must not be changed.
func (b *Body) Seen() (head []byte, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.head), b.size
}
