package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// MaxPayload is the max_payload that an installation's servers should have, in bytes:
// package embedded has it. With a lower one messages are bounded by that, less room for
// headers, and never by less than [outbox.MaxData] with the default of one mebibyte.
const MaxPayload = 2 << 20

// roomForHeaders is what a message may have besides its data: on its way an event gets
// headers, which must not make it too large.
const roomForHeaders = 64 << 10

// Limits of one message. They leave room for the protocol inside [MaxPayload] and the
// four-kibibyte command line that servers allow by default.
const (
	// MaxDataBytes bounds the payload: a mebibyte in base64, with what is around it.
	MaxDataBytes = 1536 << 10
	// MaxHeaderBytes bounds names and values of the headers together.
	MaxHeaderBytes = outbox.MaxHeader
	// MaxSubjectBytes bounds the subject, and with it the ids inside: a byte
	// that [Token] escapes counts three times.
	MaxSubjectBytes = 3 << 10
	// MaxIDBytes bounds the message id.
	MaxIDBytes = outbox.MaxID
)

// reservedHeader is the prefix of headers that are commands to the server: a
// message that carried them through could purge or schedule at will.
const reservedHeader = "nats-"

var _ outbox.Publisher = (*Bus)(nil)

// Publish stores a message in the stream of its subject and returns when the
// server has confirmed it; what that means for the disk is up to the server
// (package embedded: written, in its default setting). It waits until the
// deadline of ctx, and no longer than Config.PublishTimeout.
//
// The id makes it idempotent: within [DedupWindow] a second message with the
// same id in the same stream is confirmed and not stored. So after an error,
// which may mean that only the confirmation was lost, publishing again is right.
//
// A trace context in m.Header is kept; otherwise that of ctx is added.
//
// Errors: an InvalidArgument fault for a message that can never be published,
// see [Check]; the error of ctx when it ended; an Unavailable fault for
// everything else, which time may heal.
func (b *Bus) Publish(ctx context.Context, m outbox.Message) error {
	if err := b.check(m); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, b.cfg.PublishTimeout)
	defer cancel()
	msg := written(ctx, m)
	// The id is what makes a repetition harmless.
	msg.Header[jetstream.MsgIDHeader] = []string{m.ID}
	if b.together != nil && b.together.suits(msg) {
		return outcome(ctx, m, b.together.publish(waiting, msg))
	}
	if answer, err := b.conn.RequestMsgWithContext(waiting, msg); err == nil && isConfirmation(answer.Data) {
		return nil
	}
	// What else there was, the client finds out by publishing again. No retries of its
	// own beyond the default two, as the outbox repeats for as long as it takes.
	_, err := b.js.PublishMsg(waiting, msg)
	return outcome(ctx, m, err)
}

// isConfirmation recognizes what the server says of a message that is stored, in a
// tenth of the time that it takes to read that as JSON.
func isConfirmation(data []byte) bool {
	return bytes.HasPrefix(data, []byte(`{"stream":"`)) && !bytes.Contains(data, []byte(`"error"`))
}

// Start is [Bus.Publish] for many messages at a time: it sends the message and
// returns what waits for its confirmation. Messages of one stream are stored in the
// order in which they were started, but for those that are started again. wait may be
// called once, from any goroutine; whoever does not call it does not know whether the
// message is safe.
func (b *Bus) Start(ctx context.Context, m outbox.Message) (wait func() error) {
	if err := b.check(m); err != nil {
		return func() error { return err }
	}
	future, err := b.js.PublishMsgAsync(written(ctx, m), jetstream.WithMsgID(m.ID))
	if err != nil {
		return func() error { return outcome(ctx, m, err) }
	}
	return func() error {
		select {
		case <-future.Ok():
			return nil
		case err := <-future.Err(): // after Config.PublishTimeout at the latest
			return outcome(ctx, m, err)
		case <-ctx.Done():
			return outcome(ctx, m, ctx.Err())
		}
	}
}

// check is [Check] with the limit of the server.
func (b *Bus) check(m outbox.Message) error {
	if err := Check(m); err != nil {
		return err
	}
	if limit := b.conn.MaxPayload(); limit > 0 && int64(len(m.Data)) > limit-roomForHeaders {
		return publishFault(m, nats.ErrMaxPayload)
	}
	return nil
}

// written is a message as the client sends it.
func written(ctx context.Context, m outbox.Message) *nats.Msg {
	m = WithTrace(ctx, m)
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: make(nats.Header, len(m.Header)+1)}
	values := make([]string, 0, len(m.Header))
	for name, value := range m.Header {
		values = append(values, value)
		msg.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return msg
}

