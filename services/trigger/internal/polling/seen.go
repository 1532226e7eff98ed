package polling

import (
	"crypto/sha256"
	"errors"
)

// MaxSeen is how many items a subscription remembers beyond those in the latest
// answer. An item that returns after so many others counts as new, with the
// event id that it had before.
const MaxSeen = 10_000

// Digest is a hash of an item's key.
type Digest [16]byte

func digestOf(key []byte) Digest {
	sum := sha256.Sum256(key)
	return Digest(sum[:16])
}

// Seen is the memory of a subscription: the items of earlier answers, oldest
// first. The zero value has seen nothing. It is immutable.
type Seen struct {
	order []Digest
	set   map[Digest]struct{}
}

// ParseSeen reads what [Seen.Bytes] wrote.
func ParseSeen(data []byte) (Seen, error) {
	const size = len(Digest{})
	if len(data)%size != 0 {
		return Seen{}, errors.New("the memory of seen items is damaged")
	}
	order := make([]Digest, 0, len(data)/size)
	for ; len(data) > 0; data = data[size:] {
		order = append(order, Digest(data[:size]))
	}
	return seenOf(order), nil
}

func seenOf(order []Digest) Seen {
	s := Seen{order: order, set: make(map[Digest]struct{}, len(order))}
	for _, d := range order {
		s.set[d] = struct{}{}
	}
	return s
}

// Bytes returns the memory as 16 bytes for each item.
func (s Seen) Bytes() []byte {
	data := make([]byte, 0, len(s.order)*len(Digest{}))
	for _, d := range s.order {
		data = append(data, d[:]...)
	}
	return data
}

// Fresh returns the items that are not remembered, in their order.
func (s Seen) Fresh(items []Item) []Item {
	var fresh []Item
	for _, item := range items {
		if _, old := s.set[item.Digest]; !old {
			fresh = append(fresh, item)
		}
	}
	return fresh
}

// FreshBefore is [Seen.Fresh] for the first answer that is read by other rules
// than those by which s was made: items are the answer's by the present rules, and
// those are fresh that would have been so by the earlier ones. Where the earlier
// list is still in the answer, at another path, that means that it has them.
func (s Seen) FreshBefore(earlier, present Rules, body []byte, items []Item) []Item {
	shown := shownBefore(earlier, present, body)
	var fresh []Item
	for _, item := range items {
		before, err := read(item.Data, earlier.Key)
		if err != nil {
			continue // cannot be: it was read once
		}
		_, old := s.set[before.Digest]
		if !old && (shown == nil || shown[before.Digest]) {
			fresh = append(fresh, item)
		}
	}
	return fresh
}

// shownBefore returns what the earlier rules find in an answer; nil if they look
// at the same place, or find no list any more because it has moved.
func shownBefore(earlier, present Rules, body []byte) map[Digest]bool {
	reader, ok := Lookup(earlier.Protocol)
	if !ok || earlier.Items == present.Items {
		return nil
	}
	items, err := reader.Read(earlier, body)
	if err != nil {
		return nil
	}
	shown := make(map[Digest]bool, len(items))
	for _, item := range items {
		shown[item.Digest] = true
	}
	return shown
}

// With returns the memory after an answer: it remembers all items of the
// answer, and of the others the newest, so that there are at most [MaxSeen]
// unless the answer alone has more.
func (s Seen) With(answer []Item) Seen {
	fresh := s.Fresh(answer)
	present := make(map[Digest]bool, len(answer))
	for _, item := range answer {
		present[item.Digest] = true
	}
	surplus := max(len(s.order)+len(fresh)-MaxSeen, 0)
	order := make([]Digest, 0, len(s.order)+len(fresh))
	for _, d := range s.order {
		if surplus > 0 && !present[d] {
			surplus--
			continue
		}
		order = append(order, d)
	}
	for _, item := range fresh {
		order = append(order, item.Digest)
	}
	return seenOf(order)
}
