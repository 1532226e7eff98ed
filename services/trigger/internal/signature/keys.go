package signature

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// Prefixes of secrets and public keys (Standard Webhooks, section "Signature
// scheme").
const (
	secretPrefix = "whsec_"
	publicPrefix = "whpk_"
)

// keyOf makes the key out of a secret, as the rule says.
func keyOf(r Rule, secret []byte) ([]byte, error) {
	var key []byte
	var err error
	switch r.KeyEncoding {
	case "base64":
		text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(string(secret)), secretPrefix), publicPrefix)
		if key, err = decodeBase64(text); err != nil {
			return nil, fmt.Errorf("%w: it is not base64", ErrSecret)
		}
	case "hex":
		if key, err = hex.DecodeString(strings.TrimSpace(string(secret))); err != nil {
			return nil, fmt.Errorf("%w: it does not consist of hexadecimal digits", ErrSecret)
		}
	default:
		key = bytes.Clone(secret)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrSecret)
	}
	return key, nil
}

// publicKeys reads public keys of one kind: PEM, in which several may stand, or
// what the rule's key encoding says, DER (RFC 5280, SubjectPublicKeyInfo) or, for
// Ed25519, the 32 bytes alone.
func publicKeys[K crypto.PublicKey](r Rule, secrets [][]byte) ([]K, error) {
	var keys []K
	for _, secret := range secrets {
		found, err := parsePublic(r, secret)
		if err != nil {
			return nil, err
		}
		for _, key := range found {
			typed, ok := key.(K)
			if !ok {
				return nil, fmt.Errorf("%w: it is a key for another scheme than %s", ErrSecret, r.Scheme)
			}
			keys = append(keys, typed)
		}
	}
	return keys, nil
}

func parsePublic(r Rule, secret []byte) ([]crypto.PublicKey, error) {
	if isPEM(secret) {
		return parsePEM(secret)
	}
	raw, err := keyOf(r, secret)
	if err != nil {
		return nil, err
	}
	if r.Scheme == "ed25519" && len(raw) == ed25519.PublicKeySize {
		return []crypto.PublicKey{ed25519.PublicKey(raw)}, nil
	}
	key, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no public key", ErrSecret)
	}
	return []crypto.PublicKey{key}, nil
}

func isPEM(secret []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(secret), []byte("-----BEGIN "))
}

// parsePEM reads all public keys of a PEM text.
func parsePEM(text []byte) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("%w: it holds something else than public keys", ErrSecret)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: it holds a public key that cannot be read", ErrSecret)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: it holds no public key", ErrSecret)
	}
	return keys, nil
}
