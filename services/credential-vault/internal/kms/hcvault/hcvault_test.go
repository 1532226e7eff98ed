package hcvault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const token = "not-a-real-token"

// transit speaks the documented protocol of the transit engine: POST
// /v1/{mount}/encrypt/{name} and decrypt, base64 in JSON, ciphertexts
// "vault:v{version}:{base64}", associated_data authenticated.
type transit struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []cipher.AEAD // by version - 1
	token string
	fail  int // the status of every answer, unless 0
	seen  []string
}

func newTransit(t *testing.T) *transit {
	t.Helper()
	v := &transit{token: token}
	v.rotate()
	v.Server = httptest.NewTLSServer(v)
	t.Cleanup(v.Close)
	return v
}

func (v *transit) rotate() {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, _ := aes.NewCipher(key)
	c, _ := cipher.NewGCMWithRandomNonce(block)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys = append(v.keys, c)
}

func (v *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Vault-Namespace"))
	status, answer := v.answer(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (v *transit) answer(r *http.Request) (status int, answer map[string]any) {
	refuse := func(status int, why string) (int, map[string]any) {
		return status, map[string]any{"errors": []string{why}}
	}
	switch {
	case v.fail != 0:
		return refuse(v.fail, "planned")
	case r.Header.Get("X-Vault-Token") != v.token:
		return refuse(http.StatusForbidden, "permission denied")
	}
	var body struct {
		Plaintext, Ciphertext []byte
		AssociatedData        []byte `json:"associated_data"`
		Context               []byte `json:"context"`
	}
	var raw map[string]string
	if json.NewDecoder(r.Body).Decode(&raw) != nil || raw["context"] != "" {
		return refuse(http.StatusBadRequest, "malformed, or with a context for a key that is not derived")
	}
	body.AssociatedData, _ = base64.StdEncoding.DecodeString(raw["associated_data"])
	switch r.URL.Path {
	case "/v1/transit/encrypt/ferrule":
		body.Plaintext, _ = base64.StdEncoding.DecodeString(raw["plaintext"])
		sealed := v.keys[len(v.keys)-1].Seal(nil, nil, body.Plaintext, body.AssociatedData)
		return 200, map[string]any{"data": map[string]any{
			"ciphertext": fmt.Sprintf("vault:v%d:%s", len(v.keys), base64.StdEncoding.EncodeToString(sealed)), "key_version": len(v.keys),
		}}
	case "/v1/transit/decrypt/ferrule":
		var version int
		var text string
		if _, err := fmt.Sscanf(raw["ciphertext"], "vault:v%d:%s", &version, &text); err != nil || version < 1 || version > len(v.keys) {
			return refuse(http.StatusBadRequest, "invalid ciphertext: no prefix")
		}
		sealed, _ := base64.StdEncoding.DecodeString(text)
		plain, err := v.keys[version-1].Open(nil, nil, sealed, body.AssociatedData)
		if err != nil {
			return refuse(http.StatusBadRequest, "cipher: message authentication failed")
		}
		return 200, map[string]any{"data": map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}}
	}
	return refuse(http.StatusNotFound, "no handler for route")
}

// location is where the key is.
func (v *transit) location() string {
	return strings.TrimPrefix(v.URL, "https://") + "/transit/keys/ferrule"
}

// environ is the environment of a vault that may use the key.
func (v *transit) environ(t *testing.T) map[string]string {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{envToken: token, envCACert: ca}
}

func getenv(m map[string]string) func(string) string {
	return func(name string) string { return m[name] }
}

func opened(t *testing.T, location string, environ map[string]string) *KEK {
	t.Helper()
	k, err := Open(location, getenv(environ))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// usable is what every server with a transit engine has to do. rotate gives the
// key another version.
func usable(t *testing.T, k *KEK, rotate func()) {
	t.Helper()
	secret, place := []byte("a keyset"), []byte("environments/default\x001")
	old, err := k.EncryptWithContext(t.Context(), secret, place)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(old, secret) || !bytes.HasPrefix(old, []byte("vault:v1:")) {
		t.Errorf("got the ciphertext %q", old)
	}
	rotate()
	fresh, err := k.EncryptWithContext(t.Context(), secret, place)
	if err != nil || !bytes.HasPrefix(fresh, []byte("vault:v2:")) {
		t.Errorf("after a rotation on the server: got %q, %v", fresh, err)
	}
	for name, sealed := range map[string][]byte{"old": old, "new": fresh} {
		if got, err := k.DecryptWithContext(t.Context(), sealed, place); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s ciphertext: got %q, %v", name, got, err)
		}
		_, err := k.DecryptWithContext(t.Context(), sealed, []byte("environments/other\x001"))
		if err == nil || fault.ReasonOf(err) == fault.ReasonKeyUnavailable {
			t.Errorf("%s ciphertext in another place: got %v, want that it is not the key's", name, err)
		}
	}
	for name, sealed := range map[string]string{"damaged": string(old[:len(old)-6]) + "AAAA==", "not a ciphertext": "hunter2"} {
		_, err := k.DecryptWithContext(t.Context(), []byte(sealed), place)
		if err == nil || fault.ReasonOf(err) == fault.ReasonKeyUnavailable {
			t.Errorf("%s: got %v, want that it is not the key's", name, err)
		}
	}
}

// wantUnavailable checks for the fault, and that no secret is in it.
func wantUnavailable(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Fatalf("got %v, want KEY_UNAVAILABLE", err)
	}
	for _, secret := range append(secrets, token) {
		if strings.Contains(err.Error()+fmt.Sprintf("%+v", err), secret) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}

func TestTheDocumentedProtocol(t *testing.T) {
	v := newTransit(t)
	environ := v.environ(t)
	environ[envNamespace] = "team"
	usable(t, opened(t, v.location(), environ), v.rotate)
	if v.seen[0] != "PUT /v1/transit/encrypt/ferrule team" && v.seen[0] != "POST /v1/transit/encrypt/ferrule team" {
		t.Errorf("the server saw %q", v.seen[0])
	}
}

func TestAKeyThatCannotBeUsedIsUnavailable(t *testing.T) {
	for title, change := range map[string]func(v *transit, environ map[string]string){
		"another token":         func(_ *transit, e map[string]string) { e[envToken] = "an-old-token" },
		"a sealed server":       func(v *transit, _ map[string]string) { v.fail = http.StatusServiceUnavailable },
		"an overloaded server":  func(v *transit, _ map[string]string) { v.fail = http.StatusTooManyRequests },
		"a redirect":            func(v *transit, _ map[string]string) { v.fail = http.StatusTemporaryRedirect },
		"an unknown authority":  func(_ *transit, e map[string]string) { delete(e, envCACert) },
		"a server that is gone": func(v *transit, _ map[string]string) { v.Close() },
	} {
		t.Run(title, func(t *testing.T) {
			v := newTransit(t)
			environ := v.environ(t)
			location := v.location()
			change(v, environ)
			k := opened(t, location, environ)
			_, err := k.EncryptWithContext(t.Context(), []byte("a keyset"), []byte("here"))
			wantUnavailable(t, err, "a keyset", "an-old-token")
			_, err = k.DecryptWithContext(t.Context(), []byte("vault:v1:AAAA"), []byte("here"))
			wantUnavailable(t, err, "an-old-token")
		})
	}
}

func TestAMountThatIsNotThereIsUnavailable(t *testing.T) {
	v := newTransit(t)
	k := opened(t, strings.Replace(v.location(), "/transit/", "/elsewhere/", 1), v.environ(t))
	_, err := k.EncryptWithContext(t.Context(), []byte("a keyset"), nil)
	wantUnavailable(t, err)
}

func TestATokenInAFileMayChange(t *testing.T) {
	v := newTransit(t)
	environ := v.environ(t)
	delete(environ, envToken)
	file := filepath.Join(t.TempDir(), "token")
	environ[envTokenFile] = file
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token + "\n")
	k := opened(t, v.location(), environ)
	if _, err := k.EncryptWithContext(t.Context(), []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	v.token = "the-next-token"
	write("the-next-token")
	if _, err := k.EncryptWithContext(t.Context(), []byte("x"), nil); err != nil {
		t.Errorf("with the new token: %v", err)
	}
	write("")
	_, err := k.EncryptWithContext(t.Context(), []byte("x"), nil)
	wantUnavailable(t, err, "the-next-token")
}

func TestNothingIsAskedForACallerWhoLeft(t *testing.T) {
	v := newTransit(t)
	k := opened(t, v.location(), v.environ(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.DecryptWithContext(ctx, []byte("vault:v1:AAAA"), nil); !errors.Is(err, context.Canceled) || len(v.seen) != 0 {
		t.Errorf("got %v after %d requests", err, len(v.seen))
	}
}

func TestWhatCannotBeOpenedIsExplained(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := "vault.example.com:8200/transit/keys/ferrule"
	for title, c := range map[string]struct {
		location string
		environ  map[string]string
		want     string
	}{
		"no host":                {"/transit/keys/ferrule", nil, "hcvault://HOST"},
		"no mount":               {"vault.example.com/keys/ferrule", nil, "hcvault://HOST"},
		"no name":                {"vault.example.com/transit/keys/", nil, "hcvault://HOST"},
		"another path":           {"vault.example.com/transit/decrypt/ferrule", nil, "hcvault://HOST"},
		"a path that climbs":     {"vault.example.com/transit/../keys/ferrule", nil, "hcvault://HOST"},
		"a user":                 {"ann:pw@" + good, nil, "hcvault://HOST"},
		"a query":                {good + "?a=b", nil, "hcvault://HOST"},
		"a control character":    {good + "\n", nil, "hcvault://HOST"},
		"no token":               {good, nil, "VAULT_TOKEN"},
		"a token file not there": {good, map[string]string{envTokenFile: empty + "?"}, "VAULT_TOKEN_FILE"},
		"an empty token file":    {good, map[string]string{envTokenFile: empty}, "is empty"},
		"no certificates":        {good, map[string]string{envToken: token, envCACert: empty}, "no certificate"},
		"a CA file not there":    {good, map[string]string{envToken: token, envCACert: empty + "?"}, "VAULT_CACERT"},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := Open(c.location, getenv(c.environ))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want a sentence with %q", err, c.want)
			}
		})
	}
	k := opened(t, good, map[string]string{envToken: token})
	if k.ID() != "hcvault://"+good {
		t.Errorf("its id is %s", k.ID())
	}
}
