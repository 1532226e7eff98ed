// Package nearest finds the names that somebody may have meant.
//
//	nearest.To("operatons", names) // ["operations"]
package nearest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxBytes is how much of a name is compared.
	maxBytes = 48
	// maxNames is how many names are compared; those after it are not looked at.
	maxNames = 20_000
	// maxResults is how many names are returned.
	maxResults = 3
	// maxHints is how many names of one request get a hint.
	maxHints = 8
)

// Hints counts the hints of one request, whose sender decides how many names are not
// known: comparing takes its time, and the first hints are enough to see what is going
// on. The zero value is ready for use by one goroutine.
type Hints struct{ given int }

// Next reports whether the next name that is not known gets a hint, which is true of
// the first eight. It counts that name.
func (h *Hints) Next() bool {
	if h.given == maxHints {
		return false
	}
	h.given++
	return true
}

// To returns up to three of the names that resemble the wanted one, the most
// similar first and equals in their order. A name resembles another if at most a
// third of it differs, or if one contains the other; case counts a little. It
// takes at most some hundred milliseconds.
func To(wanted string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	folded := fold(wanted)
	limit := max(1, len(folded)/3) * 2
	for _, name := range names[:min(len(names), maxNames)] {
		other := fold(name)
		d := limit + 1
		if min(len(other), len(folded)) > 2 && (strings.Contains(other, folded) || strings.Contains(folded, other)) {
			d = limit
		}
		if gap := len(other) - len(folded); max(gap, -gap)*2 <= limit {
			d = min(d, 2*distance(folded, other))
		}
		if d == 0 && name != wanted {
			d = 1
		}
		if d <= limit {
			found = append(found, candidate{name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var result []string
	for _, c := range found {
		if len(result) < maxResults && !slices.Contains(result, c.name) {
			result = append(result, c.name)
		}
	}
	return result
}

func fold(name string) string {
	return strings.ToLower(name[:min(len(name), maxBytes)])
}

// distance is the number of bytes to insert, remove, replace or swap with their
// neighbour to make one text of the other.
func distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			now[j+1] = min(replace, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}

// Hint returns what to say behind the complaint that a name is not known: "; did you
// mean …?" with the nearest names, or nothing where none is near.
func Hint(wanted string, names []string) string {
	near := To(wanted, names)
	if len(near) == 0 {
		return ""
	}
	quoted := make([]string, 0, len(near))
	for _, name := range near {
		quoted = append(quoted, strconv.Quote(name))
	}
	return "; did you mean " + strings.Join(quoted, " or ") + "?"
}
