package search

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// table finds documents of one kind. Documents have numbers, in the order in
// which they were put; all lists of documents are in this order. It is guarded by
// the lock of its environment; queries may run at the same time.
type table struct {
	// terms are words, names are names of several parts; see [wordSet].
	terms  dictionary
	names  dictionary
	facets facets
	docs   []doc
	dead   int // documents that are in docs and are not to be found

	groups []group
	free   []uint32 // groups that are not used
	byID   map[string]uint32
	order  []uint32 // groups that are used, by id

	visible int // documents that are found without asking for hidden ones

	scratch sync.Pool
	cache   cache
}

// doc is a document, 32 bytes and its id.
type doc struct {
	id       string
	group    uint32
	position uint32
	// values are where its facet values begin, and how many they are.
	values     uint32
	valueCount uint16
	state      docState
	titleWords uint8
}

type docState uint8

const (
	deadDoc docState = iota
	hiddenDoc
	visibleDoc
)

// group is the documents of one connector.
type group struct {
	id, title, revision string
	first, count        uint32
	visible             uint32 // of them, those that are not hidden
	// label orders groups as their ids do.
	label uint64
}

// newTable returns an empty table. The facet groupFacet, if it has a name, counts
// groups; the others are those of the documents.
func newTable(groupFacet string, facetNames ...string) *table {
	t := &table{terms: newDictionary(), names: newDictionary(), facets: newFacets(groupFacet, facetNames), byID: map[string]uint32{}}
	t.scratch.New = func() any { return new(scratch) }
	return t
}

// owner returns the group of a document.
func (t *table) owner(doc uint32) *group { return &t.groups[t.docs[doc].group] }

// live returns the number of documents that can be found.
func (t *table) live() int { return len(t.docs) - t.dead }

// put replaces a group.
func (t *table) put(g newGroup) {
	t.cache.clear()
	if number, ok := t.byID[g.id]; ok {
		t.bury(number)
		if len(g.docs) == 0 {
			t.dropGroup(number)
		}
	}
	if len(g.docs) > 0 {
		t.insert(g)
	}
	if t.dead > compactAt && t.dead*4 > len(t.docs) {
		t.compact()
	}
}

// bury makes the documents of a group not found.
func (t *table) bury(number uint32) {
	g := &t.groups[number]
	for i := g.first; i < g.first+g.count; i++ {
		d := &t.docs[i]
		t.facets.count(t.facets.of(d), d.state, -1)
		if d.state == visibleDoc {
			t.visible--
		}
		d.state = deadDoc
		d.id = ""
	}
	t.dead += int(g.count)
	g.count, g.visible = 0, 0
}

func (t *table) insert(n newGroup) {
	number, ok := t.byID[n.id]
	if !ok {
		number = t.addGroup(n.id)
	}
	g := &t.groups[number]
	g.title, g.revision = n.title, n.revision
	g.first, g.count = uint32(len(t.docs)), uint32(len(n.docs)) // #nosec G115 -- far below
	for _, d := range n.docs {
		t.insertDoc(number, d)
	}
}

func (t *table) insertDoc(group uint32, n newDoc) {
	number := uint32(len(t.docs)) // #nosec G115 -- memory ends long before
	for word, where := range n.words {
		if strings.Contains(word, seam) {
			t.names.add(word, posting(number, where))
		} else {
			t.terms.add(word, posting(number, where))
		}
	}
	d := doc{
		id: n.id, group: group, position: uint32(n.position), // #nosec G115 -- an index of operations
		state: visibleDoc, titleWords: n.titleWords,
	}
	if n.hidden {
		d.state = hiddenDoc
	} else {
		t.visible++
		t.groups[group].visible++
	}
	t.facets.add(number, &d, n.values)
	t.docs = append(t.docs, d)
}

// gap is between labels at first, so that others fit between them.
const gap = 1 << 32

// addGroup adds a group without documents.
func (t *table) addGroup(id string) uint32 {
	number := uint32(len(t.groups)) // #nosec G115 -- far below
	if last := len(t.free) - 1; last >= 0 {
		number, t.free = t.free[last], t.free[:last]
	} else {
		t.groups = append(t.groups, group{})
	}
	at, _ := t.find(id)
	t.groups[number] = group{id: id}
	t.byID[id] = number
	t.order = slices.Insert(t.order, at, number)
	t.label(at)
	return number
}

// label gives the group at a place of the order a label between its neighbours,
// and all groups new ones if there is none.
func (t *table) label(at int) {
	var before uint64
	if at > 0 {
		before = t.groups[t.order[at-1]].label
	}
	g := &t.groups[t.order[at]]
	if at == len(t.order)-1 {
		g.label = before + gap
	} else {
		g.label = before + (t.groups[t.order[at+1]].label-before)/2
	}
	if g.label > before {
		return
	}
	for i, number := range t.order {
		t.groups[number].label = gap * uint64(i+1) // #nosec G115 -- an index
	}
}

func (t *table) dropGroup(number uint32) {
	id := t.groups[number].id
	if at, ok := t.find(id); ok {
		t.order = slices.Delete(t.order, at, at+1)
	}
	delete(t.byID, id)
	t.groups[number] = group{}
	t.free = append(t.free, number)
}

// find returns the place of a group in the order, or where it would be.
func (t *table) find(id string) (at int, ok bool) {
	return slices.BinarySearchFunc(t.order, id, func(number uint32, id string) int {
		return cmp.Compare(t.groups[number].id, id)
	})
}

// after returns the first document of a group whose key is greater.
func (t *table) after(g *group, key string) uint32 {
	docs := t.docs[g.first : g.first+g.count]
	at, ok := slices.BinarySearchFunc(docs, key, func(d doc, key string) int { return strings.Compare(orderKey(d.id), key) })
	if ok {
		at++
	}
	return g.first + uint32(at) // #nosec G115 -- an index
}
