package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// seven is a trail of seven records, the last two of which are not about crm.
func seven(t *testing.T, engine kv.Store) *store.Store {
	t.Helper()
	s := open(engine)
	for i := range 5 {
		r := full()
		r.OperationID = fmt.Sprint("operation ", i+1)
		if err := s.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	note(t, s, "erp", "operation 6", noon)
	if err := s.Record(t.Context(), core.AuditRecord{Time: noon, Action: core.ActionKeysRotated, Connection: resource.Connection{Environment: "default"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func verify(t *testing.T, s *store.Store, anchor core.AuditAnchor) core.AuditVerdict {
	t.Helper()
	got, err := s.VerifyAudit(t.Context(), "default", anchor)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAWholeTrailIsIntact(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := seven(t, engine)
		first := trail(t, s, core.AuditQuery{})[6]
		want := core.AuditVerdict{Checked: 7, First: 1, Last: core.AuditAnchor{Sequence: 7, Proof: trail(t, s, core.AuditQuery{})[0].Proof}}
		for title, anchor := range map[string]core.AuditAnchor{
			"without an anchor": {}, "with the newest record": want.Last, "with an older record": {Sequence: 1, Proof: first.Proof},
			"with a proof in capitals": {Sequence: 1, Proof: strings.ToUpper(first.Proof)},
		} {
			if diff := cmp.Diff(want, verify(t, s, anchor)); diff != "" {
				t.Errorf("%s: %s", title, diff)
			}
		}
		if diff := cmp.Diff(core.AuditVerdict{First: 1}, mustVerify(t, open(memkv.New()))); diff != "" {
			t.Errorf("an empty trail: %s", diff)
		}
	})
}

func mustVerify(t *testing.T, s *store.Store) core.AuditVerdict {
	t.Helper()
	return verify(t, s, core.AuditAnchor{})
}

func swap(a, b []byte) func(tx kv.Tx) error {
	return func(tx kv.Tx) error {
		first, err := tx.Get(a)
		second, err2 := tx.Get(b)
		return errors.Join(err, err2, tx.Put(a, second), tx.Put(b, first))
	}
}

func duplicate(from, to []byte) func(tx kv.Tx) error {
	return func(tx kv.Tx) error {
		value, err := tx.Get(from)
		return errors.Join(err, tx.Put(to, value))
	}
}

func replace(key []byte, old, by string) func(tx kv.Tx) error {
	return func(tx kv.Tx) error {
		value, err := tx.Get(key)
		if err == nil && !bytes.Contains(value, []byte(old)) {
			err = fmt.Errorf("%q is not there", old)
		}
		return errors.Join(err, tx.Put(key, bytes.Replace(value, []byte(old), []byte(by), 1)))
	}
}

func TestTamperingIsFound(t *testing.T) {
	r := func(sequence uint64) []byte { return at("a/default/", sequence) }
	i := func(id string, sequence uint64) []byte { return at(firstBlock+id+"/", sequence) }
	remove := func(key []byte) func(kv.Tx) error { return func(tx kv.Tx) error { return tx.Delete(key) } }
	put := func(key []byte, value string) func(kv.Tx) error {
		return func(tx kv.Tx) error { return tx.Put(key, []byte(value)) }
	}
	for title, c := range map[string]struct {
		tamper func(tx kv.Tx) error
		broken uint64
		reason string
	}{
		"another principal":                     {replace(r(3), "ann", "bob"), 3, "changed"},
		"another operation":                     {replace(r(3), "operation 3", "operation 4"), 3, "changed"},
		"another host":                          {replace(r(3), "api.example.com", "api.example.org"), 3, "changed"},
		"another service":                       {replace(r(3), "gateway", "gatewaz"), 3, "changed"},
		"another client":                        {replace(r(3), "crm-client", "erp-client"), 3, "changed"},
		"another connection":                    {replace(r(3), "\x03crm", "\x03erp"), 3, "changed"},
		"fewer secrets":                         {replace(r(3), "\x02\x08password\x05token", "\x01\x08password"), 3, "changed"},
		"the oldest record is gone":             {remove(r(1)), 1, "missing"},
		"a record in between is gone":           {remove(r(4)), 4, "missing"},
		"the newest record is gone":             {remove(r(7)), 7, "newest"},
		"all records are gone":                  {func(tx kv.Tx) error { return deleteAll(tx, "a/default/") }, 7, "newest"},
		"two records are swapped":               {swap(r(2), r(3)), 2, "changed"},
		"a record is there twice":               {duplicate(r(2), r(8)), 8, "goes on"},
		"a record is empty":                     {put(r(5), ""), 5, "damaged"},
		"a record of another version":           {replace(r(5), "\x03\x18", "\x04\x18"), 5, "version 4"},
		"a record was added at the end":         {put(r(8), "x"), 8, "goes on"},
		"something that is no record":           {put([]byte("a/default/x"), "x"), 7, "newest"},
		"something between the records":         {put(append(r(4), 0), "x"), 1, "none"},
		"something before all records":          {put([]byte("a/default/\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "x"), 1, "before the first"},
		"the state is gone":                     {remove([]byte("h/default")), 1, "ends of the trail"},
		"the state is cut":                      {put([]byte("h/default"), "\x01"), 1, "ends of the trail"},
		"the state says that less is there":     {replace([]byte("h/default"), "\x01\x00\x00\x00\x00\x00\x00\x00\x07", "\x01\x00\x00\x00\x00\x00\x00\x00\x06"), 1, "ends of the trail"},
		"the list of a connection is short":     {remove(i("crm", 2)), 2, "missing from the list"},
		"the list of a connection is gone":      {func(tx kv.Tx) error { return deleteAll(tx, firstBlock+"crm/") }, 1, "missing from the list"},
		"a list names another's record":         {put(i("erp", 2), ""), 2, "not its own"},
		"a list names a record about none":      {put(i("erp", 7), ""), 7, "not its own"},
		"a list names a record that is none":    {put(i("erp", 9), ""), 9, "does not exist"},
		"a list without connection":             {put([]byte("b/default/x"), ""), 1, "does not exist"},
		"a list of a connection without a name": {put(at(firstBlock, 7), ""), 1, "does not exist"},
		"a list of nothing":                     {put([]byte(firstBlock), ""), 1, "does not exist"},
		"a list is in the wrong block":          {put(at(string(at("b/default/", 1))+"crm/", 2), ""), 2, "not its own"},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := seven(t, engine)
				update(t, engine, c.tamper)
				got := mustVerify(t, s)
				if got.Broken != c.broken || !strings.Contains(got.Reason, c.reason) {
					t.Errorf("got %d, %q; want %d and something about %q", got.Broken, got.Reason, c.broken, c.reason)
				}
			})
		})
	}
}

func TestEveryBitOfATrailCounts(t *testing.T) {
	engine := memkv.New()
	s := seven(t, engine)
	for key, value := range raw(t, engine) {
		for at := range len(value) {
			for bit := range 8 {
				changed := []byte(value)
				changed[at] ^= 1 << bit
				update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte(key), changed) })
				if got := mustVerify(t, s); got.Broken == 0 {
					t.Errorf("bit %d of byte %d of %q can be changed", bit, at, key)
				}
			}
		}
		update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
	}
	wantIntact(t, s, 7)
}

