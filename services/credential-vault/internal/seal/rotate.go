package seal

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// keysetAttempts is how often the change of a keyset is tried when others change
// it at the same moment.
const keysetAttempts = 5

// errNotUnderNewest says that a keyset is not encrypted with the newest version
// of the key-encryption key.
var errNotUnderNewest = errors.New("the keyset needs an old version of the key-encryption key")

// MasterKey implements core.Keys.
func (k *Keyring) MasterKey() string { return k.kek.ID() }

// Environments implements core.Keys.
func (k *Keyring) Environments(ctx context.Context) ([]string, error) {
	return k.stored.KeysetEnvironments(ctx)
}

// RenewMaster implements core.Keys.
func (k *Keyring) RenewMaster(ctx context.Context, old string) error {
	if own, ok := k.kek.(Renewable); ok {
		return own.Renew(ctx, old)
	}
	return nil
}

// RewrapKeyset implements core.Keys.
func (k *Keyring) RewrapKeyset(ctx context.Context, environment string) error {
	return k.changeKeyset(ctx, environment, func(_ Wrapped, old *keyset.Handle) (*keyset.Handle, error) { return old, nil })
}

// RetireMaster implements core.Keys. It believes no record of which key
// encrypted a keyset: each has to open with the newest one alone.
func (k *Keyring) RetireMaster(ctx context.Context) error {
	own, ok := k.kek.(Renewable)
	if !ok {
		return nil
	}
	newest, err := own.Newest(ctx)
	if err != nil {
		return err
	}
	environments, err := k.stored.KeysetEnvironments(ctx)
	if err != nil {
		return fmt.Errorf("list keysets: %w", err)
	}
	alone := New(newest, k.stored)
	for _, environment := range environments {
		w, err := k.stored.Keyset(ctx, environment)
		if err != nil {
			return fmt.Errorf("read the keyset of environment %q: %w", environment, err)
		}
		if _, err := alone.decrypt(ctx, environment, w); err != nil {
			return fmt.Errorf("environment %q: %w: %w", environment, errNotUnderNewest, err)
		}
	}
	return own.Retire(ctx, newest.ID())
}

// KeysetVersion implements core.Keys.
func (k *Keyring) KeysetVersion(ctx context.Context, environment string) (uint64, error) {
	w, err := k.stored.Keyset(ctx, environment)
	if errors.Is(err, ErrNoKeyset) {
		return 0, nil
	}
	return w.Version, err
}

// AddDataKey implements core.Keys.
func (k *Keyring) AddDataKey(ctx context.Context, environment string, version uint64) error {
	return k.changeKeyset(ctx, environment, func(w Wrapped, old *keyset.Handle) (*keyset.Handle, error) {
		if w.Version != version {
			return nil, nil //nolint:nilnil // nothing is to be changed
		}
		return withNewKey(old)
	})
}

// RetireDataKeys implements core.Keys.
func (k *Keyring) RetireDataKeys(ctx context.Context, environment string, version uint64) error {
	return k.changeKeyset(ctx, environment, func(w Wrapped, old *keyset.Handle) (*keyset.Handle, error) {
		switch {
		case old.Len() == 1:
			return nil, nil //nolint:nilnil // nothing is to be changed
		case w.Version != version:
			return nil, core.ErrChanged
		}
		return withNewestOnly(old)
	})
}

// changeKeyset stores what next makes of an environment's keyset, encrypted with
// the key-encryption key of now; nil leaves it as it is.
func (k *Keyring) changeKeyset(ctx context.Context, environment string, next func(Wrapped, *keyset.Handle) (*keyset.Handle, error)) (err error) {
	for range keysetAttempts {
		if err = k.tryChange(ctx, environment, next); !errors.Is(err, ErrKeysetChanged) {
			return err
		}
	}
	return err
}

