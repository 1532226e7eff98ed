package rate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Record is how much of a budget all processes have taken.
type Record struct {
	// Window is which one: the time since 1970 divided by the period.
	Window int64
	// Taken is how much of it is taken.
	Taken int64
}

// errConflict is what [Store.Swap] returns if somebody else was faster.
var errConflict = errors.New("the record has changed")

// Store holds records. [NewStore] returns the one of an installation.
type Store interface {
	// Load returns a record with its version, 0 if there is none.
	Load(ctx context.Context, key string) (Record, uint64, error)
	// Swap replaces the record with that version and returns the new one's, or fails
	// with a conflict.
	Swap(ctx context.Context, key string, record Record, version uint64) (uint64, error)
	// IsConflict reports whether an error of Swap says that the version is another.
	IsConflict(err error) bool
}

// NewStore returns the store in a bucket of the bus, bus.BucketRateBudgets.
func NewStore(bucket jetstream.KeyValue) Store { return kvStore{bucket} }

type kvStore struct{ bucket jetstream.KeyValue }

func (s kvStore) Load(ctx context.Context, key string) (Record, uint64, error) {
	entry, err := s.bucket.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Record{}, 0, nil
	}
	if err != nil {
		return Record{}, 0, fmt.Errorf("read rate budget: %w", err)
	}
	value := entry.Value()
	if len(value) != 16 { // of nobody we know: it is replaced
		return Record{}, entry.Revision(), nil
	}
	return Record{
		Window: int64(binary.BigEndian.Uint64(value)), Taken: int64(binary.BigEndian.Uint64(value[8:])),
	}, entry.Revision(), nil
}

func (s kvStore) Swap(ctx context.Context, key string, record Record, version uint64) (uint64, error) {
	value := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(record.Window))
	value = binary.BigEndian.AppendUint64(value, uint64(record.Taken))
	var err error
	if version == 0 {
		version, err = s.bucket.Create(ctx, key, value)
	} else {
		version, err = s.bucket.Update(ctx, key, value, version)
	}
	if err == nil {
		return version, nil
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if errors.Is(err, jetstream.ErrKeyExists) || ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, errConflict
	}
	return 0, fmt.Errorf("write rate budget: %w", err)
}

func (kvStore) IsConflict(err error) bool { return errors.Is(err, errConflict) }
