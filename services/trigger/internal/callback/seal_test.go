package callback_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
)

func TestASealedSecretOpensNowhereElse(t *testing.T) {
	const uid, secret = "0123456789abcdef0123456789abcdef", "whsec_c2VjcmV0"
	k := keys(t, "a")
	sealed, err := k.Seal(uid, "secret", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("whsec")) {
		t.Error("the secret shows")
	}
	if again, _ := k.Seal(uid, "secret", []byte(secret)); bytes.Equal(sealed, again) {
		t.Error("the same secret is sealed to the same bytes")
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for _, row := range []struct {
		name       string
		keys       *callback.Keys
		uid, field string
		sealed     []byte
		opens      bool
	}{
		{"where it was sealed", k, uid, "secret", sealed, true},
		{"with another key", keys(t, "b"), uid, "secret", sealed, false},
		{"for another subscription", k, strings.Repeat("f", 32), "secret", sealed, false},
		{"for another field", k, uid, "authorization", sealed, false},
		{"with a bit that is flipped", k, uid, "secret", flipped, false},
		{"cut short", k, uid, "secret", sealed[:8], false},
		{"nothing", k, uid, "secret", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := row.keys.Open(row.uid, row.field, row.sealed)
			if (err == nil) != row.opens || row.opens && string(got) != secret {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestEachSinkHasItsOwnSecrets(t *testing.T) {
	k, known := keys(t, "a"), map[string]bool{}
	for _, uid := range []string{strings.Repeat("a", 32), strings.Repeat("b", 32)} {
		for _, sink := range []string{"a", "b"} {
			for n := range 3 {
				secret := k.SinkSecret(uid, sink, n)
				raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
				if err != nil || len(raw) != 32 || known[secret] {
					t.Errorf("%s of %s, %d: %q, %v", sink, uid, n, secret, err)
				}
				known[secret] = true
				if k.SinkSecret(uid, sink, n) != secret {
					t.Error("another secret the second time")
				}
			}
		}
	}
}
