package search

import (
	"iter"
	"slices"
	"sort"
	"strings"
)

// dictionary holds all words of a table with what has them.
type dictionary struct {
	numbers map[string]uint32
	terms   []term
	// sorted and recent are numbers of terms, each in the order of their words.
	// New terms go into recent, which is small enough to insert into, and from
	// time to time into sorted, all at once.
	sorted, recent []uint32
	// filling says that nobody is looking, so that recent is in any order, and as
	// long as it likes.
	filling bool
}

// term is one word. Its postings are in order, at most one for each document.
type term struct {
	word     string
	postings []uint32
}

// posting is a document with the best tier in which it has the word.
func posting(doc uint32, where tier) uint32 { return doc<<2 | uint32(where) }

func newDictionary() dictionary { return dictionary{numbers: map[string]uint32{}, filling: true} }

// add adds a posting whose document is the greatest so far.
func (d *dictionary) add(word string, p uint32) {
	number, ok := d.numbers[word]
	if !ok {
		word = strings.Clone(word)    // not the text that it is part of
		number = uint32(len(d.terms)) // #nosec G115 -- fewer than postings
		d.terms = append(d.terms, term{word: word})
		d.numbers[word] = number
		d.remember(number)
	}
	t := &d.terms[number]
	t.postings = append(t.postings, p)
}

// remember puts a new term into recent.
func (d *dictionary) remember(number uint32) {
	if d.filling {
		d.recent = append(d.recent, number)
		return
	}
	d.recent = slices.Insert(d.recent, d.first(d.recent, d.terms[number].word), number)
	if len(d.recent) > max(1024, len(d.sorted)/32) {
		d.merge()
	}
}

// settle ends the filling.
func (d *dictionary) settle() {
	d.filling = false
	slices.SortFunc(d.recent, d.compare)
	d.merge()
	for i := range d.terms {
		d.terms[i].postings = fit(d.terms[i].postings)
	}
}

func (d *dictionary) compare(a, b uint32) int {
	return strings.Compare(d.terms[a].word, d.terms[b].word)
}

// first returns the place of the first term of a list that is not before a word.
func (d *dictionary) first(list []uint32, word string) int {
	return sort.Search(len(list), func(i int) bool { return d.terms[list[i]].word >= word })
}

// merge moves recent terms into the sorted list.
func (d *dictionary) merge() {
	merged := make([]uint32, 0, len(d.sorted)+len(d.recent))
	rest := d.sorted
	for _, number := range d.recent {
		at := d.first(rest, d.terms[number].word)
		merged = append(append(merged, rest[:at]...), number)
		rest = rest[at:]
	}
	merged = append(merged, rest...)
	d.sorted, d.recent = merged, nil
}

// prefixed yields all terms that begin with a word, the term itself included.
func (d *dictionary) prefixed(word string) iter.Seq[*term] {
	return func(yield func(*term) bool) {
		for _, list := range [][]uint32{d.sorted, d.recent} {
			for _, number := range list[d.first(list, word):] {
				t := &d.terms[number]
				if !strings.HasPrefix(t.word, word) {
					break
				}
				if !yield(t) {
					return
				}
			}
		}
	}
}

// compact gives documents their new numbers and removes terms that none has.
func (d *dictionary) compact(moved []uint32) {
	old := d.terms
	*d = dictionary{numbers: make(map[string]uint32, len(old)), terms: make([]term, 0, len(old)), filling: d.filling}
	for _, t := range old {
		kept := t.postings[:0]
		for _, p := range t.postings {
			if doc := moved[p>>2]; doc != gone {
				kept = append(kept, posting(doc, tier(p&3)))
			}
		}
		if len(kept) == 0 {
			continue
		}
		number := uint32(len(d.terms)) // #nosec G115 -- fewer than before
		d.numbers[t.word] = number
		d.terms = append(d.terms, term{word: t.word, postings: fit(kept)})
		d.sorted = append(d.sorted, number)
	}
	slices.SortFunc(d.sorted, d.compare)
}
