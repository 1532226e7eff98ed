package outbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// BenchmarkPutAndRelay is the whole way of a message of 1 KiB through a file,
// from 1 and from 32 writers at once, to a publisher that costs nothing.
func BenchmarkPutAndRelay(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			store, err := boltkv.Open(filepath.Join(b.TempDir(), "test.db"), boltkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			left := b.N
			bus := &bus{answer: func(context.Context, outbox.Message) error {
				if left--; left == 0 {
					cancel()
				}
				return nil
			}}
			relay := outbox.NewRelay(store, bus, slog.New(slog.DiscardHandler), clock.System())
			m := outbox.Message{ID: "id", Subject: "test.subject", Data: make([]byte, 1<<10)}
			var todo atomic.Int64
			todo.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for todo.Add(-1) >= 0 {
						if err := store.Update(b.Context(), func(tx kv.Tx) error { return outbox.Put(tx, m) }); err != nil {
							b.Error(err)
						}
						relay.Notify()
					}
				})
			}
			if err := relay.Run(ctx); err != nil {
				b.Error(err)
			}
			wg.Wait()
		})
	}
}
