package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// publish publishes a small message.
func publish(t *testing.T, b *bus.Bus, id, subject string) {
	t.Helper()
	if err := b.Publish(t.Context(), outbox.Message{ID: id, Subject: subject, Data: []byte(id)}); err != nil {
		t.Fatal(err)
	}
}

// stored returns how many messages a stream holds, and the last of a subject.
func stored(t *testing.T, b *bus.Bus, stream, subject string) (uint64, *jetstream.RawStreamMsg) {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.GetLastMsgForSubject(t.Context(), subject)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs, last
}

func TestPublishedMessageIsStoredAsItWas(t *testing.T) {
	b := testkit.NewNATS(t)
	m := outbox.Message{
		ID: "evt-1", Subject: "ferrule.event.e.c.o.s", Data: []byte(`{"a":1}`),
		Header: map[string]string{"Content-Type": "application/json", "lower": "kept as written"},
	}
	if err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	n, last := stored(t, b, bus.StreamEvents, m.Subject)
	if n != 1 || string(last.Data) != string(m.Data) {
		t.Fatalf("%d messages, last %q", n, last.Data)
	}
	for _, name := range []string{"Nats-Sequence", "Nats-Stream", "Nats-Subject", "Nats-Time-Stamp"} {
		last.Header.Del(name) // added by reading directly
	}
	want := nats.Header{"Content-Type": {"application/json"}, "lower": {"kept as written"}, "Nats-Msg-Id": {"evt-1"}}
	if diff := cmp.Diff(want, last.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestTheSameIDIsStoredOncePerStream(t *testing.T) {
	b := testkit.NewNATS(t)
	for range 3 {
		publish(t, b, "same", "ferrule.event.e.c.o.s")
		publish(t, b, "same", "ferrule.delivery.http.e.s")
	}
	publish(t, b, "other", "ferrule.event.e.c.o.s")
	if n, _ := stored(t, b, bus.StreamEvents, "-"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	if n, _ := stored(t, b, bus.StreamDeliveries, "-"); n != 1 {
		t.Errorf("%d deliveries, want 1: ids count per stream", n)
	}
}

func TestMessagesAtTheirLimitsReachTheServerAndPastThemDoNot(t *testing.T) {
	b := testkit.NewNATS(t)
	ok := outbox.Message{ID: "id", Subject: "ferrule.event.a.b.c.d"}
	prefix := "ferrule.event.a.b.c."
	for _, row := range []struct {
		name   string
		change func(m *outbox.Message)
		reason fault.Reason // empty for success
	}{
		{"the smallest message", func(*outbox.Message) {}, ""},
		{"data at the limit", func(m *outbox.Message) { m.Data = make([]byte, bus.MaxDataBytes) }, ""},
		{"data past the limit", func(m *outbox.Message) { m.Data = make([]byte, bus.MaxDataBytes+1) }, fault.ReasonInputTooLarge},
		{"a subject at the limit", func(m *outbox.Message) { m.Subject = prefix + strings.Repeat("x", bus.MaxSubjectBytes-len(prefix)) }, ""},
		{"a subject past the limit", func(m *outbox.Message) { m.Subject = prefix + strings.Repeat("x", bus.MaxSubjectBytes-len(prefix)+1) }, fault.ReasonInvalidArgument},
		{"an id at the limit", func(m *outbox.Message) { m.ID = strings.Repeat("i", bus.MaxIDBytes) }, ""},
		{"an id past the limit", func(m *outbox.Message) { m.ID = strings.Repeat("i", bus.MaxIDBytes+1) }, fault.ReasonInvalidArgument},
		{"everything at its limit at once", func(m *outbox.Message) {
			m.Data, m.ID = make([]byte, bus.MaxDataBytes), strings.Repeat("I", bus.MaxIDBytes)
			m.Header = map[string]string{"H": strings.Repeat("h", bus.MaxHeaderBytes-1)}
			m.Subject = prefix + strings.Repeat("y", bus.MaxSubjectBytes-len(prefix))
		}, ""},
		{"headers past the limit", func(m *outbox.Message) { m.Header = map[string]string{"H": strings.Repeat("h", bus.MaxHeaderBytes)} }, fault.ReasonInvalidArgument},
		{"no id", func(m *outbox.Message) { m.ID = "" }, fault.ReasonInvalidArgument},
		{"an id with a line break", func(m *outbox.Message) { m.ID = "a\r\nNats-Rollup: all" }, fault.ReasonInvalidArgument},
		{"an id that the wire would trim", func(m *outbox.Message) { m.ID = " a" }, fault.ReasonInvalidArgument},
		{"no subject", func(m *outbox.Message) { m.Subject = "" }, fault.ReasonInvalidArgument},
		{"a subject with a wildcard", func(m *outbox.Message) { m.Subject = "ferrule.event.a.b.c.*" }, fault.ReasonInvalidArgument},
		{"a subject with a space", func(m *outbox.Message) { m.Subject = "ferrule.event.a.b.c.d 5" }, fault.ReasonInvalidArgument},
		{"a subject with an empty token", func(m *outbox.Message) { m.Subject = "ferrule.event..b.c.d" }, fault.ReasonInvalidArgument},
		{"a subject of the server itself", func(m *outbox.Message) { m.Subject = "$JS.API.STREAM.DELETE.FERRULE_EVENTS" }, fault.ReasonInvalidArgument},
		{"a header that commands the server", func(m *outbox.Message) { m.Header = map[string]string{"nats-Rollup": "all"} }, fault.ReasonInvalidArgument},
		{"a header name that breaks the protocol", func(m *outbox.Message) { m.Header = map[string]string{"A: b\r\nNats-Rollup": "all"} }, fault.ReasonInvalidArgument},
		{"a header name in another script", func(m *outbox.Message) { m.Header = map[string]string{"Größe": "1"} }, fault.ReasonInvalidArgument},
		{"a header value with a line break", func(m *outbox.Message) { m.Header = map[string]string{"A": "b\nc"} }, fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := ok
			row.change(&m)
			before, _ := stored(t, b, bus.StreamEvents, "-")
			err := b.Publish(t.Context(), m)
			after, _ := stored(t, b, bus.StreamEvents, "-")
			if row.reason == "" {
				if err != nil {
					t.Errorf("Publish() = %v, want nil", err)
				}
				return
			}
			if got := fault.ReasonOf(err); err == nil || got != row.reason || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Errorf("Publish() = %v (%s), want InvalidArgument %s", err, got, row.reason)
			}
			if before != after {
				t.Error("the refused message was stored")
			}
		})
	}
}

func TestPublishFailures(t *testing.T) {
	m := outbox.Message{ID: "id", Subject: "ferrule.event.a.b.c.d"}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name  string
		ctx   context.Context
		build func(t *testing.T) *bus.Bus
		code  fault.Code
	}{
		{"a caller that went away", over, func(t *testing.T) *bus.Bus { return testkit.NewNATS(t) }, fault.CodeCanceled},
		{"a server without our streams", t.Context(), func(t *testing.T) *bus.Bus {
			return testkit.Connect(t, testkit.StartNATS(t, t.TempDir()))
		}, fault.CodeUnavailable},
		{"a bus that was closed", t.Context(), func(t *testing.T) *bus.Bus {
			b := testkit.NewNATS(t)
			b.Close()
			return b
		}, fault.CodeUnavailable},
		{"a server that stopped", t.Context(), func(t *testing.T) *bus.Bus {
			srv := testkit.StartNATS(t, t.TempDir())
			b, err := bus.Connect(t.Context(), bus.Config{InProcess: srv, Log: testkit.Logger(t), PublishTimeout: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Close)
			if err := srv.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			return b
		}, fault.CodeUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := row.build(t)
			if err := b.Publish(row.ctx, m); err == nil || fault.From(err).Code() != row.code {
				t.Errorf("Publish() = %v, want code %v", err, row.code)
			}
			if err := b.Start(row.ctx, m)(); err == nil || fault.From(err).Code() != row.code {
				t.Errorf("Start() = %v, want code %v", err, row.code)
			}
		})
	}
}

func TestStartedMessagesAreStoredOnceAndInTheirOrder(t *testing.T) {
	b := testkit.NewNATS(t)
	const n = 200
	var waits []func() error
	for i := range n {
		m := outbox.Message{ID: fmt.Sprint(i), Subject: "ferrule.event.e.c.o.s", Data: fmt.Append(nil, i)}
		waits = append(waits, b.Start(t.Context(), m), b.Start(t.Context(), m))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if stored := stream.CachedInfo().State.Msgs; stored != n {
		t.Errorf("%d messages are stored, want %d", stored, n)
	}
	for i := range n {
		if m, err := stream.GetMsg(t.Context(), uint64(i+1)); err != nil || string(m.Data) != fmt.Sprint(i) {
			t.Fatalf("message %d is %v, %v", i+1, m, err)
		}
	}
	if err := b.Start(t.Context(), outbox.Message{Subject: "ferrule.event.e.c.o.s"})(); fault.CodeOf(err) != fault.CodeInvalidArgument {
		t.Errorf("a message without an id: %v", err)
	}
}

func TestAFullDeliveryQueuePushesBack(t *testing.T) {
	b, err := bus.Connect(t.Context(), bus.Config{
		InProcess: testkit.StartNATS(t, t.TempDir()), Log: testkit.Logger(t),
		Topology: bus.Topology{DeliveriesMaxBytes: 4096},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := outbox.Message{Subject: "ferrule.delivery.http.e.s", Data: make([]byte, 1500)}
	var accepted uint64
	for id := range 5 {
		m.ID = string(rune('a' + id))
		if err = b.Publish(t.Context(), m); err != nil {
			break
		}
		accepted++
	}
	if fault.CodeOf(err) != fault.CodeUnavailable {
		t.Fatalf("Publish() on a full queue = %v, want Unavailable", err)
	}
	if n, _ := stored(t, b, bus.StreamDeliveries, "-"); n != accepted || n == 0 {
		t.Errorf("%d stored, %d acknowledged: what was acknowledged must stay", n, accepted)
	}
}

func TestTraceContextTravelsWithMessages(t *testing.T) {
	b := testkit.NewNATS(t)
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	member, err := baggage.NewMember("user", "alice")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	traced := baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), sc), bag)
	earlier := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, row := range []struct {
		name   string
		ctx    context.Context
		header map[string]string
		want   string // trace id
	}{
		{"the trace of the caller", traced, nil, sc.TraceID().String()},
		{"the trace that the outbox kept wins over the relay's", traced, map[string]string{"traceparent": earlier}, "0af7651916cd43dd8448eb211c80319c"},
		{"no trace at all", t.Context(), nil, "00000000000000000000000000000000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := outbox.Message{ID: row.name, Subject: "ferrule.event.a.b.c.d", Header: row.header}
			if err := b.Publish(row.ctx, m); err != nil {
				t.Fatal(err)
			}
			_, last := stored(t, b, bus.StreamEvents, m.Subject)
			got := trace.SpanContextFromContext(bus.TraceContext(t.Context(), last.Header))
			if got.TraceID().String() != row.want {
				t.Errorf("trace id = %s, want %s", got.TraceID(), row.want)
			}
			if v := last.Header.Get("baggage"); v != "" {
				t.Errorf("baggage %q left the process", v)
			}
			if row.header != nil && len(row.header) != 1 {
				t.Errorf("the caller's header was changed: %v", row.header)
			}
		})
	}
}
