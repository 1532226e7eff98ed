package idempotency

import (
	"encoding/binary"
	"time"
)

// state is what is known of a call.
type state byte

const (
	underWay state = iota + 1
	answered
	answeredAtLength
	unknown
	made
)

// record is what is kept of a call.
type record struct {
	state       state
	fingerprint Fingerprint
	repeatable  bool      // making the call twice does no harm; of those without an answer
	deadline    time.Time // only while it is under way
	claim       string    // only while it is under way: tells a claim from others like it
	answer      []byte    // if it is answered; of one that was made and then failed its [Failure]
}

// repeatableBit of the byte of state says that the call is repeatable.
const repeatableBit = 1 << 7

// format is the first byte of a record. It changes with the layout: a byte of
// state, the fingerprint, the deadline in Unix milliseconds, the claim or the answer.
const format = 1

// head is the length of all but the answer.
const head = 2 + len(Fingerprint{}) + 8

func (r record) encode() []byte {
	out := make([]byte, 0, head+len(r.answer))
	mark := byte(r.state)
	if r.repeatable {
		mark |= repeatableBit
	}
	out = append(out, format, mark)
	out = append(out, r.fingerprint[:]...)
	var deadline uint64
	if !r.deadline.IsZero() {
		deadline = uint64(r.deadline.UnixMilli())
	}
	out = binary.BigEndian.AppendUint64(out, deadline)
	return append(append(out, r.claim...), r.answer...)
}

// decode reads a record. One that cannot be read fits no call, so that its key is
// refused: it was used for something.
func decode(b []byte) record {
	if len(b) < head || b[0] != format {
		return record{}
	}
	r := record{
		state: state(b[1] &^ repeatableBit), repeatable: b[1]&repeatableBit != 0, fingerprint: Fingerprint(b[2 : 2+len(Fingerprint{})]),
	}
	r.deadline = time.UnixMilli(int64(binary.BigEndian.Uint64(b[head-8:])))
	if r.state == underWay {
		r.claim = string(b[head:])
	} else {
		r.answer = b[head:]
	}
	return r
}
