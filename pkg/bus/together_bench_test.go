package bus_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// BenchmarkPublishAlways is how long events take that are published at the same time
// to a server that syncs each message.
func BenchmarkPublishAlways(b *testing.B) {
	for name, together := range map[string]bool{"one by one": false, "together": true} {
		for _, publishers := range []int{1, 4, 50} {
			b.Run(name+"/"+strconv.Itoa(publishers), func(b *testing.B) {
				log := slog.New(slog.DiscardHandler)
				srv, err := embedded.Start(b.Context(), embedded.Options{Dir: b.TempDir(), Sync: embedded.SyncAlways, Log: log})
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = srv.Close(context.Background()) }()
				bb, err := bus.Connect(b.Context(), bus.Config{Name: "bench", InProcess: srv, Log: log, Together: together})
				if err != nil {
					b.Fatal(err)
				}
				defer bb.Close()
				if err := bb.Ensure(b.Context()); err != nil {
					b.Fatal(err)
				}
				subject := bus.EventAddress{Environment: "default", Connector: "things", Operation: "OnThing", Subscription: "things"}.Subject()
				data := []byte(strings.Repeat("x", 1500))
				var next atomic.Int64
				var publishing sync.WaitGroup
				b.ResetTimer()
				for range publishers {
					publishing.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							if err := bb.Publish(b.Context(), outbox.Message{ID: strconv.FormatInt(n, 10), Subject: subject, Data: data}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				publishing.Wait()
			})
		}
	}
}
