package keyfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/authn/internal/keyfile"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for name, write := range map[string]func(string, []byte) error{"create": keyfile.Create, "replace": keyfile.Replace} {
		if err := write(path, []byte(name)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if got, err := keyfile.Read(path); err != nil || string(got) != name {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"a file that the group may read", file(0o640, 1), "run chmod 600"},
		{"a file that everybody may read", file(0o604, 1), "run chmod 600"},
		{"a file that others may write", file(0o602, 1), "run chmod 600"},
		{"a file over the limit", file(0o600, 64<<10+1), "larger than 65536 bytes"},
		{"a directory", func(p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
		{"nothing", func(string) error { return nil }, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pem")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := keyfile.Read(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("err = %v, want %q and the path in it", err, tt.want)
			}
		})
	}
	t.Run("but not a file at the limit, or one that only its owner may read", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := file(0o400, 64<<10)(path); err != nil {
			t.Fatal(err)
		}
		if got, err := keyfile.Read(path); err != nil || len(got) != 64<<10 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func file(mode fs.FileMode, size int) func(string) error {
	return func(path string) error {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := keyfile.Create(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Create(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v, want fs.ErrExist", err)
	}
	if err := keyfile.Share(path, []byte("third")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v, want fs.ErrExist", err)
	}
	if got, _ := keyfile.Read(path); string(got) != "first" {
		t.Errorf("content = %q", got)
	}
	if err := keyfile.Replace(path, []byte("fourth")); err != nil {
		t.Fatal(err)
	}
	if got, _ := keyfile.Read(path); string(got) != "fourth" {
		t.Errorf("content = %q", got)
	}
}

func TestShareIsReadableByAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := keyfile.Share(path, []byte("public")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOfManyCreatorsOneWinsAndAllReadItsContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	var winners atomic.Int32
	var wg sync.WaitGroup
	contents := make([][]byte, 16)
	for i := range contents {
		wg.Go(func() {
			err := keyfile.Create(path, bytes.Repeat(fmt.Appendf(nil, "%02d", i), 8<<10))
			if err == nil {
				winners.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
			contents[i], err = keyfile.Read(path)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if winners.Load() != 1 {
		t.Errorf("%d winners", winners.Load())
	}
	for i, c := range contents {
		if len(c) != 16<<10 || !bytes.Equal(c, contents[0]) {
			t.Errorf("reader %d saw %d bytes of something else", i, len(c))
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("temporary files stay behind: %v", left)
	}
}

func TestAFailedWriteLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if err := keyfile.Create(filepath.Join(dir, "missing", "key.pem"), []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
	target := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(target, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Replace(target, []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
