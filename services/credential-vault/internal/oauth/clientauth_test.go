package oauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

var sharedRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// rsaKey returns one key for all tests: they take a while to make.
func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := sharedRSA()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemBlock(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// pemKey returns a key as PKCS#8.
func pemKey(t *testing.T, key crypto.Signer) secret.Text {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return text(pemBlock("PRIVATE KEY", der))
}

func jwk(t *testing.T, key any, id, algorithm string) secret.Text {
	t.Helper()
	raw, err := jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(raw)
}

// certificate returns a certificate of a key, made by itself.
func certificate(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// verified returns header and claims of an assertion whose signature holds.
func verified(t *testing.T, raw string, public any) (jose.Header, map[string]any) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.PS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.HS256, jose.HS512,
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(public)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Protected, claims
}

// Failure mode 7.
func TestBasicEscapesBeforeItJoins(t *testing.T) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.Grant, p.Client = oauth.ClientCredentials, oauth.Registration{ID: "a:b", Secret: text("s%:ü +"), Method: oauth.SecretBasic}
	if _, err := newClient(t).Obtain(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	encoded := strings.TrimPrefix(server.last(t).Header.Get("Authorization"), "Basic ")
	pair, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	id, word, _ := strings.Cut(string(pair), ":")
	plainID, _ := url.QueryUnescape(id)
	plainWord, _ := url.QueryUnescape(word)
	if plainID != "a:b" || plainWord != "s%:ü +" {
		t.Errorf("the header has %q, which is %q and %q", pair, plainID, plainWord)
	}
}

func TestAssertionsOfTheClient(t *testing.T) {
	rsaOne, p256, p384, p521, ed := rsaKey(t), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), edKey(t)
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaOne))
	tests := []struct {
		name                string
		key                 secret.Text
		algorithm, id       string
		public              any
		wantAlgorithm, want string
	}{
		{"RSA as PKCS#8", pemKey(t, rsaOne), "", "", rsaOne.Public(), "RS256", ""},
		{"RSA as PKCS#1", text(pkcs1), "", "k1", rsaOne.Public(), "RS256", "k1"},
		{"RSA with line breaks as in JSON", text(strings.ReplaceAll(pkcs1, "\n", `\n`)), "", "", rsaOne.Public(), "RS256", ""},
		{"RSA behind its certificate", text(pemBlock("CERTIFICATE", certificate(t, rsaOne)) + pkcs1), "", "", rsaOne.Public(), "RS256", ""},
		{"RSA with PSS", pemKey(t, rsaOne), "PS256", "", rsaOne.Public(), "PS256", ""},
		{"P-256 as SEC 1", text(pemBlock("EC PRIVATE KEY", sec1)), "", "", p256.Public(), "ES256", ""},
		{"P-384", pemKey(t, p384), "", "", p384.Public(), "ES384", ""},
		{"P-521", pemKey(t, p521), "", "", p521.Public(), "ES512", ""},
		{"Ed25519", pemKey(t, ed), "", "", ed.Public(), "EdDSA", ""},
		{"a JWK with its id", jwk(t, p256, "k2", ""), "", "", p256.Public(), "ES256", "k2"},
		{"a JWK with its algorithm", jwk(t, rsaOne, "k2", "PS256"), "", "", rsaOne.Public(), "PS256", "k2"},
		{"what is said beats the JWK", jwk(t, rsaOne, "k2", "PS256"), "RS384", "k3", rsaOne.Public(), "RS384", "k3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Grant = oauth.ClientCredentials
			p.Client = oauth.Registration{ID: "app", PrivateKey: tt.key, Algorithm: tt.algorithm, KeyID: tt.id}
			if _, err := newClient(t).Obtain(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			header, claims := verified(t, server.last(t).form(t).Get("client_assertion"), tt.public)
			if header.Algorithm != tt.wantAlgorithm || header.KeyID != tt.want {
				t.Errorf("the header is %+v", header)
			}
			if claims["iss"] != "app" || claims["sub"] != "app" || claims["aud"] != server.URL+"/token" || claims["jti"] == "" {
				t.Errorf("the claims are %v", claims)
			}
			if claims["iat"] != float64(now.Unix()) || claims["exp"] != float64(now.Add(5*time.Minute).Unix()) {
				t.Errorf("the times are %v and %v", claims["iat"], claims["exp"])
			}
		})
	}
}

