package plan

import (
	"slices"
	"strings"
)

// maxSuggestions keeps an error message one sentence long.
const maxSuggestions = 3

// maxCompared bounds the work for a stranger's typo.
const maxCompared = 256

// similar returns the candidates that a person may have meant, nearest first.
func similar(text string, candidates []string) []string {
	type scored struct {
		text     string
		distance int
	}
	var near []scored
	if len(text) > maxCompared {
		return nil
	}
	lower := strings.ToLower(text)
	for _, c := range candidates {
		if len(c) > maxCompared {
			continue
		}
		other := strings.ToLower(c)
		d := distance(lower, other)
		if d <= max(2, len(lower)/3) || (len(lower) >= 4 && strings.Contains(other, lower)) {
			near = append(near, scored{c, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.distance - b.distance })
	var out []string
	for _, s := range near[:min(len(near), maxSuggestions)] {
		out = append(out, s.text)
	}
	return out
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
