// Package callback derives what a webhook needs and nobody else may know: the
// unguessable part of its callback URL, the secret that its API signs with, and
// the secrets with which deliveries to sinks are signed. It also seals the secrets
// that people give.
//
// What is derived is computed from the key of the installation, the subscription's
// unique id and, for the secret of an API, the number of the registration; it is stored
// nowhere. Whoever has the database alone can neither
// call a callback nor sign for an API; whoever has the key file and the database
// can, so the key file is kept like any other private key.
//
//	keys, err := callback.Open(filepath.Join(dir, "webhook.key"))
//	url := base + "/hooks/" + keys.Token(uid)
//	uid, ok := keys.UID(token)
package callback

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"sync"
)

const (
	// uidSize is the size of a unique id in bytes; as text it has twice as many
	// hexadecimal digits.
	uidSize = 16
	// keySize is the size of every key in bytes.
	keySize = 32
)

// encoding is safe in URLs; strict, so that each token has one spelling.
var encoding = base64.RawURLEncoding.Strict()

// Keys derives tokens and secrets. It is immutable and safe for concurrent use,
// and prints as nothing but its name.
type Keys struct {
	secret, seal, sink []byte
	id                 string

	tokens sync.Pool // of hashes with the key of tokens, which would be scheduled anew for each notification
}

// New returns the keys that are derived from a master key of 32 bytes.
func New(master []byte) (*Keys, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("the webhook key has %d bytes, it must have %d", len(master), keySize)
	}
	derived := map[string][]byte{}
	// One key per purpose: what is known of one says nothing about another.
	for _, purpose := range []string{"token", "secret", "seal", "sink", "id"} {
		key, err := hkdf.Key(sha256.New, master, nil, "ferrule webhook "+purpose, keySize)
		if err != nil {
			return nil, fmt.Errorf("derive the webhook key for %s: %w", purpose, err)
		}
		derived[purpose] = key
	}
	return &Keys{
		secret: derived["secret"], seal: derived["seal"], sink: derived["sink"], id: hex.EncodeToString(derived["id"][:8]),
		tokens: sync.Pool{New: func() any { return hmac.New(sha256.New, derived["token"]) }},
	}, nil
}

// ID tells keys apart. It is not secret.
func (k *Keys) ID() string { return k.id }

// String hides the keys.
func (k *Keys) String() string { return "webhook key " + k.id }

// GoString hides the keys.
func (k *Keys) GoString() string { return k.String() }

// Token returns the secret part of the callback URL of the subscription with a
// unique id of 32 hexadecimal digits: 64 characters that are safe in a URL.
func (k *Keys) Token(uid string) string {
	raw, err := hex.DecodeString(uid)
	if err != nil || len(raw) != uidSize {
		// A token for something else would never be accepted.
		return ""
	}
	return encoding.EncodeToString(append(raw, k.tokenSum(raw)...))
}

// UID returns the unique id in a token; false unless this installation made it.
// The check takes the same time for every token of the right length.
func (k *Keys) UID(token string) (string, bool) {
	raw, err := encoding.DecodeString(token)
	// The decoder skips line breaks, which no token has.
	if err != nil || len(raw) != uidSize+sha256.Size || len(token) != encoding.EncodedLen(len(raw)) {
		return "", false
	}
	if !hmac.Equal(k.tokenSum(raw[:uidSize]), raw[uidSize:]) {
		return "", false
	}
	return hex.EncodeToString(raw[:uidSize]), true
}

// Secret returns what the API of a subscription is told to sign with by one of its
// registrations: 64 hexadecimal digits, which every API takes that takes a secret at
// all. Whoever knows that of one registration knows nothing of another's.
func (k *Keys) Secret(uid string, registration int) string {
	of := uid
	if registration != 0 { // the first one's is that of the subscription
		of += "/" + strconv.Itoa(registration)
	}
	return hex.EncodeToString(sum(k.secret, []byte(of)))
}

// tokenSum is the part of a token that only this installation can compute.
func (k *Keys) tokenSum(data []byte) []byte {
	mac, _ := k.tokens.Get().(hash.Hash)
	defer k.tokens.Put(mac)
	mac.Reset()
	mac.Write(data)
	return mac.Sum(nil)
}

func sum(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}
