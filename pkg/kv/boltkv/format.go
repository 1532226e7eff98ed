package boltkv

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// The file has two buckets: meta describes the file, data holds the pairs.
const (
	metaBucket = "meta"
	dataBucket = "data"

	// formatKey in meta holds the version of the layout, four bytes big-endian.
	formatKey = "format"

	// formatVersion is the layout that this package writes. Version 1 keeps
	// every pair as it is in the data bucket.
	formatVersion = 1
)

// ErrFormat says that a file is a bbolt file but not a store that this version
// of the package can use.
var ErrFormat = errors.New("not a usable store")

// errEmpty is the ErrFormat of a file without buckets, which is what a new file
// is and also what a crash right after its creation leaves behind.
var errEmpty = fmt.Errorf("%w: it is empty", ErrFormat)

// initFormat writes the layout into a file without buckets.
func initFormat(tx *bolt.Tx) error {
	meta, err := tx.CreateBucket([]byte(metaBucket))
	if err != nil {
		return fmt.Errorf("create the meta bucket: %w", err)
	}
	if _, err := tx.CreateBucket([]byte(dataBucket)); err != nil {
		return fmt.Errorf("create the data bucket: %w", err)
	}
	return meta.Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, formatVersion))
}

// checkFormat returns an ErrFormat unless the file has the known layout.
func checkFormat(tx *bolt.Tx) error {
	if first, _ := tx.Cursor().First(); first == nil {
		return errEmpty
	}
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil || tx.Bucket([]byte(dataBucket)) == nil {
		return fmt.Errorf("%w: another program wrote this file", ErrFormat)
	}
	version := meta.Get([]byte(formatKey))
	if len(version) != 4 {
		return fmt.Errorf("%w: the format version is missing", ErrFormat)
	}
	if v := binary.BigEndian.Uint32(version); v != formatVersion {
		return fmt.Errorf("%w: it has format version %d and this program knows version %d, use a matching version of the program",
			ErrFormat, v, formatVersion)
	}
	return nil
}
