package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

// nowhere is a bus that keeps nothing.
type nowhere struct{}

func (nowhere) Start(context.Context, outbox.Message) func() error {
	return func() error { return nil }
}

func (nowhere) Publish(context.Context, outbox.Message) error { return nil }

// BenchmarkIngest is what a notification costs besides the network and the bus.
func BenchmarkIngest(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			engine, err := boltkv.Open(b.TempDir()+"/db", boltkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			r := newRigOn(b)
			r.kv = engine
			r.restart(engine)
			s := r.create("hook", inventorytest.Webhook)
			r.Events = events.NewLog(nowhere{})
			r.Store = store.New(engine, events.Message, func() {})
			n := r.notification(s, "1", `{"text":"`+strings.Repeat("x", size-11)+`"}`)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if reply, err := r.Triggers.Ingest(b.Context(), n); err != nil || reply.Status != 202 {
					b.Fatal(reply, err)
				}
			}
		})
	}
}