// raw returns what an engine holds.
func raw(t *testing.T, engine kv.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := engine.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 100) {
			if err != nil {
				return err
			}
			all[string(p.Key)] = string(p.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// putBack makes an engine hold what it held before.
func putBack(t *testing.T, engine kv.Store, before map[string]string) {
	t.Helper()
	update(t, engine, func(tx kv.Tx) error {
		if err := deleteAll(tx, ""); err != nil {
			return err
		}
		for key, value := range before {
			if err := tx.Put([]byte(key), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestAnOlderCopyIsFoundByWhoeverKeptAnAnchor(t *testing.T) {
	engine := memkv.New()
	s := seven(t, engine)
	older := raw(t, engine)
	note(t, s, "crm", "what somebody wants to hide", noon)
	kept := mustVerify(t, s).Last
	putBack(t, engine, older)
	if got := mustVerify(t, s); got.Broken != 0 {
		t.Errorf("without an anchor nobody can tell, and yet: %+v", got)
	}
	if got := verify(t, s, kept); got.Broken != 8 || !strings.Contains(got.Reason, "older copy") {
		t.Errorf("got %+v", got)
	}
	note(t, s, "crm", "something else", noon) // grows over the gap
	if got := verify(t, s, kept); got.Broken != 8 || !strings.Contains(got.Reason, "not the one that was kept") {
		t.Errorf("after a new record: %+v", got)
	}
	putBack(t, engine, nil)
	if got := verify(t, s, kept); got.Broken != 1 || !strings.Contains(got.Reason, "older copy") {
		t.Errorf("an empty store: %+v", got)
	}
}

func TestPartsOfAnOlderCopyAreFoundWithoutAnAnchor(t *testing.T) {
	engine := memkv.New()
	s := seven(t, engine)
	older := raw(t, engine)
	note(t, s, "crm", "what somebody wants to hide", noon)
	newer := raw(t, engine)
	mixed := maps.Clone(newer)
	mixed["h/default"] = older["h/default"]
	putBack(t, engine, mixed)
	if got := mustVerify(t, s); got.Broken != 8 {
		t.Errorf("the state of an older copy: %+v", got)
	}
	older["h/default"] = newer["h/default"]
	putBack(t, engine, older)
	if got := mustVerify(t, s); got.Broken != 8 {
		t.Errorf("the records of an older copy: %+v", got)
	}
}

func TestAForkOfTheTrailIsFound(t *testing.T) {
	engine := memkv.New()
	s := seven(t, engine)
	base := raw(t, engine)
	note(t, s, "crm", "one end", noon)
	one := raw(t, engine)
	putBack(t, engine, base)
	note(t, s, "crm", "another end", noon)
	update(t, engine, func(tx kv.Tx) error { // both are genuine
		return tx.Put(at("a/default/", 8), []byte(one[string(at("a/default/", 8))]))
	})
	if got := mustVerify(t, s); got.Broken != 8 || !strings.Contains(got.Reason, "newest") {
		t.Errorf("got %+v", got)
	}
}

// noKeys has no keys.
type noKeys struct{ err error }

func (n noKeys) Key(context.Context, string) (*chain.Key, error)      { return nil, n.err }
func (n noKeys) Existing(context.Context, string) (*chain.Key, error) { return nil, n.err }

func TestWithoutTheKeyATrailIsBrokenAndNoneIsMade(t *testing.T) {
	engine := memkv.New()
	seven(t, engine)
	s := store.New(engine, func() {})
	s.Prove(noKeys{fmt.Errorf("look: %w", chain.ErrNoKey)})
	if got := mustVerify(t, s); got.Broken != 1 || !strings.Contains(got.Reason, "key") {
		t.Errorf("got %+v", got)
	}
	if err := s.SaveAuditKey(t.Context(), "default", []byte("another"), nil); !errors.Is(err, chain.ErrKeyLost) {
		t.Errorf("a new key for old records: %v", err)
	}
	if err := s.SaveAuditKey(t.Context(), "staging", []byte("first"), chain.NewKey(secret.FromString("first"))); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAuditKey(t.Context(), "staging", []byte("second"), nil); !errors.Is(err, chain.ErrKeyExists) {
		t.Errorf("a second key: %v", err)
	}
	if got, err := s.AuditKey(t.Context(), "staging"); err != nil || string(got) != "first" {
		t.Errorf("got %q, %v", got, err)
	}
	unreachable := errors.New("the key management service does not answer")
	s.Prove(noKeys{unreachable})
	if _, err := s.VerifyAudit(t.Context(), "default", core.AuditAnchor{}); !errors.Is(err, unreachable) {
		t.Errorf("an answer without a key: %v", err)
	}
}

func TestAnAnchorThatCannotBeReadIsRefused(t *testing.T) {
	s := seven(t, memkv.New())
	_, err := s.VerifyAudit(t.Context(), "default", core.AuditAnchor{Sequence: 1, Proof: "no proof"})
	if fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestAFailingStoreIsAnErrorAndNoVerdict(t *testing.T) {
	broken := errors.New("the disk does not answer")
	inner := memkv.New()
	seven(t, inner)
	steps := faultkv.New(inner)
	mustVerify(t, open(steps))
	for n := 1; n <= steps.Passed(faultkv.Any); n++ {
		faulty := faultkv.New(inner)
		faulty.Fail(faultkv.Any, n, broken)
		if got, err := open(faulty).VerifyAudit(t.Context(), "default", core.AuditAnchor{}); !errors.Is(err, broken) {
			t.Errorf("step %d: %+v, %v", n, got, err)
		}
	}
}

func TestAVerificationEndsWithItsCaller(t *testing.T) {
	s := seven(t, memkv.New())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.VerifyAudit(ctx, "default", core.AuditAnchor{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestALongTrailIsVerifiedInManyShortTransactions(t *testing.T) {
	engine := faultkv.New(memkv.New())
	s := open(engine)
	many(t, s, 4500, nil)
	before := engine.Passed(faultkv.OnView)
	wantIntact(t, s, 4500)
	if n := engine.Passed(faultkv.OnView) - before; n != 5+5+4 {
		t.Errorf("it took %d transactions", n)
	}
	update(t, engine, func(tx kv.Tx) error { return tx.Delete(at("a/default/", 3210)) })
	if got := mustVerify(t, s); got.Broken != 3210 || got.Checked != 3000 {
		t.Errorf("got %+v", got)
	}
}

// meanwhile is a store where something happens between two transactions.
type meanwhile struct {
	kv.Store
	views int
	do    map[int]func()
}

func (m *meanwhile) View(ctx context.Context, fn func(kv.Reader) error) error {
	m.views++
	if do := m.do[m.views]; do != nil {
		do()
	}
	return m.Store.View(ctx, fn)
}

func TestRecordsThatAreAddedOrBecomeTooOldMeanwhileDisturbNobody(t *testing.T) {
	engine := memkv.New()
	s := open(engine)
	many(t, s, 3500, nil)
	slow := &meanwhile{Store: engine}
	slow.do = map[int]func(){
		2: func() { many(t, s, 100, nil) },
		3: func() {
			p := pruning(noon.Add(2500 * time.Second))
			for more := true; more; {
				var err error
				if more, err = s.PruneAudit(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	got := mustVerify(t, open(slow))
	want := core.AuditVerdict{Checked: 2000 + 1000, First: 2501, Last: core.AuditAnchor{Sequence: 3500, Proof: got.Last.Proof}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantIntact(t, s, 1000+100+1)
}

// oneKey has one key in memory.
type oneKey struct{}

func (oneKey) Key(context.Context, string) (*chain.Key, error) {
	return chain.NewKey(secret.FromString("in memory")), nil
}

func (k oneKey) Existing(ctx context.Context, environment string) (*chain.Key, error) {
	return k.Key(ctx, environment)
}

// Whoever takes away the trail, its key and all that carries a proof has to take
// everything.
func TestWhateverIsLeftOfAnEnvironmentWithoutATrailIsABrokenTrail(t *testing.T) {
	for _, kind := range []string{"c", "g", "n", "oc", "s", "os", "x", "o", "ox"} {
		engine := memkv.New()
		s := open(engine)
		update(t, engine, func(tx kv.Tx) error { return tx.Put([]byte(kind+"/default/left"), []byte("something")) })
		for _, prover := range []store.Prover{noKeys{chain.ErrNoKey}, oneKey{}} { // after a restart, and before
			s.Prove(prover)
			if got := mustVerify(t, s); got.Broken != 1 || !strings.Contains(got.Reason, "key of the trail is missing") {
				t.Errorf("with %s/ left and %T: %+v", kind, prover, got)
			}
		}
		if err := s.SaveAuditKey(t.Context(), "default", []byte("another"), nil); !errors.Is(err, chain.ErrKeyLost) {
			t.Errorf("with %s/ left a new key is made: %v", kind, err)
		}
	}
	// A keyset is made before the first record, and another environment is another one.
	engine := memkv.New()
	s := open(engine)
	update(t, engine, func(tx kv.Tx) error {
		return errors.Join(tx.Put([]byte("k/default"), []byte("keyset")), tx.Put([]byte("s/staging/left"), []byte("something")))
	})
	if got := mustVerify(t, s); got.Broken != 0 {
		t.Errorf("got %+v", got)
	}
}

// The trail alone is put back, over connections and OAuth clients of today.
func TestATrailThatEndsBeforeARecordWasWrittenIsFound(t *testing.T) {
	for title, change := range map[string]func(*testing.T, *store.Store){
		"a connection that was changed": func(t *testing.T, s *store.Store) {
			after := connection("crm")
			after.Change++
			if err := s.Replace(t.Context(), core.Write{Connection: after, Audit: record(core.ActionChanged, "crm", noon)}); err != nil {
				t.Fatal(err)
			}
		},
		"a connection that was made": func(t *testing.T, s *store.Store) {
			if err := s.Insert(t.Context(), core.Write{Connection: connection("erp"), Audit: record(core.ActionCreated, "erp", noon)}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				insert(t, s, connection("crm"))
				for range 3 {
					note(t, s, "crm", "read", noon)
				}
				before := raw(t, engine)
				maps.DeleteFunc(before, func(key, _ string) bool {
					return !strings.HasPrefix(key, "a/") && !strings.HasPrefix(key, "b/") && !strings.HasPrefix(key, "h/")
				})
				change(t, s)
				if got := verify(t, s, core.AuditAnchor{}); got.Broken != 0 || got.Checked != 4 {
					t.Fatalf("before: %+v", got)
				}
				update(t, engine, func(tx kv.Tx) error {
					for _, prefix := range []string{"a/", "b/", "h/"} {
						if err := deleteAll(tx, prefix); err != nil {
							return err
						}
					}
					for key, value := range before {
						if err := tx.Put([]byte(key), []byte(value)); err != nil {
							return err
						}
					}
					return nil
				})
				if got := verify(t, open(engine), core.AuditAnchor{}); got.Broken != 4 || !strings.Contains(got.Reason, "later records were taken away") {
					t.Errorf("got %+v", got)
				}
				for range 10 { // the trail grows beyond where it had been, with other records
					note(t, open(engine), "crm", "another", noon)
					if got := verify(t, open(engine), core.AuditAnchor{}); got.Broken == 0 {
						t.Fatalf("grown again: got %+v", got)
					}
				}
			})
		})
	}
}
