package script

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// The bounds of what code keeps for one connection.
const (
	// MaxStateKeys is how many values there are.
	MaxStateKeys = 100
	// MaxStateKey is the longest key in bytes.
	MaxStateKey = 128
	// MaxStateValue is the longest value in bytes of JSON.
	MaxStateValue = 32 << 10
)

// Place is where code keeps values. Each connection has a place of its own: what
// code learned for one owner is not for another.
type Place struct {
	// Connection is whose values they are.
	Connection resource.Connection
	// Connector is whose code it is.
	Connector string
	// Key seals the values. Without one nothing can be kept.
	Key []byte
	// Namespace is the one that the code declares; empty for none. What was kept in
	// another one does not open.
	Namespace string
}

// States keeps values of code. Errors are faults.
type States interface {
	// Load returns a value, nil if there is none.
	Load(ctx context.Context, at Place, key string) (json.RawMessage, error)
	// Store keeps a value; nil removes it.
	Store(ctx context.Context, at Place, key string, value json.RawMessage) error
}

// bucketStates keeps values in the bus, sealed with AES-256-GCM under a key that
// only the vault gives out: the bus has no way to read them.
type bucketStates struct{ bucket jetstream.KeyValue }

// NewStates returns states in a bucket.
func NewStates(bucket jetstream.KeyValue) States { return bucketStates{bucket} }

// stateInfo separates the key of states from others made of the same one.
const stateInfo = "ferrule script state 1"

func (p Place) cipher() (cipher.AEAD, error) {
	if len(p.Key) == 0 {
		return nil, fault.Precondition(fault.ReasonConnectionNotReady, "the connection has no key for state; store it again to give it one")
	}
	key, err := hkdf.Key(sha256.New, p.Key, nil, stateInfo, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key of state: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher of state: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// name returns the name of a value in the bucket, which the seal binds it to.
func (p Place) name(key string) string {
	return bus.Key("state", p.Connection.Environment, p.Connector, p.Connection.ID, key)
}

// bound is what the seal of a value binds it to, beside the key.
func (p Place) bound(name string) []byte {
	if p.Namespace == "" {
		return []byte(name)
	}
	return []byte(name + "\n" + p.Namespace)
}

func checkKey(key string) error {
	if key == "" || len(key) > MaxStateKey {
		return fault.Invalid(fault.ReasonScriptFailed, "the key of a state must have 1 to %d bytes", MaxStateKey)
	}
	return nil
}

// Load implements [States]. A value that does not open was kept by a connection
// of that name that is gone, or in another namespace, and counts as none.
func (s bucketStates) Load(ctx context.Context, at Place, key string) (json.RawMessage, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	sealer, err := at.cipher()
	if err != nil {
		return nil, err
	}
	entry, err := s.bucket.Get(ctx, at.name(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	plain, err := sealer.Open(nil, nil, entry.Value(), at.bound(at.name(key)))
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return plain, nil
}

// Store implements [States].
func (s bucketStates) Store(ctx context.Context, at Place, key string, value json.RawMessage) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if value == nil {
		if err := s.bucket.Purge(ctx, at.name(key)); err != nil {
			return unavailable(err)
		}
		return nil
	}
	if len(value) > MaxStateValue {
		return fault.Invalid(fault.ReasonScriptFailed, "a state may have %d bytes as JSON, and this one has %d", MaxStateValue, len(value))
	}
	sealer, err := at.cipher()
	if err != nil {
		return err
	}
	if err := s.room(ctx, at, sealer, key); err != nil {
		return err
	}
	sealed := sealer.Seal(nil, nil, value, at.bound(at.name(key))) //nolint:gosec // it makes its own random nonce
	if _, err := s.bucket.Put(ctx, at.name(key), sealed); err != nil {
		return unavailable(err)
	}
	return nil
}

// room refuses one value more than there may be. Several calls at once may each
// find room; the bound is for code that goes astray.
func (s bucketStates) room(ctx context.Context, at Place, sealer cipher.AEAD, key string) error {
	if _, err := s.bucket.Get(ctx, at.name(key)); err == nil {
		return nil
	}
	names, err := s.names(ctx, at)
	if err != nil {
		return err
	}
	count := len(names)
	if count < MaxStateKeys {
		return nil
	}
	for _, name := range names {
		gone, err := s.dropForeign(ctx, at, sealer, name)
		if err != nil {
			return err
		}
		if gone {
			count--
		}
	}
	if count >= MaxStateKeys {
		return fault.Precondition(fault.ReasonScriptLimitExceeded, "the custom code keeps %d states for the connection and may keep no more; it has to delete some", count)
	}
	return nil
}

func (s bucketStates) names(ctx context.Context, at Place) (out []string, err error) {
	keys, err := s.bucket.ListKeysFiltered(ctx, bus.Key("state", at.Connection.Environment, at.Connector, at.Connection.ID)+".*")
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { _ = keys.Stop() }()
	for name := range keys.Keys() {
		out = append(out, name)
	}
	return out, nil
}

// dropForeign removes a value that a connection of the same name kept which is gone, or
// other code in a namespace of its own: it takes room from those that can be read.
func (s bucketStates) dropForeign(ctx context.Context, at Place, sealer cipher.AEAD, name string) (gone bool, err error) {
	entry, err := s.bucket.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted) {
		return true, nil
	}
	if err != nil {
		return false, unavailable(err)
	}
	if _, err := sealer.Open(nil, nil, entry.Value(), at.bound(name)); err == nil {
		return false, nil
	}
	if err := s.bucket.Purge(ctx, name, jetstream.LastRevision(entry.Revision())); err != nil {
		return false, unavailable(err)
	}
	return true, nil
}

func unavailable(err error) error {
	return fault.Unavailable(fault.ReasonServiceUnavailable, "what the custom code keeps cannot be reached; try again").Because(err)
}
