package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Bounds of RSA keys: a shorter one is forged, a longer one keeps us busy.
const (
	minRSA      = 2048
	maxRSA      = 8192
	maxExponent = 1<<31 - 1
)

// webKey is a key as it is written (RFC 7517, section 4, RFC 7518, section 6).
type webKey struct {
	Kty, Kid, Use, Crv string
	N, E, X, Y         string
}

// errKey says that a key is of a kind that is not used.
var errKey = errors.New("the key cannot be used")

// parse reads a set. Keys that cannot be used are left out, those for encryption
// too; of keys with one id the last counts.
func parse(text []byte) (map[string]crypto.PublicKey, error) {
	var document struct {
		Keys []webKey `json:"keys"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read the signer's keys: %w", err)
	}
	keys := map[string]crypto.PublicKey{}
	for _, k := range document.Keys {
		if k.Use == "enc" {
			continue
		}
		if key, err := k.public(); err == nil {
			keys[k.Kid] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key to verify with at the address of the signer's keys")
	}
	return keys, nil
}

func (k webKey) public() (crypto.PublicKey, error) {
	switch k.Kty {
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ec()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, errKey
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, errKey
}

func (k webKey) rsa() (crypto.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	e, err2 := base64.RawURLEncoding.DecodeString(k.E)
	if errors.Join(err, err2) != nil {
		return nil, errKey
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if modulus.BitLen() < minRSA || modulus.BitLen() > maxRSA || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > maxExponent {
		return nil, errKey
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (k webKey) ec() (crypto.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, ok := curves[k.Crv]
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
	if !ok || errors.Join(err, err2) != nil {
		return nil, errKey
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, errKey
	}
	// The uncompressed form (SEC 1, section 2.3.3), of which it is checked that it is
	// a point of the curve.
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errKey
	}
	return key, nil
}
