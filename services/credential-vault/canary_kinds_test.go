package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// planted are all secrets that a person gives to the vault, by what they are.
type planted struct {
	text map[string]string
	// pem is a certificate with its key, p12 another one as PKCS#12 in base64, and key
	// a key alone.
	pem, p12, key string
}

// plant makes secrets of every kind.
func plant(t *testing.T) *planted {
	t.Helper()
	p := &planted{text: map[string]string{}}
	for i, what := range []string{
		"API key", "password of basic", "key of HMAC", "secret of AWS", "session token of AWS", "password of PKCS#12",
		"client secret", "changed client secret", "client secret of the owner", "password of the owner", "refresh token of the owner",
		"authorization code", "token of the caller", "password of the client's PKCS#12", "secret in a wrong place",
	} {
		p.text[what] = "c4nary-" + string(rune('a'+i)) + "-" + strings.Repeat(string(rune('A'+i)), 30)
	}
	key, leaf := newIdentity(t)
	p.key = p.remember(t, "key in PEM", key)
	p.pem = p.key + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	key, leaf = newIdentity(t)
	p.remember(t, "key in PKCS#12", key)
	file, err := pkcs12.Modern.WithIterations(1).Encode(key, leaf, nil, p.text["password of PKCS#12"])
	if err != nil {
		t.Fatal(err)
	}
	p.p12 = base64.StdEncoding.EncodeToString(file)
	return p
}

// remember keeps what a key is recognised by, its number and the line of PEM that
// holds the most of it, and returns it as PEM.
func (p *planted) remember(t *testing.T, what string, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	number, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p.text[what] = string(number)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	p.text[what+", as PEM"] = strings.Split(text, "\n")[1]
	return text
}

func newIdentity(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, leaf
}

// everyKind is a connector with a parameter set for each way to authenticate.
func everyKind(provider string) *connectorv1.Definition {
	const (
		text        = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
		secret      = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
		oauth       = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
		certificate = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
	)
	set := &connectorv1.ParameterSet{Name: "parts"}
	for _, p := range []struct {
		name string
		kind connectorv1.ConnectionParameterType
	}{
		{"api_key", secret},
		{"username", text},
		{"password", secret},
		{"hmac", secret},
		{"access_key_id", text},
		{"secret_access_key", secret},
		{"session_token", secret},
		{"pem", certificate},
		{"p12", certificate},
	} {
		set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: p.name, Type: p.kind, Required: true})
	}
	def := &connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example"}}, ParameterSets: []*connectorv1.ParameterSet{set}}
	for name, custom := range map[string]map[string]string{
		"authorizationCode": nil, "password": nil, "clientCredentials": {"clientAuthentication": "private_key_jwt"}, "tokenExchange": nil,
		"refreshToken": nil, "jwtBearer": nil, "deviceAuthorization": nil,
	} {
		settings := &connectorv1.OAuthSettings{IdentityProvider: "oauth2", Grant: name, Scopes: []string{"read"}, CustomParameters: map[string]string{
			"authorizationUrl": provider + "/authorize", "tokenUrl": provider + "/token", "revocationUrl": provider + "/revoke", "deviceAuthorizationUrl": provider + "/device",
		}}
		maps.Copy(settings.CustomParameters, custom)
		def.ParameterSets = append(def.ParameterSets, &connectorv1.ParameterSet{
			Name:       name,
			Parameters: []*connectorv1.ConnectionParameter{{Name: "token", Type: oauth, Required: true, Oauth: settings}},
			Placements: []*connectorv1.CredentialPlacement{
				{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
			},
		})
	}
	return def
}
