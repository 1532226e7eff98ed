package chain

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Errors of a [Stored] and of [Keys].
var (
	// ErrNoKey says that an environment has no audit key.
	ErrNoKey = errors.New("the environment has no audit key")
	// ErrKeyExists says that an environment has got its audit key meanwhile.
	ErrKeyExists = errors.New("the environment has an audit key")
	// ErrKeyLost says that an environment has records and not the key that they were
	// proved with.
	ErrKeyLost = fault.Precondition(fault.ReasonCredentialUnreadable,
		"the key that proves the records of this environment is missing from the store, and there are records that it proved: "+
			"somebody has changed the store; stop the vault and put credential-vault.db back from a backup")
)

// Stored is where the sealed keys are kept.
type Stored interface {
	// AuditKey returns the sealed key of an environment, or [ErrNoKey].
	AuditKey(ctx context.Context, environment string) ([]byte, error)
	// SaveAuditKey stores the first key of an environment, and the beginning of its
	// trail, which the key in clear proves: from then on a trail without one has been
	// cut. It returns [ErrKeyExists] if there is a key, and [ErrKeyLost] if there are
	// records.
	SaveAuditKey(ctx context.Context, environment string, sealed []byte, key *Key) error
}

// Keys has the keys of all environments, each opened when it is first needed. It
// is safe for concurrent use.
type Keys struct {
	sealer core.Sealer
	stored Stored

	mu    sync.RWMutex
	known map[string]*Key // by environment
}

// New returns the keys that are stored, sealed by sealer.
func New(sealer core.Sealer, stored Stored) *Keys {
	return &Keys{sealer: sealer, stored: stored, known: map[string]*Key{}}
}

// Place is where the audit key of an environment is sealed.
func Place(environment string) core.Place {
	return core.Place{
		Environment: environment, Resource: "environments/" + environment + "/auditRecords", Parameter: "chain", Version: "1",
	}
}

// Existing returns the key of an environment, or [ErrNoKey].
func (k *Keys) Existing(ctx context.Context, environment string) (*Key, error) {
	k.mu.RLock()
	key, ok := k.known[environment]
	k.mu.RUnlock()
	if ok {
		return key, nil
	}
	sealed, err := k.stored.AuditKey(ctx, environment)
	if err != nil {
		return nil, fmt.Errorf("read the audit key of environment %q: %w", environment, err)
	}
	value, err := k.sealer.Open(ctx, Place(environment), sealed)
	if err != nil {
		return nil, fmt.Errorf("open the audit key of environment %q: %w", environment, err)
	}
	return k.keep(environment, value), nil
}

// Key returns the key of an environment, a new one if it has none.
func (k *Keys) Key(ctx context.Context, environment string) (*Key, error) {
	key, err := k.Existing(ctx, environment)
	if !errors.Is(err, ErrNoKey) {
		return key, err
	}
	if err := k.create(ctx, environment); err != nil && !errors.Is(err, ErrKeyExists) {
		return nil, fmt.Errorf("make the audit key of environment %q: %w", environment, err)
	}
	return k.Existing(ctx, environment) // ours, or that of whoever was faster
}

// Clear forgets all keys. Whoever still holds one can do nothing with it.
func (k *Keys) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.known {
		key.Clear()
	}
	clear(k.known)
}

func (k *Keys) create(ctx context.Context, environment string) error {
	raw := make([]byte, Size)
	defer clear(raw)
	_, _ = rand.Read(raw) // never fails (crypto/rand, Go 1.24)
	value := secret.New(raw)
	defer value.Clear()
	sealed, err := k.sealer.Seal(ctx, Place(environment), value)
	if err != nil {
		return err
	}
	return k.stored.SaveAuditKey(ctx, environment, sealed, NewKey(value))
}

// keep remembers a key, unless somebody else was faster.
func (k *Keys) keep(environment string, value secret.Text) *Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.known[environment]; ok {
		value.Clear()
		return known
	}
	key := NewKey(value)
	k.known[environment] = key
	return key
}
