package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
)

// keysetPage is how many environments are read at once.
const keysetPage = 100

// Keyset implements seal.Keysets.
func (s *Store) Keyset(ctx context.Context, environment string) (w seal.Wrapped, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		w, err = keyset(r, environment)
		return err
	})
	return w, err
}

// SaveKeyset implements seal.Keysets.
func (s *Store) SaveKeyset(ctx context.Context, environment string, w seal.Wrapped) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		stored, err := keyset(tx, environment)
		if err != nil && !errors.Is(err, seal.ErrNoKeyset) {
			return err
		}
		if w.Version != stored.Version+1 {
			return seal.ErrKeysetChanged
		}
		record, err := encodeKeyset(w)
		if err != nil {
			return err
		}
		return tx.Put(keysetKey(environment), record)
	})
}

// KeysetEnvironments implements seal.Keysets.
func (s *Store) KeysetEnvironments(ctx context.Context) (environments []string, err error) {
	prefix := keysetKey("")
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

func keyset(r kv.Reader, environment string) (seal.Wrapped, error) {
	record, err := r.Get(keysetKey(environment))
	if errors.Is(err, kv.ErrNotFound) {
		return seal.Wrapped{}, seal.ErrNoKeyset
	}
	if err != nil {
		return seal.Wrapped{}, err
	}
	w, err := decodeKeyset(record)
	if err != nil {
		return seal.Wrapped{}, fmt.Errorf("keyset of environment %q: %w", environment, err)
	}
	return w, nil
}
