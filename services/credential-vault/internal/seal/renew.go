package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Renewable is a key-encryption key whose versions the vault makes and destroys
// itself, because nobody else does.
type Renewable interface {
	KEK
	// Renew makes a new version that encrypts from now on, unless the newest has
	// another id than old. All versions decrypt.
	Renew(ctx context.Context, old string) error
	// Newest returns the key with its newest version only.
	Newest(ctx context.Context) (KEK, error)
	// Retire destroys all versions but the newest, if that has the given id.
	Retire(ctx context.Context, newest string) error
}

var _ Renewable = (*fileKEK)(nil)

// Renew implements [Renewable]: the file is replaced by one with another key.
func (k *fileKEK) Renew(_ context.Context, old string) error {
	return k.change(func(keys *fileKeys) (*keyset.Handle, error) {
		if keys.id != old {
			return nil, nil //nolint:nilnil // nothing is to be changed
		}
		return withNewKey(keys.handle)
	})
}

// Retire implements [Renewable]: the file is replaced by one with one key. No
// copy of what it held is left behind.
func (k *fileKEK) Retire(_ context.Context, newest string) error {
	return k.change(func(keys *fileKeys) (*keyset.Handle, error) {
		if keys.id != newest {
			return nil, fmt.Errorf("the newest key of %s is %s and not %s: somebody else is changing the file", k.path, keys.id, newest)
		}
		if keys.handle.Len() == 1 {
			return nil, nil //nolint:nilnil // nothing is to be changed
		}
		return withNewestOnly(keys.handle)
	})
}

// Newest implements [Renewable].
func (k *fileKEK) Newest(context.Context) (KEK, error) {
	keys, err := k.reload()
	if err != nil {
		return nil, err
	}
	handle, err := withNewestOnly(keys.handle)
	if err != nil {
		return nil, err
	}
	only, err := newFileKeys(k.path, handle)
	if err != nil {
		return nil, err
	}
	return frozenKEK{only}, nil
}

// change replaces the file by what next makes of it; nil leaves it as it is.
func (k *fileKEK) change(next func(*fileKeys) (*keyset.Handle, error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	present, err := readKeys(k.path)
	if err != nil {
		return fault.Unavailable(fault.ReasonKeyUnavailable,
			"the key file of the vault cannot be read; have the operator put it back").Because(err)
	}
	k.keys = present
	handle, err := next(present)
	if err != nil || handle == nil {
		return err
	}
	keys, err := newFileKeys(k.path, handle)
	if err != nil {
		return err
	}
	if err := writeKeys(k.path, handle, replacePrivate); err != nil {
		return fault.Unavailable(fault.ReasonKeyUnavailable,
			"the key file of the vault cannot be replaced; have the operator let the vault write in its directory").Because(err)
	}
	k.keys = keys
	return nil
}

// frozenKEK is a key that never looks at its file.
type frozenKEK struct{ keys *fileKeys }

// ID returns the id of the key.
func (k frozenKEK) ID() string { return k.keys.id }

// EncryptWithContext encrypts a keyset.
func (k frozenKEK) EncryptWithContext(_ context.Context, plaintext, associatedData []byte) ([]byte, error) {
	return k.keys.aead.Encrypt(plaintext, associatedData)
}

// DecryptWithContext decrypts a keyset.
func (k frozenKEK) DecryptWithContext(_ context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	return k.keys.aead.Decrypt(ciphertext, associatedData)
}

// withNewKey returns the keys of a handle and a new one, which encrypts.
func withNewKey(old *keyset.Handle) (*keyset.Handle, error) {
	manager := keyset.NewManagerFromHandle(old)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return manager.Handle()
}

// withNewestOnly returns the key of a handle that encrypts, without the others.
func withNewestOnly(old *keyset.Handle) (*keyset.Handle, error) {
	manager := keyset.NewManagerFromHandle(old)
	info := old.KeysetInfo()
	for _, key := range info.GetKeyInfo() {
		if key.GetKeyId() == info.GetPrimaryKeyId() {
			continue
		}
		if err := manager.Delete(key.GetKeyId()); err != nil {
			return nil, fmt.Errorf("remove an old key: %w", err)
		}
	}
	handle, err := manager.Handle()
	if err == nil && handle.Len() != 1 {
		err = errors.New("two keys have the same id")
	}
	return handle, err
}
