// Package seal encrypts the secrets of the vault. It is the only package of the
// vault that encrypts what is stored, with Tink and the standard library.
//
// There are three levels of keys:
//
//   - the key-encryption key, a [KEK]: it encrypts keysets and nothing else, and
//     is never stored beside them. [Open] takes it from a file or from a key
//     management service;
//   - a keyset of data keys for each environment, stored encrypted by the KEK. It
//     encrypts the keys of resources, and the few secrets that have no resource;
//   - a key for each resource, stored encrypted with its record. It encrypts the
//     resource's secrets, so deleting the record destroys all copies of them.
//
// All of them are keys for AES-256-GCM.
//
//	keys, err := seal.Unlock(ctx, "file:/var/lib/ferrule/kek.json", store)
//	…
//	place.Key, err = keys.NewKey(ctx, place.Environment, place.Resource)
//	blob, err := keys.Seal(ctx, place, password)
//
// Nothing opens anywhere but where it was sealed. The keyset is bound to its
// environment and its version, a key to its resource, a secret to its resource,
// parameter and version, as the associated data of the encryption.
//
// The two upper levels are exchanged while others seal and open: [Keyring]
// implements core.Keys, the steps of that.
package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// blobFormat is the first byte of every sealed secret. Under a data key Tink's
// format follows: four bytes with the id of the key, the nonce, the ciphertext
// and the tag. Under the key of a resource the four bytes are missing. Another
// layout would begin with another byte.
const blobFormat = 1

var (
	_ core.Sealer = (*Keyring)(nil)
	_ core.Keys   = (*Keyring)(nil)
)

// Seal encrypts a secret for its place: with the key of the place, or with the
// newest data key of its environment. The first secret of an environment creates
// the keyset.
func (k *Keyring) Seal(ctx context.Context, at core.Place, value secret.Text) ([]byte, error) {
	blob, err := k.seal(ctx, at, value)
	if err != nil {
		return nil, fmt.Errorf("seal a secret of %s: %w", at.Resource, err)
	}
	return blob, nil
}

func (k *Keyring) seal(ctx context.Context, at core.Place, value secret.Text) ([]byte, error) {
	if len(at.Key) > 0 {
		c, err := k.cipher(ctx, at)
		if err != nil {
			return nil, err
		}
		return sealWith(c, at, value), nil
	}
	keys, err := k.writing(ctx, at.Environment)
	if err != nil {
		return nil, err
	}
	return keys.seal(at, value)
}

// Open decrypts what Seal made for the same place, also with keys that were
// rotated out since. The caller clears the secret.
func (k *Keyring) Open(ctx context.Context, at core.Place, blob []byte) (secret.Text, error) {
	if err := checkFormat(at, blob); err != nil {
		return secret.Text{}, err
	}
	if len(at.Key) > 0 {
		return k.openOwned(ctx, at, blob)
	}
	keys, err := k.reading(ctx, at.Environment)
	if err != nil {
		return secret.Text{}, explain(at, err)
	}
	value, err := keys.open(at, blob)
	if err == nil {
		return value, nil
	}
	// Another process may have sealed it with a key that is newer than ours.
	if keys, err = k.refreshed(ctx, at.Environment, keys); err != nil {
		return secret.Text{}, explain(at, err)
	}
	return keys.open(at, blob)
}

// seal encrypts directly with the newest data key.
func (d *dataKeys) seal(at core.Place, value secret.Text) (blob []byte, err error) {
	err = value.Use(reveal.Grant(), func(plain []byte) (err error) {
		blob, err = d.aead.Encrypt(plain, associated(at))
		return err
	})
	return blob, err
}

// open decrypts what was sealed directly with any of the data keys.
func (d *dataKeys) open(at core.Place, blob []byte) (secret.Text, error) {
	plain, err := d.aead.Decrypt(blob, associated(at))
	if err != nil {
		return secret.Text{}, unreadable(at, err)
	}
	defer clear(plain)
	return secret.New(plain), nil
}

// checkFormat refuses blobs that this program did not make.
func checkFormat(at core.Place, blob []byte) error {
	if len(blob) == 0 || blob[0] != blobFormat {
		return unreadable(at, fmt.Errorf("a blob of %d bytes is not in format %d", len(blob), blobFormat))
	}
	return nil
}

// associated is what a ciphertext is bound to. Neither a resource's name nor a
// version can hold a NUL, so two places never give the same bytes, whatever the
// parameter is called.
func associated(at core.Place) []byte {
	return appendAssociated(make([]byte, 0, associatedSize(at)), at)
}

func associatedSize(at core.Place) int {
	return len(at.Resource) + 1 + len(at.Parameter) + 1 + len(at.Version)
}

func appendAssociated(b []byte, at core.Place) []byte {
	b = append(append(b, at.Resource...), 0)
	b = append(append(b, at.Parameter...), 0)
	return append(b, at.Version...)
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

// isKeyError reports whether err is about keys, and not about reaching them.
func isKeyError(err error) bool {
	_, ok := errors.AsType[*keyError](err)
	return ok || errors.Is(err, ErrNoKeyset)
}
