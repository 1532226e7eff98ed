package binding

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// SubjectHeader is the name under which callers send their own token at the
// provider of a connection, as a header of HTTP and, in lower case, as metadata
// of gRPC.
const SubjectHeader = "Ferrule-Subject-Token"

// maxSubject is the longest subject token, in bytes, as the vault takes it.
const maxSubject = 16 << 10

// Subject is the token of a caller at the provider, for connections that exchange
// it for one of their own. It goes to the vault and nowhere else, and prints
// nothing. The zero value is none. It can be compared.
type Subject struct {
	token string
	hash  [sha256.Size]byte
}

// NewSubject returns the subject of what a caller sent, none for nothing. More
// than one value, and more than 16 KiB, are INVALID_ARGUMENT.
func NewSubject(values []string) (Subject, error) {
	switch {
	case len(values) == 0 || (len(values) == 1 && values[0] == ""):
		return Subject{}, nil
	case len(values) > 1 || len(values[0]) > maxSubject:
		return Subject{}, fault.Invalid(fault.ReasonInvalidArgument,
			"%s must be one token of at most %d bytes", SubjectHeader, maxSubject)
	}
	return Subject{token: values[0], hash: sha256.Sum256([]byte(values[0]))}, nil
}

// Token returns the token, for the vault.
func (s Subject) Token() string { return s.token }

// Format implements [fmt.Formatter]: the token is never shown.
func (s Subject) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[subject]") }

// Fingerprint returns a text that tells tokens apart and says nothing about them;
// empty for none.
func (s Subject) Fingerprint() string {
	if s.token == "" {
		return ""
	}
	return string(s.hash[:])
}
