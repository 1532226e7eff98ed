package memkv_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB) kv.Store {
	tb.Helper()
	s := memkv.New()
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStoreKeepsTheContract(t *testing.T) { kvtest.Run(t, open) }

func BenchmarkStore(b *testing.B) { kvtest.Benchmark(b, open) }

// The oracle of all other stores is itself compared with the simplest thing
// that can be right.
func TestStoreAnswersLikeAMap(t *testing.T) {
	kvtest.Differential(t, func(testing.TB) kv.Store { return &naive{} }, kvtest.WithEffort(8, 250))
}

// naive is a map that every Update copies. It does without locks for single
// pairs, contexts, panics and closing, which the differential test does not use.
type naive struct {
	mu    sync.Mutex
	pairs map[string]string
}

func (s *naive) View(_ context.Context, fn func(kv.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(naiveTx{s.pairs})
}

func (s *naive) Update(_ context.Context, fn func(kv.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	pairs := map[string]string{}
	maps.Copy(pairs, s.pairs)
	err := fn(naiveTx{pairs})
	if err == nil {
		s.pairs = pairs
	}
	return err
}

func (s *naive) Close() error { return nil }

type naiveTx struct{ pairs map[string]string }

func (t naiveTx) Get(key []byte) ([]byte, error) {
	if err := kv.CheckKey(key); err != nil {
		return nil, err
	}
	value, ok := t.pairs[string(key)]
	if !ok {
		return nil, kv.ErrNotFound
	}
	return []byte(value), nil
}

func (t naiveTx) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	if err := kv.CheckScan(prefix, after, limit); err != nil {
		return nil, err
	}
	var found []kv.Pair
	for _, key := range slices.Sorted(maps.Keys(t.pairs)) {
		if strings.HasPrefix(key, string(prefix)) && key > string(after) && len(found) < limit {
			found = append(found, kv.Pair{Key: []byte(key), Value: []byte(t.pairs[key])})
		}
	}
	return found, nil
}

func (t naiveTx) Put(key, value []byte) error {
	err := kv.CheckPair(key, value)
	if err == nil {
		t.pairs[string(key)] = string(value)
	}
	return err
}

func (t naiveTx) Delete(key []byte) error {
	err := kv.CheckKey(key)
	if err == nil {
		delete(t.pairs, string(key))
	}
	return err
}

// Ascending keys would make an unbalanced tree a list, and this test quadratic
// in time and memory: it would then run for minutes.
func TestAscendingKeysStayFast(t *testing.T) {
	s, n := open(t), 30_000
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		key := bytes.Repeat([]byte{0}, 3)
		for i := range n {
			key[0], key[1], key[2] = byte(i>>16), byte(i>>8), byte(i)
			if err := tx.Put(key, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	err = s.View(t.Context(), func(r kv.Reader) error {
		for _, err := range kv.All(r, nil, 1000) {
			if err != nil {
				return err
			}
			got++
		}
		return nil
	})
	if err != nil || got != n {
		t.Errorf("read back %d keys, %v, want %d", got, err, n)
	}
}
