package search

import (
	"fmt"
	"strconv"
	"strings"
)

// position is where a page begins: after a result of this score and name.
type position struct {
	first bool // from the first result on
	score uint16
	group string // id of the connector
	key   string // orderKey of the operation; "" for connectors
}

// String returns the text that parsePosition reads, at most 600 bytes.
func (p position) String() string {
	return fmt.Sprintf("%d/%s/%s", p.score, p.group, p.key)
}

// maxPosition is longer than any position of ours.
const maxPosition = 640

func parsePosition(text string) (p position, ok bool) {
	if text == "" {
		return position{first: true}, true
	}
	score, rest, _ := strings.Cut(text, "/")
	group, key, ok := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(score, 10, 16)
	if !ok || err != nil || len(text) > maxPosition {
		return p, false
	}
	return position{score: uint16(n), group: group, key: key}, true
}

// rank is where a document stands among the results: those with a higher score
// first, then by the order of groups, then by the order inside of them.
type rank struct {
	score uint16
	doc   uint32
	label uint64
}

func (r rank) before(o rank) bool {
	if r.score != o.score {
		return r.score > o.score
	}
	if r.label != o.label {
		return r.label < o.label
	}
	return r.doc < o.doc
}

// locate returns the lowest rank that is after a position, whether or not what
// stood there still exists.
func (t *table) locate(p position) rank {
	at, ok := t.find(p.group)
	r := rank{score: p.score, label: ^uint64(0)}
	switch {
	case ok:
		g := &t.groups[t.order[at]]
		r.label, r.doc = g.label, t.after(g, p.key)
	case at < len(t.order):
		r.label = t.groups[t.order[at]].label
	}
	return r
}

// best keeps the first few of many ranks. It is a heap with the last of them at
// its root.
type best struct {
	size  int
	ranks []rank
}

// offer takes a rank into account.
func (b *best) offer(r rank) {
	if len(b.ranks) < b.size {
		b.ranks = append(b.ranks, r)
		b.up(len(b.ranks) - 1)
		return
	}
	if r.before(b.ranks[0]) {
		b.ranks[0] = r
		b.down()
	}
}

// hopeless says whether no rank with this score would be kept.
func (b *best) hopeless(score uint16) bool {
	return len(b.ranks) == b.size && score < b.ranks[0].score
}

func (b *best) up(i int) {
	for i > 0 && b.ranks[(i-1)/2].before(b.ranks[i]) {
		b.ranks[i], b.ranks[(i-1)/2] = b.ranks[(i-1)/2], b.ranks[i]
		i = (i - 1) / 2
	}
}

func (b *best) down() {
	for i := 0; ; {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(b.ranks); child++ {
			if b.ranks[last].before(b.ranks[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		b.ranks[i], b.ranks[last] = b.ranks[last], b.ranks[i]
		i = last
	}
}
