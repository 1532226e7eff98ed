package store

import (
	"encoding/binary"
)

// sequenceSize is the length of an inverted sequence in a key, in bytes.
const sequenceSize = 8

func auditPrefix(environment string) []byte { return []byte("a/" + environment + "/") }

func auditKey(environment string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(auditPrefix(environment), ^sequence)
}

// auditIndexPrefix is where the records of a connection are found; without an id
// it is where those of all connections are.
func auditIndexPrefix(environment, connection string) []byte {
	prefix := "b/" + environment + "/"
	if connection != "" {
		prefix += connection + "/"
	}
	return []byte(prefix)
}

func auditIndexKey(environment, connection string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(auditIndexPrefix(environment, connection), ^sequence)
}

func auditStateKey(environment string) []byte { return []byte("h/" + environment) }

func auditSecretKey(environment string) []byte { return []byte("m/" + environment) }

// sequenceOf returns the sequence in what follows a prefix in a key; 0 if there
// is none.
func sequenceOf(rest string) uint64 {
	if len(rest) != sequenceSize {
		return 0
	}
	return ^binary.BigEndian.Uint64([]byte(rest))
}
