package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

var _ core.RotationStore = (*Store)(nil)

// Where rotations are; see the package's comment.

func rotationKey(id string) []byte { return []byte("kr/" + id) }

// latestKey holds the id of the rotation that was added last.
func latestKey() []byte { return []byte("kl") }

type rotationRecord struct {
	Change      uint64              `json:"change"`
	Level       int                 `json:"level"`
	Environment string              `json:"environment,omitempty"`
	State       int                 `json:"state"`
	Done        int64               `json:"done"`
	Total       int64               `json:"total"`
	Reason      string              `json:"reason,omitempty"`
	Principal   string              `json:"principal,omitempty"`
	OldMaster   string              `json:"old_master"`
	Master      string              `json:"master"`
	CreateTime  time.Time           `json:"create_time"`
	EndTime     time.Time           `json:"end_time,omitzero"`
	Step        rotationStepRecord  `json:"step"`
	Lease       rotationLeaseRecord `json:"lease"`
	Failures    int                 `json:"failures,omitempty"`
}

type rotationStepRecord struct {
	Phase       int       `json:"phase"`
	Environment string    `json:"environment,omitempty"`
	Version     uint64    `json:"version,omitempty"`
	After       []byte    `json:"after,omitempty"`
	Until       time.Time `json:"until,omitzero"`
}

type rotationLeaseRecord struct {
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

func encodeRotation(r core.Rotation) ([]byte, error) {
	return encode(rotationRecord{
		Change: r.Change, Level: int(r.Level), Environment: r.Environment, State: int(r.State), Done: r.Done, Total: r.Total,
		Reason: r.Reason, Principal: r.Principal, OldMaster: r.OldMaster, Master: r.Master, CreateTime: r.CreateTime.UTC(), EndTime: r.EndTime.UTC(),
		Step: rotationStepRecord{
			Phase: int(r.Step.Phase), Environment: r.Step.Environment, Version: r.Step.Version,
			After: []byte(r.Step.After), Until: r.Step.Until.UTC(),
		},
		Lease: rotationLeaseRecord{Holder: r.Lease.Holder, Until: r.Lease.Until.UTC()}, Failures: r.Failures,
	})
}

func decodeRotation(id string, data []byte) (core.Rotation, error) {
	var r rotationRecord
	if err := decode(data, &r); err != nil {
		return core.Rotation{}, fmt.Errorf("rotation %s: %w", id, err)
	}
	return core.Rotation{
		ID: id, Change: r.Change, Level: core.KeyLevel(r.Level), Environment: r.Environment, State: core.RotationState(r.State),
		Done: r.Done, Total: r.Total, Reason: r.Reason, Principal: r.Principal, OldMaster: r.OldMaster, Master: r.Master,
		CreateTime: r.CreateTime, EndTime: r.EndTime,
		Step: core.RotationStep{
			Phase: core.RotationPhase(r.Step.Phase), Environment: r.Step.Environment, Version: r.Step.Version,
			After: string(r.Step.After), Until: r.Step.Until,
		},
		Lease: core.RotationLease{Holder: r.Lease.Holder, Until: r.Lease.Until}, Failures: r.Failures,
	}, nil
}

// Rotation implements core.RotationStore.
func (s *Store) Rotation(ctx context.Context, id string) (found core.Rotation, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found, err = rotation(r, id)
		return err
	})
	return found, err
}

func rotation(r kv.Reader, id string) (core.Rotation, error) {
	if id == core.LatestRotation {
		latest, err := r.Get(latestKey())
		if errors.Is(err, kv.ErrNotFound) {
			return core.Rotation{}, core.ErrNotFound
		}
		if err != nil {
			return core.Rotation{}, err
		}
		id = string(latest)
	}
	data, err := r.Get(rotationKey(id))
	if errors.Is(err, kv.ErrNotFound) {
		return core.Rotation{}, core.ErrNotFound
	}
	if err != nil {
		return core.Rotation{}, err
	}
	return decodeRotation(id, data)
}

