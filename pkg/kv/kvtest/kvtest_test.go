package kvtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The names of the checks are quotations: this test finds each of them in the
// comments of package kv, so that neither side changes alone.
func TestEveryCheckQuotesTheContract(t *testing.T) {
	var contract strings.Builder
	for _, file := range []string{"../kv.go", "../limits.go", "../errors.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(source)) {
			contract.WriteString(strings.TrimPrefix(strings.TrimSpace(line), "//"))
		}
	}
	text := regexp.MustCompile(`\s+`).ReplaceAllString(contract.String(), " ")
	for _, c := range checks() {
		if !strings.Contains(text, c.promise) {
			t.Errorf("the comments of package kv do not say %q", c.promise)
		}
	}
}

// mutantName names the environment variable that makes this test binary run the
// suite on a broken store.
const mutantName = "KVTEST_MUTANT"

// mutants break one promise each, in a way that real engines do. The value is
// part of the name of a test that has to notice.
var mutants = map[string]struct {
	wrap    func(kv.Store) kv.Store
	noticed string
}{
	"none":                       {func(s kv.Store) kv.Store { return s }, ""},
	"absent keys are empty":      {onRead(func(r kv.Reader) kv.Reader { return absentIsEmpty{r} }), "Get_of_an_absent_key"},
	"empty values are nil":       {onRead(func(r kv.Reader) kv.Reader { return emptyIsNil{r} }), "Get_returns_an_empty_slice"},
	"scan includes its start":    {onRead(func(r kv.Reader) kv.Reader { return inclusive{r} }), "Only_keys_strictly_after"},
	"scan returns one too few":   {onRead(func(r kv.Reader) kv.Reader { return tooFew{r} }), "At_most_limit_pairs"},
	"scan ignores its prefix":    {onRead(func(r kv.Reader) kv.Reader { return ignoresPrefix{r} }), "in_ascending_byte_order"},
	"scan takes any limit":       {onRead(func(r kv.Reader) kv.Reader { return anyLimit{r} }), "A_limit_outside"},
	"delete of nothing fails":    {onWrite(func(tx kv.Tx) kv.Tx { return strictDelete{tx} }), "Delete_of_an_absent_key"},
	"errors commit":              {func(s kv.Store) kv.Store { return errorsCommit{s} }, "An_error_of_fn_undoes"},
	"panics commit":              {func(s kv.Store) kv.Store { return panicsCommit{s} }, "A_panic_in_fn_undoes"},
	"errors are wrapped":         {func(s kv.Store) kv.Store { return wrapsErrors{s} }, "An_error_of_fn_undoes"},
	"functions run twice":        {func(s kv.Store) kv.Store { return runsTwice{s} }, "Each_function_runs_exactly_once"},
	"contexts are ignored":       {func(s kv.Store) kv.Store { return ignoresContext{s} }, "A_done_context"},
	"contexts roll back":         {func(s kv.Store) kv.Store { return lateContext{s} }, "A_context_that_ends_while_the_function_runs"},
	"updates overlap":            {func(s kv.Store) kv.Store { return &overlapping{Store: s} }, "Transactions_are_serialisable"},
	"close does nothing":         {func(s kv.Store) kv.Store { return neverCloses{s} }, "After_Close"},
	"close works once":           {func(s kv.Store) kv.Store { return &closesOnce{Store: s} }, "A_second_Close"},
	"transactions live for ever": {func(s kv.Store) kv.Store { return &immortal{Store: s} }, "outlives_its_function"},
	"long values lose a byte":    {onWrite(func(tx kv.Tx) kv.Tx { return offByOne{tx} }), "seed"},
	"own deletes stay unseen":    {onWrite(func(tx kv.Tx) kv.Tx { return &unseen{Tx: tx} }), "A_transaction_sees_its_own_writes"},
	"scans read a stale cache":   {func(s kv.Store) kv.Store { return &stale{Store: s} }, "Put_stores_value_under_key"},
}

