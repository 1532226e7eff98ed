// Package kv is the storage contract of the project: an ordered map from byte
// strings to byte strings, read and changed in serialisable transactions.
//
// [Store] runs transactions. [Reader] is what a reading transaction may do and
// [Tx] what a changing one may do in addition. Engines live in kv/boltkv (one
// file) and kv/memkv (memory); kv/prefixed and kv/faultkv are stores around a
// store; kv/outbox commits outgoing messages together with state. Everything
// that the comments here promise is a test of kv/kvtest, word for word, and
// every engine and decorator passes that suite.
//
//	err := store.Update(ctx, func(tx kv.Tx) error {
//		old, err := tx.Get(key)
//		if err != nil && !errors.Is(err, kv.ErrNotFound) {
//			return err
//		}
//		return tx.Put(key, next(old))
//	})
//
// Functions given to a store are short: they compute, and touch nothing but
// the transaction they were given. They do not call the network, do not wait
// for another goroutine, and above all do not start another transaction of the
// same store or close it; an engine may then wait for itself for ever.
package kv

import "context"

// Pair is a key with its value. The holder owns both slices.
type Pair struct {
	Key, Value []byte
}

// Reader reads inside one transaction. It is for the goroutine that runs the
// transaction's function, and for the duration of that function.
type Reader interface {
	// Get returns a copy of the value, which the caller may change and keep.
	// Get of an absent key is ErrNotFound. A stored empty value is a value:
	// Get returns an empty slice and no error. A key outside the limits is
	// refused like in Put.
	Get(key []byte) ([]byte, error)

	// Scan returns the pairs whose key starts with prefix, in ascending byte
	// order of the keys. An empty prefix matches every key. Only keys strictly
	// after the given one are returned, whether or not that one exists or
	// starts with prefix; nil or empty means from the start. At most limit
	// pairs are returned, and fewer only when there are no more. A limit
	// outside 1 to MaxScan is ErrLimit. Scan returns copies, which the caller
	// may change and keep. No match is an empty result and no error.
	//
	// The whole page is held in memory: the caller picks the limit by the size
	// of its values. To read everything page by page use [All].
	Scan(prefix, after []byte, limit int) ([]Pair, error)
}

// Tx reads and writes inside one transaction. A transaction sees its own
// writes. Like a [Reader] it is for one goroutine.
type Tx interface {
	Reader

	// Put stores value under key, replacing what was there. Put copies both,
	// so the caller may reuse the slices at once. An empty or nil key is
	// ErrEmptyKey. A key of more than MaxKey bytes or a value of more than
	// MaxValue bytes is ErrTooLarge. A refused call changes nothing and leaves
	// the transaction usable.
	Put(key, value []byte) error

	// Delete removes key and its value. Delete of an absent key is not an
	// error. A key outside the limits is refused like in Put.
	Delete(key []byte) error
}

// Store runs transactions. It is safe for concurrent use.
//
// Transactions are serialisable: everything happens as if they had run one
// after the other, in an order in which a transaction that starts after another
// has returned also comes after it. Each function runs exactly once.
//
// A context decides only whether a transaction starts. A done context starts no
// transaction and its error is returned. A context that ends while Update waits
// for its turn ends the wait. A context that ends while the function runs
// changes nothing. A Reader or Tx that outlives its function is ErrTxDone.
type Store interface {
	// View runs fn on a snapshot: it sees all that was committed before it
	// started and nothing that is committed later. View returns the very error
	// of fn.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and commits when it returns nil. When Update returns nil,
	// all its writes are visible to every later transaction. An error of fn
	// undoes all its writes and is returned as it is. A panic in fn undoes all
	// its writes and goes on to the caller. Writes that are not committed are
	// invisible to every View.
	//
	// Besides errors of fn, those of the context, ErrClosed and ErrReadOnly
	// say for certain that nothing was written. Any other error comes from the
	// engine's commit and leaves open whether all or none of the writes
	// happened; half of them never did.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for the transactions under way and releases the store. After
	// Close every transaction is ErrClosed. A second Close does nothing and
	// returns nil.
	Close() error
}
