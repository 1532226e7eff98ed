package oauth

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxAssertionLifetime is the longest that providers take (Google: one hour).
const maxAssertionLifetime = time.Hour

// claim is one member of an assertion; value is JSON.
type claim struct {
	name  string
	value []byte
}

// text returns a claim that is a string.
func text(name, value string) claim {
	return claim{name, appendQuoted(nil, []byte(value))}
}

// number returns a claim that is a NumericDate (RFC 7519, section 2).
func number(name string, t time.Time) claim {
	return claim{name, strconv.AppendInt(nil, t.Unix(), 10)}
}

// sign returns a JWT with the claims (RFC 7515, section 3.1).
func (s *signer) sign(claims []claim) ([]byte, error) {
	options := (&jose.SignerOptions{ExtraHeaders: s.extra}).WithType("JWT")
	if s.keyID != "" {
		options = options.WithHeader("kid", s.keyID)
	}
	maker, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: s.key}, options)
	if err != nil {
		return nil, errors.New("the key does not fit the algorithm")
	}
	signed, err := maker.Sign(object(claims))
	if err != nil {
		return nil, errors.New("the key does not sign")
	}
	compact, err := signed.CompactSerialize()
	return []byte(compact), err
}

// object writes claims as a JSON object.
func object(claims []claim) []byte {
	out := []byte{'{'}
	for i, one := range claims {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendQuoted(out, []byte(one.name))
		out = append(append(out, ':'), one.value...)
	}
	return append(out, '}')
}

// assert adds the assertion of the owner (RFC 7523, section 2.1).
func (c *Client) assert(r *request, scopes []string) *Error {
	a := r.profile.Assertion
	key, err := newSigner(a.Key, a.KeyID, a.Algorithm)
	if err != nil {
		return r.unsent("the key of the assertion cannot be used: " + err.Error())
	}
	defer key.clear()
	now := c.config.Clock.Now()
	lifetime := min(cmp.Or(max(a.Lifetime, 0), assertionLifetime), maxAssertionLifetime)
	claims := []claim{
		text("iss", a.Issuer), text("aud", cmp.Or(a.Audience, withoutQuery(r.endpoint))), text("jti", NewState()),
		number("iat", now), number("exp", now.Add(lifetime)),
	}
	if a.Subject != "" {
		claims = append(claims, text("sub", a.Subject))
	}
	if a.ScopesAsClaim && len(scopes) > 0 {
		claims = append(claims, text("scope", joinScopes(r.profile, scopes)))
	}
	signed, err := key.sign(withClaims(claims, a.Claims))
	if err != nil {
		return r.unsent("the assertion cannot be signed: " + err.Error())
	}
	r.own("assertion", signed)
	return nil
}

// withClaims puts further claims in the place of those of the same names; those
// without a value only take away.
func withClaims(claims []claim, further []Parameter) []claim {
	for _, one := range further {
		kept := claims[:0]
		for _, old := range claims {
			if old.name != one.Name {
				kept = append(kept, old)
			}
		}
		claims = kept
		if one.Value != "" {
			claims = append(claims, text(one.Name, one.Value))
		}
	}
	return claims
}

// withoutQuery returns what identifies an endpoint.
func withoutQuery(u *url.URL) string {
	base, _, _ := strings.Cut(u.String(), "?")
	return base
}
