package store

import (
	"encoding/binary"
)

// sequenceSize is the length of an inverted sequence, and of the inverted number of
// a block, in a key, in bytes.
const sequenceSize = 8

func auditPrefix(environment string) []byte { return []byte("a/" + environment + "/") }

func auditKey(environment string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(auditPrefix(environment), ^sequence)
}

// auditBlock is how many records in a row share a part of the index. Whatever
// connections they are of, their entries fill about thirty pages, and each commit
// writes those and no others: with a list of its own for each connection, every
// record would have a page written that nobody else needs. A search for the records
// of one connection looks once into each block.
const auditBlock = 2048

// auditIndexPrefix is where all entries of the index are.
func auditIndexPrefix(environment string) []byte { return []byte("b/" + environment + "/") }

// auditListPrefix is where the records of a connection in one block are found. The
// number of the block has a fixed length, so no prefix is the beginning of another.
func auditListPrefix(environment, connection string, block uint64) []byte {
	prefix := binary.BigEndian.AppendUint64(auditIndexPrefix(environment), ^block)
	return append(append(prefix, connection...), '/')
}

func auditIndexKey(environment, connection string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(auditListPrefix(environment, connection, sequence/auditBlock), ^sequence)
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
