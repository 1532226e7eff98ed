package intake_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/intake"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// identity is a client certificate with its key, its issuer and the issuer's.
type identity struct {
	key               crypto.Signer
	leaf, middle, top *x509.Certificate
}

func newIdentity(t testing.TB, key crypto.Signer, until time.Time) identity {
	t.Helper()
	topKey, middleKey := newEC(t), newEC(t)
	top := certificate(t, "top", nil, topKey, topKey, noon.AddDate(9, 0, 0))
	middle := certificate(t, "middle", top, middleKey, topKey, noon.AddDate(9, 0, 0))
	return identity{key: key, leaf: certificate(t, "leaf", middle, key, middleKey, until), middle: middle, top: top}
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificate(t testing.TB, subject string, issuer *x509.Certificate, key, by crypto.Signer, until time.Time) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: subject}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: until,
		IsCA: issuer == nil, BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func cert(c *x509.Certificate) string { return block("CERTIFICATE", c.Raw) }

func pkcs8(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func TestCertificatesInEveryFormAreKeptInOne(t *testing.T) {
	key := newEC(t)
	id := newIdentity(t, key, noon.AddDate(1, 0, 0))
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	modern, err := pkcs12.Modern.Encode(key, id.leaf, []*x509.Certificate{id.middle, id.top}, "canary")
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := pkcs12.LegacyDES.Encode(key, id.leaf, []*x509.Certificate{id.top, id.middle}, "canary")
	if err != nil {
		t.Fatal(err)
	}
	want := pkcs8(t, key) + cert(id.leaf) + cert(id.middle) + cert(id.top)
	for title, c := range map[string]struct{ sent, password string }{
		"as it is kept":               {want, ""},
		"the key last":                {cert(id.leaf) + cert(id.middle) + cert(id.top) + pkcs8(t, key), ""},
		"the chain upside down":       {cert(id.top) + cert(id.middle) + pkcs8(t, key) + cert(id.leaf), ""},
		"the leaf twice":              {cert(id.leaf) + want, ""},
		"a SEC 1 key":                 {block("EC PRIVATE KEY", sec1) + cert(id.leaf) + cert(id.middle) + cert(id.top), ""},
		"with comments around it":     {"Bag Attributes\n  friendlyName: x\n" + want + "\nthe end", ""},
		"with EC parameters":          {block("EC PARAMETERS", []byte{6, 1, 1}) + want, ""},
		"with lines ended as DOS has": {strings.ReplaceAll(want, "\n", "\r\n"), ""},
		"with a stranger's":           {want + cert(newIdentity(t, newEC(t), noon.AddDate(1, 0, 0)).leaf), ""},
		"PKCS#12":                     {string(modern), "canary"},
		"PKCS#12 in base64":           {base64.StdEncoding.EncodeToString(modern), "canary"},
		"PKCS#12 in lines of base64":  {wrapped(base64.StdEncoding.EncodeToString(modern)), "canary"},
		"PKCS#12 in raw URL base64":   {base64.RawURLEncoding.EncodeToString(modern), "canary"},
		"PKCS#12 of an old program":   {string(legacy), "canary"},
	} {
		t.Run(title, func(t *testing.T) {
			kept, wrong := intake.Certificate(secret.FromString(c.sent), secret.FromString(c.password), noon)
			if wrong != "" || textOf(t, kept) != want {
				t.Fatalf("got %q\n%s", wrong, textOf(t, kept))
			}
			if _, err := tls.X509KeyPair([]byte(textOf(t, kept)), []byte(textOf(t, kept))); err != nil {
				t.Error(err)
			}
		})
	}
}

// wrapped breaks a text into lines of 64.
func wrapped(text string) string {
	var b strings.Builder
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	return b.String() + text + "\n"
}

func TestKeysOfEveryKind(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for title, c := range map[string]struct {
		key  crypto.Signer
		text string
	}{
		"RSA":               {rsaKey, pkcs8(t, rsaKey)},
		"RSA, as it was":    {rsaKey, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"Ed25519":           {edKey, pkcs8(t, edKey)},
		"a wrong PEM label": {rsaKey, block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
	} {
		id := newIdentity(t, c.key, noon.AddDate(1, 0, 0))
		kept, wrong := intake.Certificate(secret.FromString(c.text+cert(id.leaf)), secret.Text{}, noon)
		if wrong != "" || textOf(t, kept) != pkcs8(t, c.key)+cert(id.leaf) {
			t.Errorf("%s: got %q", title, wrong)
		}
	}
}

func TestCertificatesThatAreRefused(t *testing.T) {
	key := newEC(t)
	id := newIdentity(t, key, noon.AddDate(1, 0, 0))
	old := newIdentity(t, key, time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC))
	store, err := pkcs12.Modern.Encode(key, id.leaf, nil, "right")
	if err != nil {
		t.Fatal(err)
	}
	for title, c := range map[string]struct{ sent, password, want string }{
		"one that has expired":       {pkcs8(t, key) + cert(old.leaf), "", "expired on 2026-02-03"},
		"the key of another":         {pkcs8(t, newEC(t)) + cert(id.leaf), "", "does not belong"},
		"no key":                     {cert(id.leaf), "", "no private key"},
		"no certificate":             {pkcs8(t, key), "", "no certificate"},
		"two keys":                   {pkcs8(t, key) + pkcs8(t, newEC(t)) + cert(id.leaf), "", "more than one private key"},
		"an encrypted key":           {block("ENCRYPTED PRIVATE KEY", []byte("x")) + cert(id.leaf), "", "openssl pkey"},
		"an encrypted key of old":    {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "", "openssl pkey"},
		"a key that is none":         {block("PRIVATE KEY", []byte("canary")) + cert(id.leaf), "", "private key that cannot be read"},
		"a certificate that is none": {pkcs8(t, key) + block("CERTIFICATE", []byte("canary")), "", "certificate that cannot be read"},
		"a whole authority":          {pkcs8(t, key) + strings.Repeat(cert(id.leaf), 20), "", "more than 16"},
		"half a block":               {"-----BEGIN CERTIFICATE-----\ncanary", "", "no private key"},
		"a wrong password":           {string(store), "canary", "cannot be opened with the password"},
		"no password":                {string(store), "", "cannot be opened with the password"},
		"a word":                     {"canary", "", "neither PEM nor PKCS#12"},
		"a word in base64":           {"Y2FuYXJ5", "", "neither PEM nor PKCS#12"},
		"nothing":                    {"", "", "neither PEM nor PKCS#12"},
		"much work":                  {string(laborious(t, store)), "right", "too much work"},
		"something else in DER":      {string(id.leaf.Raw), "", "neither PEM nor PKCS#12"},
	} {
		t.Run(title, func(t *testing.T) {
			kept, wrong := intake.Certificate(secret.FromString(c.sent), secret.FromString(c.password), noon)
			if !strings.Contains(wrong, c.want) || !kept.Empty() || strings.Contains(wrong, "canary") {
				t.Errorf("got %q", wrong)
			}
		})
	}
}

// laborious returns PKCS#12 whose password has to be derived two billion times.
func laborious(t *testing.T, der []byte) []byte {
	t.Helper()
	few, err := asn1.Marshal(2048)
	if err != nil {
		t.Fatal(err)
	}
	many, err := asn1.Marshal(32000)
	if err != nil || len(many) != len(few) {
		t.Fatal(err, len(many))
	}
	if !bytes.Contains(der, few) {
		t.Skip("the library derives passwords in another number of rounds now")
	}
	// The same length cannot hold a large number, so a file is made by hand.
	salt := asn1.RawValue{Tag: asn1.TagOctetString, Bytes: []byte("saltsalt")}
	file, err := asn1.Marshal(struct {
		Version int
		Mac     struct {
			Salt   asn1.RawValue
			Rounds int
		}
	}{3, struct {
		Salt   asn1.RawValue
		Rounds int
	}{salt, 2_000_000_000}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheLastMomentOfACertificate(t *testing.T) {
	key := newEC(t)
	id := newIdentity(t, key, noon)
	sent := secret.FromString(pkcs8(t, key) + cert(id.leaf))
	if _, wrong := intake.Certificate(sent, secret.Text{}, noon); wrong != "" {
		t.Errorf("a second too soon: %s", wrong)
	}
	if _, wrong := intake.Certificate(sent, secret.Text{}, noon.Add(time.Second)); wrong == "" {
		t.Error("it is accepted for ever")
	}
}

func FuzzCertificateNeverPanics(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), "")
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x03}, "pw")
	key := newEC(f)
	id := newIdentity(f, key, noon.AddDate(1, 0, 0))
	if der, err := pkcs12.Modern.WithIterations(1).Encode(key, id.leaf, nil, "pw"); err == nil {
		f.Add(der, "pw")
	}
	f.Fuzz(func(_ *testing.T, sent []byte, password string) {
		intake.Certificate(secret.New(sent), secret.FromString(password), noon)
	})
}
