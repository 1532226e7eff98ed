package inject

import (
	"cmp"
	"html"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A text says a secret in one of countless spellings: every library decides for itself
// which characters it escapes, and with which digits. So escapes are undone, and what a
// secret looks like then is looked for at the place where it stands in the text.

// escaping is one way to escape characters.
type escaping struct {
	lead byte // each of its escapes begins with it
	// read returns what the escape at the beginning of a text stands for, and how long it is;
	// 0 if it is none.
	read func(text string) (plain string, size int)
}

// escapings are those of URLs, HTML or XML, and JSON or JavaScript.
var escapings = [...]escaping{{'%', readTriplet}, {'&', readEntity}, {'\\', readBackslash}}

// depth is how many escapings are undone, one within the other.
const depth = 2

// escapes reports whether a text may hold an escape.
func escapes(text string) bool {
	for _, e := range escapings {
		if strings.IndexByte(text, e.lead) >= 0 {
			return true
		}
	}
	return false
}

// unescaped is a text without escapes of one kind.
type unescaped struct {
	text  string
	marks []mark // of its escapes, ascending
}

// mark is where an escape was: the bytes [at, end) of the text stand for [from, to) of
// what it was made of.
type mark struct{ at, end, from, to int }

// undo returns a text without one kind of escapes; false if it has none.
func (e escaping) undo(text string) (*unescaped, bool) {
	at := strings.IndexByte(text, e.lead)
	if at < 0 {
		return nil, false
	}
	var out strings.Builder
	u, done := &unescaped{}, 0
	for at < len(text) {
		plain, size := e.read(text[at:])
		if size == 0 {
			size = 1
		} else {
			if u.marks == nil {
				out.Grow(len(text))
			}
			out.WriteString(text[done:at])
			u.marks = append(u.marks, mark{at: out.Len(), end: out.Len() + len(plain), from: at, to: at + size})
			out.WriteString(plain)
			done = at + size
		}
		next := strings.IndexByte(text[at+size:], e.lead)
		if next < 0 {
			break
		}
		at += size + next
	}
	if u.marks == nil {
		return nil, false
	}
	out.WriteString(text[done:])
	u.text = out.String()
	return u, true
}

// place returns where bytes of the text were.
func (u *unescaped) place(s span) span {
	return span{u.source(s.from).from, u.source(s.to - 1).to}
}

// source returns where one byte of the text was.
func (u *unescaped) source(at int) span {
	n := sort.Search(len(u.marks), func(i int) bool { return u.marks[i].at > at }) - 1
	if n < 0 {
		return span{at, at + 1}
	}
	m := u.marks[n]
	if at < m.end {
		return span{m.from, m.to}
	}
	from := m.to + at - m.end
	return span{from, from + 1}
}

// span is a part of a text.
type span struct{ from, to int }

// find returns where forms stand in a text, also behind up to that many escapings.
func find(text string, depth int, each func(func(form []byte))) (spans []span) {
	each(func(form []byte) {
		for from := 0; ; {
			at := index(text[from:], form)
			if at < 0 {
				return
			}
			spans = append(spans, span{from + at, from + at + len(form)})
			from += at + len(form)
		}
	})
	if depth == 0 {
		return spans
	}
	for _, e := range escapings {
		if u, ok := e.undo(text); ok {
			for _, s := range find(u.text, depth-1, each) {
				spans = append(spans, u.place(s))
			}
		}
	}
	return spans
}

// redactEscaped replaces forms in a text that has escapes.
func redactEscaped(text string, each func(func(form []byte))) string {
	spans := find(text, depth, each)
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	var out strings.Builder
	done := 0
	for _, s := range spans {
		if s.from >= done {
			out.WriteString(text[done:s.from])
			out.WriteString(Redacted)
		}
		done = max(done, s.to)
	}
	out.WriteString(text[done:])
	return out.String()
}

func readTriplet(text string) (plain string, size int) {
	const length = len("%2F")
	if len(text) < length {
		return "", 0
	}
	value, err := strconv.ParseUint(text[1:length], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(value)}), length
}

// readEntity reads a reference of HTML, by name or number.
func readEntity(text string) (plain string, size int) {
	const longest = len("&CounterClockwiseContourIntegral;")
	end := strings.IndexByte(text[:min(len(text), longest)], ';')
	if end < 0 {
		return "", 0
	}
	plain = html.UnescapeString(text[:end+1])
	if plain == text[:end+1] {
		return "", 0
	}
	return plain, end + 1
}

// readBackslash reads an escape of a string in JSON or JavaScript.
func readBackslash(text string) (plain string, size int) {
	const short, byHex, unit = len(`\n`), len(`\x2f`), len(`\u002f`)
	if len(text) < short {
		return "", 0
	}
	switch c := text[1]; c {
	case '"', '\'', '\\', '/':
		return text[1:short], short
	case 'b', 'f', 'n', 'r', 't':
		return map[byte]string{'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}[c], short
	case 'x':
		if len(text) < byHex {
			return "", 0
		}
		value, err := strconv.ParseUint(text[short:byHex], 16, 8)
		if err != nil {
			return "", 0
		}
		return string(rune(value)), byHex
	case 'u':
		first, ok := readUnit(text)
		if !ok {
			return "", 0
		}
		if second, ok := readUnit(text[unit:]); ok && utf16.IsSurrogate(first) {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return string(r), 2 * unit
			}
		}
		return string(first), unit
	}
	return "", 0
}

// readUnit reads \u and four digits.
func readUnit(text string) (rune, bool) {
	const lead, unit = len(`\u`), len(`\u002f`)
	if len(text) < unit || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	value, err := strconv.ParseUint(text[lead:unit], 16, 16)
	return rune(value), err == nil
}
