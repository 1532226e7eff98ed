package prefixed_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/prefixed"
)

// neighbours are pairs of the store beneath that lie as close to the view of
// "view/" as keys can.
var neighbours = []string{"v", "view", "view.", "view/", "view0", "view.\xff\xff", "w", "\x00", "\xff"}

// overMem returns a view among neighbours and checks at the end that they are
// as they were.
func overMem(tb testing.TB) kv.Store {
	tb.Helper()
	return between(tb, memkv.New())
}

func overBolt(tb testing.TB) kv.Store {
	tb.Helper()
	inner, err := boltkv.Open(filepath.Join(tb.TempDir(), "test.db"), boltkv.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return between(tb, inner)
}

func between(tb testing.TB, inner kv.Store) kv.Store {
	tb.Helper()
	err := inner.Update(tb.Context(), func(tx kv.Tx) error {
		for _, key := range neighbours {
			if err := tx.Put([]byte(key), []byte("of "+key)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if got, want := outside(tb, inner), slices.Sorted(slices.Values(neighbours)); !slices.Equal(got, want) {
			tb.Errorf("outside of the view there is %q, want %q", got, want)
		}
		if err := inner.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return view(tb, inner, "view/")
}

// outside lists the keys beneath that are in no view and have their own value.
func outside(tb testing.TB, inner kv.Store) (keys []string) {
	tb.Helper()
	// The context of a test has ended when its cleanup runs.
	err := inner.View(context.WithoutCancel(tb.Context()), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, kv.MaxScan) {
			if err != nil {
				return err
			}
			own := string(p.Value) == "of "+string(p.Key)
			if own || !strings.HasPrefix(string(p.Key), "view/") {
				keys = append(keys, string(p.Key))
			}
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
	return keys
}

func view(tb testing.TB, inner kv.Store, prefix string) *prefixed.Store {
	tb.Helper()
	s, err := prefixed.New(inner, []byte(prefix))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const maxKey = kv.MaxKey - len("view/")

// Values pass through as they are, so the largest one is left to the engines.
func TestViewKeepsTheContract(t *testing.T) {
	kvtest.Run(t, overMem, kvtest.WithMaxKey(maxKey), kvtest.Without(kvtest.LargeValues))
	t.Run("over a file", func(t *testing.T) {
		kvtest.Run(t, overBolt, kvtest.WithMaxKey(maxKey), kvtest.Without(kvtest.LargeValues))
	})
}

func TestViewAnswersLikeTheOracle(t *testing.T) {
	kvtest.Differential(t, overMem, kvtest.WithMaxKey(maxKey))
	t.Run("over a file", func(t *testing.T) {
		kvtest.Differential(t, overBolt, kvtest.WithMaxKey(maxKey), kvtest.WithEffort(1, 250))
	})
	t.Run("view of a view", func(t *testing.T) {
		kvtest.Differential(t, func(tb testing.TB) kv.Store {
			return view(tb, overMem(tb), "inner/")
		}, kvtest.WithMaxKey(maxKey-len("inner/")))
	})
}

func TestPrefixesAreBounded(t *testing.T) {
	for _, row := range []struct {
		name   string
		length int
		ok     bool
	}{
		{"an empty prefix would be the store itself", 0, false},
		{"the shortest prefix", 1, true},
		{"the longest prefix", prefixed.MaxPrefix, true},
		{"a prefix that leaves too little for keys", prefixed.MaxPrefix + 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := prefixed.New(memkv.New(), make([]byte, row.length)); (err == nil) != row.ok {
				t.Errorf("New = %v, want success %v", err, row.ok)
			}
		})
	}
}

func TestViewKeepsACopyOfItsPrefix(t *testing.T) {
	inner, prefix := memkv.New(), []byte("one/")
	defer inner.Close()
	s, err := prefixed.New(inner, prefix)
	if err != nil {
		t.Fatal(err)
	}
	copy(prefix, "two/")
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("k"), nil) }); err != nil {
		t.Fatal(err)
	}
	err = inner.View(t.Context(), func(r kv.Reader) error { _, err := r.Get([]byte("one/k")); return err })
	if err != nil {
		t.Errorf("beneath, one/k: %v", err)
	}
}

func TestClosingAViewLeavesTheStoreBeneathOpen(t *testing.T) {
	inner := memkv.New()
	defer inner.Close()
	s := view(t, inner, "a/")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Unwrap() != kv.Store(inner) {
		t.Error("Unwrap is not the store beneath")
	}
	nothing := func(kv.Reader) error { return nil }
	if err := s.View(t.Context(), nothing); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View of the closed view = %v, want ErrClosed", err)
	}
	if err := view(t, inner, "a/").View(t.Context(), nothing); err != nil {
		t.Errorf("View of another view = %v", err)
	}
}

func TestViewsInsideATransactionShareItsOutcome(t *testing.T) {
	inner := memkv.New()
	defer inner.Close()
	abandoned := errors.New("abandoned")
	for _, outcome := range []error{abandoned, nil} {
		err := inner.Update(t.Context(), func(tx kv.Tx) error {
			a, b := prefixed.Tx(tx, []byte("a/")), prefixed.Tx(tx, []byte("b/"))
			if err := errors.Join(a.Put([]byte("k"), []byte("1")), b.Put([]byte("k"), []byte("2"))); err != nil {
				return err
			}
			got, err := prefixed.Reader(tx, []byte("a/")).Get([]byte("k"))
			if string(got) != "1" || err != nil {
				t.Errorf("a/ sees %q, %v", got, err)
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
		err = inner.View(t.Context(), func(r kv.Reader) error {
			pairs, err := r.Scan(nil, nil, 10)
			if want := map[bool]int{true: 2}[outcome == nil]; len(pairs) != want {
				t.Errorf("after outcome %v there are %d pairs, want %d", outcome, len(pairs), want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
