package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

// Differential performs random transactions on a store and on kv/memkv and
// fails at the first answer that differs. The sequences are the same in every
// run; a failure names its seed and step.
func Differential(t *testing.T, open Open, opts ...Option) {
	t.Helper()
	c := newConfig(opts)
	for seed := range uint64(c.seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			compare(t, seed, c, subject{Store: open(t), config: c}, subject{Store: memkv.New(), config: c})
		})
	}
}

func compare(t *testing.T, seed uint64, c config, tested, oracle subject) {
	t.Helper()
	g := &generator{rand: rand.New(rand.NewPCG(seed, 0)), maxKey: c.maxKey}
	for step := range c.steps {
		txn := g.transaction()
		want, got := txn.run(t, oracle), txn.run(t, tested)
		if !slices.Equal(want, got) {
			t.Fatalf("seed %d, step %d: answers differ (-oracle +store):\n%s", seed, step, cmp.Diff(want, got))
		}
		if c.reopen != nil && step == c.steps/2 {
			if err := tested.Close(); err != nil {
				t.Fatalf("seed %d, step %d: close: %v", seed, step, err)
			}
			tested.Store = tested.reopen(t, tested.Store)
		}
	}
	if diff := cmp.Diff(dump(t, oracle), dump(t, tested)); diff != "" {
		t.Errorf("seed %d: contents differ at the end (-oracle +store):\n%s", seed, diff)
	}
}

// ending says how a transaction ends.
type ending int

const (
	view ending = iota
	commit
	undo
)

// transaction is a script: calls to make one after the other.
type transaction struct {
	ending ending
	calls  []call
}

type call struct {
	op         string // get, scan, put or delete
	key, value []byte // scan: prefix and after
	limit      int
}

// run performs the script and returns the answers in words.
func (x transaction) run(t testing.TB, s subject) []string {
	t.Helper()
	var answers []string
	var err error
	switch x.ending {
	case view:
		err = s.View(t.Context(), func(r kv.Reader) error {
			for _, c := range x.calls {
				answers = append(answers, c.read(r))
			}
			return nil
		})
	default:
		err = s.Update(t.Context(), func(tx kv.Tx) error {
			for _, c := range x.calls {
				answers = append(answers, c.do(tx))
			}
			if x.ending == undo {
				return errWanted
			}
			return nil
		})
	}
	return append(answers, "the transaction: "+kind(err))
}

func (c call) do(tx kv.Tx) string {
	switch c.op {
	case "put":
		return fmt.Sprintf("put %s=%d bytes: %s", brief(c.key), len(c.value), kind(tx.Put(c.key, c.value)))
	case "delete":
		return fmt.Sprintf("delete %s: %s", brief(c.key), kind(tx.Delete(c.key)))
	default:
		return c.read(tx)
	}
}

func (c call) read(r kv.Reader) string {
	if c.op != "scan" {
		value, err := r.Get(c.key)
		return fmt.Sprintf("get %s: %s %s", brief(c.key), brief(value), kind(err))
	}
	pairs, err := r.Scan(c.key, c.value, c.limit)
	var answer strings.Builder
	answer.WriteString(fmt.Sprintf("scan %s after %s limit %d: %s", brief(c.key), brief(c.value), c.limit, kind(err)))
	for _, p := range pairs {
		answer.WriteString(" " + brief(p.Key) + "=" + brief(p.Value))
	}
	return answer.String()
}

// kind reduces an error to what the contract says about it.
func kind(err error) string {
	for _, known := range []error{
		kv.ErrNotFound, kv.ErrEmptyKey, kv.ErrTooLarge, kv.ErrLimit, kv.ErrReadOnly, kv.ErrClosed, kv.ErrTxDone, errWanted,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return "another error: " + err.Error()
	}
	return "ok"
}

// brief shows short bytes in full and long ones by a sum.
func brief(b []byte) string {
	if len(b) <= 16 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q... (%d bytes, sum %08x)", b[:8], len(b), crc32.ChecksumIEEE(b))
}

func dump(t testing.TB, s subject) []string {
	t.Helper()
	var lines []string
	s.view(t, func(r kv.Reader) {
		for p, err := range kv.All(r, nil, 100) {
			lines = append(lines, brief(p.Key)+"="+brief(p.Value)+" "+kind(err))
		}
	})
	return lines
}

// generator makes scripts whose keys collide and are prefixes of each other,
// with values from nothing to several pages.
type generator struct {
	rand   *rand.Rand
	maxKey int
}

func (g *generator) transaction() transaction {
	x := transaction{ending: commit}
	switch g.rand.IntN(10) {
	case 0, 1, 2:
		x.ending = view
	case 3, 4:
		x.ending = undo
	}
	n := g.rand.IntN(12)
	if g.rand.IntN(20) == 0 {
		n = 300 // enough to split and join pages
	}
	for range n {
		x.calls = append(x.calls, g.call())
	}
	return x
}

func (g *generator) call() call {
	switch n := g.rand.IntN(10); {
	case n < 4:
		return call{op: "put", key: g.key(), value: g.value()}
	case n < 6:
		return call{op: "delete", key: g.key()}
	case n < 8:
		return call{op: "get", key: g.key()}
	default:
		return call{op: "scan", key: g.bound(), value: g.bound(), limit: g.limit()}
	}
}

func (g *generator) key() []byte {
	switch g.rand.IntN(100) {
	case 0:
		return nil
	case 1:
		return bytes.Repeat([]byte("k"), g.maxKey)
	case 2:
		return bytes.Repeat([]byte("k"), kv.MaxKey+1)
	}
	alphabet := []byte{'a', 'b', 0, 0xff}
	key := make([]byte, 1+g.rand.IntN(4))
	for i := range key {
		key[i] = alphabet[g.rand.IntN(len(alphabet))]
	}
	return key
}

func (g *generator) value() []byte {
	n := g.rand.IntN(24)
	if g.rand.IntN(10) == 0 {
		n = g.rand.IntN(12 << 10)
	}
	return bytes.Repeat([]byte{byte(g.rand.Uint32())}, n)
}

func (g *generator) bound() []byte {
	if g.rand.IntN(3) == 0 {
		return nil
	}
	key := g.key()
	return key[:min(len(key), 1+g.rand.IntN(3))]
}

func (g *generator) limit() int {
	switch g.rand.IntN(20) {
	case 0:
		return g.rand.IntN(2) * (kv.MaxScan + 1) // 0 or too many
	case 1:
		return kv.MaxScan
	}
	return 1 + g.rand.IntN(30)
}