func (k *Keyring) tryChange(ctx context.Context, environment string, next func(Wrapped, *keyset.Handle) (*keyset.Handle, error)) error {
	w, err := k.stored.Keyset(ctx, environment)
	if err != nil {
		return fmt.Errorf("read the keyset of environment %q: %w", environment, err)
	}
	old, err := k.decrypt(ctx, environment, w)
	if err != nil {
		return stuck(environment, err)
	}
	handle, err := next(w, old)
	if err != nil || handle == nil {
		return err
	}
	changed, err := wrap(ctx, k.kek, environment, w.Version+1, handle)
	if err != nil {
		return err
	}
	if err := k.stored.SaveKeyset(ctx, environment, changed); err != nil {
		return fmt.Errorf("store the keyset of environment %q: %w", environment, err)
	}
	return nil
}

// stuck turns a keyset that no key decrypts into a fault, as which an exchange of
// keys tells it to people.
func stuck(environment string, err error) error {
	if !isKeyError(err) {
		return err
	}
	return fault.Precondition(fault.ReasonCredentialUnreadable,
		"the data keys of environment %q cannot be decrypted with the vault's present key-encryption key; name the one that encrypted them as the previous one", environment).
		Because(err)
}

// Rewrapper implements core.Keys.
func (k *Keyring) Rewrapper(ctx context.Context, environment string) (core.Rewrapper, uint64, error) {
	w, err := k.stored.Keyset(ctx, environment)
	if err != nil {
		return nil, 0, fmt.Errorf("read the keyset of environment %q: %w", environment, err)
	}
	handle, err := k.decrypt(ctx, environment, w)
	if err != nil {
		return nil, 0, stuck(environment, err)
	}
	keys, err := newDataKeys(handle, w.Version)
	if err != nil {
		return nil, 0, stuck(environment, k.wrong(environment, w, err))
	}
	return &rewrapper{environment: environment, keys: keys}, w.Version, nil
}

// rewrapper holds the data keys of one environment.
type rewrapper struct {
	environment string
	keys        *dataKeys
}

// Rewrap implements core.Rewrapper.
func (r *rewrapper) Rewrap(at core.Place, blob []byte) ([]byte, error) {
	if err := checkFormat(at, blob); err != nil {
		return nil, err
	}
	if keyID, ok := dataKeyOf(blob); ok && keyID == r.keys.newest {
		return blob, nil
	}
	value, err := r.keys.open(at, blob)
	if err != nil {
		return nil, err
	}
	defer value.Clear()
	return r.keys.seal(at, value)
}

// NewKey implements core.Rewrapper.
func (r *rewrapper) NewKey(resource string) ([]byte, error) {
	fresh := freshKey()
	defer fresh.Clear()
	return r.keys.seal(core.KeyPlace(r.environment, resource), fresh)
}

// Move implements core.Rewrapper.
func (r *rewrapper) Move(from, to core.Place, blob []byte) ([]byte, error) {
	if err := checkFormat(from, blob); err != nil {
		return nil, err
	}
	value, err := r.open(from, blob)
	if err != nil {
		return nil, err
	}
	defer value.Clear()
	if len(to.Key) == 0 {
		return r.keys.seal(to, value)
	}
	c, err := r.cipher(to)
	if err != nil {
		return nil, err
	}
	return sealWith(c, to, value), nil
}

func (r *rewrapper) open(at core.Place, blob []byte) (secret.Text, error) {
	if len(at.Key) == 0 {
		return r.keys.open(at, blob)
	}
	c, err := r.cipher(at)
	if err != nil {
		return secret.Text{}, err
	}
	return openWith(c, at, blob)
}

// cipher returns the encryption with the key of a resource.
func (r *rewrapper) cipher(at core.Place) (cipher.AEAD, error) {
	key, err := r.keys.open(core.KeyPlace(at.Environment, at.Resource), at.Key)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	c, err := newCipher(key)
	if err != nil {
		return nil, unreadable(at, err)
	}
	return c, nil
}

// dataKeyOf returns the id of the data key that made a blob.
func dataKeyOf(blob []byte) (id uint32, ok bool) {
	if len(blob) < 1+4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(blob[1:]), true
}
