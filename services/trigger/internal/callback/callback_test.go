package callback_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
)

const (
	uid   = "000102030405060708090a0b0c0d0e0f"
	other = "ff0102030405060708090a0b0c0d0e0f"
)

func keys(t *testing.T, fill string) *callback.Keys {
	t.Helper()
	k, err := callback.New([]byte(strings.Repeat(fill, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATokenLeadsBackToItsSubscriptionAndNoOtherDoes(t *testing.T) {
	k := keys(t, "a")
	token := k.Token(uid)
	if len(token) != 64 {
		t.Errorf("the token has %d characters", len(token))
	}
	if got, ok := k.UID(token); !ok || got != uid {
		t.Errorf("got %q, %v", got, ok)
	}
	for i := range token { // every single character counts
		changed := []byte(token)
		changed[i] ^= 1
		if got, ok := k.UID(string(changed)); ok {
			t.Errorf("a token that differs at %d leads to %q", i, got)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "short": token[:60], "long": token + "AAAA", "padded": token + "=", "with a line break": token[:32] + "\n" + token[32:],
		"of another key": keys(t, "b").Token(uid), "the id alone": "AAECAwQFBgcICQoLDA0ODw",
	} {
		if got, ok := k.UID(bad); ok {
			t.Errorf("a token that is %s leads to %q", name, got)
		}
	}
}

func TestDerivedValuesAreStableAndTellNothingOfEachOther(t *testing.T) {
	k := keys(t, "a")
	if k.Secret(uid, 0) != keys(t, "a").Secret(uid, 0) || k.Token(uid) != keys(t, "a").Token(uid) || k.ID() != keys(t, "a").ID() {
		t.Error("the same key derives different values")
	}
	values := map[string]bool{}
	for _, v := range []string{k.Secret(uid, 0), k.Secret(uid, 1), k.Secret(uid, 11), k.Secret(other, 0), k.Token(uid), k.Token(other), k.ID(), keys(t, "b").Secret(uid, 0), keys(t, "b").Token(uid), keys(t, "b").ID()} {
		values[v] = true
	}
	if len(values) != 10 {
		t.Errorf("only %d different values", len(values))
	}
	if len(k.Secret(uid, 0)) != 64 {
		t.Errorf("the secret has %d characters", len(k.Secret(uid, 0)))
	}
	if k.Token("not a unique id") != "" || k.Token("00") != "" {
		t.Error("there is a token for something that is no unique id")
	}
	for _, shown := range []string{fmt.Sprintf("%v", k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), k.String()} {
		if shown != "webhook key "+k.ID() {
			t.Errorf("it prints as %s", shown)
		}
	}
	if _, err := callback.New(make([]byte, 31)); err == nil {
		t.Error("a short key was taken")
	}
}

func TestTheKeyFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "webhook.key")
	var mu sync.Mutex
	var all sync.WaitGroup
	ids := map[string]bool{}
	for range 8 { // at the same time
		all.Go(func() {
			k, err := callback.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[k.ID()] = true
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("%d different keys", len(ids))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
}

func TestAKeyFileThatCannotBeTrustedIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"others can read it", func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) }, "chmod 600"},
		{"it is empty", func(p string) error { return os.WriteFile(p, nil, 0o600) }, "does not hold a webhook key"},
		{"it is too short", func(p string) error { return os.WriteFile(p, []byte("c2hvcnQ="), 0o600) }, "does not hold a webhook key"},
		{"it is no base64", func(p string) error { return os.WriteFile(p, []byte("!!!"), 0o600) }, "does not hold a webhook key"},
		{"it is a directory", func(p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "webhook.key")
			if err := tc.make(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o600); tc.want != "chmod 600" && err != nil {
				t.Fatal(err)
			}
			if tc.want == "chmod 600" {
				if err := os.Chmod(path, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := callback.Open(path); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := callback.Open(filepath.Join(t.TempDir(), "missing", "webhook.key")); err == nil {
		t.Error("a key was made in a directory that does not exist")
	}
}
