package signature

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some APIs sign with HMAC-SHA1, which is not broken by collisions
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"io"
	"math/big"
	"sync"
	"time"
)

// signed is what the schemes have in common whose signature is computed over a
// content.
type signed struct {
	carrier  carrier
	stamp    stamp
	content  content
	idHeader string
	// fits reports whether one of the candidates is a signature of the content.
	// Its error is that of the content.
	fits func(candidates [][]byte, in signedInput) (bool, error)
}

// newSigned returns the prover of a rule that was checked.
func newSigned(r Rule, fits func(c content) func([][]byte, signedInput) (bool, error)) (prover, error) {
	var s signed
	var err error
	if s.carrier, err = carrierOf(r); err != nil {
		return nil, err
	}
	if s.stamp, err = stampOf(r); err != nil {
		return nil, err
	}
	if s.content, err = compile(r); err != nil {
		return nil, err
	}
	s.idHeader, s.fits = r.IDHeader, fits(s.content)
	return s.prove, nil
}

// prove verifies the signature before it judges the time, so that nobody learns
// of a forged notification how far its time was off.
func (s signed) prove(_ context.Context, m Message, now time.Time) (Proof, error) {
	found, err := s.carrier.read(m.Header)
	if err != nil {
		return Proof{}, err
	}
	text, err := s.stamp.text(m.Header, found)
	if err != nil {
		return Proof{}, err
	}
	ok, err := s.fits(found.signatures, signedInput{Message: m, stamp: text})
	switch {
	case err != nil:
		return Proof{}, err
	case !ok:
		return Proof{}, ErrMismatch
	}
	proof := Proof{ID: idOf(m.Header, s.idHeader)}
	if s.stamp.used() {
		proof.Time, err = s.stamp.judge(text, now)
	}
	return proof, err
}

// newHMAC is the scheme "hmac" (RFC 2104).
func newHMAC(r Rule, keys Keys) (prover, error) {
	digest, err := digestOf(r.Algorithm)
	if err != nil {
		return nil, err
	}
	var macs []*sync.Pool
	for _, secret := range keys.Secrets {
		key, err := keyOf(r, secret)
		if err != nil {
			return nil, err
		}
		macs = append(macs, &sync.Pool{New: func() any { return hmac.New(digest, key) }})
	}
	return newSigned(r, func(c content) func([][]byte, signedInput) (bool, error) {
		return func(candidates [][]byte, in signedInput) (bool, error) {
			fit := false
			for _, pool := range macs {
				sum, err := pooled(pool, c, in)
				if err != nil {
					return false, err
				}
				fit = anyEqual(candidates, sum) || fit
			}
			return fit, nil
		}
	})
}

// pooled computes a sum with a hash of the pool: its key is scheduled once, not
// for every notification.
func pooled(pool *sync.Pool, c content, in signedInput) ([]byte, error) {
	mac, _ := pool.Get().(hash.Hash)
	defer pool.Put(mac)
	mac.Reset()
	if err := c.writeTo(mac, in); err != nil {
		return nil, err
	}
	return mac.Sum(nil), nil
}

// newHash is the scheme "hash": the hash of a content with the secret in it. Who
// knows one notification can lengthen its end without the secret where the secret
// stands in front; what is then there is no JSON.
func newHash(r Rule, keys Keys) (prover, error) {
	digest, err := digestOf(r.Algorithm)
	if err != nil {
		return nil, err
	}
	var secrets [][]byte
	for _, secret := range keys.Secrets {
		key, err := keyOf(r, secret)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, key)
	}
	return newSigned(r, func(c content) func([][]byte, signedInput) (bool, error) {
		return func(candidates [][]byte, in signedInput) (bool, error) {
			fit := false
			for _, in.secret = range secrets {
				h := digest()
				if err := c.writeTo(h, in); err != nil {
					return false, err
				}
				fit = anyEqual(candidates, h.Sum(nil)) || fit
			}
			return fit, nil
		}
	})
}

// anyEqual compares all, in constant time for each.
func anyEqual(candidates [][]byte, sum []byte) bool {
	fit := false
	for _, c := range candidates {
		fit = hmac.Equal(c, sum) || fit
	}
	return fit
}

// newEd25519 is the scheme "ed25519" (RFC 8032).
func newEd25519(r Rule, keys Keys) (prover, error) {
	public, err := publicKeys[ed25519.PublicKey](r, keys.Secrets)
	if err != nil {
		return nil, err
	}
	return newSigned(r, asymmetric(func(data, signature []byte) bool {
		for _, key := range public {
			if ed25519.Verify(key, data, signature) {
				return true
			}
		}
		return false
	}))
}

// newECDSA is the scheme "ecdsa-p256": ECDSA with SHA-256 on P-256, the signature
// in ASN.1 or as r and s side by side.
func newECDSA(r Rule, keys Keys) (prover, error) {
	public, err := publicKeys[*ecdsa.PublicKey](r, keys.Secrets)
	if err != nil {
		return nil, err
	}
	for _, key := range public {
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: it is a key of another curve than P-256", ErrSecret)
		}
	}
	return newSigned(r, asymmetric(func(data, signature []byte) bool {
		sum := sha256.Sum256(data)
		for _, key := range public {
			if ecdsa.VerifyASN1(key, sum[:], signature) || sideBySide(key, sum[:], signature) {
				return true
			}
		}
		return false
	}))
}

// sideBySide verifies a signature that is r and s with 32 bytes each.
func sideBySide(key *ecdsa.PublicKey, sum, signature []byte) bool {
	const half = 32
	if len(signature) != 2*half {
		return false
	}
	return ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
}

// asymmetric applies a scheme that needs the whole content at once.
func asymmetric(verify func(data, signature []byte) bool) func(content) func([][]byte, signedInput) (bool, error) {
	return func(c content) func([][]byte, signedInput) (bool, error) {
		return func(candidates [][]byte, in signedInput) (bool, error) {
			var data bytes.Buffer
			if err := c.writeTo(io.Writer(&data), in); err != nil {
				return false, err
			}
			for _, candidate := range candidates {
				if verify(data.Bytes(), candidate) {
					return true, nil
				}
			}
			return false, nil
		}
	}
}

// digestOf returns the hash of an algorithm.
func digestOf(algorithm string) (func() hash.Hash, error) {
	switch algorithm {
	case "", "sha256":
		return sha256.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%w: algorithm %q is none of sha1, sha256 and sha512", ErrRule, algorithm)
}
