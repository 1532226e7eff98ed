// Package secret holds values that cannot be printed by accident.
//
// A [Text] shows "[redacted]" to fmt, slog and every encoder of the standard
// library, alone or nested in other values. Its bytes are reached only through
// [Text.Use], which asks for a token of the package reveal:
//
//	password := secret.FromString(line)
//	log.Info("logging in", "password", password) // password=[redacted]
//	err := password.Use(reveal.Grant(), func(b []byte) error {
//		return session.Login(user, b)
//	})
//
// What it cannot do: Go's runtime may have copied the bytes before they came
// here, and a string they were made from stays in memory until it is
// collected. Clearing narrows the time in which a memory dump shows a secret;
// it does not end it.
package secret

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// redacted is the only thing that a secret ever prints.
const redacted = "[redacted]"

// Text is a secret of any bytes. The zero Text is empty and ready to use.
// Copies share the same bytes, so [Text.Clear] clears them all. It is safe for
// concurrent use.
type Text struct {
	// fmt reads what lies in unexported fields without asking any method, and
	// for a verb that does not fit a pointer it even follows the pointer. What
	// it finds behind this one is a pointer without a type, of which it prints
	// the address; printers that dig deeper than fmt end there too.
	cell *cell
}

// cell hides a vault. It is what copies of a Text share.
type cell struct{ vault atomic.Pointer[vault] }

// vault keeps the bytes of the cell in it: both are one allocation, since a
// vault that decrypts makes one for every value.
type vault struct {
	cell  cell
	mu    sync.RWMutex
	bytes []byte
}

// open returns the vault of a cell that is not nil.
func (c *cell) open() *vault { return c.vault.Load() }

// New returns a secret with a copy of b. The caller still owns b and should
// clear it.
func New(b []byte) Text {
	if len(b) == 0 {
		return Text{}
	}
	return Take(bytes.Clone(b))
}

// Take returns a secret that is b itself. The caller gives b away: it neither
// uses nor clears it any more. It spares whoever decrypts a second copy.
func Take(b []byte) Text {
	if len(b) == 0 {
		return Text{}
	}
	v := &vault{bytes: b}
	v.cell.vault.Store(v)
	return Text{cell: &v.cell}
}

// FromString returns a secret with the bytes of s. The string itself cannot be
// cleared: prefer [New] where there is a choice.
func FromString(s string) Text { return New([]byte(s)) }

// Use calls f with a copy of the bytes and returns its error. The copy is
// cleared when f returns or panics, so f must not keep it. An empty or cleared
// secret gives f an empty slice. The token is what the import list of package
// reveal is for.
func (t Text) Use(_ reveal.Token, f func([]byte) error) error {
	b := t.copied()
	defer clear(b)
	return f(b)
}

// Within returns a new slice that is before bytes of zeros and then a copy of the
// bytes, with room for after bytes behind them. It is for whoever turns them into
// something else in place, such as a ciphertext: the slice is the caller's, who
// clears it if it is not overwritten. Negative numbers panic.
func (t Text) Within(_ reveal.Token, before, after int) []byte {
	if t.cell == nil {
		return make([]byte, before, before+after)
	}
	v := t.cell.open()
	v.mu.RLock()
	defer v.mu.RUnlock()
	b := make([]byte, before+len(v.bytes), before+len(v.bytes)+after)
	copy(b[before:], v.bytes)
	return b
}

// Empty reports whether there are no bytes, or none any more.
func (t Text) Empty() bool {
	if t.cell == nil {
		return true
	}
	v := t.cell.open()
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.bytes) == 0
}

// Equal reports whether both secrets have the same bytes. The time it takes
// depends on the lengths, not on the content.
func (t Text) Equal(other Text) bool {
	a, b := t.copied(), other.copied()
	defer clear(a)
	defer clear(b)
	return subtle.ConstantTimeCompare(a, b) == 1
}

// Clear overwrites the bytes with zeros and empties this secret and all its
// copies. It is idempotent. A Use that is under way keeps its copy until it
// returns.
func (t Text) Clear() {
	if t.cell == nil {
		return
	}
	v := t.cell.open()
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.bytes)
	v.bytes = nil
}

// copied returns a copy of the bytes, which the caller clears.
func (t Text) copied() []byte {
	if t.cell == nil {
		return nil
	}
	v := t.cell.open()
	v.mu.RLock()
	defer v.mu.RUnlock()
	return bytes.Clone(v.bytes)
}

// String returns "[redacted]".
func (t Text) String() string { return redacted }

// GoString returns "[redacted]".
func (t Text) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns "[redacted]".
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]" as a JSON string.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]". It serves XML, YAML and map keys.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary returns "[redacted]". It serves gob.
func (t Text) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }
