package document

import (
	"bytes"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
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
func (t *lineTable) locate(offset int64) (line, column int) {
	t.once.Do(t.build)
	at := min(int(offset), len(t.source))
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

// YAML knows lines and columns itself; both share the position of a node.
const columnBits = 32

func packPosition(line, column int) int64 { return int64(line)<<columnBits | int64(column) }

func unpackPosition(p int64) (line, column int) {
	return int(p >> columnBits), int(p & (1<<columnBits - 1))
}

// locateIn is locate for a source that has no table: bytes before at are valid.
func locateIn(source []byte, at int) (line, column int) {
	before := source[:min(max(at, 0), len(source))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// checkUTF8 refuses bytes that are not UTF-8 and says where the first one is:
// readers would silently replace them.
func checkUTF8(name string, content []byte) error {
	if utf8.Valid(content) {
		return nil
	}
	at := 0
	for at < len(content) {
		r, size := utf8.DecodeRune(content[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	line, column := locateIn(content, at)
	return placed(fault.Invalid(fault.ReasonDocumentNotUTF8,
		"%q is not UTF-8 text: byte 0x%02x at line %d, column %d%s; save the file as UTF-8",
		name, content[at], line, column, guess(content)), name, line, column)
}

// guess names the encoding where the first bytes give it away.
func guess(content []byte) string {
	if bytes.HasPrefix(content, []byte{0xff, 0xfe}) || bytes.HasPrefix(content, []byte{0xfe, 0xff}) {
		return " (it looks like UTF-16)"
	}
	return ""
}
