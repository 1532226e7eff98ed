package oauth

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// randomBytes is the entropy of states and verifiers: 256 bits, which are the 43
// characters that RFC 7636, section 4.1 wants at least.
const randomBytes = 32

// NewState returns 256 random bits as 43 characters that need no escaping, for
// [Attempt] State and Nonce.
func NewState() string { return base64.RawURLEncoding.EncodeToString(random()) }

// NewVerifier returns a code verifier of 43 characters (RFC 7636, section 4.1).
func NewVerifier() secret.Text {
	bits := random()
	defer clear(bits)
	text := base64.RawURLEncoding.AppendEncode(nil, bits)
	defer clear(text)
	return secret.New(text)
}

// random returns fresh random bytes. Package rand ends the process if there are
// none, so there is no error to handle.
func random() []byte {
	bits := make([]byte, randomBytes)
	_, _ = rand.Read(bits)
	return bits
}