// outcome translates what became of a publish.
func outcome(ctx context.Context, m outbox.Message, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the caller's own limit, not ours
		return fmt.Errorf("publish %q: %w", m.ID, ctx.Err())
	}
	return publishFault(m, err)
}

// publishFault translates what the client reports.
func publishFault(m outbox.Message, err error) error {
	if errors.Is(err, nats.ErrMaxPayload) { // a server with a lower limit than ours
		return fault.Invalid(fault.ReasonInputTooLarge,
			"the message of %d bytes is larger than the message bus accepts; raise max_payload of the NATS server to 2MB", len(m.Data)).
			With("subject", m.Subject).Because(err)
	}
	return fault.Unavailable(fault.ReasonServiceUnavailable,
		"the message bus did not confirm the message in time; try again").
		With("subject", m.Subject).Because(fmt.Errorf("publish %q: %w", m.ID, err))
}

// Check reports why a message can never be published, as an InvalidArgument
// fault, or nil. Writers of an outbox call it before they commit: a message
// that fails here would hold up all behind it.
func Check(m outbox.Message) error {
	switch {
	case m.ID == "" || len(m.ID) > MaxIDBytes:
		return badMessage("id", fmt.Sprintf("has %d bytes, 1 to %d are accepted", len(m.ID), MaxIDBytes))
	case strings.ContainsAny(m.ID, "\r\n") || strings.TrimSpace(m.ID) != m.ID:
		return badMessage("id", "begins or ends with a space, or holds a line break")
	case len(m.Subject) > MaxSubjectBytes:
		return badMessage("subject", fmt.Sprintf("has %d bytes, up to %d are accepted; shorten the ids in it", len(m.Subject), MaxSubjectBytes))
	case !publishable(m.Subject):
		return badMessage("subject", "is not a literal subject under ferrule.")
	case len(m.Data) > MaxDataBytes:
		return fault.Invalid(fault.ReasonInputTooLarge, "the message has %d bytes of data, up to %d are accepted", len(m.Data), MaxDataBytes).
			Field("data", "is too large")
	}
	return checkHeader(m.Header)
}

func checkHeader(header map[string]string) error {
	size := 0
	for name, value := range header {
		size += len(name) + len(value)
		if name == "" || strings.ContainsFunc(name, notHeaderName) {
			return badMessage("header", fmt.Sprintf("has the name %q, letters, digits and hyphens are accepted", name))
		}
		if strings.HasPrefix(strings.ToLower(name), reservedHeader) {
			return badMessage("header", fmt.Sprintf("has the name %q, which is a command to the server", name))
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return badMessage("header", fmt.Sprintf("%q holds a line break", name))
		}
	}
	if size > MaxHeaderBytes {
		return badMessage("header", fmt.Sprintf("has %d bytes, up to %d are accepted", size, MaxHeaderBytes))
	}
	return nil
}

func badMessage(field, description string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the message's %s %s", field, description).Field(field, description)
}

func notHeaderName(r rune) bool {
	return r > 0x7f || !plain(byte(r))
}

// publishable reports whether a subject is literal: non-empty tokens without
// wildcards, spaces and control characters.
func publishable(subject string) bool {
	if !strings.HasPrefix(subject, "ferrule.") {
		return false
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == '*' || r == '>' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// WithTrace returns m with the W3C trace context of ctx in its header, unless it
// carries one already. Baggage stays behind: it holds whatever callers put there.
// Writers of an outbox use it, because the relay that
// publishes later knows nothing of the request. m itself is not changed.
func WithTrace(ctx context.Context, m outbox.Message) outbox.Message {
	if m.Header["traceparent"] != "" || !trace.SpanContextFromContext(ctx).IsValid() {
		return m
	}
	carried := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carried)
	if len(carried) == 0 {
		return m
	}
	header := make(map[string]string, len(m.Header)+len(carried))
	maps.Copy(header, m.Header)
	maps.Copy(header, carried)
	m.Header = header
	return m
}

// TraceContext returns ctx with the trace context of a received message, so that
// what the consumer does belongs to the trace of the publisher.
func TraceContext(ctx context.Context, header nats.Header) context.Context {
	w3c := propagation.TraceContext{}
	carried := propagation.MapCarrier{}
	for _, name := range w3c.Fields() {
		if v := header.Get(name); v != "" {
			carried[name] = v
		}
	}
	return w3c.Extract(ctx, carried)
}
