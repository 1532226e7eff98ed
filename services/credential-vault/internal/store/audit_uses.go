package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// The reports that came lately are there twice for each environment where they
// were recorded:
//
//	u/i/{environment}/{id}            empty
//	u/t/{time}{environment}/{id}      empty; time in nanoseconds, so the oldest is the first
const (
	reportPrefix     = "u/i/"
	reportTimePrefix = "u/t/"
)

const (
	// reportMemory is how long a report is remembered.
	reportMemory = time.Hour
	// forgetAtOnce is how many old ones a new report has forgotten: more than come.
	forgetAtOnce = 100
)

// errReported says that a report has come before.
var errReported = errors.New("the report has come before")

// RecordUses implements core.Trail.
func (s *Store) RecordUses(ctx context.Context, b core.UseBatch) error {
	byEnvironment := map[string][]entry{}
	for _, r := range b.Records {
		environment := r.Connection.Environment
		byEnvironment[environment] = append(byEnvironment[environment], newEntry(r))
	}
	var failed error
	damaged := &core.DamagedTrailsError{}
	for _, environment := range slices.Sorted(maps.Keys(byEnvironment)) {
		err := s.recordUses(ctx, environment, b, byEnvironment[environment])
		switch {
		case err == nil:
		case isDamage(err):
			damaged.Environments = append(damaged.Environments, environment)
			damaged.Cause = errors.Join(damaged.Cause, err)
		default:
			failed = errors.Join(failed, fmt.Errorf("environment %q: %w", environment, err))
		}
	}
	if failed == nil && damaged.Cause != nil {
		return damaged
	}
	return failed
}

// recordUses adds the part of a batch that belongs to one environment, unless it
// was added before.
func (s *Store) recordUses(ctx context.Context, environment string, b core.UseBatch, entries []entry) error {
	key, err := s.key(ctx, environment)
	if err != nil {
		return err
	}
	err = s.kv.Update(ctx, func(tx kv.Tx) error {
		if err := remember(tx, environment, b); err != nil {
			return err
		}
		return extend(tx, environment, key, b.Time, entries)
	})
	if errors.Is(err, errReported) {
		return nil
	}
	return err
}

// isDamage reports whether an error says that the trail of an environment is not
// what was written. That does not get better by itself.
func isDamage(err error) bool {
	return slices.ContainsFunc([]error{errStateLost, errStateWrong, errNotNewest, chain.ErrKeyLost}, func(damage error) bool {
		return errors.Is(err, damage)
	})
}

// remember remembers that a batch was recorded in an environment. It returns
// errReported if it has come before.
func remember(tx kv.Tx, environment string, b core.UseBatch) error {
	if b.ID == "" {
		return nil
	}
	if err := forgetReports(tx, b.Time.Add(-reportMemory)); err != nil {
		return err
	}
	report := environment + "/" + b.ID
	known := []byte(reportPrefix + report)
	if err := absent(tx, known, errReported); err != nil {
		return err
	}
	if err := tx.Put(known, nil); err != nil {
		return err
	}
	at := binary.BigEndian.AppendUint64([]byte(reportTimePrefix), uint64(nanos(b.Time)))
	return tx.Put(append(at, report...), nil)
}

// forgetReports forgets reports that came before a time.
func forgetReports(tx kv.Tx, before time.Time) error {
	old, err := tx.Scan([]byte(reportTimePrefix), nil, forgetAtOnce)
	if err != nil {
		return err
	}
	for _, p := range old {
		rest := p.Key[len(reportTimePrefix):]
		if int64(binary.BigEndian.Uint64(rest)) >= nanos(before) {
			return nil
		}
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
		if err := tx.Delete([]byte(reportPrefix + string(rest[8:]))); err != nil {
			return err
		}
	}
	return nil
}
