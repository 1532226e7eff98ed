package idempotency

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// What a [Store] answers besides failures.
var (
	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("no record")
	// ErrConflict means that somebody else changed the record.
	ErrConflict = errors.New("the record has changed")
)

// Store holds records for 24 hours. [NewStore] returns the one of an installation.
type Store interface {
	// Load returns a record and its version, or ErrNotFound.
	Load(ctx context.Context, name string) (value []byte, version uint64, err error)
	// Save replaces the record with that version, or creates one if it is 0, and
	// returns the new version; or ErrConflict.
	Save(ctx context.Context, name string, value []byte, version uint64) (uint64, error)
	// Delete deletes the record with that version, or fails with ErrConflict.
	Delete(ctx context.Context, name string, version uint64) error
}

// NewStore returns the store in a bucket of the bus, bus.BucketIdempotency, which
// says how long records live.
func NewStore(bucket jetstream.KeyValue) Store { return kvStore{bucket} }

type kvStore struct{ bucket jetstream.KeyValue }

func (s kvStore) Load(ctx context.Context, name string) ([]byte, uint64, error) {
	entry, err := s.bucket.Get(ctx, name)
	if err != nil {
		return nil, 0, known("read", err)
	}
	return entry.Value(), entry.Revision(), nil
}

func (s kvStore) Save(ctx context.Context, name string, value []byte, version uint64) (uint64, error) {
	var next uint64
	var err error
	if version == 0 {
		next, err = s.bucket.Create(ctx, name, value)
	} else {
		next, err = s.bucket.Update(ctx, name, value, version)
	}
	if err != nil {
		return 0, known("write", err)
	}
	return next, nil
}

func (s kvStore) Delete(ctx context.Context, name string, version uint64) error {
	if err := s.bucket.Delete(ctx, name, jetstream.LastRevision(version)); err != nil {
		return known("delete", err)
	}
	return nil
}

// known makes the errors of a store of those of the bus.
func known(doing string, err error) error {
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return ErrNotFound
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if errors.Is(err, jetstream.ErrKeyExists) || ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return ErrConflict
	}
	return fmt.Errorf("%s record of an idempotency key: %w", doing, err)
}
