package seal

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// resourceKeySize is the size of the key of one resource: AES-256.
const resourceKeySize = 32

// NewKey implements core.Sealer.
func (k *Keyring) NewKey(ctx context.Context, environment, resource string) ([]byte, error) {
	fresh := make([]byte, resourceKeySize)
	defer clear(fresh)
	_, _ = rand.Read(fresh) // never fails (crypto/rand, Go 1.24)
	value := secret.New(fresh)
	defer value.Clear()
	return k.Seal(ctx, keyPlace(environment, resource), value)
}

// keyPlace is where the key of a resource belongs. Parameters have names, so no
// secret has the same place.
func keyPlace(environment, resource string) core.Place {
	return core.Place{Environment: environment, Resource: resource}
}

// primitive returns the encryption with the key of a resource.
func (k *Keyring) primitive(ctx context.Context, at core.Place) (*subtle.AESGCM, error) {
	key, err := k.Open(ctx, keyPlace(at.Environment, at.Resource), at.Key)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	var aead *subtle.AESGCM
	err = key.Use(reveal.Grant(), func(raw []byte) (err error) {
		aead, err = subtle.NewAESGCM(raw)
		return err
	})
	if err != nil {
		return nil, unreadable(at, err)
	}
	return aead, nil
}

func (k *Keyring) sealWithKey(ctx context.Context, at core.Place, value secret.Text) ([]byte, error) {
	aead, err := k.primitive(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("seal a secret of %s: %w", at.Resource, err)
	}
	blob := []byte{blobFormat}
	err = value.Use(reveal.Grant(), func(plain []byte) error {
		sealed, err := aead.Encrypt(plain, associated(at))
		blob = append(blob, sealed...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("seal a secret of %s: %w", at.Resource, err)
	}
	return blob, nil
}

func (k *Keyring) openWithKey(ctx context.Context, at core.Place, blob []byte) (secret.Text, error) {
	aead, err := k.primitive(ctx, at)
	if err != nil {
		return secret.Text{}, err
	}
	plain, err := aead.Decrypt(blob[1:], associated(at))
	if err != nil {
		return secret.Text{}, unreadable(at, err)
	}
	defer clear(plain)
	return secret.New(plain), nil
}
