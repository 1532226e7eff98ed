package kv

import "errors"

// Errors of the contract. Stores return them wrapped with detail, so compare
// with errors.Is. Their texts never contain keys or values.
var (
	// ErrNotFound says that the key does not exist.
	ErrNotFound = errors.New("key not found")

	// ErrEmptyKey says that a key has no bytes.
	ErrEmptyKey = errors.New("key is empty")

	// ErrTooLarge says that a key, prefix or value exceeds its limit.
	ErrTooLarge = errors.New("too large")

	// ErrLimit says that the limit of a Scan is not in 1..MaxScan.
	ErrLimit = errors.New("scan limit out of range")

	// ErrReadOnly says that the store was opened for reading only.
	ErrReadOnly = errors.New("store is read-only")

	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("store is closed")

	// ErrTxDone says that a Reader or Tx was used after its function returned.
	ErrTxDone = errors.New("transaction is over")
)
