package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// MaxTokenLife is the longest that a token may be valid.
	MaxTokenLife = 366 * 24 * time.Hour
	// MaxTokenSize is the length in bytes over which a token is refused unread.
	MaxTokenSize = 8 << 10
	// MaxNameSize is the longest name of a principal, in bytes.
	MaxNameSize = 256

	// issuerName is the only "iss" that is accepted.
	issuerName = "ferrule"
)

// claims is the payload of our tokens.
type claims struct {
	jwt.RegisteredClaims

	Roles []Role `json:"roles,omitempty"`
}

// Issuer makes tokens. It is safe for concurrent use.
type Issuer struct {
	key   *Key
	clock clock.Clock
}

// NewIssuer returns an issuer that signs with key and dates by c.
func NewIssuer(key *Key, c clock.Clock) *Issuer { return &Issuer{key: key, clock: c} }

// Issue returns a token for the user p that is valid for ttl from now, cut to
// whole seconds. It refuses services, whose identity is their connection's;
// names that are empty, over [MaxNameSize] or not printable; roles that do not
// exist; and a ttl under a second or over [MaxTokenLife]. Whoever holds the
// token is p: keep it like a password.
func (i *Issuer) Issue(p Principal, ttl time.Duration) (string, error) {
	if err := checkIssue(p, ttl); err != nil {
		return "", err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("make token id: %w", err)
	}
	now := i.clock.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuerName,
			Subject:   p.Name,
			ID:        id.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Roles: p.Roles,
	})
	token.Header["kid"] = i.key.public.id
	signed, err := token.SignedString(i.key.signer())
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}

func checkIssue(p Principal, ttl time.Duration) error {
	invalid := fault.Invalid(fault.ReasonInvalidArgument, "no token can be issued for this; see the violations")
	switch {
	case p.Kind != KindUser:
		return invalid.Field("principal.kind", "must be user: a service is known by its connection, not by a token")
	case !ValidName(p.Name):
		return invalid.Field("principal.name", fmt.Sprintf("must be 1 to %d bytes of printable text", MaxNameSize))
	case ttl < time.Second || ttl > MaxTokenLife:
		return invalid.Field("ttl", fmt.Sprintf("must be from 1s to %s", MaxTokenLife))
	}
	for n, role := range p.Roles {
		if role.width() == 0 {
			return invalid.Field(fmt.Sprintf("principal.roles[%d]", n), "must be admin, maker or user")
		}
	}
	return nil
}

// ValidName reports whether a principal can have a name: 1 to [MaxNameSize] bytes
// of printable text without space around it, which is safe to show in logs and to
// compare by bytes.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxNameSize && utf8.ValidString(name) &&
		strings.TrimSpace(name) == name &&
		strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// maxKnownTokens bounds the tokens that a verifier remembers.
const maxKnownTokens = 10_000

// TokenVerifier checks the tokens of [Issuer]. It remembers, by their hash,
// those that are good: checking a signature costs more than all the rest of a
// short call. It is safe for concurrent use.
type TokenVerifier struct {
	clock  clock.Clock
	keys   map[string]PublicKey
	parser *jwt.Parser
	known  *otter.Cache[[sha256.Size]byte, knownToken]
}

// knownToken is what a good token says, until it expires.
type knownToken struct {
	principal Principal
	from, end time.Time
}

var _ Verifier = (*TokenVerifier)(nil)

// NewVerifier returns a verifier that accepts tokens signed with any of the
// keys, so that a new key can come before the old one goes. Without keys it
// accepts nothing.
func NewVerifier(c clock.Clock, keys ...PublicKey) *TokenVerifier {
	v := &TokenVerifier{
		clock: c,
		known: otter.Must(&otter.Options[[sha256.Size]byte, knownToken]{MaximumSize: maxKnownTokens}),
		keys:  make(map[string]PublicKey, len(keys)),
		parser: jwt.NewParser(
			// Pinned: what the token says about its algorithm decides nothing.
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithIssuer(issuerName),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(c.Now),
			// One token has one spelling: no stray bits in its base64.
			jwt.WithStrictDecoding(),
		),
	}
	for _, k := range keys {
		if k.id != "" {
			v.keys[k.id] = k
		}
	}
	return v
}

// Verify returns the user whom the token names. It accepts Ed25519 signatures
// of its own keys alone, within the token's life and size limit. Roles that it
// does not know are left out, so that a newer issuer may have more. It does no
// input or output and ignores ctx.
func (v *TokenVerifier) Verify(_ context.Context, token string) (Principal, error) {
	if len(token) > MaxTokenSize {
		return Principal{}, refused(errors.New("the token is over the size limit"))
	}
	hash := sha256.Sum256([]byte(token))
	now := v.clock.Now()
	if t, ok := v.known.GetIfPresent(hash); ok && !now.Before(t.from) && now.Before(t.end) {
		return t.principal, nil
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keyOf); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Principal{}, fault.Unauthenticated(fault.ReasonUnauthenticated, "the token has expired; get a new one").Because(err)
		}
		return Principal{}, refused(err)
	}
	if !ValidName(c.Subject) {
		return Principal{}, refused(errors.New("the subject is not a valid name"))
	}
	roles := slices.DeleteFunc(c.Roles, func(r Role) bool { return r.width() == 0 })
	p := Principal{Kind: KindUser, Name: c.Subject, Roles: roles}
	// From now: that a token is not yet valid is checked again if the clock is
	// set back.
	v.known.Set(hash, knownToken{principal: p, from: now, end: c.ExpiresAt.Time})
	return p, nil
}

// keyOf returns the key that must have signed the token.
func (v *TokenVerifier) keyOf(t *jwt.Token) (any, error) {
	// RFC 7515, section 4.1.11: what is critical and not understood is refused.
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New("the token has critical headers")
	}
	kid, _ := t.Header["kid"].(string)
	key, ok := v.keys[kid]
	if !ok {
		return nil, errors.New("the token names no key of ours")
	}
	return key.key, nil
}

// refused tells strangers nothing about what is wrong with their token.
func refused(cause error) error {
	return fault.Unauthenticated(fault.ReasonUnauthenticated, "the token is not valid; get a new one").Because(cause)
}
