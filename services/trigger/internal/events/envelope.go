// Package events is the log of events on the bus: how an event is written, and
// how it is read again.
//
// An event is one message in the stream of events, and the message's data is a
// CloudEvent 1.0 in JSON, so that whoever consumes the subject directly needs
// nothing of ours. [Message] writes it, [Parse] reads it. [Log] publishes,
// [Reader] lists and follows, [Watch] knows when following ends.
package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/propagation"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// ContentType is the media type of an event as a whole.
	ContentType = "application/cloudevents+json; charset=UTF-8"
	// HeaderSubscription is the header of an event's message with the unique id
	// of the subscription: its name may be used again by another.
	HeaderSubscription = "Ferrule-Subscription"
	// noticesOperation stands in subjects where notices have no operation.
	noticesOperation = "notices"
	// typePrefix begins the type of every event that a trigger produces.
	typePrefix = "dev.ferrule."
	// attributesSize is about as large as the attributes of an event are.
	attributesSize = 640
)

// envelope is a CloudEvent in the JSON format (CloudEvents JSON 1.0.2, section
// 3). Extension attributes are those after the data's media type.
type envelope struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Subject      string          `json:"subject,omitempty"`
	Time         time.Time       `json:"time"`
	ContentType  string          `json:"datacontenttype,omitempty"`
	Subscription string          `json:"subscription"`
	Revision     string          `json:"revision,omitempty"`
	TraceParent  string          `json:"traceparent,omitempty"`
	OmittedBytes int             `json:"omittedbytes,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
	DataBase64   []byte          `json:"data_base64,omitempty"`
}

// Message returns the message of an event. Data that makes it too large for the
// bus is left out, and its size told in the attribute "omittedbytes": an event
// that a poll has seen must not be lost, nor hold up the others behind it.
func Message(ctx context.Context, e core.Event) (outbox.Message, error) {
	m, err := exactly(ctx, e, 0)
	if errors.Is(err, core.ErrEventTooLarge) {
		size := len(e.Data)
		e.Data = nil
		m, err = exactly(ctx, e, size)
	}
	return m, err
}

// exactly returns the message of an event with all its data, or
// core.ErrEventTooLarge.
func exactly(ctx context.Context, e core.Event, omitted int) (outbox.Message, error) {
	sub := e.Subscription
	v := envelope{
		SpecVersion: "1.0", ID: e.ID, Source: sub.Connection.String(), Type: typePrefix + sub.Connector.ID + "." + sub.Operation,
		Subject: attribute(e.Key), Time: e.Time.UTC(), ContentType: mediaType(e.ContentType), Subscription: sub.Name.String(),
		Revision: e.Revision, TraceParent: traceParent(ctx), OmittedBytes: omitted,
	}
	if e.Type != "" {
		v.Type, v.Source = e.Type, e.Source
	}
	if !e.JSON {
		v.DataBase64 = e.Data
	}
	data, err := encode(v, e)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	m := outbox.Message{
		ID: e.ID, Subject: subject(sub), Data: data,
		Header: map[string]string{HeaderSubscription: sub.UID, "Content-Type": ContentType},
	}
	if len(m.Data) > outbox.MaxData {
		return outbox.Message{}, fmt.Errorf("%w: %d bytes, up to %d fit", core.ErrEventTooLarge, len(m.Data), outbox.MaxData)
	}
	return bus.WithTrace(ctx, m), nil
}

// encode writes an event. Data that is JSON is the last member and put there as it
// is: whoever made the event has read it, and to read it again is what would cost
// most.
func encode(v envelope, e core.Event) ([]byte, error) {
	const member = `,"data":`
	var text bytes.Buffer
	text.Grow(len(e.Data) + attributesSize)
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // as the API wrote it
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	if !e.JSON || len(e.Data) == 0 {
		return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
	}
	text.Truncate(text.Len() - len("}\n"))
	text.WriteString(member)
	text.Write(e.Data)
	text.WriteByte('}')
	return text.Bytes(), nil
}

// subject returns where the events of a subscription are published.
func subject(s core.Subscription) string {
	if s.Notices != nil {
		return bus.EventAddress{
			Environment: s.Name.Environment, Connector: s.Connector.ID, Operation: noticesOperation, Subscription: s.Name.ID,
		}.Subject()
	}
	return bus.EventAddress{
		Environment: s.Name.Environment, Connector: s.Connector.ID, Operation: s.Operation, Subscription: s.Name.ID,
	}.Subject()
}

// attribute returns text that may be the value of an attribute (CloudEvents
// 1.0.2, section 3.1): nothing if there are control characters in it, or code points
// that are no characters.
func attribute(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r) }) {
		return ""
	}
	return text
}

// mediaType returns text that may be the value of "datacontenttype" (RFC 2046):
// nothing if an API sent something else.
func mediaType(text string) string {
	if text == "application/json" {
		return text // nearly all are
	}
	parsed, _, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(parsed, "/") {
		return ""
	}
	return attribute(text)
}

func traceParent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Record is an event as it was read.
type Record struct {
	// Name is the event's resource name.
	Name resource.Event
	// ID, Source, Type, Time, Revision and ContentType are its attributes.
	ID, Source, Type      string
	Time                  time.Time
	Revision, ContentType string
	// Subject is the item's key and TraceParent what led to the event; empty if there
	// is none.
	Subject, TraceParent string
	// OmittedBytes is the size of data that was left out.
	OmittedBytes int64
	// Data is JSON text if JSON is set, otherwise bytes.
	Data []byte
	JSON bool
	// Sequence is its position in the stream of events.
	Sequence uint64
	// UID is the unique id of the subscription that produced it.
	UID string
}

// Parse reads an event from its message in the stream.
func Parse(m jetstream.Msg) (Record, error) {
	meta, err := m.Metadata()
	if err != nil {
		return Record{}, fmt.Errorf("read event: %w", err)
	}
	return parse(m.Data(), m.Headers(), meta.Sequence.Stream)
}

// parse reads an event from the parts of its message.
func parse(data []byte, header nats.Header, sequence uint64) (Record, error) {
	var v envelope
	if err := json.Unmarshal(data, &v); err != nil {
		return Record{}, fmt.Errorf("read event %d: %w", sequence, err)
	}
	sub, err := resource.ParseSubscription(v.Subscription)
	if err != nil {
		return Record{}, fmt.Errorf("read event %d: %w", sequence, err)
	}
	r := Record{
		Name: resource.Event{Environment: sub.Environment, Subscription: sub.ID, ID: v.ID},
		ID:   v.ID, Source: v.Source, Type: v.Type, Time: v.Time, Revision: v.Revision, ContentType: v.ContentType,
		Data: v.Data, JSON: v.DataBase64 == nil, Sequence: sequence, UID: header.Get(HeaderSubscription),
		Subject: v.Subject, TraceParent: v.TraceParent, OmittedBytes: int64(v.OmittedBytes),
	}
	if !r.JSON {
		r.Data = v.DataBase64
	}
	return r, nil
}
