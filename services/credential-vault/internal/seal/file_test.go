package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestTheFirstStartMakesAKeyOnlyItsOwnerCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	s := newShelf()
	first, err := Unlock(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode is %#o", mode)
	}
	blob := sealed(t, first, here(), canary)

	again, err := Unlock(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(t.Context(), here(), blob); err != nil || plain(t, got) != canary {
		t.Errorf("the next start cannot read the secret: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func TestAMissingKeyIsNeverReplacedWhileDataNeedsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	s := newShelf()
	k, err := Unlock(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	sealed(t, k, here(), canary)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = Unlock(t.Context(), path, s)
	wantText(t, err, path, "missing", "backup")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a new key was made")
	}
}

func TestAStoreMovesToAFileThatIsMadeForIt(t *testing.T) {
	s := newShelf()
	old := newKEK(t)
	blob := sealed(t, New(old, s), here(), canary)
	path := filepath.Join(t.TempDir(), "new.json")
	_, err := Unlock(t.Context(), path, s)
	wantText(t, err, path, "missing", "--kek")
	for title, previous := range map[string]KEK{"another key": newKEK(t), "a service that is away": broken{}} {
		if _, err := Unlock(t.Context(), path, s, WithPrevious(previous)); err == nil {
			t.Errorf("%s: it starts", title)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a new key was made", title)
		}
	}
	both, err := Unlock(t.Context(), path, s, WithPrevious(old))
	if err != nil {
		t.Fatal(err)
	}
	opens(t, both, here(), blob)
	must(t, both.RewrapKeyset(t.Context(), "default"))
	must(t, os.Rename(path, path+".lost"))
	_, err = Unlock(t.Context(), path, s, WithPrevious(old))
	wantText(t, err, path, "missing")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key that data need was replaced")
	}
}

func TestAnotherKeyIsNoticedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	s := newShelf()
	right, err := Unlock(t.Context(), filepath.Join(dir, "kek.json"), s)
	if err != nil {
		t.Fatal(err)
	}
	sealed(t, right, here(), canary)
	other, err := CreateFile(filepath.Join(dir, "other.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Unlock(t.Context(), filepath.Join(dir, "other.json"), s)
	wantText(t, err, "other.json", "not the one", right.kek.ID(), other.ID())
}

func TestFilesThatAreNoSafeKeyAreRefused(t *testing.T) {
	good := filepath.Join(t.TempDir(), "kek.json")
	if _, err := CreateFile(good); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		mode    fs.FileMode
		want    string
	}{
		"readable by the group":    {key, 0o640, "chmod 600"},
		"readable by everybody":    {key, 0o604, "chmod 600"},
		"empty":                    {nil, 0o600, "does not hold a key"},
		"cut short":                {key[:len(key)/2], 0o600, "does not hold a key"},
		"not JSON":                 {[]byte("hunter2"), 0o600, "does not hold a key"},
		"larger than any key":      {bytes.Repeat([]byte(" "), maxFile+1), 0o600, "larger than"},
		"a key for something else": {macKey(t), 0o600, "no key for authenticated encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && c.mode != 0o600 {
				t.Skip("files have no mode bits here")
			}
			path := filepath.Join(t.TempDir(), "kek.json")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Unlock(t.Context(), path, newShelf())
			wantText(t, err, path, c.want)
			if len(c.content) > 0 && len(c.content) < maxFile && strings.Contains(err.Error(), string(c.content[len(c.content)/2:])) {
				t.Error("the error quotes the file")
			}
		})
	}
}

func TestADirectoryIsNoKey(t *testing.T) {
	_, err := LoadFile(t.TempDir())
	wantText(t, err, "not a regular file")
}

func TestAKeyFileIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "precious" {
		t.Errorf("the file now holds %q, %v", got, err)
	}
}

func TestProcessesThatStartTogetherShareOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	rings := make([]*Keyring, 8)
	var all sync.WaitGroup
	for i := range rings {
		all.Go(func() {
			var err error
			if rings[i], err = Unlock(t.Context(), path, newShelf()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range rings {
		if k == nil || k.kek.ID() != rings[0].kek.ID() {
			t.Fatal("not everybody has the same key")
		}
	}
}

func TestTheStoreNeverHoldsTheKeyEncryptionKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	s := newShelf()
	k, err := Unlock(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	sealed(t, k, here(), canary)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file)))
	if err != nil {
		t.Fatal(err)
	}
	material := keyBytes(t, handle)
	if !bytes.Contains(file, []byte(base64.StdEncoding.EncodeToString(material))) {
		t.Fatal("the test does not find the key where it is")
	}
	if bytes.Contains(s.sets["default"].Blob, material[2:]) {
		t.Error("the key is stored with the data")
	}
}

func TestAStoreThatCannotBeAskedStopsTheStart(t *testing.T) {
	s := newShelf()
	s.fail = errors.New("the disk is gone")
	path := filepath.Join(t.TempDir(), "kek.json")
	if _, err := Unlock(t.Context(), path, s); !errors.Is(err, s.fail) || fault.ReasonOf(err) != fault.ReasonInternal {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key was made without knowing whether data needs another")
	}
}

// macKey is a key file whose key is for authentication codes.
func macKey(t *testing.T) []byte {
	t.Helper()
	handle, err := keyset.NewHandle(mac.HMACSHA256Tag256KeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&data)); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// wantText checks that an error for operators says what it must.
func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %q", err, part)
		}
	}
}
