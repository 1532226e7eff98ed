package search

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// conditions are a query.
type conditions struct {
	words   []string
	filters [][]string // by facet; an empty one is none
	groups  []string   // ids; empty is none
	hidden  bool       // finds hidden documents also
	after   string
	size    int
}

// selective says whether there is any condition besides being visible.
func (c conditions) selective() bool {
	return len(c.words) > 0 || len(c.groups) > 0 || slices.ContainsFunc(c.filters, func(f []string) bool { return len(f) > 0 })
}

// scratch is memory of a query, for one entry of each document. It is all zero
// between queries.
type scratch struct {
	// total is 1 more than the score of documents that fulfil all conditions so
	// far; best is the best match of the word that is being looked for.
	total []uint16
	best  []uint8
	// docs are the documents with a total.
	docs []uint32
	// values and groups count results by value and by group.
	values, groups []uint32
}

// acquire returns memory that is large enough.
func (t *table) acquire() *scratch {
	s, _ := t.scratch.Get().(*scratch)
	if len(s.total) < len(t.docs) {
		room := len(t.docs) + len(t.docs)/8
		s.total, s.best = make([]uint16, room), make([]uint8, room)
	}
	if len(s.values) < len(t.facets.values) {
		s.values = make([]uint32, len(t.facets.values)+len(t.facets.values)/8)
	}
	if len(s.groups) < len(t.groups) {
		s.groups = make([]uint32, len(t.groups)+len(t.groups)/8)
	}
	return s
}

// release gives memory back after use.
func (t *table) release(s *scratch) {
	for _, doc := range s.docs {
		s.total[doc] = 0
	}
	s.docs = s.docs[:0]
	t.scratch.Put(s)
}

// source is a condition that can list its documents.
type source struct {
	cost int // about how many there are
	list func(yield func(doc uint32))
	word string // of a word, instead of list
}

// match collects the documents that fulfil all conditions, with their scores.
func (t *table) match(s *scratch, c conditions) {
	filters, sources := t.sources(c)
	slices.SortStableFunc(sources, func(a, b source) int { return cmp.Compare(a.cost, b.cost) })
	for i, from := range sources {
		switch {
		case i == 0 && from.word == "":
			from.list(func(doc uint32) { s.docs = append(s.docs, doc); s.total[doc] = 1 })
		case i == 0:
			t.start(s, from.word)
		case from.word != "":
			t.narrow(s, from.word)
		}
		if i == 0 {
			s.keep(func(doc uint32) bool { return t.fulfils(doc, c.hidden, filters) })
		}
	}
	for _, doc := range s.docs {
		if n := len(c.words); n > 0 && n == int(t.docs[doc].titleWords) && int(s.total[doc]) == 1+n*bestMatch {
			s.total[doc]++ // the title is what was asked for, and nothing else
		}
	}
}

// filter is a condition that is checked for each document.
type filter struct {
	groups bool
	any    []uint32 // sorted numbers of groups or values
}

// sources returns the conditions of a query as what can be checked and what can
// be listed.
func (t *table) sources(c conditions) (filters []filter, sources []source) {
	if len(c.groups) > 0 {
		f := filter{groups: true}
		n := 0
		for _, id := range c.groups {
			if number, ok := t.byID[id]; ok && !slices.Contains(f.any, number) {
				f.any = append(f.any, number)
				n += int(t.groups[number].count)
			}
		}
		sources = append(sources, source{cost: n, list: func(yield func(uint32)) { t.listGroups(f.any, yield) }})
		filters = append(filters, f)
	}
	for facet, texts := range c.filters {
		if len(texts) == 0 {
			continue
		}
		var f filter
		n := 0
		for _, text := range texts {
			if number, ok := t.facets.numbers[key(facet, text)]; ok && !slices.Contains(f.any, number) {
				f.any = append(f.any, number)
				n += len(t.facets.values[number].docs)
			}
		}
		sources = append(sources, source{cost: n, list: func(yield func(uint32)) { t.listValues(f.any, yield) }})
		filters = append(filters, f)
	}
	for _, word := range c.words {
		n := 0
		for term := range t.having(word) {
			n += 1 + len(term.postings)
		}
		sources = append(sources, source{cost: n, word: word})
	}
	return filters, sources
}

