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
	// how often that is repeated; the median counts.
	perRound = 2000
	rounds   = 15
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
		{"sealing", timed(func() { bare.seal(plain, bound) }), timed(func() { _, _ = keys.Seal(ctx, at, value) })},
		{"opening", timed(func() { bare.open(sealed, bound) }), timed(func() {
			opened, _ := keys.Open(ctx, at, blob)
			opened.Clear()
		})},
	}, nil
}

// timed returns how long something takes once.
func timed(work func()) time.Duration {
	now := clock.System()
	took := make([]time.Duration, 0, rounds)
	for range rounds {
		begin := now.Now()
		for range perRound {
			work()
		}
		took = append(took, now.Now().Sub(begin)/perRound)
	}
	slices.Sort(took)
	return took[rounds/2]
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
