package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

const (
	// resourceKeySize is the size of the key of one resource: AES-256.
	resourceKeySize = 32
	// maxWrappedKey bounds an encrypted key in bytes. Ours take 65.
	maxWrappedKey = 256
)

// NewKey implements core.Sealer.
func (k *Keyring) NewKey(ctx context.Context, environment, resource string) ([]byte, error) {
	fresh := freshKey()
	defer fresh.Clear()
	return k.Seal(ctx, core.KeyPlace(environment, resource), fresh)
}

// linkInfo separates link keys from whatever else may be derived of a key one day.
const linkInfo = "ferrule link key 1\n"

// LinkKey implements core.Sealer with HKDF-SHA256 (RFC 5869).
func (k *Keyring) LinkKey(ctx context.Context, environment, resource string, key []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, nil
	}
	own, err := k.Open(ctx, core.KeyPlace(environment, resource), key)
	if err != nil {
		return nil, err
	}
	defer own.Clear()
	var derived []byte
	err = own.Use(reveal.Grant(), func(raw []byte) error {
		derived, err = hkdf.Key(sha256.New, raw, nil, linkInfo+resource, sha256.Size)
		return err
	})
	return derived, err
}

// freshKey returns a new random key.
func freshKey() secret.Text {
	raw := make([]byte, resourceKeySize)
	defer clear(raw)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	return secret.New(raw)
}

// Forget drops the decrypted key of a resource from memory, after the encrypted
// one, which is given, has been deleted.
func (k *Keyring) Forget(key []byte) {
	k.unwrapped.forget(key)
}

// cipher returns the encryption with the key of a resource.
func (k *Keyring) cipher(ctx context.Context, at core.Place) (cipher.AEAD, error) {
	if len(at.Key) > maxWrappedKey {
		return nil, unreadable(at, fmt.Errorf("its key takes %d bytes and may take %d", len(at.Key), maxWrappedKey))
	}
	if known, ok := k.unwrapped.get(at); ok {
		return known, nil
	}
	key, err := k.Open(ctx, core.KeyPlace(at.Environment, at.Resource), at.Key)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	fresh, err := newCipher(key)
	if err != nil {
		return nil, unreadable(at, err)
	}
	k.unwrapped.put(at, fresh)
	return fresh, nil
}

// newCipher returns AES-256-GCM with random nonces of 96 bits. A resource has a
// few hundred secrets in its life, far below the 2^32 for which such nonces are
// safe (NIST SP 800-38D, section 8.3).
func newCipher(key secret.Text) (sealer cipher.AEAD, err error) {
	err = key.Use(reveal.Grant(), func(raw []byte) error {
		if len(raw) != resourceKeySize {
			return errors.New("its key has another size")
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return err
		}
		sealer, err = cipher.NewGCMWithRandomNonce(block)
		return err
	})
	return sealer, err
}

// sealWith encrypts a secret: the format's byte, the nonce, the ciphertext and
// the tag. The one copy of the secret is overwritten by its ciphertext.
func sealWith(c cipher.AEAD, at core.Place, value secret.Text) []byte {
	blob := value.Within(reveal.Grant(), 1, c.Overhead())
	blob[0] = blobFormat
	return c.Seal(blob[:1], nil, blob[1:], associated(at)) //nolint:gosec // it makes its own random nonce
}

// openWith decrypts what sealWith made. The plaintext and, behind it, what it is
// bound to share an allocation.
func openWith(c cipher.AEAD, at core.Place, blob []byte) (secret.Text, error) {
	size := max(0, len(blob)-1-c.Overhead())
	room := make([]byte, size, size+associatedSize(at))
	bound := appendAssociated(room, at)[size:]
	plain, err := c.Open(room[:0:size], nil, blob[1:], bound)
	if err != nil {
		return secret.Text{}, unreadable(at, err)
	}
	return secret.Take(plain), nil
}

// openOwned decrypts what was sealed with the key of a resource.
func (k *Keyring) openOwned(ctx context.Context, at core.Place, blob []byte) (secret.Text, error) {
	c, err := k.cipher(ctx, at)
	if err != nil {
		return secret.Text{}, err
	}
	return openWith(c, at, blob)
}
