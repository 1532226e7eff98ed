package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

const address = "https://example.com/keys"

// place is an address with keys.
type place struct {
	status int
	body   string
	err    error
	asked  int
}

// RoundTrip implements http.RoundTripper.
func (p *place) RoundTrip(*http.Request) (*http.Response, error) {
	p.asked++
	if p.err != nil {
		return nil, p.err
	}
	return &http.Response{StatusCode: p.status, Body: io.NopCloser(strings.NewReader(p.body))}, nil
}

func text(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// written is a key as it stands in a set.
func written(t *testing.T, id string, key crypto.PublicKey) map[string]string {
	t.Helper()
	switch k := key.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "kid": id, "use": "sig", "n": text(k.N), "e": text(big.NewInt(int64(k.E)))}
	case *ecdsa.PublicKey:
		raw, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := (len(raw) - 1) / 2
		return map[string]string{
			"kty": "EC", "kid": id, "crv": k.Curve.Params().Name,
			"x": base64.RawURLEncoding.EncodeToString(raw[1 : 1+half]), "y": base64.RawURLEncoding.EncodeToString(raw[1+half:]),
		}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "kid": id, "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(k)}
	}
	t.Fatalf("a key of type %T", key)
	return nil
}

func setOf(t *testing.T, keys ...map[string]string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func ed(t *testing.T) ed25519.PublicKey {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeysOfEveryKindAreRead(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		e, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := parse([]byte(setOf(t, written(t, "r", &r.PublicKey), written(t, "e", &e.PublicKey), written(t, "o", ed(t)))))
		if err != nil || len(keys) != 3 || !e.PublicKey.Equal(keys["e"]) || !r.PublicKey.Equal(keys["r"]) {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

func TestKeysThatCannotBeUsedAreLeftOut(t *testing.T) {
	good := written(t, "good", ed(t))
	for name, bad := range map[string]map[string]string{
		"for encryption":         {"kty": "OKP", "crv": "Ed25519", "kid": "bad", "use": "enc", "x": good["x"]},
		"of another kind":        {"kty": "oct", "kid": "bad", "k": "AAAA"},
		"a short RSA key":        {"kty": "RSA", "kid": "bad", "n": text(new(big.Int).Lsh(big.NewInt(1), 1023)), "e": "AQAB"},
		"an RSA exponent of one": {"kty": "RSA", "kid": "bad", "n": text(new(big.Int).Lsh(big.NewInt(1), 2047)), "e": "AQ"},
		"RSA that is no base64":  {"kty": "RSA", "kid": "bad", "n": "!", "e": "AQAB"},
		"no point of the curve":  {"kty": "EC", "crv": "P-256", "kid": "bad", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)},
		"another curve":          {"kty": "EC", "crv": "secp256k1", "kid": "bad", "x": "AA", "y": "AA"},
		"half a point":           {"kty": "EC", "crv": "P-256", "kid": "bad", "x": "AA", "y": "AA"},
		"a short Ed25519 key":    {"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": "AAAA"},
	} {
		keys, err := parse([]byte(setOf(t, bad, good)))
		if err != nil || len(keys) != 1 || keys["good"] == nil {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
	for _, body := range []string{"", "[]", "{}", `{"keys":[]}`} {
		if _, err := parse([]byte(body)); err == nil {
			t.Errorf("%q is a set", body)
		}
	}
}

func TestKeysAreFetchedOnceAndAgainWhenTheyMayHaveChanged(t *testing.T) {
	clock := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	first, second := ed(t), ed(t)
	p := &place{status: 200, body: setOf(t, written(t, "1", first))}
	s := newSets(&http.Client{Transport: p}, clock)
	step := func(what, id string, want error, asked int) {
		t.Helper()
		if _, err := s.Key(t.Context(), address, id); !errors.Is(err, want) || (err == nil) != (want == nil) || p.asked != asked {
			t.Fatalf("%s: %v after %d fetches; want %v after %d", what, err, p.asked, want, asked)
		}
	}
	step("first", "1", nil, 1)
	step("again", "1", nil, 1)
	step("the only one", "", nil, 1)
	step("one that is not there", "2", signature.ErrMismatch, 1)
	p.body = setOf(t, written(t, "1", first), written(t, "2", second))
	step("too soon", "2", signature.ErrMismatch, 1)
	clock.Advance(retryAfter)
	step("the signer has another key", "2", nil, 2)
	step("nobody says which", "", signature.ErrMismatch, 2)
	clock.Advance(keepFor)
	p.err = errors.New("down")
	step("old keys while the address is down", "1", nil, 3)
	step("which is not asked again at once", "1", nil, 3)
}

func TestAnAddressThatFailsSaysNothingAboutTokens(t *testing.T) {
	for name, p := range map[string]*place{
		"down":     {err: errors.New("down")},
		"an error": {status: 500, body: "{}"},
		"no set":   {status: 200, body: "<html>"},
		"no key":   {status: 200, body: `{"keys":[]}`},
	} {
		s := newSets(&http.Client{Transport: p}, clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		for range 2 {
			if _, err := s.Key(t.Context(), address, "1"); !errors.Is(err, signature.ErrKeys) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p.asked != 1 {
			t.Errorf("%s: %d fetches", name, p.asked)
		}
	}
}

func TestAddressesAreNotRememberedWithoutEnd(t *testing.T) {
	s := newSets(&http.Client{Transport: &place{err: errors.New("down")}}, clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	for n := range maxSets + 10 {
		_, _ = s.Key(t.Context(), fmt.Sprintf("%s/%d", address, n), "1")
	}
	if len(s.sets) > maxSets {
		t.Errorf("%d addresses", len(s.sets))
	}
}

func TestKeysAreFetchedThroughTheGuard(t *testing.T) {
	guard, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	s := New(guard, clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	_, err = s.Key(t.Context(), "https://127.0.0.1:1/keys", "1")
	if !errors.Is(err, signature.ErrKeys) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("err = %v", err)
	}
}
