// Package polling tells the new things in an API's answer from the old ones.
//
// [Rules] say how the answers of one trigger are read. A [Protocol] takes the
// items out of an answer: NATIVE and POLICY, where the API itself says what is new
// and hands out the link to the next answer, and LIST, for any operation that
// answers with a list. [Seen] is the memory of a subscription: the items that
// earlier answers held. What is in an answer and not in the memory is new.
// [Rules.Advance] reads the values that the next call is made with.
//
//	protocol, ok := polling.Lookup(rules.Protocol)
//	items, err := protocol.Read(rules, polling.Page{Body: body})
//	fresh := seen.Fresh(items)
//	seen = seen.With(items, now)
//
// A protocol is a file of this package and a line in [Lookup]. Nothing here
// performs a call, keeps state or reads a clock.
package polling

import (
	"encoding/json"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Limits of one poll.
const (
	// MaxAnswer is how much is read in one poll, in bytes: of a single answer, and of
	// all pages of a list together.
	MaxAnswer = 32 << 20
	// MaxItems is the largest number of items of one poll.
	MaxItems = 100_000
	// DefaultPages and MaxPages are how many pages of a list one poll follows.
	DefaultPages = 10
	MaxPages     = 100
)

// Page is one answer, or one page of a list.
type Page struct {
	// Body is the answer's body.
	Body []byte
	// List holds the items where somebody else has taken them out of the body, which
	// is then nil.
	List []json.RawMessage
}

// Item is one thing in an answer.
type Item struct {
	// Digest stands for the item's key. Items with the same digest are the same.
	Digest Digest
	// Version stands for what changes with the item; zero unless changes are
	// reported.
	Version Version
	// Key is the key as text, for people; empty if it has none or it is long.
	Key string
	// Data is the item as JSON text in UTF-8, or, if Opaque is set, what the API
	// answered, which is no JSON.
	Data   []byte
	Opaque bool
	// Changed is true for an item that was seen before with another version; set by
	// [Seen.Fresh].
	Changed bool
}

// Protocol is a way to poll.
type Protocol interface {
	// Read returns the items of a successful answer, oldest first. Its error is one
	// sentence for the owner of the subscription; a [MissingError] if the answer is
	// well but has no list.
	Read(rules Rules, page Page) ([]Item, error)
	// Linked reports whether the API keeps the state of polls: its answers say under
	// which link to ask next, and everything in an answer that fires is new.
	Linked() bool
}

// MissingError says that an answer has nothing where its list should be, not even
// an empty list.
type MissingError struct {
	// Path is the dot path of the list.
	Path string
}

// Error names the place.
func (e *MissingError) Error() string {
	return fmt.Sprintf("the API's answer has nothing %s, where its list of items should be", where(e.Path))
}

// Lookup returns a protocol; false if it is not supported. To the one who polls
// NATIVE and POLICY are the same: the runtime makes polls of the calls.
func Lookup(p connectorv1.PollingProtocol) (Protocol, bool) {
	switch p {
	case connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST:
		return list{}, true
	case connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE, connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY:
		return linked{}, true
	default:
		return nil, false
	}
}
