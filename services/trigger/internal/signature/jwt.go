package signature

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken is the longest token in bytes.
const maxToken = 16 << 10

// maxLeeway is by how much clocks may differ where a token says itself how long it holds.
const maxLeeway = time.Minute

// bodyClaim is the value of a claim that must be the hash of the body.
const bodyClaim = "{body_sha256}"

func checkJWT(r Rule) error {
	if r.TimestampHeader != "" || r.TimestampKey != "" || r.HeaderFormat != "" || r.Content != "" {
		return fmt.Errorf("%w: a token says itself when it was signed and what it covers", ErrRule)
	}
	if len(r.headers()) > 1 {
		return fmt.Errorf("%w: a token is in one header", ErrRule)
	}
	for name, value := range r.Claims {
		if strings.HasPrefix(value, "{") && value != bodyClaim {
			return fmt.Errorf("%w: the claim %q is to be %s, which means nothing", ErrRule, name, value)
		}
	}
	if r.JWKSURL == "" {
		return checkKeyEncoding(r)
	}
	u, err := url.Parse(r.JWKSURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%w: its jwks_url must be an https URL", ErrRule)
	}
	return nil
}

// newJWT is the scheme "jwt" (RFC 7519). A token proves who sent the notification;
// the body is covered only if one of the claims is its hash.
func newJWT(r Rule, keys Keys) (prover, error) {
	public, shared, err := tokenKeys(r, keys)
	if err != nil {
		return nil, err
	}
	if r.JWKSURL != "" && keys.Sets == nil {
		return nil, fmt.Errorf("%w: nobody fetches its jwks_url", ErrRule)
	}
	header := r.Header
	if header == "" {
		header = authorization
	}
	return func(ctx context.Context, m Message, now time.Time) (Proof, error) {
		text, err := credential(m.Header, header, r.Prefix)
		if err != nil {
			return Proof{}, err
		}
		if r.Prefix == "" {
			text = withoutBearer(text)
		}
		if len(text) > maxToken {
			return Proof{}, ErrMismatch
		}
		find := func(token *jwt.Token) (any, error) { return tokenKey(ctx, token, r, public, shared, keys.Sets) }
		claims := jwt.MapClaims{}
		_, err = jwt.NewParser(jwt.WithValidMethods(methods(public, shared, r.JWKSURL)), jwt.WithLeeway(min(r.Tolerance, maxLeeway)),
			jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithIssuedAt()).ParseWithClaims(text, claims, find)
		switch {
		case errors.Is(err, ErrKeys):
			return Proof{}, ErrKeys
		case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
			return Proof{}, ErrExpired
		case err != nil:
			return Proof{}, ErrMismatch
		}
		return claimed(m, r, claims, now)
	}, nil
}

// withoutBearer cuts off the scheme of RFC 6750, which not every API writes.
func withoutBearer(text string) string {
	if scheme, token, ok := strings.Cut(text, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return text
}

// tokenKeys sorts secrets into public keys, which are PEM, and shared ones.
func tokenKeys(r Rule, keys Keys) (public []crypto.PublicKey, shared [][]byte, err error) {
	for _, secret := range keys.Secrets {
		if isPEM(secret) {
			found, err := parsePEM(secret)
			if err != nil {
				return nil, nil, err
			}
			public = append(public, found...)
			continue
		}
		key, err := keyOf(r, secret)
		if err != nil {
			return nil, nil, err
		}
		shared = append(shared, key)
	}
	return public, shared, nil
}

// methods returns the algorithms (RFC 7518, section 3.1) that fit the keys: a
// public key must never be taken for a shared secret.
func methods(public []crypto.PublicKey, shared [][]byte, address string) []string {
	var names []string
	if len(shared) > 0 {
		names = append(names, "HS256", "HS384", "HS512")
	}
	if len(public) > 0 || address != "" {
		names = append(names, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
	}
	return names
}

// tokenKey returns the keys to verify a token with.
func tokenKey(ctx context.Context, token *jwt.Token, r Rule, public []crypto.PublicKey, shared [][]byte, sets KeySets) (any, error) {
	var set jwt.VerificationKeySet
	if strings.HasPrefix(token.Method.Alg(), "HS") {
		for _, key := range shared {
			set.Keys = append(set.Keys, key)
		}
		return set, nil
	}
	candidates := public
	if r.JWKSURL != "" {
		id, _ := token.Header["kid"].(string)
		key, err := sets.Key(ctx, r.JWKSURL, id)
		if err != nil {
			return nil, err
		}
		candidates = append(slices.Clone(public), key)
	}
	for _, key := range candidates {
		if suits(token.Method.Alg(), key) {
			set.Keys = append(set.Keys, key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, ErrMismatch
	}
	return set, nil
}

// suits reports whether a key is one for an algorithm.
func suits(algorithm string, key crypto.PublicKey) bool {
	switch key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(algorithm, "ES")
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// claimed checks the claims of a token that was verified.
func claimed(m Message, r Rule, claims jwt.MapClaims, now time.Time) (Proof, error) {
	for name, want := range r.Claims {
		if want == bodyClaim {
			want = string(hexSum(m.Body))
		}
		if !holds(claims[name], want) {
			return Proof{}, ErrMismatch
		}
	}
	if !bounded(r, claims) {
		return Proof{}, ErrMismatch
	}
	proof := Proof{ID: idOf(m.Header, r.IDHeader)}
	if id, ok := claims["jti"].(string); ok && proof.ID == "" {
		proof.ID = id
	}
	if at, err := claims.GetIssuedAt(); err == nil && at != nil {
		proof.Time = at.UTC()
		if expires, err := claims.GetExpirationTime(); (err != nil || expires == nil) && now.Sub(at.Time) > r.Tolerance {
			return Proof{}, ErrExpired
		}
	}
	return proof, nil
}

// bounded reports whether a token ends at some time, or is for one body: whoever has read
// another one could use it for ever.
func bounded(r Rule, claims jwt.MapClaims) bool {
	for _, want := range r.Claims {
		if want == bodyClaim {
			return true
		}
	}
	return claims["exp"] != nil || claims["iat"] != nil
}

// holds reports whether a claim is a text, or a list with it.
func holds(claim any, want string) bool {
	switch value := claim.(type) {
	case string:
		return value == want
	case []any:
		return slices.Contains(value, any(want))
	}
	return false
}
