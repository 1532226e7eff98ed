package store

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// The reports that came lately are there twice:
//
//	u/i/{id}            empty
//	u/t/{time}{id}      empty; time in nanoseconds, so the oldest is the first
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
	environments := slices.Sorted(maps.Keys(byEnvironment))
	keys := make([]*chain.Key, 0, len(environments))
	for _, environment := range environments {
		key, err := s.key(ctx, environment)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	err := s.kv.Update(ctx, func(tx kv.Tx) error {
		if err := remember(tx, b); err != nil {
			return err
		}
		for i, environment := range environments {
			if err := extend(tx, environment, keys[i], b.Time, byEnvironment[environment]); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errReported) {
		return nil
	}
	return err
}

// remember remembers a batch. It returns errReported if it has come before.
func remember(tx kv.Tx, b core.UseBatch) error {
	if b.ID == "" {
		return nil
	}
	if err := forgetReports(tx, b.Time.Add(-reportMemory)); err != nil {
		return err
	}
	known := []byte(reportPrefix + b.ID)
	if err := absent(tx, known, errReported); err != nil {
		return err
	}
	if err := tx.Put(known, nil); err != nil {
		return err
	}
	at := binary.BigEndian.AppendUint64([]byte(reportTimePrefix), uint64(nanos(b.Time)))
	return tx.Put(append(at, b.ID...), nil)
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
