package bus_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// A server of one's own may have the default limit of one mebibyte. What comes through
// must leave room for the headers that it gets on its way.
func TestAServerWithTheDefaultLimitBoundsMessages(t *testing.T) {
	addr := listening(t, &server.Options{}).Addr().String()
	b, err := bus.Connect(t.Context(), bus.Config{URL: "nats://" + addr, Name: "test", Log: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		size int
		want fault.Reason
	}{
		{"what an outbox may hold", outbox.MaxData, ""},
		{"a byte more", outbox.MaxData + 1, fault.ReasonInputTooLarge},
		{"the most that any server takes", bus.MaxDataBytes, fault.ReasonInputTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := outbox.Message{ID: tc.name, Subject: "ferrule.event.a.b.c.d", Data: make([]byte, tc.size)}
			if got := fault.ReasonOf(b.Publish(t.Context(), m)); got != tc.want {
				t.Errorf("published: reason %q, want %q", got, tc.want)
			}
			if got := fault.ReasonOf(b.Start(t.Context(), m)()); got != tc.want {
				t.Errorf("started: reason %q, want %q", got, tc.want)
			}
		})
	}
}
