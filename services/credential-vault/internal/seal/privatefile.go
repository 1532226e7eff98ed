package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile bounds a key file in bytes. One key takes about 300.
const maxFile = 64 << 10

// readPrivate reads a file that nobody but its owner may access.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of the open file: the name may mean another one by now
	if err != nil {
		return nil, fmt.Errorf("stat key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", path)
	}
	// Windows has no mode bits to judge; access lists guard the file there.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("key file %s can be accessed by others (mode %#o): run chmod 600 %s, and think about who may have read it", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("key file %s is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// createPrivate writes a new file that appears complete or not at all, so that
// a crash never leaves half a key under the name.
func createPrivate(path string, data []byte) (err error) {
	// CreateTemp opens with O_EXCL and mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err = os.Link(tmp.Name(), path); err != nil { // fails if the name is taken
		return fmt.Errorf("publish key file: %w", err)
	}
	return syncDir(filepath.Dir(path))
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

// replacePrivate puts a new file in the place of one that there is: whoever
// opens the name gets all of the old or all of the new, also after a crash.
func replacePrivate(path string, data []byte) (err error) {
	next := halfWritten(path)
	tmp, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the new key file, beside the old one: %w", err)
	}
	if err = tmp.Chmod(0o600); err == nil {
		_, err = tmp.Write(data)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the new key file: %w", err), os.Remove(next))
	}
	if err = os.Rename(next, path); err != nil {
		return errors.Join(fmt.Errorf("publish the new key file: %w", err), os.Remove(next))
	}
	return syncDir(filepath.Dir(path))
}

// halfWritten is the name of a file that has not replaced the one at path yet.
// There is one name only, so that no crash leaves keys where nobody looks.
func halfWritten(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".next")
}

// forgetHalfWritten removes what a crash may have left: it holds keys, and is
// needed by nobody.
func forgetHalfWritten(path string) error {
	if err := os.Remove(halfWritten(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an interrupted change of the key file has left: %w", err)
	}
	return nil
}
