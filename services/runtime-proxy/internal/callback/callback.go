// Package callback keeps what the callback URLs of custom code lead to.
//
// Code asks for a URL that others can call, for instance to hand it to an API that
// reports events there. Whoever calls it runs an operation of the connector with
// the connection that the URL was made for. The token in the URL is the digest of
// that under the connection's link key: nobody can guess it, asking twice gives the
// same URL, and it ends with the connection, and with the code that asked for it.
//
//	token := callback.Token(linkKey, entry)
//	err := store.Put(ctx, token, entry)
//	entry, err := store.Get(ctx, token)
package callback

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// MaxPath is the longest path of a callback, with its query, in bytes.
const MaxPath = 8 << 10

// Entry is what a callback URL leads to.
type Entry struct {
	// Connection is whose connection is used.
	Connection resource.Connection
	// Owner is the principal that it belongs to.
	Owner string
	// Path is the path of an operation of the connector, with a query if the code
	// gave one.
	Path string
	// Operation is the operation whose code asked for the URL, and Code the digest of
	// that code: the URL leads somewhere only as long as the operation has it.
	Operation, Code string
}

// record is an entry as it is kept.
type record struct {
	Connection string `json:"connection"`
	Owner      string `json:"owner"`
	Path       string `json:"path"`
	Operation  string `json:"operation"`
	Code       string `json:"code"`
}

// Check refuses paths that no operation has.
func Check(path string) error {
	target, _, _ := strings.Cut(path, "?")
	if !strings.HasPrefix(path, "/") || len(path) > MaxPath || request.Climbs(target) || strings.ContainsAny(path, "# \t\r\n\x00\x7f") {
		return fault.Invalid(fault.ReasonInvalidArgument,
			"the path of a callback url must begin with a slash, be percent-encoded and have at most %d bytes", MaxPath)
	}
	return nil
}

// Token returns the token of an entry.
func Token(linkKey []byte, e Entry) string {
	mac := hmac.New(sha256.New, linkKey)
	for _, part := range []string{"ferrule callback 2", e.Connection.String(), e.Owner, e.Path, e.Operation, e.Code} {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash takes everything
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Belongs reports whether a token is that of an entry under a key.
func Belongs(token string, linkKey []byte, e Entry) bool {
	return len(linkKey) > 0 && subtle.ConstantTimeCompare([]byte(token), []byte(Token(linkKey, e))) == 1
}

// Store keeps entries in a bucket. It is safe for concurrent use.
type Store struct{ bucket jetstream.KeyValue }

// NewStore returns a store in a bucket.
func NewStore(bucket jetstream.KeyValue) *Store { return &Store{bucket} }

func name(token string) string { return bus.Key("callback", token) }

// Put keeps an entry.
func (s *Store) Put(ctx context.Context, token string, e Entry) error {
	data, err := json.Marshal(record{e.Connection.String(), e.Owner, e.Path, e.Operation, e.Code})
	if err != nil {
		return fmt.Errorf("encode callback: %w", err)
	}
	if had, err := s.bucket.Get(ctx, name(token)); err == nil && bytes.Equal(had.Value(), data) {
		return nil
	}
	if _, err := s.bucket.Put(ctx, name(token), data); err != nil {
		return unavailable(err)
	}
	return nil
}

// Get returns an entry. What is not there is CALLBACK_UNKNOWN.
func (s *Store) Get(ctx context.Context, token string) (Entry, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != sha256.Size {
		return Entry{}, Unknown()
	}
	found, err := s.bucket.Get(ctx, name(token))
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted) {
		return Entry{}, Unknown()
	}
	if err != nil {
		return Entry{}, unavailable(err)
	}
	entry, ok := Decode(found.Value())
	if !ok {
		return Entry{}, Unknown()
	}
	return entry, nil
}

// Decode reads an entry as it is kept; false if it is none.
func Decode(value []byte) (Entry, bool) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return Entry{}, false
	}
	connection, err := resource.ParseConnection(r.Connection)
	return Entry{Connection: connection, Owner: r.Owner, Path: r.Path, Operation: r.Operation, Code: r.Code}, err == nil
}

// Delete forgets an entry.
func (s *Store) Delete(ctx context.Context, token string) error {
	if err := s.bucket.Purge(ctx, name(token)); err != nil {
		return unavailable(err)
	}
	return nil
}

// Unknown is the answer to a token that leads nowhere.
func Unknown() error {
	return fault.NotFound(fault.ReasonCallbackUnknown, "this callback url is not known, or has ended with its connection; ask for a new one")
}

func unavailable(err error) error {
	return fault.Unavailable(fault.ReasonServiceUnavailable, "callback urls cannot be looked up now; try again").Because(err)
}
