package store

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
)

// witnessMark ends a record that vouches for the newest audit record there was. One from
// before that was done ends with the brace of its JSON.
const (
	witnessMark = 2
	witnessSize = 8 + chain.Size + 1
)

// vouched is an audit record that another record vouches for: the newest one of its
// environment when that was written, its own included. The zero one is none.
type vouched struct {
	sequence uint64
	proof    chain.Proof
}

// witness splits a record: what it holds, and what it vouches for.
func witness(record []byte) ([]byte, vouched) {
	at := len(record) - witnessSize
	if at < 0 || record[len(record)-1] != witnessMark {
		return record, vouched{}
	}
	return record[:at:at], vouched{sequence: binary.BigEndian.Uint64(record[at:]), proof: chain.Proof(record[at+8 : at+8+chain.Size])}
}

// witnessed adds to a record where the audit trail ends with the transaction. A trail
// that is damaged ends nowhere: whatever has to leave a record fails by itself then.
func (t provedTx) witnessed(environment string, record []byte) ([]byte, error) {
	value, err := t.tx.Get(auditStateKey(environment))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return nil, err
	}
	var end auditState
	if len(value) == stateSize+chain.Size && value[0] == stateVersion {
		end = decodeState(value)
	}
	with := binary.BigEndian.AppendUint64(slices.Grow(slices.Clip(record), witnessSize+proofSize), end.sequence)
	return append(append(with, end.proof[:]...), witnessMark), nil
}

// witnesses compares the trail with what the records vouch for: whoever puts an older
// trail back leaves those that were written since then, or puts them back, too. That the
// trail has grown again does not help him: its records have other proofs.
func (v *verification) witnesses(ctx context.Context) error {
	if v.key == nil {
		return nil
	}
	for _, kind := range provedKinds() {
		prefix := []byte(kind + "/" + v.environment + "/")
		var after []byte
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := v.store.kv.View(ctx, func(r kv.Reader) error {
				pairs, err := unchecked(r).Scan(prefix, after, verifyPage)
				if err != nil {
					return err
				}
				if more = len(pairs) == verifyPage; more {
					after = pairs[len(pairs)-1].Key
				}
				return v.outlived(r, pairs)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// outlived finds a record that vouches for an audit record which is not in the trail. One
// that the vault did not write says nothing; whoever reads it is told.
func (v *verification) outlived(r kv.Reader, pairs []kv.Pair) error {
	st, err := v.state(r)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if len(p.Value) < proofSize {
			continue
		}
		record := p.Value[:len(p.Value)-proofSize]
		want, err := v.key.Stored(p.Key, record)
		if err != nil || !want.Equal(chain.Proof(p.Value[len(p.Value)-proofSize:])) {
			continue
		}
		_, of := witness(record)
		if err := v.holds(r, st, of, p.Key); err != nil {
			return err
		}
	}
	return nil
}

// holds looks for the audit record that the record of a key vouches for. One that was
// removed because of its age is not there to be compared, but for the last of them.
func (v *verification) holds(r kv.Reader, st auditState, of vouched, key []byte) error {
	there := st.removedProof
	switch {
	case of.sequence < st.removed, of.sequence == 0:
		return nil
	case of.sequence > st.sequence:
		return brokenAt(st.sequence+1, "the trail ends with record %d, and %q was written when there was record %d: later records were taken away", st.sequence, key, of.sequence)
	case of.sequence > st.removed:
		value, err := r.Get(auditKey(v.environment, of.sequence))
		if errors.Is(err, kv.ErrNotFound) {
			return brokenAt(of.sequence, "record %d is missing", of.sequence)
		}
		if err != nil {
			return err
		}
		if there, _, err = split(value); err != nil {
			return brokenAt(of.sequence, "record %d cannot be read: %v", of.sequence, err)
		}
	}
	if !of.proof.Equal(there) {
		return brokenAt(of.sequence, "record %d is not the one that there was when %q was written: an older trail was put back, and has grown again", of.sequence, key)
	}
	return nil
}
