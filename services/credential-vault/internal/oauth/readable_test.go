package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

func TestKeysThatSign(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err := oauth.CheckKey(secret.FromString(good)); err != nil {
		t.Error(err)
	}
	for title, text := range map[string]string{
		"nothing": "", "a word": "canary", "half a key": good[:len(good)/2], "a JWK that is none": `{"kty":"canary"}`,
		"a public JWK": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		if err := oauth.CheckKey(secret.FromString(text)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", title, err)
		}
	}
}
