package boltkv_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
)

func put(tb testing.TB, s kv.Store, key, value string) {
	tb.Helper()
	if err := s.Update(tb.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) }); err != nil {
		tb.Fatal(err)
	}
}

func get(tb testing.TB, s kv.Store, key string) string {
	tb.Helper()
	var value []byte
	err := s.View(tb.Context(), func(r kv.Reader) (err error) { value, err = r.Get([]byte(key)); return err })
	if err != nil {
		tb.Fatal(err)
	}
	return string(value)
}

func TestOnlyTheOwnerMayReadTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, boltkv.Options{})
	wantMode(t, path, 0o600)
	put(t, s, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, boltkv.Options{})
	wantMode(t, path, 0o600)
	if got := get(t, s, "k"); got != "v" {
		t.Errorf("contents changed with the mode: %q", got)
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("mode of the file = %v, %v, want %v", info.Mode().Perm(), err, want)
	}
}

func TestOneProcessAtATimeHoldsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first := openAt(t, path, boltkv.Options{})
	put(t, first, "k", "v")
	for _, access := range []boltkv.Access{boltkv.ReadWrite, boltkv.ReadOnly} {
		_, err := boltkv.Open(path, boltkv.Options{Access: access, LockTimeout: time.Millisecond})
		if err == nil {
			t.Fatal("opened a file that is held")
		}
		for _, want := range []string{path, "another process holds the file", "1ms"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, openAt(t, path, boltkv.Options{LockTimeout: time.Millisecond}), "k"); got != "v" {
		t.Errorf("after the release k = %q", got)
	}
}

func TestReadersShareTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, boltkv.Options{})
	put(t, s, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, path)

	one := openAt(t, path, boltkv.Options{Access: boltkv.ReadOnly})
	two := openAt(t, path, boltkv.Options{Access: boltkv.ReadOnly})
	if get(t, one, "k") != "v" || get(t, two, "k") != "v" {
		t.Error("a reader does not see the contents")
	}
	err := one.Update(t.Context(), func(kv.Tx) error { t.Error("Update ran its function"); return nil })
	if !errors.Is(err, kv.ErrReadOnly) {
		t.Errorf("Update = %v, want ErrReadOnly", err)
	}
	if !bytes.Equal(before, readFile(t, path)) {
		t.Error("reading changed the file")
	}
}

func TestFilesThatAreNoStoreAreRefusedAndLeftAlone(t *testing.T) {
	for _, row := range []struct {
		name  string
		write func(t *testing.T, path string)
		want  string
	}{
		{"text", func(t *testing.T, path string) { writeFile(t, path, bytes.Repeat([]byte("not a database\n"), 2000)) }, "invalid database"},
		{"a few bytes", func(t *testing.T, path string) { writeFile(t, path, []byte("x")) }, "invalid database"},
		{"another program's bbolt file", func(t *testing.T, path string) { _ = openBolt(t, path).Close() }, "another program wrote this file"},
		{"a store of a newer version", func(t *testing.T, path string) { writeFormat(t, path, binary.BigEndian.AppendUint32(nil, 7)) }, "format version 7"},
		{"a store whose version is damaged", func(t *testing.T, path string) { writeFormat(t, path, []byte("1")) }, "format version is missing"},
		{"a store whose list of free pages is damaged", damageFreelist, "the file is damaged"},
		{"a folder", func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) }, "is a directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			row.write(t, path)
			before, _ := os.ReadFile(path)
			s, err := boltkv.Open(path, boltkv.Options{LockTimeout: time.Second})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %q does not name the file and say %q", err, row.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestTheFolderAndAReadOnlyFileMustExist(t *testing.T) {
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent.db")
	for path, access := range map[string]boltkv.Access{
		filepath.Join(dir, "no", "folder.db"): boltkv.ReadWrite,
		absent:                                boltkv.ReadOnly,
	} {
		_, err := boltkv.Open(path, boltkv.Options{Access: access})
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open = %v, want a not-exist error that names %q", err, path)
		}
	}
	if _, err := os.Stat(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening for reading made a file: %v", err)
	}
}

// A crash between the creation of the file and the first commit leaves a valid
// bbolt file without buckets.
func TestAFileLeftEmptyByACrashBecomesAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := boltkv.Open(path, boltkv.Options{Access: boltkv.ReadOnly}); !errors.Is(err, boltkv.ErrFormat) {
		t.Errorf("opening it for reading: %v, want ErrFormat", err)
	}
	s := openAt(t, path, boltkv.Options{})
	put(t, s, "k", "v")
}

func TestACommitBeyondTheGreatestFileSizeFailsAndTheStoreGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, boltkv.Options{MaxSize: 1 << 20})
	put(t, s, "small", "before")
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(tx.Put([]byte("small"), []byte("lost")), tx.Put([]byte("large"), make([]byte, 2<<20)))
	})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("Update = %v, want an error that names the file", err)
	}
	if got := get(t, s, "small"); got != "before" {
		t.Errorf("small = %q, want what was there before", got)
	}
	put(t, s, "small", "after")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, boltkv.Options{MaxSize: 1 << 20})
	if got := get(t, s, "small"); got != "after" {
		t.Errorf("small = %q after opening again", got)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeFormat makes a store and replaces its format version.
func writeFormat(t *testing.T, path string, version []byte) {
	t.Helper()
	if err := openAt(t, path, boltkv.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), version) })
	if err != nil {
		t.Fatal(err)
	}
}

// damageFreelist overwrites every page of a store that says it lists free ones
// (flags 0x10 at offset 8 of a page), as a bad sector would.
func damageFreelist(t *testing.T, path string) {
	t.Helper()
	s := openAt(t, path, boltkv.Options{})
	put(t, s, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, size := readFile(t, path), os.Getpagesize()
	for at := 0; at+size <= len(file); at += size {
		if binary.LittleEndian.Uint16(file[at+8:]) == 0x10 {
			copy(file[at+8:], bytes.Repeat([]byte{0xee}, 64))
		}
	}
	writeFile(t, path, file)
}
