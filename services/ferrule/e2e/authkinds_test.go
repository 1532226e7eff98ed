package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5" // what HTTP Digest is made of
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// locks is an API with one door for each way to authenticate. Each is opened by
// what its specification says, worked out here from the request as it arrived.
var locks = map[string]func(r *http.Request) bool{
	"none": func(r *http.Request) bool { return r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") == "" },
	"basic": func(r *http.Request) bool {
		user, password, ok := r.BasicAuth()
		return ok && user == "ann" && password == "pä:ss"
	},
	"bearer":   func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer t0ken" },
	"prefix":   func(r *http.Request) bool { return r.Header.Get("Authorization") == "Token t0ken" },
	"template": func(r *http.Request) bool { return r.Header.Get("X-Auth") == `key="k3y"; v=1` },
	"header":   func(r *http.Request) bool { return r.Header.Get("X-Key") == "k3y" },
	"query":    func(r *http.Request) bool { return r.URL.Query().Get("key") == "k3y&more" },
	"cookie":   func(r *http.Request) bool { c, err := r.Cookie("sid"); return err == nil && c.Value == "k3y" },
	"three": func(r *http.Request) bool {
		return r.Header.Get("X-App") == "app" && r.Header.Get("X-Secret") == "s3cret" && r.URL.Query().Get("shop") == "sh0p"
	},
	"aws":    awsSigned,
	"hmac":   hmacSigned,
	"digest": digested,
	"mtls": func(r *http.Request) bool {
		return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && r.TLS.PeerCertificates[0].Subject.CommonName == "ann"
	},
	"mtls-twice": func(r *http.Request) bool {
		return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && r.Header.Get("X-Key") == "k3y"
	},
}

// schemes are the security schemes of the doors in OpenAPI, and what each requires.
var schemes = map[string]struct{ scheme, requires string }{
	"basic":    {`{type: http, scheme: basic}`, ""},
	"bearer":   {`{type: http, scheme: bearer}`, ""},
	"prefix":   {`{type: http, scheme: Token}`, ""},
	"template": {`{type: apiKey, in: header, name: X-Auth, x-ferrule-value-template: 'key="{value}"; v=1'}`, ""},
	"header":   {`{type: apiKey, in: header, name: X-Key}`, ""},
	"query":    {`{type: apiKey, in: query, name: key}`, ""},
	"cookie":   {`{type: apiKey, in: cookie, name: sid}`, ""},
	"app":      {`{type: apiKey, in: header, name: X-App}`, "-"},
	"secret":   {`{type: apiKey, in: header, name: X-Secret}`, "-"},
	"shop":     {`{type: apiKey, in: query, name: shop}`, "-"},
	"three":    {"", "{app: [], secret: [], shop: []}"},
	"aws":      {`{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}`, ""},
	"hmac": {`{type: apiKey, in: header, name: X-Signature, x-ferrule-hmac: {algorithm: sha256, stringToSign: "{method}\n{path}\n{query}\n{timestamp}\n{body_sha256}",
      headers: [{name: X-Signature, template: "HMAC {parameter:key_id}:{signature}"}, {name: X-Time, template: "{timestamp}"}], parameters: [key_id]}}`, ""},
	"digest":     {`{type: http, scheme: digest}`, ""},
	"mtls":       {`{type: mutualTLS}`, ""},
	"mtls-twice": {"", "{mtls: [], header: []}"},
}

// describeLocks is the description of the API at a URL.
func describeLocks(server string) string {
	var paths, components strings.Builder
	for _, name := range slices.Sorted(maps.Keys(locks)) {
		requires := schemes[name].requires
		if requires == "" {
			requires = fmt.Sprintf("{%s: []}", name)
		}
		if name == "none" {
			requires = ""
		}
		fmt.Fprintf(&paths, "  /%s:\n    post:\n      operationId: %s\n      security: [%s]\n      parameters: [{name: q, in: query, schema: {type: string}}]\n"+
			"      requestBody: {content: {application/json: {schema: {type: object}}}}\n      responses: {\"200\": {description: Open}}\n", name, name, requires)
	}
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		if s := schemes[name].scheme; s != "" {
			fmt.Fprintf(&components, "    %s: %s\n", name, s)
		}
	}
	return "openapi: 3.1.0\ninfo: {title: Locks, version: '1'}\nservers: [{url: '" + server + "'}]\npaths:\n" + paths.String() +
		"components:\n  securitySchemes:\n" + components.String()
}

