package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// The vector of RFC 4231, section 4.3 (test case 2).
const (
	rfcKey    = "Jefe"
	rfcData   = "what do ya want for nothing?"
	rfcHex    = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	rfcBase64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
)

// noon is when the tests of this package happen.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hmacHex(key, data string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(data))
	return hex.EncodeToString(mac.Sum(nil))
}

func secrets(list ...string) signature.Keys {
	var keys signature.Keys
	for _, s := range list {
		keys.Secrets = append(keys.Secrets, []byte(s))
	}
	return keys
}

func TestHMAC(t *testing.T) {
	hexRule := signature.Rule{Scheme: "hmac-sha256", Header: "X-Signature", Encoding: "hex"}
	prefixed := signature.Rule{Scheme: "hmac", Header: "x-signature", Prefix: "sha256="}
	base64 := signature.Rule{Scheme: "hmac", Header: "X-Signature", Encoding: "base64"}
	hexKey := signature.Rule{Scheme: "hmac", Header: "X-Signature", KeyEncoding: "hex"}
	// RFC 4231, section 4.3, and RFC 2202, section 3 (test case 2).
	sha512 := signature.Rule{Scheme: "hmac-sha512", Header: "X-Signature"}
	sha1 := signature.Rule{Scheme: "hmac", Algorithm: "sha1", Header: "X-Signature"}
	for _, tc := range []struct {
		name   string
		rule   signature.Rule
		secret string
		body   string
		values []string
		want   error
	}{
		{"the vector of RFC 4231 in hex", hexRule, rfcKey, rfcData, []string{rfcHex}, nil},
		{"in capitals", hexRule, rfcKey, rfcData, []string{strings.ToUpper(rfcHex)}, nil},
		{"with spaces around", hexRule, rfcKey, rfcData, []string{" " + rfcHex + " "}, nil},
		{"in base64", base64, rfcKey, rfcData, []string{rfcBase64}, nil},
		{"in base64 without padding", base64, rfcKey, rfcData, []string{strings.TrimRight(rfcBase64, "=")}, nil},
		{"with a key in hex", hexKey, "4a656665", rfcData, []string{rfcHex}, nil},
		{"SHA-512", sha512, rfcKey, rfcData, []string{"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}, nil},
		{"SHA-1", sha1, rfcKey, rfcData, []string{"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}, nil},
		{"SHA-1 where SHA-256 is declared", hexRule, rfcKey, rfcData, []string{"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}, signature.ErrMismatch},
		{"hex where base64 is declared", base64, rfcKey, rfcData, []string{rfcHex}, signature.ErrMismatch},
		{"without the prefix", prefixed, rfcKey, rfcData, []string{rfcHex}, signature.ErrMismatch},
		{"with another prefix", prefixed, rfcKey, rfcData, []string{"sha1=" + rfcHex}, signature.ErrMismatch},
		{"another secret", hexRule, "Jeff", rfcData, []string{rfcHex}, signature.ErrMismatch},
		{"a byte more", hexRule, rfcKey, rfcData + "\n", []string{rfcHex}, signature.ErrMismatch},
		{"no body", hexRule, rfcKey, "", []string{rfcHex}, signature.ErrMismatch},
		{"half a signature", hexRule, rfcKey, rfcData, []string{rfcHex[:32]}, signature.ErrMismatch},
		{"an odd number of digits", hexRule, rfcKey, rfcData, []string{rfcHex[1:]}, signature.ErrMismatch},
		{"an empty signature", hexRule, rfcKey, rfcData, []string{""}, signature.ErrMismatch},
		{"no signature", hexRule, rfcKey, rfcData, nil, signature.ErrMissing},
		{"two signatures, one of them right", hexRule, rfcKey, rfcData, []string{rfcHex, "00"}, signature.ErrMismatch},
		{"the same signature twice", hexRule, rfcKey, rfcData, []string{rfcHex, rfcHex}, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(tc.rule, secrets(tc.secret))
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for _, value := range tc.values {
				header.Add(tc.rule.Header, value)
			}
			_, err = v.Verify(t.Context(), signature.Message{Header: header, Body: []byte(tc.body)}, noon)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("err = %v, want %v", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), rfcHex) {
				t.Error("the error tells the right signature")
			}
		})
	}
}

func TestRulesThatCannotBeUsed(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule signature.Rule
		want error
	}{
		{"no scheme", signature.Rule{Header: "X"}, signature.ErrUnknownScheme},
		{"an unknown scheme", signature.Rule{Scheme: "rot13", Header: "X"}, signature.ErrUnknownScheme},
		{"an unknown algorithm behind hmac", signature.Rule{Scheme: "hmac-md5", Header: "X"}, signature.ErrRule},
		{"two algorithms", signature.Rule{Scheme: "hmac-sha1", Algorithm: "sha256", Header: "X"}, signature.ErrRule},
		{"no header", signature.Rule{Scheme: "hmac-sha256"}, signature.ErrRule},
		{"an unknown encoding", signature.Rule{Scheme: "hmac-sha256", Header: "X", Encoding: "base32"}, signature.ErrRule},
		{"an unknown key encoding", signature.Rule{Scheme: "hmac", Header: "X", KeyEncoding: "rot13"}, signature.ErrRule},
		{"an unknown header format", signature.Rule{Scheme: "hmac", Header: "X", HeaderFormat: "lines"}, signature.ErrRule},
		{"pairs without a key", signature.Rule{Scheme: "hmac", Header: "X", HeaderFormat: "pairs"}, signature.ErrRule},
		{"a key without pairs", signature.Rule{Scheme: "hmac", Header: "X", SignatureKey: "v1"}, signature.ErrRule},
		{"an unknown timestamp format", signature.Rule{Scheme: "hmac", Header: "X", TimestampHeader: "T", TimestampFormat: "roman", Content: "{timestamp}{body}"}, signature.ErrRule},
		{"a timestamp that nobody signs", signature.Rule{Scheme: "hmac", Header: "X", TimestampHeader: "T"}, signature.ErrRule},
		{"a timestamp that is nowhere", signature.Rule{Scheme: "hmac", Header: "X", Content: "{timestamp}{body}"}, signature.ErrRule},
		{"two timestamps", signature.Rule{Scheme: "hmac", Header: "X", HeaderFormat: "pairs", SignatureKey: "v1", TimestampKey: "t", TimestampHeader: "T", Content: "{timestamp}{body}"}, signature.ErrRule},
		{"an id that is nowhere", signature.Rule{Scheme: "hmac", Header: "X", Content: "{id}{body}"}, signature.ErrRule},
		{"a body that nobody signs", signature.Rule{Scheme: "hmac", Header: "X", Content: "{url}"}, signature.ErrRule},
		{"a form without its URL", signature.Rule{Scheme: "hmac", Header: "X", Content: "{form}"}, signature.ErrRule},
		{"a placeholder that means nothing", signature.Rule{Scheme: "hmac", Header: "X", Content: "{body}{host}"}, signature.ErrRule},
		{"a brace that is not closed", signature.Rule{Scheme: "hmac", Header: "X", Content: "{body}{"}, signature.ErrRule},
		{"the secret in what an HMAC signs", signature.Rule{Scheme: "hmac", Header: "X", Content: "{secret}{body}"}, signature.ErrRule},
		{"a hash without the secret", signature.Rule{Scheme: "hash", Header: "X"}, signature.ErrRule},
		{"too much tolerance", signature.Rule{Scheme: "hmac", Header: "X", Tolerance: 25 * time.Hour}, signature.ErrRule},
		{"negative tolerance", signature.Rule{Scheme: "hmac", Header: "X", Tolerance: -time.Second}, signature.ErrRule},
		{"a token with a timestamp", signature.Rule{Scheme: "token", Header: "X", TimestampHeader: "T"}, signature.ErrRule},
		{"a token that is nowhere", signature.Rule{Scheme: "token"}, signature.ErrRule},
		{"a token at two places", signature.Rule{Scheme: "token", Header: "X", Content: "{json:a}"}, signature.ErrRule},
		{"a token with a content", signature.Rule{Scheme: "token", Content: "{body}"}, signature.ErrRule},
		{"basic with a content", signature.Rule{Scheme: "basic", Content: "{body}"}, signature.ErrRule},
		{"a token of claims with a content", signature.Rule{Scheme: "jwt", Content: "{body}"}, signature.ErrRule},
		{"keys that are fetched in the clear", signature.Rule{Scheme: "jwt", JWKSURL: "http://example.com/keys"}, signature.ErrRule},
		{"a claim that means nothing", signature.Rule{Scheme: "jwt", Claims: map[string]string{"a": "{body}"}}, signature.ErrRule},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := signature.New(tc.rule, secrets("user:password")); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	for _, tc := range []struct {
		name, secret string
		rule         signature.Rule
	}{
		{"no base64", "not base64!", signature.Rule{Scheme: "svix"}},
		{"only the prefix", "whsec_", signature.Rule{Scheme: "svix"}},
		{"no hex", "xyz", signature.Rule{Scheme: "hmac", Header: "X", KeyEncoding: "hex"}},
		{"basic without a password", "u53r", signature.Rule{Scheme: "basic"}},
		{"an Ed25519 key that is too short", "d75a98", signature.Rule{Scheme: "discord"}},
		{"a key of another scheme", sendgridKey, signature.Rule{Scheme: "ed25519", Header: "X", KeyEncoding: "base64"}},
		{"PEM without a key", "-----BEGIN NOTHING", signature.Rule{Scheme: "ed25519", Header: "X"}},
		{"a private key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", signature.Rule{Scheme: "ed25519", Header: "X"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := signature.New(tc.rule, secrets(tc.secret))
			if !errors.Is(err, signature.ErrSecret) {
				t.Fatalf("err = %v", err)
			}
			if strings.Contains(err.Error(), tc.secret) {
				t.Error("the error tells the secret")
			}
		})
	}
}

// sendgridKey is a public key on P-256.
const sendgridKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="

func TestTheWindowOfTimestampsIsClosedOnBothSides(t *testing.T) {
	rule := signature.Rule{Scheme: "hmac", Header: "X", TimestampHeader: "T", Content: "{timestamp}.{body}"}
	for _, tc := range []struct {
		name, format, text string
		tolerance          time.Duration
		want               error
	}{
		{"now", "", fmt.Sprint(noon.Unix()), 0, nil},
		{"as old as is allowed", "unix", fmt.Sprint(noon.Unix() - 300), 0, nil},
		{"a second older", "unix", fmt.Sprint(noon.Unix() - 301), 0, signature.ErrExpired},
		{"as far ahead as is allowed", "", fmt.Sprint(noon.Unix() + 300), 0, nil},
		{"a second farther", "", fmt.Sprint(noon.Unix() + 301), 0, signature.ErrExpired},
		{"a narrow window", "", fmt.Sprint(noon.Unix() - 11), 10 * time.Second, signature.ErrExpired},
		{"milliseconds", "unix-milli", fmt.Sprint(noon.UnixMilli()), 0, nil},
		{"milliseconds for seconds", "unix", fmt.Sprint(noon.UnixMilli()), 0, signature.ErrExpired},
		{"RFC 3339", "rfc3339", "2026-03-01T13:00:00+01:00", 0, nil},
		{"RFC 3339 with a fraction", "rfc3339", "2026-03-01T12:00:00.123456789Z", 0, nil},
		{"a sign", "", "+" + fmt.Sprint(noon.Unix()), 0, signature.ErrMismatch},
		{"a fraction of a second", "", fmt.Sprint(noon.Unix()) + ".0", 0, signature.ErrMismatch},
		{"spaces", "", " " + fmt.Sprint(noon.Unix()), 0, signature.ErrMismatch},
		{"nothing", "", "", 0, signature.ErrMismatch},
		{"more digits than fit", "", strings.Repeat("9", 30), 0, signature.ErrMismatch},
		{"the largest number", "", "9223372036854775807", 0, signature.ErrMismatch},
		{"the largest number of milliseconds", "unix-milli", "9223372036854775807", 0, signature.ErrMismatch},
		{"a word", "rfc3339", "yesterday", 0, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rule := rule
			rule.TimestampFormat, rule.Tolerance = tc.format, tc.tolerance
			v, err := signature.New(rule, secrets("k"))
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{"T": {tc.text}, "X": {hmacHex("k", tc.text+".b")}}
			if _, err := v.Verify(t.Context(), signature.Message{Header: h, Body: []byte("b")}, noon); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			// A forged one is told nothing about its time.
			h.Set("X", hmacHex("other", tc.text+".b"))
			if _, err := v.Verify(t.Context(), signature.Message{Header: h, Body: []byte("b")}, noon); !errors.Is(err, signature.ErrMismatch) {
				t.Errorf("forged: %v", err)
			}
		})
	}
}

func TestHeadersWithSeveralValues(t *testing.T) {
	pairs := signature.Rule{Scheme: "hmac", Header: "X", HeaderFormat: "pairs", SignatureKey: "v1", TimestampKey: "t", Content: "{timestamp}.{body}"}
	words := signature.Rule{Scheme: "hmac", Header: "X", HeaderFormat: "words", SignatureKey: "v1", Encoding: "base64"}
	now := fmt.Sprint(noon.Unix())
	good := hmacHex("k", now+".b")
	raw, _ := hex.DecodeString(hmacHex("k", "b"))
	word := base64.StdEncoding.EncodeToString(raw)
	for _, tc := range []struct {
		name  string
		rule  signature.Rule
		value string
		want  error
	}{
		{"pairs", pairs, "t=" + now + ",v1=" + good, nil},
		{"in the other order, with spaces", pairs, "v1=" + good + ", t=" + now, nil},
		{"between semicolons", pairs, "t=" + now + ";v1=" + good, nil},
		{"the old secret's first", pairs, "t=" + now + ",v1=" + strings.Repeat("0", 64) + ",v1=" + good, nil},
		{"a broken one first", pairs, "t=" + now + ",v1=zz,v1=" + good, nil},
		{"another version beside it", pairs, "t=" + now + ",v0=00,v1=" + good, nil},
		{"only another version", pairs, "t=" + now + ",v0=" + good, signature.ErrMismatch},
		{"no time", pairs, "v1=" + good, signature.ErrMissing},
		{"two times", pairs, "t=" + now + ",t=1,v1=" + good, signature.ErrMismatch},
		{"nothing but separators", pairs, ",,;,=", signature.ErrMismatch},
		{"more candidates than are looked at", pairs, "t=" + now + strings.Repeat(",v1=00", 16) + ",v1=" + good, signature.ErrMismatch},
		{"more elements than are looked at", pairs, strings.Repeat("a=b,", 70) + "t=" + now + ",v1=" + good, signature.ErrMismatch},
		{"words", words, "v1," + word, nil},
		{"words of two secrets", words, "v1,AAAA v1," + word, nil},
		{"words of another version", words, "v1a," + word, signature.ErrMismatch},
		{"a word without a version", words, word, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(tc.rule, secrets("k"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), signature.Message{Header: http.Header{"X": {tc.value}}, Body: []byte("b")}, noon)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

// Failure mode 24: on both sides a secret can be replaced without a notification
// being lost.
func TestSecretsAreReplacedWithOverlap(t *testing.T) {
	rule := signature.Rule{Scheme: "hmac", Header: "X"}
	for _, tc := range []struct {
		name    string
		secrets []string
		signer  string
		want    error
	}{
		{"before", []string{"old"}, "old", nil},
		{"we know the new one, the API signs with the old one", []string{"new", "old"}, "old", nil},
		{"both have it", []string{"new", "old"}, "new", nil},
		{"afterwards the old one is refused", []string{"new"}, "old", signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(rule, secrets(tc.secrets...))
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), signature.Message{Header: http.Header{"X": {hmacHex(tc.signer, "b")}}, Body: []byte("b")}, noon)
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		body := strings.Repeat("x", size)
		v, err := signature.New(signature.Rule{Scheme: "github"}, secrets("k"))
		if err != nil {
			b.Fatal(err)
		}
		m := signature.Message{Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hmacHex("k", body)}}, Body: []byte(body)}
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := v.Verify(b.Context(), m, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