func TestAssertionsWithTheSecret(t *testing.T) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.Grant = oauth.ClientCredentials
	shared := strings.Repeat("not-a-real-secret", 4)
	p.Client = oauth.Registration{
		ID: "app", Secret: text(shared), Method: oauth.SecretJWT, Algorithm: "HS512", AssertionAudience: "https://issuer.example",
	}
	if _, err := newClient(t).Obtain(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	_, claims := verified(t, server.last(t).form(t).Get("client_assertion"), []byte(shared))
	if claims["aud"] != "https://issuer.example" {
		t.Errorf("the claims are %v", claims)
	}
}

func TestEveryAssertionIsUsedOnce(t *testing.T) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.Grant, p.Client = oauth.ClientCredentials, oauth.Registration{ID: "app", PrivateKey: pemKey(t, edKey(t))}
	client := newClient(t)
	for range 2 {
		if _, err := client.Obtain(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	all := server.requests()
	if all[0].form(t).Get("client_assertion") == all[1].form(t).Get("client_assertion") {
		t.Error("two requests have the same assertion")
	}
}

func TestThumbprintsNameTheCertificate(t *testing.T) {
	key := rsaKey(t)
	der := certificate(t, key)
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.Grant = oauth.ClientCredentials
	p.Client = oauth.Registration{
		ID: "app", Method: oauth.PrivateKeyJWT, PrivateKey: pemKey(t, key), Thumbprint: true, Algorithm: "PS256",
		Certificate: text(pemBlock("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)) + pemBlock("CERTIFICATE", der)),
	}
	if _, err := newClient(t).Obtain(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	header, _ := verified(t, server.last(t).form(t).Get("client_assertion"), key.Public())
	short, long := sha1.Sum(der), sha256.Sum256(der)
	for name, want := range map[jose.HeaderKey][]byte{"x5t": short[:], "x5t#S256": long[:]} {
		if got := header.ExtraHeaders[name]; got != base64.RawURLEncoding.EncodeToString(want) {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestKeysThatDoNotSign(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skipf("this Go makes no small keys: %v", err)
	}
	good := rsaKey(t)
	other := certificate(t, edKey(t))
	tests := []struct {
		name   string
		client oauth.Registration
		want   string
	}{
		{"an RSA key that is too small", oauth.Registration{PrivateKey: text(pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)))}, "does not sign"},
		{"a P-224 key", oauth.Registration{PrivateKey: pemKey(t, ecKey(t, elliptic.P224()))}, "does not sign"},
		{"an algorithm of another kind of key", oauth.Registration{PrivateKey: pemKey(t, good), Algorithm: "ES256"}, "does not fit"},
		{"no algorithm at all", oauth.Registration{PrivateKey: pemKey(t, good), Algorithm: "none"}, "does not fit"},
		{"a public JWK", oauth.Registration{PrivateKey: jwk(t, good.Public(), "", "")}, "must be a private key"},
		{"JSON that is no JWK", oauth.Registration{PrivateKey: text(`{"kty":"RSA"}`)}, "must be a private key"},
		{"a PEM file without a key", oauth.Registration{PrivateKey: text(pemBlock("CERTIFICATE", other))}, "must be a private key"},
		{"a certificate of another key", oauth.Registration{PrivateKey: pemKey(t, good), Thumbprint: true, Certificate: text(pemBlock("CERTIFICATE", other))}, "not that of the key"},
		{"no certificate to name", oauth.Registration{PrivateKey: pemKey(t, good), Thumbprint: true}, "no certificate"},
		{"a secret with a key's algorithm", oauth.Registration{Method: oauth.SecretJWT, Secret: text("x"), Algorithm: "RS256"}, "HS256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Grant, p.Client = oauth.ClientCredentials, tt.client
			p.Client.ID = "app"
			_, err := newClient(t).Obtain(t.Context(), p)
			contains(t, "the error", failed(t, err).Description, tt.want)
			if len(server.requests()) != 0 {
				t.Error("the provider was asked")
			}
		})
	}
}

func TestAssertionsOfTheOwner(t *testing.T) {
	key := rsaKey(t)
	tests := []struct {
		name string
		set  func(a *oauth.Assertion)
		want map[string]any
		form map[string]string
	}{
		{
			"the plain one", func(*oauth.Assertion) {},
			map[string]any{"iss": "robot", "sub": nil, "scope": nil, "exp": float64(now.Add(5 * time.Minute).Unix())},
			map[string]string{"scope": "read write"},
		},
		{
			"Google's", func(a *oauth.Assertion) {
				a.Subject, a.ScopesAsClaim, a.Lifetime = "ada@example.com", true, time.Hour
			},
			map[string]any{"sub": "ada@example.com", "scope": "read write", "exp": float64(now.Add(time.Hour).Unix())},
			map[string]string{"scope": ""},
		},
		{
			"one that lasts too long", func(a *oauth.Assertion) { a.Lifetime = 48 * time.Hour },
			map[string]any{"exp": float64(now.Add(time.Hour).Unix())},
			nil,
		},
		{
			"one that lasts less than nothing", func(a *oauth.Assertion) { a.Lifetime = -time.Hour },
			map[string]any{"exp": float64(now.Add(5 * time.Minute).Unix())},
			nil,
		},
		{
			"further claims", func(a *oauth.Assertion) {
				a.Audience = "https://login.example"
				a.Claims = []oauth.Parameter{{Name: "box_sub_type", Value: "enterprise"}, {Name: "jti"}, {Name: "iss", Value: "other"}}
			},
			map[string]any{"aud": "https://login.example", "box_sub_type": "enterprise", "jti": nil, "iss": "other"},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newProvider(t, says(200, token))
			p := server.profile()
			p.Grant, p.Assertion = oauth.JWTBearer, oauth.Assertion{Key: pemKey(t, key), Issuer: "robot"}
			tt.set(&p.Assertion)
			if _, err := newClient(t).Obtain(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			form := server.last(t).form(t)
			_, claims := verified(t, form.Get("assertion"), key.Public())
			for name, want := range tt.want {
				if claims[name] != want {
					t.Errorf("the claim %s is %v, want %v", name, claims[name], want)
				}
			}
			for name, want := range tt.form {
				if form.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, form.Get(name), want)
				}
			}
		})
	}
}

func TestTheClientShowsItsCertificate(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	der := certificate(t, key)
	keyPEM, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	server := unstarted(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 || string(r.TLS.PeerCertificates[0].Raw) != string(der) {
			says(401, `{"error":"invalid_client"}`)(w, r)
			return
		}
		says(200, token)(w, r)
	})
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := clientWith(t, roots, 0, clocktest.New(now))

	p := server.profile()
	p.Grant = oauth.ClientCredentials
	p.Client = oauth.Registration{
		ID: "app", Method: oauth.TLSClientAuth,
		Certificate: text(pemBlock("PRIVATE KEY", keyPEM) + pemBlock("CERTIFICATE", der)),
	}
	got, err := client.Obtain(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	wantSecret(t, "access token", got.Access, "access-1")
	wantForm(t, server.last(t).form(t), map[string]string{"grant_type": "client_credentials", "client_id": "app", "scope": "read write"})

	p.Client = oauth.Registration{ID: "app"} // and only then
	if _, err := client.Obtain(context.Background(), p); failed(t, err).Code != "invalid_client" {
		t.Errorf("without the method, the error is %v", err)
	}
}
