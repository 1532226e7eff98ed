package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// prunePage is how many records are removed in one transaction. While it runs
// nobody else can write.
const prunePage = 1000

// PruneAudit implements core.Trail. The state of the trail keeps the proof of the
// last record that was removed: there the chain begins from then on.
func (s *Store) PruneAudit(ctx context.Context, p core.Pruning) (more bool, err error) {
	key, err := s.key(ctx, p.Environment)
	if err != nil {
		return false, err
	}
	err = s.kv.Update(ctx, func(tx kv.Tx) error {
		st, err := provedState(tx, p.Environment, key)
		if errors.Is(err, errNoState) {
			return nil
		}
		if err != nil {
			return err
		}
		before := st
		if more, err = removeOld(tx, p, key, &st); err != nil {
			return err
		}
		if !more && st.unreported > 0 {
			r := p.Record
			r.Count, st.unreported = st.unreported, 0
			if err := appendTo(tx, p.Environment, key, &st, r.Time, []entry{newEntry(r)}); err != nil {
				return err
			}
		}
		if st == before {
			return nil
		}
		return putState(tx, p.Environment, key, st)
	})
	return more && err == nil, err
}

// removeOld removes a page of the oldest records and reports whether there may be
// more.
func removeOld(tx kv.Tx, p core.Pruning, key *chain.Key, st *auditState) (more bool, err error) {
	until := min(st.sequence, st.removed+prunePage)
	if until == st.removed {
		return false, nil
	}
	values, err := oldestFirst(tx, p.Environment, st.removed+1, until)
	if err != nil {
		return false, fmt.Errorf("nothing is removed from a trail that is broken; verify it: %w", err)
	}
	for _, value := range values {
		proof, body, err := split(value)
		if err != nil {
			return false, fmt.Errorf("audit record %d: %w", st.removed+1, err)
		}
		if recordedOf(body) >= nanos(p.Before) {
			return false, nil
		}
		want, err := key.Link(st.removedProof, st.removed+1, [][]byte{body})
		if err != nil {
			return false, err
		}
		if !proof.Equal(want[0]) {
			return false, fmt.Errorf("audit record %d is not what was written and is not removed; verify the trail", st.removed+1)
		}
		if err := remove(tx, p.Environment, st.removed+1, value); err != nil {
			return false, err
		}
		st.removed++
		st.removedProof = proof
		st.unreported++
	}
	return until < st.sequence, nil
}

// remove removes one record and its entry in the list of its connection.
func remove(tx kv.Tx, environment string, sequence uint64, value []byte) error {
	r, err := decodeAudit(environment, sequence, value)
	if err != nil {
		return fmt.Errorf("audit record %d: %w", sequence, err)
	}
	if err := tx.Delete(auditKey(environment, sequence)); err != nil {
		return err
	}
	if r.Connection.ID == "" {
		return nil
	}
	return tx.Delete(auditIndexKey(environment, r.Connection.ID, sequence))
}
