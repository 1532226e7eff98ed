package oauth

import (
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// CheckKey returns why a private key cannot sign assertions, nil if it can: PEM
// (PKCS#1, PKCS#8 or SEC 1) or a JWK. The error never repeats any of it.
func CheckKey(text secret.Text) error {
	key, err := newSigner(text, "", "")
	if err != nil {
		return err
	}
	key.clear()
	return nil
}

// leastSecret is the length of the shortest secret that signs with HS256, in bytes
// (RFC 7518, section 3.2).
const leastSecret = 32

// CheckSecret returns why a client secret cannot sign assertions, nil if it can. The
// error never repeats any of it.
func CheckSecret(text secret.Text) error {
	raw := opened(text)
	defer clear(raw)
	if len(raw) < leastSecret {
		return fmt.Errorf("a secret that signs has %d bytes at least; use client_secret_basic, or have the provider make a longer one", leastSecret)
	}
	return nil
}
