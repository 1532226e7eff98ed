package kvtest

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// Benchmark measures what services do most: small Updates by 1, 8 and 64
// goroutines at once, reading one value, and scanning a page of 500.
func Benchmark(b *testing.B, open Open) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("update with %d writers", writers), func(b *testing.B) {
			benchmarkUpdate(b, open(b), writers)
		})
	}
	b.Run("get", func(b *testing.B) { benchmarkGet(b, open(b)) })
	b.Run("scan 500", func(b *testing.B) { benchmarkScan(b, open(b)) })
}

func benchmarkUpdate(b *testing.B, s kv.Store, writers int) {
	var next, left atomic.Int64
	left.Store(int64(b.N))
	value := make([]byte, 700)
	b.ReportAllocs()
	b.ResetTimer()
	inParallel(writers, func(int) {
		for left.Add(-1) >= 0 {
			key := binary.BigEndian.AppendUint64(nil, uint64(next.Add(1)))
			if err := s.Update(b.Context(), func(tx kv.Tx) error { return tx.Put(key, value) }); err != nil {
				b.Error(err)
			}
		}
	})
}

func fill(b *testing.B, s kv.Store) {
	b.Helper()
	value := make([]byte, 700)
	err := s.Update(b.Context(), func(tx kv.Tx) error {
		for i := range 5000 {
			if err := tx.Put(fmt.Appendf(nil, "key%06d", i), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
}

func benchmarkGet(b *testing.B, s kv.Store) {
	fill(b, s)
	key := []byte("key002500")
	for range b.N {
		err := s.View(b.Context(), func(r kv.Reader) error { _, err := r.Get(key); return err })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkScan(b *testing.B, s kv.Store) {
	fill(b, s)
	for range b.N {
		err := s.View(b.Context(), func(r kv.Reader) error {
			pairs, err := r.Scan([]byte("key002"), nil, 500)
			if len(pairs) != 500 {
				b.Errorf("scan found %d pairs", len(pairs))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
