// Package signature verifies that a notification comes from the API that was
// asked to send it. What a scheme needs to know about one API is data, a
// [Rule]; how it computes is code, one file for each scheme.
//
//	verifier, err := signature.New(signature.Rule{Scheme: "hmac-sha256", Header: "X-Signature"})
//	…
//	err = verifier.Verify(signature.Message{Header: header, Body: raw}, secret)
//
// A new scheme is a file of this package and a line in schemes. Signatures are
// computed over the raw bytes that arrived, and compared in constant time.
package signature

import (
	"errors"
	"fmt"
	"net/http"
)

// Errors of this package.
var (
	// ErrUnknownScheme says that there is no such scheme.
	ErrUnknownScheme = errors.New("unknown signature scheme")
	// ErrRule says that a rule lacks something or contradicts itself.
	ErrRule = errors.New("the signature's declaration cannot be used")
	// ErrMissing says that a notification has no signature.
	ErrMissing = errors.New("the notification is not signed")
	// ErrMismatch says that a signature does not fit the notification.
	ErrMismatch = errors.New("the signature does not fit")
)

// Rule says how one API signs. It is kept with a subscription, so its JSON form
// must stay readable.
type Rule struct {
	// Scheme is the name of the scheme.
	Scheme string `json:"scheme"`
	// Header carries the signature.
	Header string `json:"header"`
	// Prefix stands in front of the signature; it must be there exactly so.
	Prefix string `json:"prefix,omitempty"`
	// Encoding is "hex" or "base64"; empty means hex.
	Encoding string `json:"encoding,omitempty"`
}

// Message is a notification as it arrived.
type Message struct {
	// Header holds the header fields under their canonical names.
	Header http.Header
	// Body is the exact bytes.
	Body []byte
}

// Verifier verifies notifications by one rule. It is safe for concurrent use.
type Verifier interface {
	// Verify returns nil if the message was signed with the secret, and
	// otherwise an error that is [ErrMissing] or [ErrMismatch]. It tells
	// nothing about the right signature.
	Verify(m Message, secret []byte) error
}

// New returns the verifier of a rule. Its error is [ErrUnknownScheme] or
// [ErrRule].
func New(rule Rule) (Verifier, error) {
	build, ok := schemes()[rule.Scheme]
	if !ok {
		return nil, fmt.Errorf("%w %q", ErrUnknownScheme, rule.Scheme)
	}
	return build(rule)
}

// schemes is the table of what can be verified.
func schemes() map[string]func(Rule) (Verifier, error) {
	return map[string]func(Rule) (Verifier, error){
		"hmac-sha256": newHMACSHA256,
	}
}

// single returns the only value of a header. A second value would leave open
// which of them was meant, so it is as bad as none.
func single(h http.Header, name string) (string, error) {
	values := h.Values(name)
	switch len(values) {
	case 0:
		return "", ErrMissing
	case 1:
		return values[0], nil
	}
	return "", fmt.Errorf("%w: the header %s occurs %d times", ErrMismatch, name, len(values))
}
