package store

import (
	"encoding/binary"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// The keys; see the package comment. Names and unique ids never hold a slash.

// keyCheck holds the id of the key that callbacks are derived from.
var keyCheck = []byte("meta/webhook-key")

func recordKey(uid string) []byte { return []byte("s/" + uid) }

func cursorKey(uid string) []byte { return []byte("c/" + uid) }

func seenKey(uid string) []byte { return []byte("k/" + uid) }

func unsettledKey(uid string) []byte { return []byte("w/" + uid) }

// everyName is what all keys of names begin with.
var everyName = []byte("n/")

func nameKey(name resource.Subscription) []byte {
	return []byte("n/" + name.Environment + "/" + name.ID)
}

// everyonesPrefix is what the keys of those begin with that are told about what others
// own, and ownPrefix the keys of those that are told about what their owner has.
func everyonesPrefix(environment string) []byte { return []byte("t/" + environment + "/e/") }

func ownPrefix(environment, owner string) []byte {
	return counted([]byte("t/"+environment+"/o/"), owner)
}

func ownerPrefix(environment, owner string) []byte {
	return counted([]byte("o/"+environment+"/"), owner)
}

// counted adds the name of an owner to a key.
func counted(key []byte, owner string) []byte {
	// With its length, which a key's limit keeps far below 16 bits, so that no owner's name is the beginning of another's.
	key = binary.BigEndian.AppendUint16(key, uint16(len(owner)))
	return append(key, owner...)
}

func ownerKey(name resource.Subscription, owner string) []byte {
	return append(ownerPrefix(name.Environment, owner), name.ID...)
}