func TestMutant(t *testing.T) {
	name := os.Getenv(mutantName)
	if name == "" {
		t.Skip("this is the other half of TestTheSuiteNoticesBrokenStores")
	}
	open := func(testing.TB) kv.Store { return mutants[name].wrap(memkv.New()) }
	Run(t, open, Without(LargeValues))
	Differential(t, open, WithEffort(2, 150))
}

func TestTheSuiteNoticesBrokenStores(t *testing.T) {
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutant$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), mutantName+"="+name)
			out, err := cmd.CombinedOutput()
			if m.noticed == "" {
				if err != nil {
					t.Errorf("the suite fails on a sound store: %v\n%s", err, out)
				}
				return
			}
			failed := regexp.MustCompile(`--- FAIL: TestMutant/\S*` + regexp.QuoteMeta(m.noticed))
			if err == nil || !failed.Match(out) {
				t.Errorf("no test named %q fails: %v\n%s", m.noticed, err, out)
			}
		})
	}
}

// onRead replaces what transactions read with; onWrite what Updates write with.
func onRead(wrap func(kv.Reader) kv.Reader) func(kv.Store) kv.Store {
	return func(s kv.Store) kv.Store {
		return rewired{s, wrap, func(tx kv.Tx) kv.Tx { return rewiredTx{Reader: wrap(tx), writer: tx} }}
	}
}

func onWrite(wrap func(kv.Tx) kv.Tx) func(kv.Store) kv.Store {
	return func(s kv.Store) kv.Store {
		return rewired{s, func(r kv.Reader) kv.Reader { return r }, wrap}
	}
}

type rewired struct {
	kv.Store
	read  func(kv.Reader) kv.Reader
	write func(kv.Tx) kv.Tx
}

func (s rewired) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(s.read(r)) })
}

func (s rewired) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.Update(ctx, func(tx kv.Tx) error { return fn(s.write(tx)) })
}

type writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

type rewiredTx struct {
	kv.Reader
	writer
}

type absentIsEmpty struct{ kv.Reader }

func (r absentIsEmpty) Get(key []byte) ([]byte, error) {
	v, err := r.Reader.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

type emptyIsNil struct{ kv.Reader }

func (r emptyIsNil) Get(key []byte) ([]byte, error) {
	v, err := r.Reader.Get(key)
	if len(v) == 0 {
		v = nil
	}
	return v, err
}

type inclusive struct{ kv.Reader }

func (r inclusive) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	pairs, err := r.Reader.Scan(prefix, after, limit)
	if v, getErr := r.Get(after); err == nil && getErr == nil && strings.HasPrefix(string(after), string(prefix)) {
		pairs = append([]kv.Pair{{Key: after, Value: v}}, pairs...)
	}
	return pairs, err
}

type tooFew struct{ kv.Reader }

func (r tooFew) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	pairs, err := r.Reader.Scan(prefix, after, limit)
	if len(pairs) > 2 {
		pairs = pairs[:len(pairs)-1]
	}
	return pairs, err
}

type ignoresPrefix struct{ kv.Reader }

func (r ignoresPrefix) Scan(_, after []byte, limit int) ([]kv.Pair, error) {
	return r.Reader.Scan(nil, after, limit)
}

type anyLimit struct{ kv.Reader }

func (r anyLimit) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	return r.Reader.Scan(prefix, after, max(1, min(limit, kv.MaxScan)))
}

type strictDelete struct{ kv.Tx }

func (tx strictDelete) Delete(key []byte) error {
	if _, err := tx.Get(key); err != nil {
		return err
	}
	return tx.Tx.Delete(key)
}

type offByOne struct{ kv.Tx }

// Put shortens values longer than a page, as an engine does whose arithmetic is
// wrong by one.
func (tx offByOne) Put(key, value []byte) error {
	if len(value) > 4096 && len(value) <= kv.MaxValue {
		value = value[:len(value)-1]
	}
	return tx.Tx.Put(key, value)
}

type unseen struct {
	kv.Tx
	deleted []string
}

func (tx *unseen) Get(key []byte) ([]byte, error) {
	if slices.Contains(tx.deleted, string(key)) {
		return []byte("still there"), nil
	}
	return tx.Tx.Get(key)
}