func (t *table) listGroups(groups []uint32, yield func(doc uint32)) {
	for _, number := range groups {
		g := &t.groups[number]
		for doc := g.first; doc < g.first+g.count; doc++ {
			yield(doc)
		}
	}
}

// listValues yields what has one of some values of one facet, each once.
func (t *table) listValues(values []uint32, yield func(doc uint32)) {
	for i, number := range values {
		for _, doc := range t.facets.values[number].docs {
			own := t.facets.of(&t.docs[doc])
			if i > 0 && slices.ContainsFunc(values[:i], func(v uint32) bool { return slices.Contains(own, v) }) {
				continue // an earlier value has listed it
			}
			yield(doc)
		}
	}
}

// fulfils says whether a document can be a result.
func (t *table) fulfils(doc uint32, hidden bool, filters []filter) bool {
	d := &t.docs[doc]
	if d.state == deadDoc || d.state == hiddenDoc && !hidden {
		return false
	}
	for _, f := range filters {
		if f.groups {
			if !slices.Contains(f.any, d.group) {
				return false
			}
			continue
		}
		if !slices.ContainsFunc(t.facets.of(d), func(v uint32) bool { return slices.Contains(f.any, v) }) {
			return false
		}
	}
	return true
}

// bestMatch is the score of a whole word in a title.
const bestMatch = 2*int(inTitle) + 1

// worth is the score of a posting.
func worth(p uint32, whole uint8) uint8 { return uint8(p&3)<<1 | whole }

// having yields what documents have that have a word, and 1 with what is the word
// itself and not only begins with it.
func (t *table) having(word string) iter.Seq2[*term, uint8] {
	return func(yield func(*term, uint8) bool) {
		for found := range t.terms.prefixed(word) {
			if !yield(found, whole(found, word)) {
				return
			}
		}
		for cut := 1; cut < len(word); cut++ {
			if _, ok := t.terms.numbers[word[:cut]]; !ok {
				continue // no name has this part
			}
			name := word[:cut] + seam + word[cut:]
			for found := range t.names.prefixed(name) {
				if !yield(found, whole(found, name)) {
					return
				}
			}
		}
	}
}

func whole(t *term, word string) uint8 {
	if len(t.word) == len(word) {
		return 1
	}
	return 0
}

// start collects all documents that have a word.
func (t *table) start(s *scratch, word string) {
	for term, whole := range t.having(word) {
		for _, p := range term.postings {
			doc := p >> 2
			if s.total[doc] == 0 {
				s.docs = append(s.docs, doc)
			}
			s.total[doc] = max(s.total[doc], 1+uint16(worth(p, whole)))
		}
	}
}

// narrow keeps documents that also have a word.
func (t *table) narrow(s *scratch, word string) {
	for term, whole := range t.having(word) {
		if len(term.postings) > 16*len(s.docs) {
			for _, doc := range s.docs {
				if p, ok := find(term.postings, doc); ok {
					s.best[doc] = max(s.best[doc], worth(p, whole))
				}
			}
			continue
		}
		for _, p := range term.postings {
			if doc := p >> 2; s.total[doc] > 0 {
				s.best[doc] = max(s.best[doc], worth(p, whole))
			}
		}
	}
	s.keep(func(doc uint32) bool {
		best := s.best[doc]
		s.best[doc] = 0
		s.total[doc] += uint16(best)
		return best > 0
	})
}

// keep removes documents from the results so far.
func (s *scratch) keep(wanted func(doc uint32) bool) {
	kept := s.docs[:0]
	for _, doc := range s.docs {
		if wanted(doc) {
			kept = append(kept, doc)
		} else {
			s.total[doc] = 0
		}
	}
	s.docs = kept
}

// find returns the posting of a document.
func find(postings []uint32, doc uint32) (p uint32, ok bool) {
	at := sort.Search(len(postings), func(i int) bool { return postings[i]>>2 >= doc })
	if at < len(postings) && postings[at]>>2 == doc {
		return postings[at], true
	}
	return 0, false
}
