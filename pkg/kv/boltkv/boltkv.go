// Package boltkv is the kv engine for one process: a single bbolt file.
//
// [Open] makes or opens the file and returns a [Store]. A commit is on the disk
// (fsync) before Update returns. Updates that wait at the same moment share one
// commit, see [Store.Update]; Views run beside them on their own snapshot.
//
//	store, err := boltkv.Open("registry.db", boltkv.Options{})
//	if err != nil {
//		return err // names the file
//	}
//	defer store.Close()
//
// A View that stays open keeps the pages it can see from being reused, so the
// file grows while others write. Random keys leave pages half empty; keys that
// grow with time keep the file small.
package boltkv

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/internal/turn"
)

var _ kv.Store = (*Store)(nil)

const (
	// fileMode lets nobody but the owner read the file.
	fileMode = 0o600

	// defaultLockTimeout is enough for a predecessor that is shutting down.
	defaultLockTimeout = 5 * time.Second

	// defaultMmapSize is 4 GiB of address space (1 GiB where addresses have 32
	// bits), neither memory nor disk. As long as the file is smaller, no write
	// ever has to wait for all Views to end in order to map the file anew.
	defaultMmapSize = 1 << (30 + 2*(bits.UintSize/64))
)

// Access says what a store may be used for.
type Access int

// The zero Access is ReadWrite.
const (
	// ReadWrite makes the file if it is absent and locks it for this process.
	ReadWrite Access = iota

	// ReadOnly requires an existing store, leaves the file as it is and shares
	// it with other readers; Update returns kv.ErrReadOnly.
	ReadOnly
)

// Options adjusts [Open]. The zero Options is right for a service.
type Options struct {
	// Access is what the store may be used for.
	Access Access

	// LockTimeout is how long Open waits for another process to release the
	// file. Zero means 5 seconds.
	LockTimeout time.Duration

	// InitialMmapSize is the address space in bytes to reserve for the file, so
	// that it need not be mapped anew as it grows. Zero means 4 GiB, or nothing
	// on Windows, where a mapping takes disk space.
	InitialMmapSize int

	// MaxSize is the greatest size of the file in bytes. A commit that needs
	// more fails and writes nothing. Zero means no limit.
	MaxSize int
}

// Store is a [kv.Store] in one file.
type Store struct {
	db       *bolt.DB
	path     string // bbolt forgets its own when it is closed
	readOnly bool
	writer   turn.Lock
	open     *group // the uncommitted group, or nil; guarded by writer
}

// Open opens the store in the file at path. It makes the file, readable by its
// owner only, if it is absent; the folder must exist. Every error names the
// file. A file that another process holds, that is not a store, or that a newer
// version of this package wrote is an error and is left as it was.
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open store %q: another process holds the file, stop that one first (waited %v)", path, lockTimeout(o))
	}
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	return s, nil
}

func open(path string, o Options) (*Store, error) {
	_, statErr := os.Stat(path)
	db, err := openFile(path, o)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path, readOnly: o.Access == ReadOnly, writer: turn.New()}
	if err := s.prepare(errors.Is(statErr, os.ErrNotExist)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openFile turns bbolt's panics about damaged pages into errors: that a file is
// damaged is no reason to end the process without naming it.
func openFile(path string, o Options) (db *bolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	return bolt.Open(path, fileMode, &bolt.Options{
		Timeout:         lockTimeout(o),
		ReadOnly:        o.Access == ReadOnly,
		InitialMmapSize: mmapSize(o),
		MaxSize:         o.MaxSize,
		FreelistType:    bolt.FreelistMapType, // does not slow down as the file fragments
		NoStatistics:    true,                 // spares every View a shared lock
	})
}

// prepare checks the format, or writes it into a file without buckets, and makes
// a created file safe.
func (s *Store) prepare(created bool) error {
	err := s.db.View(checkFormat)
	if s.readOnly || (err != nil && !errors.Is(err, errEmpty)) {
		return err
	}
	if errors.Is(err, errEmpty) {
		if err := s.db.Update(initFormat); err != nil {
			return err
		}
	}
	if err := narrowMode(s.path); err != nil {
		return err
	}
	if created {
		return syncDir(filepath.Dir(s.path))
	}
	return nil
}

func lockTimeout(o Options) time.Duration {
	if o.LockTimeout > 0 {
		return o.LockTimeout
	}
	return defaultLockTimeout
}

func mmapSize(o Options) int {
	if o.InitialMmapSize > 0 {
		return o.InitialMmapSize
	}
	if runtime.GOOS == "windows" {
		return 0
	}
	return defaultMmapSize
}

// narrowMode takes the rights of group and others away from a file that was
// restored or copied with a wider mode.
func narrowMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, fileMode)
}

// syncDir makes the entry of a new file as durable as its contents.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Path returns the path that the store was opened with.
func (s *Store) Path() string { return s.path }

// Close implements [kv.Store] and releases the file for other processes.
func (s *Store) Close() error {
	// bbolt itself waits for the writer and for every View.
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store %q: %w", s.path, err)
	}
	return nil
}

// closedOr translates bbolt's refusal to begin a transaction.
func closedOr(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return kv.ErrClosed
	}
	return fmt.Errorf("begin transaction: %w", err)
}
