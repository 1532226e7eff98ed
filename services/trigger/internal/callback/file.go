package callback

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxFile bounds a key file in bytes; a key takes 45.
const maxFile = 1 << 10

// Open returns the keys whose master key is in the file at path. The file is
// made, readable by its owner only, if there is none. It is an error when others
// may read it.
func Open(path string) (*Keys, error) {
	master, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		master, err = create(path)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			master, err = load(path)
		}
	}
	if err != nil {
		return nil, err
	}
	defer clear(master)
	return New(master)
}

func load(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open webhook key: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of the open file: the name may mean another one by now
	if err != nil {
		return nil, fmt.Errorf("stat webhook key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("webhook key %s is not a regular file", path)
	}
	// Windows has no mode bits to judge; access lists guard the file there.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("webhook key %s can be accessed by others (mode %#o): run chmod 600 %s, and think about who may have read it", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read webhook key: %w", err)
	}
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(master) != keySize {
		// The cause may quote the file, so it stays here.
		return nil, fmt.Errorf("file %s does not hold a webhook key: put it back from its backup", path)
	}
	return master, nil
}

// create makes a key and its file, which appears complete or not at all: a crash
// never leaves half a key under the name. It is an fs.ErrExist when there is a
// file already.
func create(path string) (master []byte, err error) {
	master = make([]byte, keySize)
	_, _ = rand.Read(master) // never fails
	// CreateTemp opens with O_EXCL and mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("create webhook key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	_, err = tmp.WriteString(base64.StdEncoding.EncodeToString(master) + "\n")
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return nil, fmt.Errorf("write webhook key: %w", err)
	}
	if err = os.Link(tmp.Name(), path); err != nil { // fails if the name is taken
		return nil, fmt.Errorf("publish webhook key: %w", err)
	}
	return master, syncDir(filepath.Dir(path))
}

// syncDir makes the name of a new file survive a power failure.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open key directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync key directory: %w", err)
	}
	return nil
}