// SaveRotation implements core.RotationStore.
func (s *Store) SaveRotation(ctx context.Context, next core.Rotation) error {
	record, err := encodeRotation(next)
	if err != nil {
		return err
	}
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		if err := mayFollow(tx, next); err != nil {
			return err
		}
		if err := tx.Put(latestKey(), []byte(next.ID)); err != nil {
			return err
		}
		return tx.Put(rotationKey(next.ID), record)
	})
}

// mayFollow checks that a rotation is the next change of the stored one, or a
// new one while no other runs. Only the latest is ever changed.
func mayFollow(r kv.Reader, next core.Rotation) error {
	latest, err := rotation(r, core.LatestRotation)
	switch {
	case errors.Is(err, core.ErrNotFound):
		latest = core.Rotation{}
	case err != nil:
		return err
	}
	if next.Change == 1 && latest.ID != next.ID && latest.State != core.RotationRunning {
		return nil
	}
	if latest.ID != next.ID || latest.Change+1 != next.Change {
		return core.ErrChanged
	}
	return nil
}

// CountSealed implements core.RotationStore.
func (s *Store) CountSealed(ctx context.Context, environment string) (n int64, err error) {
	for _, kind := range sealedKinds() {
		prefix := kind.prefix(environment)
		for after := []byte(nil); ; {
			var page []kv.Pair
			// A transaction for each page: the count is an estimate anyway, and one over
			// a million records would keep old pages of the file for as long.
			err := s.kv.View(ctx, func(r kv.Reader) (err error) {
				page, err = r.Scan(prefix, after, countPage)
				return err
			})
			if err != nil {
				return 0, err
			}
			n += int64(len(page))
			if len(page) < countPage {
				break
			}
			after = page[len(page)-1].Key
		}
	}
	return n, nil
}

// countPage is how many records are read at once to be counted.
const countPage = 1000

// Rewrap implements core.RotationStore. Kinds of records follow one another in
// the order of sealedKinds, and after is the key of the last record seen.
func (s *Store) Rewrap(ctx context.Context, q core.RewrapQuery, k core.Rewrapper) (page core.RewrapPage, err error) {
	err = s.kv.Update(ctx, func(tx kv.Tx) (err error) {
		page, err = rewrapPage(tx, q, k)
		return err
	})
	if err != nil {
		return core.RewrapPage{}, err
	}
	return page, nil
}

func rewrapPage(tx kv.Tx, q core.RewrapQuery, k core.Rewrapper) (page core.RewrapPage, err error) {
	for _, kind := range remaining(q.Environment, q.After) {
		prefix := kind.prefix(q.Environment)
		left := q.Limit - int(page.Seen)
		if left == 0 {
			return page, nil
		}
		var from []byte
		if strings.HasPrefix(q.After, string(prefix)) {
			from = []byte(q.After)
		}
		pairs, err := tx.Scan(prefix, from, left)
		if err != nil {
			return page, err
		}
		for _, p := range pairs {
			page.Seen++
			page.Next = string(p.Key)
			if environmentOf(p.Key) != "" && readable(p) != nil {
				page.Unreadable = append(page.Unreadable, string(p.Key))
				continue
			}
			changed, err := kind.rewrap(tx, q, p, k)
			if err != nil {
				return page, err
			}
			if changed {
				page.Changed++
			}
		}
	}
	if page.Seen < int64(q.Limit) {
		page.Next = "" // nothing is left
	}
	return page, nil
}

// remaining returns the kinds that are not done with when after is the last
// record seen.
func remaining(environment, after string) []sealedKind {
	kinds := sealedKinds()
	if after == "" {
		return kinds
	}
	at := slices.IndexFunc(kinds, func(k sealedKind) bool {
		prefix := string(k.prefix(environment))
		return len(after) >= len(prefix) && after[:len(prefix)] == prefix
	})
	return kinds[max(at, 0):]
}
