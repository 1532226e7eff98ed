package core_test

import (
	"fmt"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// BenchmarkPoll is what a poll without news costs besides the network and the bus.
func BenchmarkPoll(b *testing.B) {
	for _, items := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d items", items), func(b *testing.B) {
			engine, err := boltkv.Open(b.TempDir()+"/db", boltkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			r := newRigOn(b)
			r.kv = engine
			r.restart(engine)
			for i := range items {
				r.api.Add(fmt.Sprint("item-", i))
			}
			s := r.create("items", inventorytest.Polling)
			due := s.Polling.Cursor.Next
			b.ReportAllocs()
			for b.Loop() {
				r.clock.Advance(due.Sub(r.clock.Now()))
				if due, err = r.Poll(b.Context(), s.UID, due); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
