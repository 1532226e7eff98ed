package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
)

// proofSize is the length of the proof behind a record.
const proofSize = len(chain.Proof{})

// maxKeysPerTransaction bounds how many environments one transaction touches.
const maxKeysPerTransaction = 16

// proved is a store whose records about connections, their grants and sign-ins, and
// OAuth clients end with a proof under the key of their environment. They say who owns secrets and
// where those may be sent: whoever can write to the file, and has no key, cannot
// change that. That an older record was put back cannot be seen.
//
// In front of its proof a record vouches for the newest audit record that there was when
// it was written (see [vouched]): a trail that is put back without the records does not
// have it.
//
// Proofs need keys, and a key cannot be read inside of a transaction. A transaction
// that misses one is undone and run again, which happens once per environment and
// process.
type proved struct {
	kv.Store

	prover func() Prover

	mu    sync.RWMutex
	known map[string]*chain.Key // by environment
}

func newProved(inner kv.Store, prover func() Prover) *proved {
	return &proved{Store: inner, prover: prover, known: map[string]*chain.Key{}}
}

// View implements kv.Store.
func (p *proved) View(ctx context.Context, fn func(kv.Reader) error) error {
	return p.withKeys(ctx, func() error {
		return p.Store.View(ctx, func(r kv.Reader) error { return fn(provedReader{r, p}) })
	})
}

// Update implements kv.Store.
func (p *proved) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return p.withKeys(ctx, func() error {
		return p.Store.Update(ctx, func(tx kv.Tx) error { return fn(provedTx{provedReader{tx, p}, tx}) })
	})
}

// missingKeyError ends a transaction that needs the key of an environment.
type missingKeyError struct {
	environment string
	write       bool
}

func (m *missingKeyError) Error() string {
	return "the key of environment " + m.environment + " is not loaded"
}

func (p *proved) withKeys(ctx context.Context, run func() error) error {
	for range maxKeysPerTransaction {
		err := run()
		missing := new(missingKeyError)
		if !errors.As(err, &missing) {
			return err
		}
		if err := p.load(ctx, *missing); err != nil {
			return err
		}
	}
	return errors.New("one transaction touches too many environments")
}

func (p *proved) load(ctx context.Context, m missingKeyError) error {
	prover := p.prover()
	if prover == nil {
		return errNoProver
	}
	get := prover.Existing
	if m.write {
		get = prover.Key
	}
	key, err := get(ctx, m.environment)
	if errors.Is(err, chain.ErrNoKey) {
		err = chain.ErrKeyLost // there is a record, so there was a key
	}
	if err != nil {
		return fmt.Errorf("prove the records of environment %q: %w", m.environment, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[m.environment] = key
	return nil
}

// provedKinds are the first parts of the keys of all records that carry a proof.
func provedKinds() []string { return []string{"c", "g", "n", "oc"} }

// tracedKinds are the first parts of the keys of all records without which nothing of
// connections and OAuth clients is left: those with a proof, and what is stored in the
// same transactions. A keyset is not among them: it is there before the first record.
func tracedKinds() []string { return append(provedKinds(), "s", "os", "x", "o", "ox") }

// hasTraced reports whether an environment has any record that it cannot have without
// a key, whatever is in it.
func hasTraced(r kv.Reader, environment string) (bool, error) {
	for _, kind := range tracedKinds() {
		found, err := unchecked(r).Scan([]byte(kind+"/"+environment+"/"), nil, 1)
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// unchecked returns a reader of the records as they are stored, proofs included.
func unchecked(r kv.Reader) kv.Reader {
	if checked, ok := r.(interface{ raw() kv.Reader }); ok {
		return checked.raw()
	}
	return r
}

// environmentOf returns the environment of a record that carries a proof; "" for
// all others.
func environmentOf(key []byte) string {
	kind, rest, ok := bytes.Cut(key, []byte("/"))
	if !ok || !slices.Contains(provedKinds(), string(kind)) {
		return ""
	}
	environment, _, _ := bytes.Cut(rest, []byte("/"))
	return string(environment)
}

// proof returns the proof of a record.
func (p *proved) proof(environment string, key, record []byte, write bool) (chain.Proof, error) {
	p.mu.RLock()
	known := p.known[environment]
	p.mu.RUnlock()
	if known == nil {
		return chain.Proof{}, &missingKeyError{environment, write}
	}
	return known.Stored(key, record)
}

// open returns a record without its proof, or an error if somebody else wrote it.
func (p *proved) open(key, value []byte) ([]byte, error) {
	environment := environmentOf(key)
	if environment == "" {
		return value, nil
	}
	if len(value) < proofSize {
		return nil, tampered(key)
	}
	record := value[: len(value)-proofSize : len(value)-proofSize]
	want, err := p.proof(environment, key, record, false)
	if err != nil {
		return nil, err
	}
	if !want.Equal(chain.Proof(value[len(value)-proofSize:])) {
		return nil, tampered(key)
	}
	record, _ = witness(record)
	return record, nil
}

// tampered is for records that the vault did not write.
func tampered(key []byte) error {
	return fault.Precondition(fault.ReasonCredentialUnreadable,
		"the record %q is not as the vault wrote it: somebody has changed the store; put it back from a backup", key)
}

// provedReader checks what it reads.
type provedReader struct {
	inner  kv.Reader
	proved *proved
}

func (r provedReader) raw() kv.Reader { return r.inner }

// Get implements kv.Reader.
func (r provedReader) Get(key []byte) ([]byte, error) {
	value, err := r.inner.Get(key)
	if err != nil {
		return nil, err
	}
	return r.proved.open(key, value)
}

// Scan implements kv.Reader. A record that somebody has changed has no value: see
// [readable].
func (r provedReader) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	pairs, err := r.inner.Scan(prefix, after, limit)
	if err != nil {
		return nil, err
	}
	for i, pair := range pairs {
		pairs[i].Value, err = r.proved.open(pair.Key, pair.Value)
		if err != nil && !unreadable(err) {
			return nil, err
		}
	}
	return pairs, nil
}

// readable returns an error if a pair of a scan is a record that the vault did not
// write. A record that it did has a value.
func readable(p kv.Pair) error {
	if len(p.Value) == 0 {
		return tampered(p.Key)
	}
	return nil
}

// provedTx adds proofs to what it writes.
type provedTx struct {
	provedReader

	tx kv.Tx
}

// Put implements kv.Tx.
func (t provedTx) Put(key, value []byte) error {
	environment := environmentOf(key)
	if environment == "" {
		return t.tx.Put(key, value)
	}
	value, err := t.witnessed(environment, value)
	if err != nil {
		return err
	}
	proof, err := t.proved.proof(environment, key, value, true)
	if err != nil {
		return err
	}
	return t.tx.Put(key, append(value, proof[:]...))
}

// Delete implements kv.Tx.
func (t provedTx) Delete(key []byte) error { return t.tx.Delete(key) }
