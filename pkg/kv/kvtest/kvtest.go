// Package kvtest is the conformance suite of kv stores. It runs against every
// engine and every decorator.
//
// [Run] checks each promise that the comments of package kv make, in a subtest
// that carries the sentence as its name. [Differential] performs random
// transactions on a store and on kv/memkv and compares every answer. What a
// store cannot do it declares by [Without]; its tests say so in the open.
//
//	func TestStoreKeepsTheContract(t *testing.T) {
//		open := func(tb testing.TB) kv.Store { ... }
//		kvtest.Run(t, open)
//		kvtest.Differential(t, open)
//	}
package kvtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// Open returns an empty store for one test and registers with tb.Cleanup what
// is to be done afterwards. Tests may close the store before that.
type Open func(tb testing.TB) kv.Store

// Capability is something that most stores can do and some cannot.
type Capability int

const (
	// Everything is no capability in particular: a check that needs it always
	// runs.
	Everything Capability = iota

	// LargeValues is storing a value of kv.MaxValue bytes in the memory and
	// time of a test.
	LargeValues

	// ConcurrentViews is that a View does not wait for an Update under way, nor
	// an Update for a View.
	ConcurrentViews
)

// Option adjusts the suite to a store.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// config is what options make.
type config struct {
	without []Capability
	maxKey  int
	reopen  func(testing.TB, kv.Store) kv.Store
	seeds   int
	steps   int
}

func newConfig(opts []Option) config {
	c := config{maxKey: kv.MaxKey, seeds: 4, steps: 250}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

// Without declares what the store cannot do. Checks that need it are skipped
// and say so.
func Without(capabilities ...Capability) Option {
	return option(func(c *config) { c.without = append(c.without, capabilities...) })
}

// WithMaxKey declares that keys of the store have at most n bytes, for a
// decorator that lengthens them.
func WithMaxKey(n int) Option { return option(func(c *config) { c.maxKey = n }) }

// WithReopen declares that contents survive Close: reopen opens again what was
// stored in the closed store. Without this option durability is not checked.
func WithReopen(reopen func(tb testing.TB, closed kv.Store) kv.Store) Option {
	return option(func(c *config) { c.reopen = reopen })
}

// WithEffort sets how many random sequences Differential runs, and how many
// transactions long each is. The default is 4 times 250.
func WithEffort(seeds, steps int) Option {
	return option(func(c *config) { c.seeds, c.steps = seeds, steps })
}

// check is one promise and the test of it.
type check struct {
	promise string // a sentence of package kv's comments
	needs   Capability
	test    func(*testing.T, subject)
}

// subject is the store under test.
type subject struct {
	kv.Store
	config
}

// Run checks every promise of package kv on a fresh store each.
func Run(t *testing.T, open Open, opts ...Option) {
	t.Helper()
	c := newConfig(opts)
	for _, check := range checks() {
		t.Run(strings.TrimSuffix(check.promise, "."), func(t *testing.T) {
			if slices.Contains(c.without, check.needs) {
				t.Skip("the store declares that it cannot do this")
			}
			check.test(t, subject{Store: open(t), config: c})
		})
	}
	t.Run("what was committed survives Close", func(t *testing.T) {
		if c.reopen == nil {
			t.Skip("the store does not declare that its contents survive Close")
		}
		survivesClose(t, subject{Store: open(t), config: c})
	})
}

func checks() []check {
	return slices.Concat(readChecks(), writeChecks(), transactionChecks(), concurrencyChecks(), lifeChecks())
}

// put commits pairs given as key, value, key, value.
func (s subject) put(t testing.TB, pairs ...string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("put %q: %v", pairs, err)
	}
}

// view runs fn in a View that must succeed.
func (s subject) view(t testing.TB, fn func(kv.Reader)) {
	t.Helper()
	if err := s.View(context.WithoutCancel(t.Context()), func(r kv.Reader) error { fn(r); return nil }); err != nil {
		t.Errorf("View: %v", err)
	}
}

// update runs fn in an Update that must succeed.
func (s subject) update(t testing.TB, fn func(kv.Tx)) {
	t.Helper()
	if err := s.Update(context.WithoutCancel(t.Context()), func(tx kv.Tx) error { fn(tx); return nil }); err != nil {
		t.Errorf("Update: %v", err)
	}
}

// wantContents compares the whole store with pairs given as "key=value".
func (s subject) wantContents(t testing.TB, want ...string) {
	t.Helper()
	s.view(t, func(r kv.Reader) { wantScan(t, r, "", "", kv.MaxScan, want...) })
}

// wantScan compares a scan with pairs given as "key=value".
func wantScan(t testing.TB, r kv.Reader, prefix, after string, limit int, want ...string) {
	t.Helper()
	pairs, err := r.Scan([]byte(prefix), []byte(after), limit)
	if err != nil {
		t.Errorf("Scan(%q, %q, %d): %v", prefix, after, limit, err)
		return
	}
	var got []string
	for _, p := range pairs {
		got = append(got, string(p.Key)+"="+string(p.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Scan(%s, %s, %d) = %s, want %s", brief([]byte(prefix)), brief([]byte(after)), limit, briefly(got), briefly(want))
	}
}

// wantGet compares the value of key.
func wantGet(t testing.TB, r kv.Reader, key, want string) {
	t.Helper()
	got, err := r.Get([]byte(key))
	if err != nil || string(got) != want {
		t.Errorf("Get(%q) = %s, %v, want %s", key, brief(got), err, brief([]byte(want)))
	}
}

func briefly(texts []string) []string {
	short := []string{}
	for _, text := range texts {
		short = append(short, brief([]byte(text)))
	}
	return short
}
