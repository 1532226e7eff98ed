package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// found is a page of documents.
type found struct {
	docs   []uint32
	next   string
	total  int
	facets []Facet
}

// run answers a query.
func (t *table) run(c conditions, from position) found {
	if !c.selective() {
		return t.everything(c, from)
	}
	s := t.acquire()
	defer t.release(s)
	t.match(s, c)
	f := found{total: len(s.docs)}
	f.docs, f.next = t.page(s, c.size, from)
	if from.first {
		f.facets = t.countFacets(s)
	}
	return f
}

// page returns the documents of a page in order, and where the next one begins.
func (t *table) page(s *scratch, size int, from position) (docs []uint32, next string) {
	low := rank{score: ^uint16(0)}
	if !from.first {
		low = t.locate(from)
	}
	b := best{size: size + 1}
	for _, doc := range s.docs {
		score := s.total[doc] - 1
		if b.hopeless(score) || score > low.score {
			continue
		}
		if r := (rank{score: score, doc: doc, label: t.owner(doc).label}); !r.before(low) {
			b.offer(r)
		}
	}
	slices.SortFunc(b.ranks, func(a, b rank) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	more := len(b.ranks) > size
	for _, r := range b.ranks[:min(size, len(b.ranks))] {
		docs = append(docs, r.doc)
	}
	if more {
		last := b.ranks[size-1]
		next = t.positionOf(last.doc, last.score)
	}
	return docs, next
}

// positionOf returns the position after a document.
func (t *table) positionOf(doc uint32, score uint16) string {
	return position{score: score, group: t.owner(doc).id, key: orderKey(t.docs[doc].id)}.String()
}

// everything returns a page of all documents: they are in order already, and
// counted.
func (t *table) everything(c conditions, from position) found {
	f := found{total: t.visible}
	if c.hidden {
		f.total = t.live()
	}
	low := rank{}
	at := 0
	if !from.first {
		low = t.locate(from)
		at, _ = t.find(from.group)
	}
	for _, number := range t.order[at:] {
		g := &t.groups[number]
		for doc := g.first; doc < g.first+g.count; doc++ {
			if t.docs[doc].state == hiddenDoc && !c.hidden || (rank{label: g.label, doc: doc}).before(rank{label: low.label, doc: low.doc}) {
				continue
			}
			if len(f.docs) == c.size {
				f.next = t.positionOf(f.docs[c.size-1], 0)
				return t.withFacets(f, c, from)
			}
			f.docs = append(f.docs, doc)
		}
	}
	return t.withFacets(f, c, from)
}

// withFacets adds the facets of all documents to the first page.
func (t *table) withFacets(f found, c conditions, from position) found {
	if !from.first {
		return f
	}
	tops := make([]topValues, len(t.facets.names))
	for i := range t.facets.values {
		v := &t.facets.values[i]
		count := v.visible
		if c.hidden {
			count = v.all
		}
		if count > 0 {
			tops[v.key.facet].note(v.text, count)
		}
	}
	var groups topValues
	if t.facets.groups != "" {
		for _, number := range t.order {
			g := &t.groups[number]
			count := g.visible
			if c.hidden {
				count = g.count
			}
			if count > 0 && !groups.enough(count) {
				groups.note(g.id, count)
			}
		}
	}
	f.facets = t.name(tops, groups)
	return f
}

// countFacets counts what the results have.
func (t *table) countFacets(s *scratch) []Facet {
	var values, groups []uint32 // those that were counted
	for _, doc := range s.docs {
		d := &t.docs[doc]
		for _, number := range t.facets.of(d) {
			if s.values[number] == 0 {
				values = append(values, number)
			}
			s.values[number]++
		}
		if t.facets.groups == "" {
			continue
		}
		if s.groups[d.group] == 0 {
			groups = append(groups, d.group)
		}
		s.groups[d.group]++
	}
	tops := make([]topValues, len(t.facets.names))
	for _, number := range values {
		v := &t.facets.values[number]
		tops[v.key.facet].note(v.text, s.values[number])
		s.values[number] = 0
	}
	var top topValues
	for _, number := range groups {
		top.note(t.groups[number].id, s.groups[number])
		s.groups[number] = 0
	}
	return t.name(tops, top)
}

// name returns facets that have values with their names.
func (t *table) name(tops []topValues, groups topValues) []Facet {
	var list []Facet
	if t.facets.groups != "" && len(groups.values) > 0 {
		list = append(list, Facet{Name: t.facets.groups, Values: groups.values})
	}
	for i, top := range tops {
		if len(top.values) > 0 {
			list = append(list, Facet{Name: t.facets.names[i], Values: top.values})
		}
	}
	return list
}

// The cache keeps the answers to at most maxCached queries, none of them longer
// than maxCachedPage.
const (
	maxCached     = 256
	maxCachedPage = 100
)

// cache keeps answers until something changes.
type cache struct {
	mu      sync.Mutex
	answers map[string]found
}

// get returns the answer under a key, or what run returns.
func (c *cache) get(key string, run func() found) found {
	c.mu.Lock()
	f, ok := c.answers[key]
	c.mu.Unlock()
	if ok {
		return f
	}
	f = run()
	if len(f.docs) > maxCachedPage {
		return f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[string]found{}
	}
	for old := range c.answers {
		if len(c.answers) < maxCached {
			break
		}
		delete(c.answers, old) // any of them
	}
	c.answers[key] = f
	return f
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.answers)
}

// key identifies a query: each text with its length in front.
func (c conditions) key() string {
	var b strings.Builder
	for _, list := range append([][]string{c.words, c.groups, {c.after}}, c.filters...) {
		fmt.Fprintf(&b, "%d:", len(list))
		for _, text := range list {
			fmt.Fprintf(&b, "%d:%s", len(text), text)
		}
	}
	fmt.Fprintf(&b, "%d %t", c.size, c.hidden)
	return b.String()
}
