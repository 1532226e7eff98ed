package document

import (
	"bytes"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// lineTable turns byte offsets into lines and columns. The table is made when
// the first position is asked for: most documents have nothing to point at.
type lineTable struct {
	source string
	once   sync.Once
	starts []int
}

// locate returns the line and column, in characters, of a byte offset.
func (t *lineTable) locate(offset int64) (line, column int) {
	t.once.Do(func() {
		t.starts = append(t.starts, 0)
		for i := 0; ; {
			next := strings.IndexByte(t.source[i:], '\n')
			if next < 0 {
				return
			}
			i += next + 1
			t.starts = append(t.starts, i)
		}
	})
	at := min(int(offset), len(t.source))
	lo, hi := 0, len(t.starts)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; t.starts[mid] <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1, utf8.RuneCountInString(t.source[t.starts[lo]:at]) + 1
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
