package usage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

const (
	// encoding is the first byte of a message: what follows is read by it.
	encoding = 1
	// maxMessage is the longest message; the bus takes 1 MiB. Operations that do
	// not fit, those with the fewest calls, are added up under [Other].
	maxMessage = 900 << 10
	// maxOther is the room that the sum of those takes at most.
	maxOther = 1 << 10
)

// errMessage means that a message was not written by this package.
var errMessage = errors.New("the totals cannot be read")

// counted is an operation with its counts.
type counted struct {
	operation string
	*counts
}

// encode writes the totals of operations, which it sorts. All numbers are
// unsigned varints:
//
//	encoding
//	for each operation:
//	    length of its id, id
//	    calls for each status class, latency in microseconds, bytes sent, bytes received, replayed
//	    number of buckets that are not empty, and for each: index, count
func encode(operations []counted) []byte {
	slices.SortFunc(operations, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.calls(), a.calls()), cmp.Compare(a.operation, b.operation))
	})
	out := []byte{encoding}
	var rest *counts
	for _, op := range operations {
		before := len(out)
		if rest == nil {
			out = appendCounted(out, op)
		}
		if rest != nil || len(out) > maxMessage-maxOther {
			if rest == nil {
				out, rest = out[:before], &counts{}
			}
			rest.merge(op.counts)
		}
	}
	if rest != nil {
		out = appendCounted(out, counted{Other, rest})
	}
	return out
}

func appendCounted(out []byte, op counted) []byte {
	out = binary.AppendUvarint(out, uint64(len(op.operation)))
	out = append(out, op.operation...)
	for _, n := range op.classes {
		out = binary.AppendUvarint(out, n)
	}
	for _, n := range [...]uint64{uint64(op.latency / time.Microsecond), op.sent, op.received, op.replayed} {
		out = binary.AppendUvarint(out, n)
	}
	filled := 0
	for _, n := range op.buckets {
		filled += min(int(n), 1)
	}
	out = binary.AppendUvarint(out, uint64(filled))
	for i, n := range op.buckets {
		if n > 0 {
			out = binary.AppendUvarint(out, uint64(i))
			out = binary.AppendUvarint(out, uint64(n))
		}
	}
	return out
}

// decode calls f with each operation of a message. What f gets is used again: it
// must not keep it.
func decode(message []byte, f func(operation []byte, c *counts)) error {
	if len(message) == 0 || message[0] != encoding {
		return errMessage
	}
	d := decoder{rest: message[1:]}
	var c counts
	for len(d.rest) > 0 && !d.broken {
		operation := d.text()
		c = counts{}
		d.counts(&c)
		if !d.broken {
			f(operation, &c)
		}
	}
	if d.broken {
		return errMessage
	}
	return nil
}

// decoder reads numbers and texts. Once it is broken, all that it reads is zero.
type decoder struct {
	rest   []byte
	broken bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.rest, d.broken = nil, true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) text() []byte {
	size := d.number()
	if size > uint64(len(d.rest)) {
		d.rest, d.broken = nil, true
		return nil
	}
	text := d.rest[:size]
	d.rest = d.rest[size:]
	return text
}

func (d *decoder) counts(c *counts) {
	for i := range c.classes {
		c.classes[i] = d.number()
	}
	c.latency = time.Duration(d.number()) * time.Microsecond
	c.sent, c.received, c.replayed = d.number(), d.number(), d.number()
	for range min(d.number(), numBuckets) {
		if i := d.number(); i < numBuckets {
			c.buckets[i] = uint32(d.number())
		} else {
			d.broken = true
		}
	}
}
