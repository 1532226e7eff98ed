package signature_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// pemOf writes a public key.
func pemOf(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestEd25519(t *testing.T) {
	// RFC 8032, section 7.1, test 3.
	const key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
	const good = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
	raw, _ := hex.DecodeString(key)
	otherKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, encoding, secret, given string
		want                          error
	}{
		{"a key in hex", "hex", key, good, nil},
		{"a key in base64", "base64", "whpk_" + base64.StdEncoding.EncodeToString(raw), good, nil},
		{"a key in PEM", "", pemOf(t, ed25519.PublicKey(raw)), good, nil},
		{"two keys in PEM, the second is the signer's", "", pemOf(t, otherKey) + pemOf(t, ed25519.PublicKey(raw)), good, nil},
		{"another key", "", pemOf(t, otherKey), good, signature.ErrMismatch},
		{"a signature that is too short", "hex", key, good[:64], signature.ErrMismatch},
		{"no signature", "hex", key, "", signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(signature.Rule{Scheme: "ed25519", Header: "X", KeyEncoding: tc.encoding}, secrets(tc.secret))
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), signature.Message{Header: http.Header{"X": {tc.given}}, Body: []byte("\xaf\x82")}, noon)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestECDSA(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("b"))
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	asn1, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	v, err := signature.New(signature.Rule{Scheme: "ecdsa-p256", Header: "X"}, secrets(pemOf(t, &private.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		given []byte
		body  string
		want  error
	}{
		"ASN.1":              {asn1, "b", nil},
		"r and s":            {raw, "b", nil},
		"another body":       {asn1, "c", signature.ErrMismatch},
		"r and s of nothing": {make([]byte, 64), "b", signature.ErrMismatch},
		"s and r":            {append(raw[32:], raw[:32]...), "b", signature.ErrMismatch},
	} {
		m := signature.Message{Header: http.Header{"X": {hex.EncodeToString(tc.given)}}, Body: []byte(tc.body)}
		if _, err := v.Verify(t.Context(), m, noon); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: err = %v, want %v", name, err, tc.want)
		}
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.New(signature.Rule{Scheme: "ecdsa-p256", Header: "X"}, secrets(pemOf(t, &large.PublicKey))); !errors.Is(err, signature.ErrSecret) {
		t.Errorf("a key of another curve: %v", err)
	}
}

func TestTokens(t *testing.T) {
	const secret = "s3cret"
	header := signature.Rule{Scheme: "token", Header: "X-Token"}
	prefixed := signature.Rule{Scheme: "token", Header: "Authorization", Prefix: "Bearer "}
	inBody := signature.Rule{Scheme: "token", Content: "{json:value.*.state}"}
	for _, tc := range []struct {
		name  string
		rule  signature.Rule
		value string
		body  string
		want  error
	}{
		{"the secret", header, secret, "", nil},
		{"another one", header, "s3cre7", "", signature.ErrMismatch},
		{"a beginning of it", header, "s3c", "", signature.ErrMismatch},
		{"nothing", header, "", "", signature.ErrMismatch},
		{"behind a prefix", prefixed, "Bearer " + secret, "", nil},
		{"without the prefix", prefixed, secret, "", signature.ErrMismatch},
		{"in every element of the body", inBody, "", `{"value":[{"state":"s3cret"},{"state":"s3cret"}]}`, nil},
		{"in one element only", inBody, "", `{"value":[{"state":"s3cret"},{"state":"x"}]}`, signature.ErrMismatch},
		{"missing in one element", inBody, "", `{"value":[{"state":"s3cret"},{}]}`, signature.ErrMissing},
		{"in no element, for there is none", inBody, "", `{"value":[]}`, signature.ErrMissing},
		{"as something else than text", inBody, "", `{"value":[{"state":{"a":1}}]}`, signature.ErrMissing},
		{"in a body that is no JSON", inBody, "", `s3cret`, signature.ErrMissing},
		{"in a member that stands twice, the last counts", inBody, "", `{"value":[{"state":"s3cret"}],"value":[{"state":"x"}]}`, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(tc.rule, secrets("older", secret))
			if err != nil {
				t.Fatal(err)
			}
			m := signature.Message{Header: http.Header{}, Body: []byte(tc.body)}
			if tc.rule.Header != "" {
				m.Header.Set(tc.rule.Header, tc.value)
			}
			if _, err = v.Verify(t.Context(), m, noon); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestBasic(t *testing.T) {
	v, err := signature.New(signature.Rule{Scheme: "basic"}, secrets("Aladdin:open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]error{
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==":  nil, // RFC 7617, section 2
		"basic QWxhZGRpbjpvcGVuIHNlc2FtZQ":    nil,
		"Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==": signature.ErrMismatch,
		"Basic QWxhZGRpbjpvcGVu":              signature.ErrMismatch,
		"Basic !":                             signature.ErrMismatch,
		"Basic":                               signature.ErrMismatch,
	} {
		if _, err := v.Verify(t.Context(), signature.Message{Header: http.Header{"Authorization": {value}}}, noon); !errors.Is(err, want) {
			t.Errorf("%q: err = %v, want %v", value, err, want)
		}
	}
}

// jwtOf writes a token, as RFC 7515 describes it, without the library that reads it.
func jwtOf(t *testing.T, header, claims map[string]any, sign func([]byte) []byte) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(header) + "." + part(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func hs256(secret string) func([]byte) []byte {
	return func(data []byte) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(data)
		return mac.Sum(nil)
	}
}

// keySet is a signer's published keys.
type keySet struct {
	keys map[string]crypto.PublicKey
	err  error
}

func (s keySet) Key(_ context.Context, address, id string) (crypto.PublicKey, error) {
	if s.err != nil {
		return nil, s.err
	}
	if key, ok := s.keys[id]; ok && address == "https://example.com/keys" {
		return key, nil
	}
	return nil, signature.ErrMismatch
}

func TestJWT(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := func(data []byte) []byte {
		sum := sha256.Sum256(data)
		signed, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	public := pemOf(t, &private.PublicKey)
	plain := signature.Rule{Scheme: "jwt"}
	issued := signature.Rule{Scheme: "jwt", Claims: map[string]string{"iss": "api", "hash": "{body_sha256}"}}
	fetched := signature.Rule{Scheme: "jwt", JWKSURL: "https://example.com/keys"}
	bodySum := "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" // of "b"
	hs, rs := map[string]any{"alg": "HS256"}, map[string]any{"alg": "RS256", "kid": "1"}
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for _, tc := range []struct {
		name   string
		rule   signature.Rule
		secret string
		token  string
		sets   signature.KeySets
		want   error
	}{
		{"a shared secret", plain, "k", jwtOf(t, hs, map[string]any{"iat": at(0)}, hs256("k")), nil, nil},
		{"another secret", plain, "k", jwtOf(t, hs, map[string]any{"iat": at(0)}, hs256("x")), nil, signature.ErrMismatch},
		{"a public key", plain, public, jwtOf(t, rs, map[string]any{"exp": at(time.Minute)}, rs256), nil, nil},
		{"a public key taken for a shared secret", plain, public, jwtOf(t, hs, map[string]any{}, hs256(public)), nil, signature.ErrMismatch},
		{"no algorithm", plain, "k", jwtOf(t, map[string]any{"alg": "none"}, map[string]any{}, func([]byte) []byte { return nil }), nil, signature.ErrMismatch},
		{"expired", plain, "k", jwtOf(t, hs, map[string]any{"exp": at(-6 * time.Minute)}, hs256("k")), nil, signature.ErrExpired},
		{"expired a moment ago by our clock", plain, "k", jwtOf(t, hs, map[string]any{"exp": at(-time.Minute + time.Second)}, hs256("k")), nil, nil},
		{"expired more than a minute ago", plain, "k", jwtOf(t, hs, map[string]any{"exp": at(-61 * time.Second), "iat": at(-2 * time.Minute)}, hs256("k")), nil, signature.ErrExpired},
		{"good for ever, and for any body", plain, "k", jwtOf(t, hs, map[string]any{"jti": "1"}, hs256("k")), nil, signature.ErrMismatch},
		{"not valid yet", plain, "k", jwtOf(t, hs, map[string]any{"nbf": at(6 * time.Minute)}, hs256("k")), nil, signature.ErrExpired},
		{"from the future", plain, "k", jwtOf(t, hs, map[string]any{"iat": at(6 * time.Minute)}, hs256("k")), nil, signature.ErrExpired},
		{"without an end, and old", plain, "k", jwtOf(t, hs, map[string]any{"iat": at(-6 * time.Minute)}, hs256("k")), nil, signature.ErrExpired},
		{"with the claims", issued, "k", jwtOf(t, hs, map[string]any{"iss": "api", "hash": bodySum}, hs256("k")), nil, nil},
		{"with a list of issuers", issued, "k", jwtOf(t, hs, map[string]any{"iss": []string{"x", "api"}, "hash": bodySum}, hs256("k")), nil, nil},
		{"of another issuer", issued, "k", jwtOf(t, hs, map[string]any{"iss": "x", "hash": bodySum}, hs256("k")), nil, signature.ErrMismatch},
		{"of another body", issued, "k", jwtOf(t, hs, map[string]any{"iss": "api", "hash": "00"}, hs256("k")), nil, signature.ErrMismatch},
		{"without the claims", issued, "k", jwtOf(t, hs, map[string]any{}, hs256("k")), nil, signature.ErrMismatch},
		{"a key that is fetched", fetched, "", jwtOf(t, rs, map[string]any{"jti": "1", "exp": at(time.Minute)}, rs256), keySet{keys: map[string]crypto.PublicKey{"1": &private.PublicKey}}, nil},
		{"a key that is not among them", fetched, "", jwtOf(t, rs, map[string]any{}, rs256), keySet{}, signature.ErrMismatch},
		{"a key that cannot be fetched", fetched, "", jwtOf(t, rs, map[string]any{}, rs256), keySet{err: signature.ErrKeys}, signature.ErrKeys},
		{"a key for another algorithm", fetched, "", jwtOf(t, rs, map[string]any{}, rs256), keySet{keys: map[string]crypto.PublicKey{"1": ed25519.PublicKey(make([]byte, 32))}}, signature.ErrMismatch},
		{"no token", plain, "k", "abc", nil, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys := signature.Keys{Sets: tc.sets}
			if tc.secret != "" {
				keys.Secrets = [][]byte{[]byte(tc.secret)}
			}
			v, err := signature.New(tc.rule, keys)
			if err != nil {
				t.Fatal(err)
			}
			m := signature.Message{Header: http.Header{"Authorization": {"Bearer " + tc.token}}, Body: []byte("b")}
			if _, err = v.Verify(t.Context(), m, noon); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
	if _, err := signature.New(fetched, signature.Keys{}); !errors.Is(err, signature.ErrRule) {
		t.Errorf("nobody fetches keys: %v", err)
	}
}
