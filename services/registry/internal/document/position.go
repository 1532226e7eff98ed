package document

import (
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// runesEvery is the distance in bytes between the places at which the number of
// characters before them is known: minified documents are one line of megabytes.
const runesEvery = 4096

// lineTable turns byte offsets into lines and columns. The table is made when
// the first position is asked for: most documents have nothing to point at.
type lineTable struct {
	source string
	once   sync.Once
	starts []int // offsets of the first bytes of lines
	runes  []int // characters before each multiple of runesEvery
}

// locate returns the line and column, in characters, of a byte offset.
func (t *lineTable) locate(offset int) (line, column int) {
	t.once.Do(t.build)
	at := min(offset, len(t.source))
	// The line is the last that starts at or before the offset.
	line = sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > at })
	return line, t.before(at) - t.before(t.starts[line-1]) + 1
}

func (t *lineTable) build() {
	t.starts = append(t.starts, 0)
	for i := 0; ; {
		next := strings.IndexByte(t.source[i:], '\n')
		if next < 0 {
			break
		}
		i += next + 1
		t.starts = append(t.starts, i)
	}
	total := 0
	for i := 0; i <= len(t.source); i += runesEvery {
		t.runes = append(t.runes, total)
		total += starts(t.source[i:min(i+runesEvery, len(t.source))])
	}
}

// before returns the number of characters that start before an offset.
func (t *lineTable) before(at int) int {
	known := at / runesEvery
	return t.runes[known] + starts(t.source[known*runesEvery:at])
}

// skip returns the offset that is n characters after at.
func (t *lineTable) skip(at, n int) int {
	t.once.Do(t.build)
	n += t.before(at)
	known := sort.Search(len(t.runes), func(i int) bool { return t.runes[i] > n }) - 1
	count := t.runes[known]
	for at = known * runesEvery; at < len(t.source); at++ {
		if !utf8.RuneStart(t.source[at]) {
			continue
		}
		if count == n {
			return at
		}
		count++
	}
	return at
}

// starts counts the first bytes of characters, so that parts of a text can be
// counted one by one.
func starts(s string) int {
	n := 0
	for i := range len(s) {
		if utf8.RuneStart(s[i]) {
			n++
		}
	}
	return n
}
