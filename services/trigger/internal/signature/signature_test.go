package signature_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// The vector of RFC 4231, section 4.3 (test case 2).
const (
	rfcKey    = "Jefe"
	rfcData   = "what do ya want for nothing?"
	rfcHex    = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	rfcBase64 = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
)

// GitHub's published example of its signature in X-Hub-Signature-256.
const (
	githubSecret  = "It's a Secret to Everybody"
	githubPayload = "Hello, World!"
	githubHeader  = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

func TestHMACSHA256(t *testing.T) {
	hexRule := signature.Rule{Scheme: "hmac-sha256", Header: "X-Signature", Encoding: "hex"}
	prefixed := signature.Rule{Scheme: "hmac-sha256", Header: "x-hub-signature-256", Prefix: "sha256="}
	base64 := signature.Rule{Scheme: "hmac-sha256", Header: "X-Signature", Encoding: "base64"}
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
		{"GitHub's example", prefixed, githubSecret, githubPayload, []string{githubHeader}, nil},
		{"hex where base64 is declared", base64, rfcKey, rfcData, []string{rfcHex}, signature.ErrMismatch},
		{"without the prefix", prefixed, githubSecret, githubPayload, []string{strings.TrimPrefix(githubHeader, "sha256=")}, signature.ErrMismatch},
		{"with another prefix", prefixed, githubSecret, githubPayload, []string{"sha1=" + strings.TrimPrefix(githubHeader, "sha256=")}, signature.ErrMismatch},
		{"another secret", hexRule, "Jeff", rfcData, []string{rfcHex}, signature.ErrMismatch},
		{"a byte more", hexRule, rfcKey, rfcData + "\n", []string{rfcHex}, signature.ErrMismatch},
		{"no body", hexRule, rfcKey, "", []string{rfcHex}, signature.ErrMismatch},
		{"half a signature", hexRule, rfcKey, rfcData, []string{rfcHex[:32]}, signature.ErrMismatch},
		{"an odd number of digits", hexRule, rfcKey, rfcData, []string{rfcHex[1:]}, signature.ErrMismatch},
		{"an empty signature", hexRule, rfcKey, rfcData, []string{""}, signature.ErrMismatch},
		{"no signature", hexRule, rfcKey, rfcData, nil, signature.ErrMissing},
		{"two signatures, one of them right", hexRule, rfcKey, rfcData, []string{rfcHex, "00"}, signature.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := signature.New(tc.rule)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for _, value := range tc.values {
				header.Add(tc.rule.Header, value)
			}
			err = v.Verify(signature.Message{Header: header, Body: []byte(tc.body)}, []byte(tc.secret))
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
		{"no header", signature.Rule{Scheme: "hmac-sha256"}, signature.ErrRule},
		{"an unknown encoding", signature.Rule{Scheme: "hmac-sha256", Header: "X", Encoding: "base32"}, signature.ErrRule},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := signature.New(tc.rule); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}
