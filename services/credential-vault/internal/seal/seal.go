// Package seal encrypts the secrets of connections. It is the only package of
// the vault that knows cryptography, and all of it comes from Tink.
//
// There are two levels of keys. Each environment has a keyset of data keys,
// which encrypts its secrets with AES-256-GCM. The keyset itself is stored
// encrypted by the key-encryption key, a [KEK], which is never stored beside
// it: it comes from a file ([LoadFile], [CreateFile]), and a key management
// service is one more file like that one.
//
//	keys, err := seal.Unlock(ctx, filepath.Join(dir, "kek.json"), store)
//	…
//	blob, err := keys.Seal(ctx, place, password)
//
// Nothing opens anywhere but where it was sealed. The keyset is bound to its
// environment and its version, a secret to its connection, parameter and
// version, as the associated data of the encryption.
package seal

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// blobFormat is the first byte of every sealed secret: it is Tink's, followed by
// four bytes with the id of the data key, the nonce, the ciphertext and the tag.
// Another layout would begin with another byte.
const blobFormat = 1

var _ core.Sealer = (*Keyring)(nil)

// Seal encrypts a secret for its place, with the newest data key of its
// environment. The first secret of an environment creates the keyset.
func (k *Keyring) Seal(ctx context.Context, at core.Place, value secret.Text) ([]byte, error) {
	if len(at.Key) > 0 {
		return k.sealWithKey(ctx, at, value)
	}
	keys, err := k.writing(ctx, at.Environment)
	if err != nil {
		return nil, fmt.Errorf("seal a secret of %s: %w", at.Resource, err)
	}
	var blob []byte
	err = value.Use(reveal.Grant(), func(plain []byte) (err error) {
		blob, err = keys.aead.Encrypt(plain, associated(at))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("seal a secret of %s: %w", at.Resource, err)
	}
	return blob, nil
}

// Open decrypts what Seal made for the same place, also with keys that were
// rotated out since. The caller clears the secret.
func (k *Keyring) Open(ctx context.Context, at core.Place, blob []byte) (secret.Text, error) {
	if len(blob) == 0 || blob[0] != blobFormat {
		return secret.Text{}, unreadable(at, fmt.Errorf("a blob of %d bytes is not in format %d", len(blob), blobFormat))
	}
	if len(at.Key) > 0 {
		return k.openWithKey(ctx, at, blob)
	}
	keys, err := k.reading(ctx, at.Environment)
	if err != nil {
		return secret.Text{}, explain(at, err)
	}
	plain, err := keys.aead.Decrypt(blob, associated(at))
	if err != nil {
		// Another process may have sealed it with a key that is newer than ours.
		if keys, err = k.refreshed(ctx, at.Environment, keys); err != nil {
			return secret.Text{}, explain(at, err)
		}
		if plain, err = keys.aead.Decrypt(blob, associated(at)); err != nil {
			return secret.Text{}, unreadable(at, err)
		}
	}
	defer clear(plain)
	return secret.New(plain), nil
}

// associated is what a ciphertext is bound to. Neither a connection's name nor
// a version can hold a NUL, so two places never give the same bytes, whatever
// the parameter is called.
func associated(at core.Place) []byte {
	return []byte(at.Resource + "\x00" + at.Parameter + "\x00" + at.Version)
}

// explain keeps apart what will not get better by itself, a key that does not
// fit, and what may, such as a store that is closing.
func explain(at core.Place, err error) error {
	if isKeyError(err) {
		return unreadable(at, err)
	}
	return fmt.Errorf("open a secret of %s: %w", at.Resource, err)
}

// unreadable is the one answer to everything that does not decrypt: which of
// key, place and bytes is wrong cannot be told, and is nobody's business.
func unreadable(at core.Place, cause error) error {
	return fault.Precondition(fault.ReasonCredentialUnreadable,
		"a secret of %s cannot be decrypted with the vault's present keys; enter its secrets again, or have the operator restore the key file", at.Resource).
		With("connection", at.Resource).Because(cause)
}
