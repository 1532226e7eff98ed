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
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

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
	attributesSize = 900
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
	DataSchema   string          `json:"dataschema,omitempty"`
	Subscription string          `json:"subscription"`
	Revision     string          `json:"revision,omitempty"`
	TraceParent  string          `json:"traceparent,omitempty"`
	OmittedBytes int             `json:"omittedbytes,omitempty"`
	Hops         int             `json:"hops,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
	DataBase64   []byte          `json:"data_base64,omitempty"`
}

// Format is how events are written.
type Format struct {
	// PublicURL is where this installation is reached, without a trailing slash. Events
	// name their schema below it, and none where it is empty: a schema that nobody can
	// fetch helps nobody.
	PublicURL string
}

// Message is [Format.Message] for an installation without a public URL.
func Message(ctx context.Context, e core.Event) (outbox.Message, error) {
	return Format{}.Message(ctx, e)
}

// schema returns where the description of an event's operation is, in the revision that
// produced it: an absolute URI (CloudEvents 1.0.2, section 3.1.2) whose fragment is the
// operation's id.
func (f Format) schema(e core.Event) string {
	if f.PublicURL == "" || e.Revision == "" || e.Type != "" { // notices have a type of their own
		return ""
	}
	return f.PublicURL + "/v1/" + e.Subscription.Connector.String() + "/revisions/" + url.PathEscape(e.Revision) +
		"/operations?page_size=1000#" + url.PathEscape(e.Subscription.Operation)
}

// Message returns the message of an event. Data that makes it too large for the
// bus is left out, and its size told in the attribute "omittedbytes": an event
// that a poll has seen must not be lost, nor hold up the others behind it.
func (f Format) Message(ctx context.Context, e core.Event) (outbox.Message, error) {
	m, err := f.exactly(ctx, e, 0, outbox.MaxData)
	if errors.Is(err, core.ErrEventTooLarge) {
		size := len(e.Data)
		e.Data = nil
		m, err = f.exactly(ctx, e, size, outbox.MaxData)
	}
	return m, err
}

// exactly returns the message of an event with all its data, or
// core.ErrEventTooLarge if it has more than limit bytes.
func (f Format) exactly(ctx context.Context, e core.Event, omitted, limit int) (outbox.Message, error) {
	sub := e.Subscription
	v := envelope{
		SpecVersion: "1.0", ID: e.ID, Source: sub.Connection.String(), Type: typePrefix + sub.Connector.ID + "." + sub.Operation,
		Subject: attribute(e.Key), Time: e.Time.UTC(), ContentType: mediaType(e.ContentType), DataSchema: f.schema(e), Subscription: sub.Name.String(),
		Revision: e.Revision, TraceParent: traceParent(ctx), OmittedBytes: omitted, Hops: e.Hops,
	}
	if e.Type != "" {
		v.Type, v.Source = e.Type, e.Source
	}
	if !e.JSON {
		v.DataBase64 = e.Data
		if isJSON(v.ContentType) { // as what it is not, nobody could read it
			v.ContentType = "application/octet-stream"
		}
	}
	m := outbox.Message{
		ID: e.ID, Subject: subject(sub), Data: encode(v, e),
		Header: map[string]string{HeaderSubscription: sub.UID, "Content-Type": ContentType},
	}
	if len(m.Data) > limit {
		return outbox.Message{}, fmt.Errorf("%w: %d bytes, up to %d fit", core.ErrEventTooLarge, len(m.Data), limit)
	}
	return bus.WithTrace(ctx, m), nil
}

// encode writes an event as encoding/json writes an envelope, but for the cost. Data
// that is JSON is put there as it is: whoever made the event has read it.
func encode(v envelope, e core.Event) []byte {
	text := make([]byte, 0, len(e.Data)+len(v.DataBase64)/2+attributesSize)
	text = member(text, `{"specversion":`, v.SpecVersion)
	text = member(text, `,"id":`, v.ID)
	text = member(text, `,"source":`, v.Source)
	text = member(text, `,"type":`, v.Type)
	text = optional(text, `,"subject":`, v.Subject)
	text = member(text, `,"time":`, v.Time.Format(time.RFC3339Nano))
	text = optional(text, `,"datacontenttype":`, v.ContentType)
	text = optional(text, `,"dataschema":`, v.DataSchema)
	text = member(text, `,"subscription":`, v.Subscription)
	text = optional(text, `,"revision":`, v.Revision)
	text = optional(text, `,"traceparent":`, v.TraceParent)
	if v.OmittedBytes != 0 {
		text = strconv.AppendInt(append(text, `,"omittedbytes":`...), int64(v.OmittedBytes), 10)
	}
	if v.Hops != 0 {
		text = strconv.AppendInt(append(text, `,"hops":`...), int64(v.Hops), 10)
	}
	if e.JSON && len(e.Data) > 0 {
		text = append(append(text, `,"data":`...), e.Data...)
	}
	if len(v.DataBase64) > 0 {
		text = base64.StdEncoding.AppendEncode(append(text, `,"data_base64":"`...), v.DataBase64)
		text = append(text, '"')
	}
	return append(text, '}')
}

// member appends a member with a text.
func member(text []byte, name, value string) []byte {
	text = append(text, name...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(text, quoted(value)...)
		}
	}
	text = append(append(text, '"'), value...)
	return append(text, '"')
}

// optional is member for one that is left out if it is empty.
func optional(text []byte, name, value string) []byte {
	if value == "" {
		return text
	}
	return member(text, name, value)
}

// quoted returns any text as JSON.
func quoted(value string) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // as the API wrote it
	_ = encoder.Encode(value)    // texts can always be encoded
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
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

// isJSON reports whether a media type is JSON (RFC 6839, section 3.1).
func isJSON(text string) bool {
	media, _, err := mime.ParseMediaType(text)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func traceParent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return "" // most of the time, and without a map
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Hops returns the attribute "hops" of an event that [Format.Message] has written: through
// how many sinks it has come. It does not look at the data, which is the last member.
func Hops(event []byte) int {
	before, _, _ := bytes.Cut(event, []byte(`,"data":`))
	_, text, found := bytes.Cut(before, []byte(`,"hops":`))
	if !found {
		return 0
	}
	end := bytes.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	hops, err := strconv.Atoi(string(text[:end]))
	if err != nil {
		return 0
	}
	return hops
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