func (tx *unseen) Delete(key []byte) error {
	tx.deleted = append(tx.deleted, string(key))
	return tx.Tx.Delete(key)
}

type errorsCommit struct{ kv.Store }

func (s errorsCommit) Update(ctx context.Context, fn func(kv.Tx) error) error {
	var own error
	if err := s.Store.Update(ctx, func(tx kv.Tx) error { own = fn(tx); return nil }); err != nil {
		return err
	}
	return own
}

type panicsCommit struct{ kv.Store }

func (s panicsCommit) Update(ctx context.Context, fn func(kv.Tx) error) error {
	var p any
	err := s.Store.Update(ctx, func(tx kv.Tx) error {
		defer func() { p = recover() }()
		return fn(tx)
	})
	if p != nil {
		panic(p)
	}
	return err
}

type wrapsErrors struct{ kv.Store }

func (s wrapsErrors) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := s.Store.Update(ctx, fn); err != nil {
		return errors.Join(err)
	}
	return nil
}

type runsTwice struct{ kv.Store }

func (s runsTwice) Update(ctx context.Context, fn func(kv.Tx) error) error {
	retry := errors.New("again")
	_ = s.Store.Update(ctx, func(tx kv.Tx) error { _ = fn(tx); return retry })
	return s.Store.Update(ctx, fn)
}

type ignoresContext struct{ kv.Store }

func (s ignoresContext) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(context.WithoutCancel(ctx), fn)
}

type lateContext struct{ kv.Store }

func (s lateContext) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), ctx.Err()) })
}

// overlapping runs each function on an old snapshot and replays its writes.
type overlapping struct{ kv.Store }

func (s *overlapping) Update(ctx context.Context, fn func(kv.Tx) error) error {
	var recorded recorder
	err := s.View(ctx, func(r kv.Reader) error {
		recorded.Reader = r
		return fn(&recorded)
	})
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx kv.Tx) error {
		for _, write := range recorded.writes {
			if err := write(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

type recorder struct {
	kv.Reader
	writes []func(kv.Tx) error
}

func (r *recorder) Put(key, value []byte) error {
	key, value = append([]byte{}, key...), append([]byte{}, value...)
	r.writes = append(r.writes, func(tx kv.Tx) error { return tx.Put(key, value) })
	return kv.CheckPair(key, value)
}

func (r *recorder) Delete(key []byte) error {
	key = append([]byte{}, key...)
	r.writes = append(r.writes, func(tx kv.Tx) error { return tx.Delete(key) })
	return kv.CheckKey(key)
}

type neverCloses struct{ kv.Store }

func (neverCloses) Close() error { return nil }

type closesOnce struct {
	kv.Store
	once sync.Once
}

func (s *closesOnce) Close() error {
	err := kv.ErrClosed
	s.once.Do(func() { err = s.Store.Close() })
	return err
}

// immortal gives out readers that start a transaction of their own when theirs
// is over.
type immortal struct{ kv.Store }

func (s *immortal) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(&undead{r, s.Store}) })
}

type undead struct {
	kv.Reader
	store kv.Store
}

func (r *undead) Get(key []byte) (value []byte, err error) {
	value, err = r.Reader.Get(key)
	if errors.Is(err, kv.ErrTxDone) {
		err = r.store.View(context.Background(), func(r kv.Reader) (err error) { value, err = r.Get(key); return err })
	}
	return value, err
}

// stale reads through a cache of values that Updates do not drop.
type stale struct {
	kv.Store
	mu    sync.Mutex
	cache map[string][]byte
}

func (s *stale) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(&staleReader{r, s}) })
}

type staleReader struct {
	kv.Reader
	store *stale
}

func (r *staleReader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	pairs, err := r.Reader.Scan(prefix, after, limit)
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if r.store.cache == nil {
		r.store.cache = map[string][]byte{}
	}
	for i, p := range pairs {
		if old, ok := r.store.cache[string(p.Key)]; ok {
			pairs[i].Value = old
		}
		r.store.cache[string(p.Key)] = pairs[i].Value
	}
	return pairs, err
}
