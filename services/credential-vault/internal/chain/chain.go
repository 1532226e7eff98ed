// Package chain proves that an audit trail is what was written: each record gets
// a [Proof], an HMAC over the proof of its predecessor, its own position and its
// bytes, under a key that every environment has one of. Whoever can write to the
// store but has no key can neither change a record nor take one away without
// breaking the chain.
//
//	keys := chain.New(sealer, store)
//	key, err := keys.Key(ctx, "default")
//	…
//	proofs, err := key.Link(last, lastSequence+1, encoded)
//
// What is proved is written down at [Key.Link], so that the format does not
// depend on this program. Keys never leave the vault: it is the vault that
// verifies.
package chain

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// Size is the length of a proof and of a key, in bytes.
const Size = sha256.Size

// The first part of everything that is proved says what it is, so that a proof of
// one thing is never one of another.
const (
	labelRecord = "ferrule audit record 1"
	labelState  = "ferrule audit state 1"
	labelStored = "ferrule stored record 1"
)

// errCleared says that a key was used after its clearing.
var errCleared = errors.New("the key of the audit trail has been cleared")

// Proof is the proof of a record and of all before it. The zero Proof is that of
// the nothing before the first record.
type Proof [Size]byte

// String returns 64 hexadecimal digits.
func (p Proof) String() string { return hex.EncodeToString(p[:]) }

// Equal compares two proofs in a time that does not depend on them.
func (p Proof) Equal(other Proof) bool { return hmac.Equal(p[:], other[:]) }

// Parse reads what String returned, in either case.
func Parse(text string) (Proof, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != Size {
		return Proof{}, fmt.Errorf("a proof has %d hexadecimal digits", 2*Size)
	}
	return Proof(raw), nil
}

// Key proves the records of one environment. It is safe for concurrent use.
type Key struct{ value secret.Text }

// NewKey returns a key of Size bytes, and takes over the secret.
func NewKey(value secret.Text) *Key { return &Key{value: value} }

// Clear forgets the key; it proves nothing any more.
func (k *Key) Clear() { k.value.Clear() }

// Link returns the proofs of consecutive records, the first of which is at
// position first and follows the one with the proof previous. The proof of a
// record is the HMAC-SHA-256 over four parts: the text "ferrule audit record 1",
// the proof of its predecessor (32 zero bytes for the first), its position as 8
// bytes, and the record. Each part has its length in front of it, as 8 bytes.
// Numbers are big-endian.
func (k *Key) Link(previous Proof, first uint64, records [][]byte) ([]Proof, error) {
	proofs := make([]Proof, len(records))
	err := k.use(func(mac hash.Hash) {
		var position [8]byte
		for i, record := range records {
			binary.BigEndian.PutUint64(position[:], first+uint64(i))
			sum(mac, &proofs[i], []byte(labelRecord), previous[:], position[:], record)
			previous = proofs[i]
		}
	})
	return proofs, err
}

// State returns the proof of what is known about a whole chain, by the same rules
// with two parts: the text "ferrule audit state 1" and the bytes.
func (k *Key) State(state []byte) (p Proof, err error) {
	err = k.use(func(mac hash.Hash) { sum(mac, &p, []byte(labelState), state) })
	return p, err
}

// Stored returns the proof of a record of the store, by the same rules with three
// parts: the text "ferrule stored record 1", the key under which it is stored, and
// the record.
func (k *Key) Stored(key, record []byte) (p Proof, err error) {
	err = k.use(func(mac hash.Hash) { sum(mac, &p, []byte(labelStored), key, record) })
	return p, err
}

// use calls f with the key in clear.
func (k *Key) use(f func(mac hash.Hash)) error {
	return k.value.Use(reveal.Grant(), func(raw []byte) error {
		if len(raw) == 0 {
			return errCleared // without a key anybody could make the proof
		}
		f(hmac.New(sha256.New, raw))
		return nil
	})
}

func sum(mac hash.Hash, into *Proof, parts ...[]byte) {
	mac.Reset()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = mac.Write(size[:]) // never fails (hash.Hash)
		_, _ = mac.Write(part)
	}
	mac.Sum(into[:0])
}
