package core_test

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// proved returns a store that can record. All of them have the same keys.
func proved(engine kv.Store) *store.Store {
	s := store.New(engine, func() {})
	s.Prove(sameKeys{})
	return s
}

// sameKeys has a key for every environment, the same in every run.
type sameKeys struct{}

func (sameKeys) Key(_ context.Context, environment string) (*chain.Key, error) {
	return chain.NewKey(secret.FromString("key of the trail of " + environment)), nil
}

func (k sameKeys) Existing(ctx context.Context, environment string) (*chain.Key, error) {
	return k.Key(ctx, environment)
}
