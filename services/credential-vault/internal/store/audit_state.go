package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
)

// auditState is what is known about the chain of one environment. It is stored
// with a proof of its own, so that a trail cannot be cut at either end without
// the key, unless the whole store is put back.
type auditState struct {
	sequence uint64      // of the newest record; 0 if there never was one
	proof    chain.Proof // of the newest record
	// recorded is a time, in nanoseconds since 1970, that is not before that of any
	// record. It never goes back, whatever the clock does.
	recorded int64
	// lateness is the longest time, in nanoseconds, by which a record was added after
	// what it says happened.
	lateness     int64
	removed      uint64      // sequence of the newest record that was removed; 0 for none
	removedProof chain.Proof // of that record
	unreported   int64       // how many were removed since a record last said so
}

const (
	stateVersion = 1
	stateSize    = 1 + 5*8 + 2*chain.Size
)

// note takes the time of a new record into account, and returns when it is
// recorded.
func (s *auditState) note(at, now time.Time) int64 {
	happened := nanos(at)
	s.recorded = max(s.recorded, happened, nanos(now))
	s.lateness = max(s.lateness, s.recorded-happened)
	return s.recorded
}

// nanos returns a time in nanoseconds since 1970, as near as they can tell it.
func nanos(t time.Time) int64 {
	switch {
	case t.Unix() < 0:
		return 0
	case t.Unix() > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func (s *auditState) encode() []byte {
	b := make([]byte, 0, stateSize+chain.Size)
	b = append(b, stateVersion)
	b = binary.BigEndian.AppendUint64(b, s.sequence)
	b = append(b, s.proof[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.recorded))
	b = binary.BigEndian.AppendUint64(b, uint64(s.lateness))
	b = binary.BigEndian.AppendUint64(b, s.removed)
	b = append(b, s.removedProof[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(s.unreported))
}

func decodeState(b []byte) (s auditState) {
	next := func() uint64 {
		n := binary.BigEndian.Uint64(b)
		b = b[8:]
		return n
	}
	proof := func() chain.Proof {
		p := chain.Proof(b[:chain.Size])
		b = b[chain.Size:]
		return p
	}
	b = b[1:]
	s.sequence, s.proof = next(), proof()
	s.recorded, s.lateness = int64(next()), int64(next())
	s.removed, s.removedProof = next(), proof()
	s.unreported = int64(next())
	return s
}

// errNoState says that an environment has no trail yet.
var errNoState = errors.New("there is no audit trail")

// readState returns the state of an environment without checking it, and its
// proof. Where there never was a record it returns errNoState.
func readState(r kv.Reader, environment string) (auditState, chain.Proof, error) {
	value, err := r.Get(auditStateKey(environment))
	if errors.Is(err, kv.ErrNotFound) {
		left, err := r.Scan(auditPrefix(environment), nil, 1)
		if err == nil {
			err = errNoState
		}
		if errors.Is(err, errNoState) && len(left) == 0 {
			// The key came with the beginning of the trail.
			err = absent(r, auditSecretKey(environment), errStateLost)
			if err == nil {
				err = errNoState
			}
			return auditState{}, chain.Proof{}, err
		}
		if len(left) > 0 {
			err = errStateLost
		}
		return auditState{}, chain.Proof{}, err
	}
	if err != nil {
		return auditState{}, chain.Proof{}, err
	}
	if len(value) != stateSize+chain.Size || value[0] != stateVersion {
		return auditState{}, chain.Proof{}, errStateWrong
	}
	return decodeState(value), chain.Proof(value[stateSize:]), nil
}

// provedState returns the state of an environment if it and the end of the trail
// are what was written, or errNoState.
func provedState(r kv.Reader, environment string, key *chain.Key) (auditState, error) {
	st, proof, err := readState(r, environment)
	if err != nil {
		return st, err
	}
	want, err := key.State(st.encode())
	if err != nil {
		return st, fmt.Errorf("check the state of the audit trail: %w", err)
	}
	if !proof.Equal(want) {
		return st, errStateWrong
	}
	return st, endsAt(r, environment, st)
}

// endsAt returns errNotNewest unless the newest record is the one that the state
// ends with: an older copy of the state would have others overwritten.
func endsAt(r kv.Reader, environment string, st auditState) error {
	newest, err := r.Scan(auditPrefix(environment), nil, 1)
	switch {
	case err != nil:
		return err
	case len(newest) == 0:
		if st.sequence == st.removed {
			return nil
		}
	case bytes.Equal(newest[0].Key, auditKey(environment, st.sequence)) && st.sequence > st.removed:
		return nil
	}
	return errNotNewest
}

func putState(tx kv.Tx, environment string, key *chain.Key, st auditState) error {
	value := st.encode()
	proof, err := key.State(value)
	if err != nil {
		return fmt.Errorf("prove the state of the audit trail: %w", err)
	}
	return tx.Put(auditStateKey(environment), append(value, proof[:]...))
}

// AuditKey implements chain.Stored.
func (s *Store) AuditKey(ctx context.Context, environment string) (sealed []byte, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		sealed, err = r.Get(auditSecretKey(environment))
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return nil, chain.ErrNoKey
	}
	return sealed, err
}

// SaveAuditKey implements chain.Stored.
func (s *Store) SaveAuditKey(ctx context.Context, environment string, sealed []byte, key *chain.Key) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		if err := absent(tx, auditSecretKey(environment), chain.ErrKeyExists); err != nil {
			return err
		}
		switch _, _, err := readState(tx, environment); {
		case err == nil, errors.Is(err, errStateLost), errors.Is(err, errStateWrong):
			return chain.ErrKeyLost
		case !errors.Is(err, errNoState):
			return err
		}
		switch traced, err := hasTraced(tx, environment); {
		case err != nil:
			return err
		case traced:
			return chain.ErrKeyLost
		}
		if err := tx.Put(auditSecretKey(environment), sealed); err != nil {
			return err
		}
		return putState(tx, environment, key, auditState{})
	})
}

// AuditEnvironments implements core.Trail.
func (s *Store) AuditEnvironments(ctx context.Context) (environments []string, err error) {
	prefix := auditStateKey("")
	err = s.kv.View(ctx, func(r kv.Reader) error {
		for pair, err := range kv.All(r, prefix, keysetPage) {
			if err != nil {
				return err
			}
			environments = append(environments, lastPart(pair.Key, prefix))
		}
		return nil
	})
	return environments, err
}
