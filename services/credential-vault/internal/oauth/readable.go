package oauth

import "github.com/ferrule-dev/ferrule/pkg/secret"

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
