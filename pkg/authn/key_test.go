package authn_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/authn"
)

func TestAKeyIsMadeOnceAndLoadedThen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	first, err := authn.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	second, err := authn.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Public().ID() != second.Public().ID() || first.Public().ID() == "" {
		t.Errorf("ids %q and %q", first.Public().ID(), second.Public().ID())
	}
}

func TestProcessesThatStartAtOnceGetOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() {
			key, err := authn.LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.Public().ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("keys differ: %v", ids)
			break
		}
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	good := goodKeyFile(t)
	tests := []struct {
		name    string
		content []byte
		mode    os.FileMode
		want    string
	}{
		{"readable by the group", good, 0o640, "chmod 600"},
		{"empty", nil, 0o600, "exactly one PEM block"},
		{"not PEM", []byte("hello"), 0o600, "exactly one PEM block"},
		{"something after the key", append(slices.Clip(good), "x"...), 0o600, "exactly one PEM block"},
		{"another PEM type", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), 0o600, "exactly one PEM block"},
		{"damaged", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), 0o600, "parse key file"},
		{"another algorithm", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ecDER}), 0o600, "Ed25519"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token.key")
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil { // past the umask
				t.Fatal(err)
			}
			_, err := authn.LoadOrCreateKey(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if got, _ := os.ReadFile(path); string(got) != string(tt.content) {
				t.Error("the file was overwritten")
			}
		})
	}
	if _, err := authn.LoadOrCreateKey(filepath.Join(t.TempDir(), "missing", "token.key")); err == nil {
		t.Error("a key was made in a directory that does not exist")
	}
}

func goodKeyFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.key")
	if _, err := authn.LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPublicKeysTravelAlone(t *testing.T) {
	key := newKey(t)
	data, err := key.Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token.pub")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	public, err := authn.LoadPublicKey(path)
	if err != nil || public.ID() != key.Public().ID() {
		t.Errorf("loaded %q, %v; want %q", public.ID(), err, key.Public().ID())
	}
	if _, err := (authn.PublicKey{}).PEM(); err == nil {
		t.Error("an empty key was encoded")
	}
}

func TestPublicKeyFilesThatAreRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"the private key", goodKeyFile(t), "this is the private key"},
		{"not PEM", []byte("hello"), "no PEM block"},
		{"another PEM type", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), `type "CERTIFICATE"`},
		{"damaged", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), "parse public key"},
		{"another algorithm", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: ecDER}), "Ed25519"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token.pub")
			if err := os.WriteFile(path, tt.content, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := authn.LoadPublicKey(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := authn.LoadPublicKey(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing file was loaded")
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	key, err := authn.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	seed := parsed.(ed25519.PrivateKey).Seed()[:8]
	type holder struct{ key *authn.Key }
	type copied struct{ key authn.Key }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{key, *key, holder{key}, &holder{key}, copied{*key}, []*authn.Key{key}} {
			out := strings.ToLower(fmt.Sprintf(verb, v))
			for _, form := range []string{fmt.Sprintf("%x", seed), strings.Trim(fmt.Sprint(seed), "[]"), string(seed)} {
				if strings.Contains(out, form) {
					t.Errorf("%s of %T shows the private key: %s", verb, v, out)
				}
			}
		}
	}
}

// publicKeyOf returns the authn form of a raw key.
func publicKeyOf(t *testing.T, raw ed25519.PublicKey) authn.PublicKey {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	key, err := authn.ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
