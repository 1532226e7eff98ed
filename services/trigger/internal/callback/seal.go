package callback

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// sinkSecretPrefix begins every signing secret (Standard Webhooks, section
// "Signature scheme").
const sinkSecretPrefix = "whsec_"

// errSealed says that sealed bytes cannot be opened here.
var errSealed = errors.New("a sealed secret cannot be opened: it was made with another webhook key, or for another place")

// Seal encrypts a secret that somebody has given to a subscription, for one of its
// fields: AES-256-GCM with a random nonce. It opens nowhere else.
func (k *Keys) Seal(uid, field string, secret []byte) ([]byte, error) {
	sealer, err := k.sealer()
	if err != nil {
		return nil, err
	}
	return sealer.Seal(nil, nil, secret, place(uid, field)), nil //nolint:gosec // it makes its own random nonce
}

// Open decrypts what Seal made for the same place. The caller clears the result.
func (k *Keys) Open(uid, field string, sealed []byte) ([]byte, error) {
	sealer, err := k.sealer()
	if err != nil {
		return nil, err
	}
	secret, err := sealer.Open(nil, nil, sealed, place(uid, field))
	if err != nil {
		return nil, errSealed // the cause would tell nothing more
	}
	return secret, nil
}

func (k *Keys) sealer() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.seal)
	if err != nil {
		return nil, fmt.Errorf("read the sealing key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// place is what sealed bytes are bound to. A unique id has no NUL.
func place(uid, field string) []byte { return []byte(uid + "\x00" + field) }

// SinkSecret returns the secret number n, from 0, with which deliveries to a sink
// are signed: "whsec_" and 32 bytes in base64.
func (k *Keys) SinkSecret(uid, sink string, n int) string {
	of := uid + "\x00" + sink + "\x00" + strconv.Itoa(n)
	return sinkSecretPrefix + base64.StdEncoding.EncodeToString(sum(k.sink, []byte(of)))
}
