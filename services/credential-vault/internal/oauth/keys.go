package oauth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition (RFC 7515, section 4.1.7), and identifies only
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// smallestRSA is the shortest RSA key that signs, in bits (RFC 7518, section 3.3).
const smallestRSA = 2048

// errKey is all that is said about a key that cannot be read: what a parser says
// may quote it.
var errKey = errors.New("it must be a private key as PEM (PKCS#1, PKCS#8 or SEC 1) or as a JWK")

// signer signs assertions. Whoever gets one clears it.
type signer struct {
	key       any // a private key, or the bytes of a shared one
	keyID     string
	algorithm jose.SignatureAlgorithm
	extra     map[jose.HeaderKey]any
}

// clear overwrites a shared key. Private keys are left to the garbage collector:
// their types of package crypto cannot be cleared.
func (s *signer) clear() {
	if shared, ok := s.key.([]byte); ok {
		clear(shared)
	}
}

// newSigner reads a private key. The algorithm is what fits the key, unless one is
// named; the key id that is named comes before that of a JWK.
func newSigner(text secret.Text, keyID, algorithm string) (*signer, error) {
	s := &signer{keyID: keyID, extra: map[jose.HeaderKey]any{}}
	err := text.Use(reveal.Grant(), func(raw []byte) error {
		if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
			return s.readJWK(trimmed)
		}
		return s.readPEM(raw)
	})
	if err != nil {
		return nil, err
	}
	if err := s.choose(algorithm); err != nil {
		return nil, err
	}
	return s, nil
}

// sharedSigner signs with the client's secret (OpenID Connect Core, section 9).
func sharedSigner(text secret.Text, algorithm string) (*signer, error) {
	s := &signer{key: opened(text), algorithm: jose.HS256}
	if algorithm != "" {
		s.algorithm = jose.SignatureAlgorithm(algorithm)
	}
	if !slices.Contains([]jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}, s.algorithm) {
		return nil, errors.New("a secret signs with HS256, HS384 or HS512")
	}
	if text.Empty() {
		return nil, errors.New("the client has no secret")
	}
	return s, nil
}

// readJWK reads a key as of RFC 7517.
func (s *signer) readJWK(raw []byte) error {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(raw); err != nil || key.IsPublic() {
		return errKey
	}
	s.key = key.Key
	if s.keyID == "" {
		s.keyID = key.KeyID
	}
	s.algorithm = jose.SignatureAlgorithm(key.Algorithm)
	return nil
}

// readPEM reads the first private key of a PEM file. People copy keys out of JSON
// files, where line breaks are written as two characters.
func (s *signer) readPEM(raw []byte) error {
	rest := bytes.ReplaceAll(raw, []byte(`\n`), []byte("\n"))
	defer clear(rest)
	for left := rest; ; {
		var block *pem.Block
		block, left = pem.Decode(left)
		if block == nil {
			return errKey
		}
		if key := parsePrivate(block.Bytes); key != nil {
			clear(block.Bytes)
			s.key = key
			return nil
		}
	}
}

// parsePrivate tries the three ways to write a private key.
func parsePrivate(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// choose settles the algorithm: the one that is named, else that of the JWK, else
// the usual one for the key.
func (s *signer) choose(named string) error {
	fitting := s.fitting()
	if len(fitting) == 0 {
		return errors.New("the kind of key does not sign: RSA from 2048 bits, P-256, P-384, P-521 and Ed25519 do")
	}
	if named != "" {
		s.algorithm = jose.SignatureAlgorithm(named)
	}
	if s.algorithm == "" {
		s.algorithm = fitting[0]
	}
	if !slices.Contains(fitting, s.algorithm) {
		return errors.New("the algorithm does not fit the key")
	}
	return nil
}

// fitting returns the algorithms of a key, the usual one first.
func (s *signer) fitting() []jose.SignatureAlgorithm {
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < smallestRSA {
			return nil
		}
		return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.RS384, jose.RS512, jose.PS384, jose.PS512}
	case ed25519.PrivateKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		case elliptic.P521():
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	}
	return nil
}

// thumbprint names the certificate of the key in both ways (RFC 7515, sections
// 4.1.7 and 4.1.8).
func (s *signer) thumbprint(certificate secret.Text) error {
	return certificate.Use(reveal.Grant(), func(raw []byte) error {
		for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			if !s.fits(block.Bytes) {
				return errors.New("the certificate is not that of the key")
			}
			short, long := sha1.Sum(block.Bytes), sha256.Sum256(block.Bytes) //nolint:gosec // see the import
			s.extra["x5t"] = base64.RawURLEncoding.EncodeToString(short[:])
			s.extra["x5t#S256"] = base64.RawURLEncoding.EncodeToString(long[:])
			return nil
		}
		return errors.New("there is no certificate to name it by")
	})
}

// fits reports whether a certificate has the public half of the key.
func (s *signer) fits(der []byte) bool {
	certificate, err := x509.ParseCertificate(der)
	private, ok := s.key.(crypto.Signer)
	if err != nil || !ok {
		return false
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(certificate.PublicKey)
}