func TestEveryWayToAuthenticateOpensItsDoor(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if open := locks[name]; open != nil && open(r) {
			w.WriteHeader(http.StatusOK)
			return
		}
		if name == "digest" {
			w.Header().Set("WWW-Authenticate", `Digest realm="door", nonce="n0nce", qop="auth", algorithm=MD5, opaque="0paque"`)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	api.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1").pair(t)}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.pool(),
	}
	api.StartTLS()
	defer api.Close()
	roots := write(t, filepath.Join(t.TempDir(), "roots.pem"), string(ca.certificatePEM()))
	s := up(t, suiteOptions{data: t.TempDir(), env: []string{"SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir()}})
	c := s.overREST()
	must[*registryv1.ImportConnectorResponse](t, "import")(c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: "locks",
		Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{
			{Path: "openapi.yaml", Content: []byte(describeLocks(api.URL))},
		}}},
	}))
	ann := ca.issue(t, "ann")
	stranger := newAuthority(t).issue(t, "ann")
	for _, tt := range []struct {
		name, door, set string
		plain, secrets  map[string]string
		status          int32
	}{
		{"nothing where nothing is asked for", "none", "header", nil, map[string]string{"api_key": "k3y"}, 200},
		{"basic, with odd characters", "basic", "basic", map[string]string{"username": "ann"}, map[string]string{"password": "pä:ss"}, 200},
		{"basic, with a wrong password", "basic", "basic", map[string]string{"username": "ann"}, map[string]string{"password": "pass"}, 401},
		{"a bearer token, pasted with a line break", "bearer", "bearer", nil, map[string]string{"token": "t0ken\n"}, 200},
		{"a token with another prefix", "prefix", "prefix", nil, map[string]string{"token": "t0ken"}, 200},
		{"a key inside a text", "template", "template", nil, map[string]string{"api_key": "k3y"}, 200},
		{"a key in a header", "header", "header", nil, map[string]string{"api_key": "k3y"}, 200},
		{"a key in the query", "query", "query", nil, map[string]string{"api_key": "k3y&more"}, 200},
		{"a key in a cookie", "cookie", "cookie", nil, map[string]string{"api_key": "k3y"}, 200},
		{"three parts at once", "three", "app+secret+shop", nil, map[string]string{"api_key": "app", "api_key_2": "s3cret", "api_key_3": "sh0p"}, 200},
		{"AWS signature", "aws", "aws", map[string]string{"access_key_id": "AKID", "region": "eu-west-1"}, map[string]string{"secret_access_key": "aws-s3cret"}, 200},
		{"AWS signature of a wrong secret", "aws", "aws", map[string]string{"access_key_id": "AKID", "region": "eu-west-1"}, map[string]string{"secret_access_key": "guess"}, 401},
		{"a signature by a template", "hmac", "hmac", map[string]string{"key_id": "me"}, map[string]string{"secret": "hm4c"}, 200},
		{"HTTP digest", "digest", "digest", map[string]string{"username": "ann"}, map[string]string{"password": "d1gest"}, 200},
		{"a client certificate as PEM", "mtls", "mtls", nil, map[string]string{"certificate": string(ann.pem(t))}, 200},
		{"a client certificate as PKCS#12", "mtls", "mtls", nil, map[string]string{"certificate": ann.pkcs12(t, "p4ss"), "certificate:password": "p4ss"}, 200},
		{"a client certificate of somebody else", "mtls", "mtls", nil, map[string]string{"certificate": string(stranger.pem(t))}, 0},
		{"a client certificate and a key", "mtls-twice", "mtls+header", nil, map[string]string{"certificate": string(ann.pem(t)), "api_key": "k3y"}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
				Parent: environment, Secrets: tt.secrets,
				Connection: &vaultv1.Connection{Connector: connectorName("locks"), ParameterSet: tt.set, Parameters: tt.plain},
			})
			if err != nil {
				t.Fatalf("%v %v", err, grpcx.FromStatus(err).Violations())
			}
			id := conn.GetName()[strings.LastIndexByte(conn.GetName(), '/')+1:]
			res, err := c.invoke(t, id, tt.door, `{"q": "a b", "body": {"n": 1}}`)
			if got := res.GetStatusCode(); got != tt.status {
				t.Errorf("invoked: status %d, want %d (%v %s)", got, tt.status, err, res.GetBody().GetData())
			}
			through := s.request(t, http.MethodPost, "/v1/"+conn.GetName()+"/proxy/"+tt.door+"?q=a%20b", s.token, `{"n":1}`)
			if want := int(tt.status); through.status != want && (want != 0 || through.status < 500) && tt.door != "none" {
				t.Errorf("passed through: status %d, want %d\n%s", through.status, want, through.body)
			}
		})
	}
}

// awsSigned checks AWS Signature Version 4 as its documentation describes it.
func awsSigned(r *http.Request) bool {
	m := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKID/(\d{8})/eu-west-1/execute-api/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`).
		FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return false
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(m[2], ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(value))
	}
	body := readAll(r)
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), m[2], sum(body)}, "\n")
	scope := m[1] + "/eu-west-1/execute-api/aws4_request"
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, sum([]byte(canonical))}, "\n")
	key := []byte("AWS4aws-s3cret")
	for _, part := range []string{m[1], "eu-west-1", "execute-api", "aws4_request", toSign} {
		key = mac(key, part)
	}
	return hex.EncodeToString(key) == m[3]
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

func hmacSigned(r *http.Request) bool {
	sum := sha256.Sum256(readAll(r))
	text := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Time"), hex.EncodeToString(sum[:])}, "\n")
	return r.Header.Get("X-Signature") == "HMAC me:"+hex.EncodeToString(mac([]byte("hm4c"), text))
}

// digested checks RFC 7616, section 3.4.1, with MD5 and qop "auth".
func digested(r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	field := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^,\s]+))`).FindAllStringSubmatch(rest, -1) {
		field[m[1]] = m[2] + m[3]
	}
	h := func(parts ...string) string {
		sum := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum[:])
	}
	want := h(h("ann", "door", "d1gest"), "n0nce", field["nc"], field["cnonce"], "auth", h(r.Method, field["uri"]))
	return ok && field["uri"] == r.RequestURI && field["opaque"] == "0paque" && field["response"] == want
}

func readAll(r *http.Request) []byte {
	data, _ := io.ReadAll(r.Body) // what is missing makes another signature
	return data
}

// authority is a certificate authority of a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// identity is a certificate with its key.
type identity struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	i := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	return authority(i)
}

// issue makes a certificate for an address or a person.
func (a authority) issue(t *testing.T, name string) identity {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	return sign(t, template, &a)
}

func sign(t *testing.T, template *x509.Certificate, by *authority) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{key, cert}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a authority) certificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (i identity) pem(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

func (i identity) pair(t *testing.T) tls.Certificate {
	t.Helper()
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
}

func (i identity) pkcs12(t *testing.T, password string) string {
	t.Helper()
	data, err := pkcs12.Modern.Encode(i.key, i.cert, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}
