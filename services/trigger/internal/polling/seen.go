package polling

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

const (
	// MaxSeen is how many items a subscription remembers beyond those in the latest
	// answer. An item that returns after so many others counts as new, with the
	// event id that it had before.
	MaxSeen = 10_000
	// MaxSeenAge is for how long an item is remembered that no answer holds any more.
	MaxSeenAge = 90 * 24 * time.Hour
	// refreshSeen is how old a memory may become before it is stored again only to
	// note which items are still there.
	refreshSeen = 24 * time.Hour
)

// Digest is a hash of an item's key.
type Digest [16]byte

// Version is a hash of what changes with an item; zero if nobody asks.
type Version [8]byte

func digestOf(key []byte) Digest {
	sum := sha256.Sum256(key)
	return Digest(sum[:16])
}

func versionOf(content []byte) Version {
	sum := sha256.Sum256(content)
	return Version(sum[:8])
}

// The forms of a stored memory, by its first byte.
const (
	formKeys  = 1 // 16 bytes for each item: its digest
	formItems = 2 // 28 bytes: digest, version, when it was last there
)

// memory is what is remembered of an item.
type memory struct {
	digest  Digest
	version Version
	last    uint32 // minutes since 1970
}

const (
	sizeKey  = len(Digest{})
	sizeItem = sizeKey + len(Version{}) + 4
)

// Seen is the memory of a subscription: the items of earlier answers, oldest
// first. The zero value has seen nothing. It is immutable.
type Seen struct {
	order []memory
	index map[Digest]int
}

var errDamaged = errors.New("the memory of seen items is damaged")

// ParseSeen reads what [Seen.Bytes] wrote, in this program and in those before it.
func ParseSeen(data []byte) (Seen, error) {
	if len(data) == 0 {
		return Seen{}, nil
	}
	size := sizeItem
	switch data[0] {
	case formKeys:
		size = sizeKey
	case formItems:
	default:
		return Seen{}, errors.New("the memory of seen items was written by another program; run that one, or a newer one")
	}
	data = data[1:]
	if len(data)%size != 0 {
		return Seen{}, errDamaged
	}
	order := make([]memory, 0, len(data)/size)
	for ; len(data) > 0; data = data[size:] {
		m := memory{digest: Digest(data[:sizeKey])}
		if size == sizeItem {
			m.version = Version(data[sizeKey:])
			m.last = binary.BigEndian.Uint32(data[sizeItem-4:])
		}
		order = append(order, m)
	}
	return seenOf(order), nil
}

func seenOf(order []memory) Seen {
	s := Seen{order: order, index: make(map[Digest]int, len(order))}
	for i, m := range order {
		s.index[m.digest] = i
	}
	return s
}

// Bytes returns the memory as one byte and 28 for each item.
func (s Seen) Bytes() []byte {
	data := make([]byte, 1, 1+len(s.order)*sizeItem)
	data[0] = formItems
	for _, m := range s.order {
		data = append(data, m.digest[:]...)
		data = append(data, m.version[:]...)
		data = binary.BigEndian.AppendUint32(data, m.last)
	}
	return data
}

// Len returns how many items are remembered.
func (s Seen) Len() int { return len(s.order) }

// Knows reports whether an item is remembered as it is.
func (s Seen) Knows(item Item) bool {
	i, old := s.index[item.Digest]
	return old && s.order[i].version == item.Version
}

// Fresh returns the items that are not remembered, and those that are with another
// version, in their order.
func (s Seen) Fresh(items []Item) []Item {
	var fresh []Item
	for _, item := range items {
		i, old := s.index[item.Digest]
		if old && s.order[i].version == item.Version {
			continue
		}
		item.Changed = old
		fresh = append(fresh, item)
	}
	return fresh
}

// FreshBefore is [Seen.Fresh] for the first answer that is read by other rules
// than those by which s was made: items are the pages' by the present rules, and
// those are fresh that would have been so by the earlier ones. Where the earlier
// list is still in the answer, at another path, that means that it has them. Whether
// an item has changed cannot be told this once.
func (s Seen) FreshBefore(earlier, present Rules, pages []Page, items []Item) []Item {
	shown := shownBefore(earlier, present, pages)
	var fresh []Item
	for _, item := range items {
		before, err := read(item.Data, earlier.Key, "", false)
		if err != nil {
			continue // cannot be: it was read once
		}
		_, old := s.index[before.Digest]
		if !old && (shown == nil || shown[before.Digest]) {
			fresh = append(fresh, item)
		}
	}
	return fresh
}

// shownBefore returns what the earlier rules find in an answer; nil if they look
// at the same place, or find no list any more because it has moved.
func shownBefore(earlier, present Rules, pages []Page) map[Digest]bool {
	if earlier.Items == present.Items {
		return nil
	}
	shown := map[Digest]bool{}
	for _, page := range pages {
		items, err := list{}.Read(earlier, page)
		if err != nil {
			return nil
		}
		for _, item := range items {
			shown[item.Digest] = true
		}
	}
	return shown
}

// With returns the memory after an answer: it remembers all items of the
// answer, and of the others the newest, so that there are at most [MaxSeen]
// unless the answer alone has more, and none that was last there longer ago than
// [MaxSeenAge].
func (s Seen) With(answer []Item, now time.Time) Seen {
	minute := uint32(max(now.Unix(), 0) / 60)
	present := make(map[Digest]Version, len(answer))
	fresh := 0
	for _, item := range answer {
		if _, twice := present[item.Digest]; !twice {
			present[item.Digest] = item.Version
			if _, old := s.index[item.Digest]; !old {
				fresh++
			}
		}
	}
	surplus := max(len(s.order)+fresh-MaxSeen, 0)
	order := make([]memory, 0, len(s.order)+fresh)
	for _, m := range s.order {
		version, there := present[m.digest]
		switch {
		case there:
			m.version, m.last = version, minute
			delete(present, m.digest)
		case surplus > 0:
			surplus--
			continue
		case m.last == 0: // written by a program that did not note the time
			m.last = minute
		case m.last+uint32(MaxSeenAge/time.Minute) < minute:
			continue
		}
		order = append(order, m)
	}
	for _, item := range answer {
		if _, left := present[item.Digest]; left {
			delete(present, item.Digest)
			order = append(order, memory{item.Digest, item.Version, minute})
		}
	}
	return seenOf(order)
}

// Stale reports whether so much time has passed that the memory should be stored
// again although nothing is new: it notes which items are still there.
func (s Seen) Stale(now time.Time) bool {
	if len(s.order) == 0 {
		return false
	}
	var last uint32
	for _, m := range s.order {
		last = max(last, m.last)
	}
	return now.Sub(time.Unix(int64(last)*60, 0)) > refreshSeen
}
