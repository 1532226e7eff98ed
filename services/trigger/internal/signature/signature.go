// Package signature verifies that a notification comes from the API that was
// asked to send it. What has to be known about one API is data, a [Rule]: it
// mirrors ferrule.connector.v1.WebhookSignature. A rule may name a [Preset], which
// is a file in the folder presets; how signatures are computed is code, one file
// for each family of schemes.
//
//	verifier, err := signature.New(signature.Rule{Scheme: "github"}, signature.Keys{Secrets: [][]byte{secret}})
//	…
//	proof, err := verifier.Verify(ctx, message, now)
//
// Signatures are computed over the raw bytes that arrived, and compared in constant
// time. A header that carries something of a signature must occur exactly once. A
// rule that would leave the body, or the time that it relies on, open to change is
// no rule: [New] refuses it.
//
// A new API is a file in presets; a new family is an entry in families.
package signature

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Errors of this package.
var (
	// ErrUnknownScheme says that there is neither a scheme nor a preset of a name.
	ErrUnknownScheme = errors.New("unknown signature scheme")
	// ErrRule says that a rule lacks something or contradicts itself.
	ErrRule = errors.New("the signature's declaration cannot be used")
	// ErrSecret says that a secret is not what its scheme needs. It tells nothing
	// of the secret.
	ErrSecret = errors.New("the secret cannot be used")
	// ErrMissing says that a notification has no signature.
	ErrMissing = errors.New("the notification is not signed")
	// ErrMismatch says that a signature does not fit the notification.
	ErrMismatch = errors.New("the signature does not fit")
	// ErrExpired says that the time of signing is too far from ours.
	ErrExpired = errors.New("the notification was signed at another time")
	// ErrKeys says that the signer's keys could not be had just now: nothing is
	// known about the notification, and asking again may help.
	ErrKeys = errors.New("the signer's keys could not be fetched")
)

const (
	// DefaultTolerance is how far the time of signing may lie from ours.
	DefaultTolerance = 5 * time.Minute
	// MaxTolerance is the most that a rule may allow.
	MaxTolerance = 24 * time.Hour
	// maxCandidates bounds the signatures in one header that are looked at.
	maxCandidates = 16
)

// Message is a notification as it arrived.
type Message struct {
	// Method is the HTTP method.
	Method string
	// URL is the absolute URL that the API was told, with the query that arrived.
	// It is never taken from the notification's headers.
	URL string
	// Header holds the header fields under their canonical names.
	Header http.Header
	// Body is the exact bytes.
	Body []byte
}

// Proof is what a notification that was verified says about itself.
type Proof struct {
	// ID is the unique id that it carries in the header that the rule names, or in
	// the claim "jti"; empty if there is none.
	ID string
	// Time is when it was signed, as the signature proves; zero if that is not
	// known.
	Time time.Time
}

// Keys are what signatures are verified with.
type Keys struct {
	// Secrets are what the rule's scheme asks for, the present one first. A
	// signature by any of them is accepted, which is how secrets are replaced.
	Secrets [][]byte
	// Sets returns the keys at a rule's jwks_url; only needed for those.
	Sets KeySets
}

// KeySets returns the public keys of signers.
type KeySets interface {
	// Key returns the key with that id at an address (RFC 7517); the only one if
	// the id is empty. Its error is [ErrKeys] if nobody knows, and [ErrMismatch] if
	// there is no such key.
	Key(ctx context.Context, address, id string) (crypto.PublicKey, error)
}

// Verifier verifies notifications by one rule and its secrets. It is made once
// and safe for concurrent use.
type Verifier struct {
	rule  Rule
	prove func(ctx context.Context, m Message, now time.Time) (Proof, error)
}

// New returns the verifier of a rule. Its errors are [ErrUnknownScheme], [ErrRule]
// and [ErrSecret]; without any secret it is [ErrSecret], unless the rule names the
// signer's public keys.
func New(rule Rule, keys Keys) (*Verifier, error) {
	full, _, err := Resolve(rule)
	if err != nil {
		return nil, err
	}
	if len(keys.Secrets) == 0 && full.NeedsSecret() {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	for _, secret := range keys.Secrets {
		if len(secret) == 0 {
			return nil, fmt.Errorf("%w: it is empty", ErrSecret)
		}
	}
	prove, err := families()[full.Scheme].build(full, keys)
	if err != nil {
		return nil, err
	}
	return &Verifier{rule: full, prove: prove}, nil
}

// Rule returns the rule with all that its preset says.
func (v *Verifier) Rule() Rule { return v.rule }

// Verify returns what is proven if the message was signed with one of the secrets,
// and otherwise an error that is [ErrMissing], [ErrMismatch], [ErrExpired] or
// [ErrKeys]. It tells nothing about the right signature.
func (v *Verifier) Verify(ctx context.Context, m Message, now time.Time) (Proof, error) {
	return v.prove(ctx, m, now)
}

// prover is how one rule is applied.
type prover = func(ctx context.Context, m Message, now time.Time) (Proof, error)

// family is how the rules of one scheme are checked and applied.
type family struct {
	// check says what is wrong with a rule; nil if nothing is.
	check func(Rule) error
	// build makes the prover of a rule that was checked.
	build func(Rule, Keys) (prover, error)
}

// families is the table of what can be verified.
func families() map[string]family {
	return map[string]family{
		"hmac":       {check: checkSigned, build: newHMAC},
		"hash":       {check: checkSigned, build: newHash},
		"ed25519":    {check: checkSigned, build: newEd25519},
		"ecdsa-p256": {check: checkSigned, build: newECDSA},
		"jwt":        {check: checkJWT, build: newJWT},
		"basic":      {check: checkBare, build: newBasic},
		"token":      {check: checkBare, build: newToken},
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

// idOf returns the id that a header names; empty if there is not exactly one.
func idOf(h http.Header, name string) string {
	if name == "" {
		return ""
	}
	id, _ := single(h, name)
	return id
}
