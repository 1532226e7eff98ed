package search

import "slices"

// compactAt is how many documents that are not found any more are kept in any
// case.
const compactAt = 1024

// gone is the new number of documents and values that are no more.
const gone = ^uint32(0)

// compact removes documents that are not found any more. The others keep their
// order. It reads every list once.
func (t *table) compact() {
	moved := make([]uint32, len(t.docs))
	docs := make([]doc, 0, t.live()+t.live()/8)
	for i, d := range t.docs {
		moved[i] = gone
		if d.state == deadDoc {
			continue
		}
		moved[i] = uint32(len(docs)) // #nosec G115 -- fewer than before
		docs = append(docs, d)
	}
	for _, number := range t.order {
		g := &t.groups[number]
		g.first = moved[g.first]
	}
	t.facets.compact(docs, moved)
	t.docs, t.dead = docs, 0
	t.terms.compact(moved)
	t.names.compact(moved)
}

// settle ends the filling, and gives back memory that was kept for more
// documents.
func (t *table) settle() {
	t.terms.settle()
	t.names.settle()
	for i := range t.facets.values {
		t.facets.values[i].docs = fit(t.facets.values[i].docs)
	}
	t.docs, t.facets.lists = fit(t.docs), fit(t.facets.lists)
}

// fit returns a list in as little memory as it needs, if that is worth it.
func fit[T any](list []T) []T {
	if cap(list)-len(list) <= len(list)/16 {
		return list
	}
	return slices.Concat(list) // exactly as long, but for the sizes of blocks
}
