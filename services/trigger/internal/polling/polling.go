// Package polling tells the new things in an API's answer from the old ones.
//
// A [Reader] is one protocol: it takes the items out of an answer. [Seen] is
// the memory of a subscription: the items that earlier answers held. What is in
// an answer and not in the memory is new.
//
//	reader, ok := polling.Lookup(rules.Protocol)
//	items, err := reader.Read(rules, body)
//	fresh := seen.Fresh(items)
//	seen = seen.With(items)
//
// A protocol is a file of this package and a line in [Lookup]. Nothing here
// performs a call, keeps state or reads a clock.
package polling

import (
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Limits of one answer.
const (
	// MaxAnswer is the largest body that is read, in bytes.
	MaxAnswer = 32 << 20
	// MaxItems is the largest number of items in one answer.
	MaxItems = 50_000
)

// Rules say how to read the answers of one trigger. They are kept with a
// subscription, so their JSON form must stay readable.
type Rules struct {
	// Protocol is the protocol's number in the connector model.
	Protocol connectorv1.PollingProtocol `json:"protocol"`
	// Items is the dot path of the list; empty if the body is the list.
	Items string `json:"items,omitempty"`
	// Key is the dot path of an item's key; empty means the whole item.
	Key string `json:"key,omitempty"`
	// NewestFirst is true if the list begins with the newest item.
	NewestFirst bool `json:"newest_first,omitempty"`
}

// RulesOf translates from the connector model.
func RulesOf(t *connectorv1.PollingTrigger) Rules {
	return Rules{
		Protocol: t.GetProtocol(), Items: t.GetItemsPath(), Key: t.GetKeyPath(),
		NewestFirst: t.GetOrder() == connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST,
	}
}

// Item is one thing in an answer.
type Item struct {
	// Digest stands for the item's key. Items with the same digest are the same.
	Digest Digest
	// Key is the key as text, for people; empty if it has none or it is long.
	Key string
	// Data is the item as JSON text in UTF-8.
	Data []byte
}

// Reader is a protocol.
type Reader interface {
	// Read returns the items of a successful answer, oldest first, each key once.
	// Its error is one sentence for the owner of the subscription; a
	// [MissingError] if the answer is well but has no list.
	Read(rules Rules, body []byte) ([]Item, error)
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

// Lookup returns the reader of a protocol; false if it is not supported.
func Lookup(p connectorv1.PollingProtocol) (Reader, bool) {
	switch p {
	case connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST:
		return list{}, true
	default:
		return nil, false
	}
}
