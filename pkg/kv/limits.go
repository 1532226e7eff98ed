package kv

import "fmt"

// Limits of every store. A decorator that lengthens keys lowers MaxKey by as
// much and says so.
const (
	// MaxKey is the greatest length of a key, a scan prefix and a scan start,
	// in bytes. Small enough that several keys share a 4 KiB page of a B+tree
	// file and that the index of any SQL database takes them (PostgreSQL stops
	// at 2704 bytes), with room for the prefixes of decorators.
	MaxKey = 512

	// MaxValue is the greatest length of a value, in bytes. It holds the
	// largest document that is accepted for import three times over. Engines
	// keep the uncommitted writes of a transaction in memory, so this is also
	// what one Put may cost.
	MaxValue = 64 << 20

	// MaxScan is the greatest number of pairs that one Scan returns.
	MaxScan = 10_000
)

// CheckKey returns ErrEmptyKey or ErrTooLarge when key is outside the limits.
// Engines call it, and so do callers that want to know before a transaction.
func CheckKey(key []byte) error {
	if len(key) == 0 {
		return ErrEmptyKey
	}
	if len(key) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, len(key), MaxKey)
	}
	return nil
}

// CheckPair returns what Put answers to a key or value outside the limits.
func CheckPair(key, value []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes, at most %d", ErrTooLarge, len(value), MaxValue)
	}
	return nil
}

// CheckScan returns what Scan answers to arguments outside the limits.
func CheckScan(prefix, after []byte, limit int) error {
	if limit < 1 || limit > MaxScan {
		return fmt.Errorf("%w: %d, want 1 to %d", ErrLimit, limit, MaxScan)
	}
	if n := max(len(prefix), len(after)); n > MaxKey {
		return fmt.Errorf("%w: scan bound of %d bytes, at most %d", ErrTooLarge, n, MaxKey)
	}
	return nil
}
