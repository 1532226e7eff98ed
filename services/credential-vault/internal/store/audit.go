package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Errors that stop the trail of an environment. As long as they last nothing is
// lent there: what cannot be recorded does not happen.
var (
	errNoProver   = errors.New("audit records cannot be proved: the store was not given its prover")
	errStateLost  = damaged("the end of the audit trail of this environment is not known any more")
	errStateWrong = damaged("what the vault knows about the end of the audit trail of this environment was changed")
	errNotNewest  = damaged("the audit trail of this environment does not end where the vault ended it")
)

// damaged is for trails to which nothing can be added.
func damaged(what string) error {
	return fault.Precondition(fault.ReasonCredentialUnreadable,
		"%s: somebody has changed the store, and what cannot be recorded does not happen; `ferrule audit verify` says where it is broken; "+
			"stop the vault and put credential-vault.db back from a backup", what)
}

// Prover has the keys that audit records are proved with. It is called outside
// of transactions. *chain.Keys is one.
type Prover interface {
	// Key returns the key of an environment, a new one if it has none.
	Key(ctx context.Context, environment string) (*chain.Key, error)
	// Existing returns the key of an environment, or chain.ErrNoKey.
	Existing(ctx context.Context, environment string) (*chain.Key, error)
}

var _ Prover = (*chain.Keys)(nil)

// Prove gives the store what its audit records are proved with. It must be called
// once, before the store is used by more than the prover itself; without it
// nothing that leaves an audit record succeeds.
func (s *Store) Prove(p Prover) { s.prover = p }

// key returns the audit key of an environment.
func (s *Store) key(ctx context.Context, environment string) (*chain.Key, error) {
	if s.prover == nil {
		return nil, errNoProver
	}
	return s.prover.Key(ctx, environment)
}

// Record implements core.Trail. Records that come while another one is being
// written share the next transaction.
func (s *Store) Record(ctx context.Context, r core.AuditRecord) error {
	environment := r.Connection.Environment
	key, err := s.key(ctx, environment)
	if err != nil {
		return err
	}
	e := newEntry(r)
	return s.gatheringOf(environment).add(e, func(entries []entry) error {
		return s.kv.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
			return extend(tx, environment, key, time.Time{}, entries)
		})
	})
}

// recorded makes a change together with its audit record, if there is one. It is
// the way of all changes that leave one: the key of the record has to be there
// before the transaction begins.
func (s *Store) recorded(ctx context.Context, r *core.AuditRecord, change func(kv.Tx) error) error {
	if r == nil {
		return s.kv.Update(ctx, change)
	}
	environment := r.Connection.Environment
	key, err := s.key(ctx, environment)
	if err != nil {
		return err
	}
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		// The audit record comes first: what is changed vouches for it.
		if err := extend(tx, environment, key, time.Time{}, []entry{newEntry(*r)}); err != nil {
			return err
		}
		return change(tx)
	})
}

// extend adds records to the chain of an environment. now is when that happens,
// if it is later than what the records say.
func extend(tx kv.Tx, environment string, key *chain.Key, now time.Time, entries []entry) error {
	st, err := provedState(tx, environment, key)
	if err != nil && !errors.Is(err, errNoState) {
		return err
	}
	if err := appendTo(tx, environment, key, &st, now, entries); err != nil {
		return err
	}
	return putState(tx, environment, key, st)
}

// appendTo adds records after the one that st ends with, and changes st.
func appendTo(tx kv.Tx, environment string, key *chain.Key, st *auditState, now time.Time, entries []entry) error {
	bodies := make([][]byte, len(entries))
	for i := range entries {
		entries[i].stamp(st.note(entries[i].time, now))
		bodies[i] = entries[i].body
	}
	proofs, err := key.Link(st.proof, st.sequence+1, bodies)
	if err != nil {
		return fmt.Errorf("prove audit records: %w", err)
	}
	for i, e := range entries {
		st.sequence++
		st.proof = proofs[i]
		if err := tx.Put(auditKey(environment, st.sequence), e.value(proofs[i])); err != nil {
			return err
		}
		if e.connection == "" {
			continue
		}
		if err := tx.Put(auditIndexKey(environment, e.connection, st.sequence), nil); err != nil {
			return err
		}
	}
	return nil
}
