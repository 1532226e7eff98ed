package seal

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// shelf keeps keysets in memory and counts how often they are read.
type shelf struct {
	mu    sync.Mutex
	sets  map[string]Wrapped
	reads int
	fail  error
}

func newShelf() *shelf { return &shelf{sets: map[string]Wrapped{}} }

func (s *shelf) Keyset(_ context.Context, environment string) (Wrapped, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.fail != nil {
		return Wrapped{}, s.fail
	}
	w, ok := s.sets[environment]
	if !ok {
		return Wrapped{}, ErrNoKeyset
	}
	return w, nil
}

func (s *shelf) SaveKeyset(_ context.Context, environment string, w Wrapped) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Version != s.sets[environment].Version+1 {
		return ErrKeysetChanged
	}
	s.sets[environment] = w
	return nil
}

func (s *shelf) KeysetEnvironments(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.sets)), s.fail
}

// newKEK returns a key-encryption key in a file of its own.
func newKEK(t testing.TB) KEK {
	t.Helper()
	kek, err := CreateFile(filepath.Join(t.TempDir(), "kek.json"))
	if err != nil {
		t.Fatal(err)
	}
	return kek
}

// rotate gives the stored keyset of an environment a new primary key, as another
// process would, and keeps the old ones for reading.
func rotate(t testing.TB, kek KEK, s *shelf, environment string) {
	t.Helper()
	w, err := s.Keyset(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	old, err := keyset.ReadWithContext(t.Context(), keyset.NewBinaryReader(bytes.NewReader(w.Blob)), kek, bound(environment, w.Version))
	if err != nil {
		t.Fatal(err)
	}
	manager := keyset.NewManagerFromHandle(old)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	handle, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	next, err := wrap(t.Context(), kek, environment, w.Version+1, handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveKeyset(t.Context(), environment, next); err != nil {
		t.Fatal(err)
	}
}

// keyBytes returns the serialised key material of a key file's handle.
func keyBytes(t testing.TB, handle *keyset.Handle) []byte {
	t.Helper()
	return insecurecleartextkeyset.KeysetMaterial(handle).GetKey()[0].GetKeyData().GetValue()
}

func sealed(t testing.TB, k *Keyring, at core.Place, value string) []byte {
	t.Helper()
	blob, err := k.Seal(t.Context(), at, secret.FromString(value))
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// plain returns what a secret holds.
func plain(t testing.TB, value secret.Text) string {
	t.Helper()
	var text string
	if err := value.Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return text
}

// here is the place that the tests seal for.
func here() core.Place {
	return core.Place{
		Environment: "default",
		Resource:    "environments/default/connections/crm",
		Parameter:   "password",
		Version:     "4f2a-1",
	}
}

// owned is the same place for a resource with a key of its own.
func owned(t testing.TB, k *Keyring) core.Place {
	t.Helper()
	at := here()
	var err error
	if at.Key, err = k.NewKey(t.Context(), at.Environment, at.Resource); err != nil {
		t.Fatal(err)
	}
	return at
}
