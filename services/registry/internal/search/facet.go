package search

import (
	"math"
	"slices"
	"strings"
)

// facets are the properties of a table's documents.
type facets struct {
	groups string // name of the facet that counts groups; "" if there is none
	names  []string
	// numbers finds values by facet and folded text.
	numbers map[valueKey]uint32
	values  []value
	// lists are the values of all documents, one document after another.
	lists []uint32
}

type valueKey struct {
	facet uint8
	text  string
}

// value is one value of one facet.
type value struct {
	key  valueKey
	text string // as it was first seen
	// docs have it, in order, also dead ones.
	docs []uint32
	// all and visible count the documents that are alive.
	all, visible uint32
}

func newFacets(groups string, names []string) facets {
	return facets{groups: groups, names: names, numbers: map[valueKey]uint32{}}
}

// key is under which a value is found.
func key(facet int, text string) valueKey {
	return valueKey{facet: uint8(facet), text: strings.ToLower(strings.TrimSpace(text))} // #nosec G115 -- there are five
}

// of returns the values of a document.
func (f *facets) of(d *doc) []uint32 { return f.lists[d.values:][:d.valueCount] }

// add gives a new document its values.
func (f *facets) add(number uint32, d *doc, values [][]string) {
	d.values = uint32(len(f.lists)) // #nosec G115 -- memory ends long before
	for facet, list := range values {
		for _, text := range list {
			if k := key(facet, text); k.text != "" && len(f.lists)-int(d.values) < math.MaxUint16 {
				f.note(number, d, k, text)
			}
		}
	}
	d.valueCount = uint16(len(f.lists) - int(d.values)) // #nosec G115 -- bounded above
	f.count(f.of(d), d.state, 1)
}

// maxValues is how many facet values of one connector or operation count. Who
// has more is found by words.
const maxValues = 64

func (f *facets) note(doc uint32, d *doc, k valueKey, text string) {
	list := f.lists[d.values:]
	if len(list) == maxValues {
		return // more than anybody looks at
	}
	number, ok := f.numbers[k]
	if !ok {
		number = uint32(len(f.values)) // #nosec G115 -- memory ends long before
		k.text = strings.Clone(k.text)
		f.numbers[k] = number
		f.values = append(f.values, value{key: k, text: strings.Clone(strings.TrimSpace(text))})
	}
	if slices.Contains(list, number) {
		return // the same value twice
	}
	f.lists = append(f.lists, number)
	v := &f.values[number]
	v.docs = append(v.docs, doc)
}

// count counts a document with some values in or out.
func (f *facets) count(values []uint32, state docState, by int32) {
	for _, number := range values {
		v := &f.values[number]
		v.all += uint32(by) // #nosec G115 -- wraps as it should
		if state == visibleDoc {
			v.visible += uint32(by) // #nosec G115 -- wraps as it should
		}
	}
}

// compact keeps the values of the documents that remain.
func (f *facets) compact(docs []doc, moved []uint32) {
	numbers := make([]uint32, len(f.values))
	values := make([]value, 0, len(f.values))
	clear(f.numbers)
	for i, v := range f.values {
		numbers[i] = gone
		if v.all == 0 {
			continue
		}
		kept := v.docs[:0]
		for _, doc := range v.docs {
			if moved[doc] != gone {
				kept = append(kept, moved[doc])
			}
		}
		v.docs = fit(kept)
		numbers[i] = uint32(len(values)) // #nosec G115 -- fewer than before
		f.numbers[v.key] = numbers[i]
		values = append(values, v)
	}
	lists := make([]uint32, 0, len(f.lists))
	for i := range docs {
		begin := uint32(len(lists)) // #nosec G115 -- fewer than before
		for _, number := range f.of(&docs[i]) {
			lists = append(lists, numbers[number])
		}
		docs[i].values = begin
	}
	f.values, f.lists = values, lists
}

// topValues collects the most frequent values of one facet.
type topValues struct{ values []FacetValue }

// note takes one value into account.
func (t *topValues) note(text string, count uint32) {
	if len(t.values) == MaxFacetValues && int(count) < t.values[MaxFacetValues-1].Count {
		return // most of them, without looking at their text
	}
	v := FacetValue{Value: text, Count: int(count)}
	if len(t.values) == MaxFacetValues && !before(v, t.values[MaxFacetValues-1]) {
		return
	}
	at, _ := slices.BinarySearchFunc(t.values, v, func(a, b FacetValue) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	if len(t.values) == MaxFacetValues {
		t.values = t.values[:MaxFacetValues-1]
	}
	t.values = slices.Insert(t.values, at, v)
}

// enough says whether a value this frequent, whose text is greater than that of all
// before, is not among the most frequent.
func (t *topValues) enough(count uint32) bool {
	return len(t.values) == MaxFacetValues && int(count) <= t.values[MaxFacetValues-1].Count
}

// before says whether a comes before b: it is more frequent, or its text is less.
func before(a, b FacetValue) bool {
	return a.Count > b.Count || a.Count == b.Count && a.Value < b.Value
}
