package store

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
)

// witnessMark ends a record that says where the audit trail ended. One from before that
// was said ends with the brace of its JSON.
const (
	witnessMark = 1
	witnessSize = 8 + 1
)

// witness splits a record: what it holds, and the sequence of the newest audit record of
// its environment when it was written, its own included; 0 if it does not say.
func witness(record []byte) ([]byte, uint64) {
	at := len(record) - witnessSize
	if at < 0 || record[len(record)-1] != witnessMark {
		return record, 0
	}
	return record[:at:at], binary.BigEndian.Uint64(record[at:])
}

// witnessed adds to a record where the audit trail ends with the transaction. A trail
// that is damaged ends nowhere: whatever has to leave a record fails by itself then.
func (t provedTx) witnessed(environment string, record []byte) ([]byte, error) {
	value, err := t.tx.Get(auditStateKey(environment))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return nil, err
	}
	sequence := t.ahead
	if len(value) == stateSize+chain.Size && value[0] == stateVersion {
		sequence += decodeState(value).sequence
	}
	with := binary.BigEndian.AppendUint64(slices.Grow(slices.Clip(record), witnessSize+proofSize), sequence)
	return append(with, witnessMark), nil
}

// recording returns a transaction whose records know of the audit record that it will
// end with.
func recording(tx kv.Tx) kv.Tx {
	if t, ok := tx.(provedTx); ok {
		t.ahead++
		return t
	}
	return tx
}

// witnesses compares the end of the trail with what the records say: whoever puts an
// older trail back leaves those that were written since then, or puts them back, too.
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

// outlived finds a record that was written after the trail ends. One that the vault did
// not write says nothing; whoever reads it is told.
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
		if _, sequence := witness(record); sequence > st.sequence {
			return brokenAt(st.sequence+1, "the trail ends with record %d, and %q was written when there was record %d: later records were taken away", st.sequence, p.Key, sequence)
		}
	}
	return nil
}
