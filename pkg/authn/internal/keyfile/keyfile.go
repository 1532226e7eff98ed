// Package keyfile reads and writes files that hold private keys.
//
// Such a file is readable by its owner alone, appears complete or not at all,
// and is never overwritten by accident: of several processes that create the
// same file at once, exactly one succeeds and the others read what it wrote.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxSize bounds a key file. The largest that we write, a key with its chain
// of certificates, has under 4 KiB.
const maxSize = 64 << 10

// The file modes: of everything that holds a private key, and of what others
// need to verify with.
const (
	privateMode fs.FileMode = 0o600
	sharedMode  fs.FileMode = 0o644
)

// Read returns the content of the file at path. It refuses what is not a
// regular file, what others than the owner may touch, and what is over 64 KiB.
// A file that does not exist is an fs.ErrNotExist.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	// The open file is judged, not the name, which may mean another file by now.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", path)
	}
	// Windows has no mode bits to judge; access lists guard the file there.
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("key file %s is accessible to others (mode %#o): run chmod 600 %s, and replace the key if somebody may have read it",
			path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("key file %s is larger than %d bytes", path, maxSize)
	}
	return data, nil
}

// Create writes a new file with mode 0600. The error is an fs.ErrExist, and the
// present file untouched, when there is one already. The directory must exist.
func Create(path string, data []byte) error {
	// A link instead of opening the name with O_EXCL: the latter would show
	// others an empty or half-written file.
	return write(path, data, privateMode, os.Link)
}

// Replace writes the file with mode 0600, in place of the present one if there
// is one. Readers see the old content or the new.
func Replace(path string, data []byte) error {
	return write(path, data, privateMode, os.Rename)
}

// Share is [Create] with mode 0644, for the public half of something.
func Share(path string, data []byte) error {
	return write(path, data, sharedMode, os.Link)
}

// write makes a complete temporary file and has publish give it its name.
func write(path string, data []byte, mode fs.FileMode, publish func(from, to string) error) (err error) {
	// CreateTemp opens with O_EXCL and mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer func() {
		// After a rename there is nothing left to remove.
		if rmErr := os.Remove(tmp.Name()); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove temporary key file: %w", rmErr))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil && mode != privateMode {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err = publish(tmp.Name(), path); err != nil {
		return fmt.Errorf("publish key file: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the new name survive a power failure.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // directories cannot be synced there
		return nil
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
