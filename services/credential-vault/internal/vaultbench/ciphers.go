package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

const (
	// secretSize is the size of the secret that is sealed and opened, in bytes.
	secretSize = 1 << 10
	// perRound is how often something is done without looking at the clock, rounds
	// how often that is repeated; the median counts. A round is shorter than the time
	// after which a busy system gives the processor to somebody else.
	perRound = 500
	rounds   = 101
)

// ciphers compares sealing and opening with the bare cipher.
func ciphers(ctx context.Context) ([]Cipher, error) {
	dir, err := os.MkdirTemp("", "vaultbench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	keys, err := seal.Unlock(ctx, filepath.Join(dir, "kek.json"), store.New(memkv.New(), func() {}))
	if err != nil {
		return nil, err
	}
	plain := make([]byte, secretSize)
	_, _ = rand.Read(plain)
	value := secret.New(plain)
	at := core.Place{Environment: "default", Resource: "environments/default/connections/crm", Parameter: "api_key", Version: "1"}
	if at.Key, err = keys.NewKey(ctx, at.Environment, at.Resource); err != nil {
		return nil, err
	}
	blob, err := keys.Seal(ctx, at, value)
	if err != nil {
		return nil, err
	}
	bare, err := newBare()
	if err != nil {
		return nil, err
	}
	bound := []byte(at.Resource + at.Parameter + at.Version)
	sealed := bare.seal(plain, bound)
	return []Cipher{
		compared("sealing", func() { bare.seal(plain, bound) }, func() { _, _ = keys.Seal(ctx, at, value) }),
		compared("opening", func() { bare.open(sealed, bound) }, func() {
			opened, _ := keys.Open(ctx, at, blob)
			opened.Clear()
		}),
	}, nil
}

// compared measures how long both take once. They take turns, so that whatever else
// the machine does slows down both.
func compared(name string, bare, ours func()) Cipher {
	var took [2][]time.Duration
	now := clock.System()
	for range rounds {
		for i, work := range []func(){bare, ours} {
			begin := now.Now()
			for range perRound {
				work()
			}
			took[i] = append(took[i], now.Now().Sub(begin)/perRound)
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	return Cipher{Name: name, Bare: took[0][rounds/2], Ours: took[1][rounds/2]}
}

// bare is AES-256-GCM of the standard library, with a random nonce in front.
type bare struct{ aead cipher.AEAD }

func newBare() (bare, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return bare{}, fmt.Errorf("make the bare cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return bare{}, fmt.Errorf("make the bare cipher: %w", err)
	}
	return bare{aead}, nil
}

func (b bare) seal(plain, bound []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	_, _ = rand.Read(nonce)
	return b.aead.Seal(nonce, nonce, plain, bound)
}

func (b bare) open(blob, bound []byte) []byte {
	size := b.aead.NonceSize()
	plain, _ := b.aead.Open(nil, blob[:size], blob[size:], bound)
	return plain
}
