package store

import (
	"encoding/binary"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Ids hold no slash, so no prefix is the beginning of another.

func connectionKey(name resource.Connection) []byte {
	return []byte("c/" + name.Environment + "/" + name.ID)
}

func secretsKey(name resource.Connection) []byte {
	return []byte("s/" + name.Environment + "/" + name.ID)
}

func keysetKey(environment string) []byte { return []byte("k/" + environment) }

// indexKeys returns the keys under which a connection is found by something
// that never changes.
func indexKeys(c core.Connection) [][]byte {
	byConnector := connectorPrefix(c.Name.Environment, c.Connector.ID)
	byOwner := ownerPrefix(c.Name.Environment, c.Owner)
	return [][]byte{append(byConnector, c.Name.ID...), append(byOwner, c.Name.ID...)}
}

func connectorPrefix(environment, connector string) []byte {
	return []byte("x/" + environment + "/" + connector + "/")
}

// ownerPrefix has the owner's length in front of it, because an owner's name may
// hold any byte: nobody is found under the beginning of his name.
func ownerPrefix(environment, owner string) []byte {
	key := []byte("o/" + environment + "/")
	key = binary.BigEndian.AppendUint16(key, uint16(len(owner)))
	return append(key, owner...)
}

// lastPart returns what follows the prefix in a key.
func lastPart(key, prefix []byte) string { return string(key[len(prefix):]) }
