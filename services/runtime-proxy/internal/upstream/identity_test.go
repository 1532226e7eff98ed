package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream/h1"
)

// pair returns a private key and a certificate in PEM.
func pair(t *testing.T, serial int64) (key, certificate string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestIdentities(t *testing.T) {
	key, certificate := pair(t, 1)
	_, other := pair(t, 2)
	tests := []struct{ name, text, wrong string }{
		{"the key first", key + certificate, ""},
		{"the certificate first", certificate + key, ""},
		{"with a chain and words around it", "Bag Attributes\n" + key + "\n" + certificate + "\n" + other, ""},
		{"nothing", "", "no private key"},
		{"no PEM", "obviously-fake", "no private key"},
		{"no key", certificate, "no private key"},
		{"no certificate", key, "no certificate"},
		{"the key of somebody else", key + other, "do not belong together"},
		{"a key that is none", "-----BEGIN PRIVATE KEY-----\nb2J2aW91c2x5\n-----END PRIVATE KEY-----\n" + certificate, "cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			identity, err := NewIdentity([]byte(tt.text))
			if (err == nil) != (tt.wrong == "") || (err != nil && !strings.Contains(err.Error(), tt.wrong)) {
				t.Fatalf("error = %v", err)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", identity, identity, struct{ I *Identity }{identity}, err); strings.Contains(text, "BEGIN") || strings.Contains(text, "PrivateKey") {
				t.Errorf("it shows: %s", text)
			}
		})
	}
}

// fakeIdentity is one that is told from others and nothing else.
func fakeIdentity(i int) *Identity {
	identity := &Identity{}
	identity.hash[0], identity.hash[1] = byte(i), byte(i>>8)
	return identity
}

func TestConnectionsOfCertificatesAreKeptApartAndBounded(t *testing.T) {
	clk := clocktest.New(time.Unix(1_000_000, 0))
	made := 0
	known := &identities{clock: clk, open: map[[32]byte]*used{}, create: func(settings *tls.Config) transports {
		made++
		return transports{whole: h1.Off(&http.Transport{TLSClientConfig: settings}), raw: h1.Off(&http.Transport{})}
	}}
	first := known.of(fakeIdentity(0))
	if again := known.of(fakeIdentity(0)); again != first || made != 1 {
		t.Errorf("one certificate has %d transports", made)
	}
	if other := known.of(fakeIdentity(1)); other.whole == first.whole || other.raw == first.raw {
		t.Error("two certificates share their connections")
	}
	for i := range 1000 {
		clk.Advance(time.Millisecond)
		known.of(fakeIdentity(0)) // stays, since it is used
		known.of(fakeIdentity(i))
	}
	if again := known.of(fakeIdentity(0)); len(known.open) != maxIdentities || again != first {
		t.Errorf("%d certificates are open", len(known.open))
	}
	for range 5 { // requests of others, be it without any certificate
		known.sweep()
		known.of(fakeIdentity(0))
		clk.Advance(identitySweep)
	}
	if known.sweep(); len(known.open) != 1 || known.of(fakeIdentity(0)) != first {
		t.Errorf("%d certificates are open after a while", len(known.open))
	}
	clk.Advance(identityAge)
	if known.sweep(); len(known.open) != 0 {
		t.Errorf("%d certificates are open that nobody uses", len(known.open))
	}
	known.close()
	if len(known.open) != 0 {
		t.Error("closing leaves some open")
	}
}

func TestTokenRefused(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header string
		body   string
		want   bool
	}{
		{"401 of any kind", 401, "", "<html>", true},
		{"403 alone", 403, "", "", false},
		{"403 with RFC 6750's word", 403, `Bearer error="invalid_token", error_description="x"`, "", true},
		{"403 with another word of RFC 6750", 403, `Bearer error="insufficient_scope"`, "", false},
		{"a mail service", 403, "", `{"error":{"code":"InvalidAuthenticationToken"}}`, true},
		{"a cloud", 403, "", `{"error":{"code":"ExpiredAuthenticationToken","message":"x"}}`, true},
		{"a sales platform", 403, "", `[{"errorCode":"INVALID_SESSION_ID"}]`, true},
		{"a chat", 403, "", `{"ok":false,"error":"token_expired"}`, true},
		{"words", 403, "", `{"message":"The token has expired."}`, true},
		{"a lack of permission", 403, "", `{"error":"forbidden","message":"your token lacks the scope"}`, false},
		{"content of 64 KiB and more", 403, "", strings.Repeat("x", MaxRefusal) + "invalid_token", false},
		{"another status", 400, `Bearer error="invalid_token"`, "invalid_token", false},
		{"success", 200, "", "invalid_token", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			if tt.header != "" {
				header.Set("WWW-Authenticate", tt.header)
			}
			if got := TokenRefused(tt.status, header, []byte(tt.body)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
