package boltkv_test

import (
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
)

func BenchmarkStore(b *testing.B) { kvtest.Benchmark(b, open) }

// BenchmarkPlainBolt is the baseline of the update benchmarks: the same load on
// bbolt's own Update, which pays one fsync per call.
func BenchmarkPlainBolt(b *testing.B) {
	for name, writers := range map[string]int{"1 writer": 1, "8 writers": 8, "64 writers": 64} {
		b.Run("update with "+name, func(b *testing.B) {
			db := openBolt(b, filepath.Join(b.TempDir(), "plain.db"))
			var next, left atomic.Int64
			left.Store(int64(b.N))
			value := make([]byte, 700)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						key := binary.BigEndian.AppendUint64(nil, uint64(next.Add(1)))
						if err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("data")).Put(key, value) }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// openBolt makes a bbolt file with a data bucket and nothing else.
func openBolt(tb testing.TB, path string) *bolt.DB {
	tb.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("data")); return err }); err != nil {
		tb.Fatal(err)
	}
	return db
}
