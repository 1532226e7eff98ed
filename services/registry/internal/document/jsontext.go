package document

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string; the next byte is its opening quote. Most strings have
// nothing to look at and are a part of the source, which costs nothing.
func (r *jsonReader) text(quote byte) string {
	from := r.at + 1
	i := from
	for i < len(r.s) && r.s[i] != quote && r.s[i] != '\\' && r.s[i] >= ' ' {
		i++
	}
	if i < len(r.s) && r.s[i] == quote && r.endsAt(i) {
		r.at = i + 1
		return r.s[from:i]
	}
	return r.oddText(quote, from, i)
}

// endsAt reports whether the quote at i ends its string: after one that does not,
// text goes on, and another quote follows on the same line.
func (r *jsonReader) endsAt(i int) bool {
	after := i + 1
	for after < len(r.s) && (r.s[after] == ' ' || r.s[after] == '\t') {
		after++
	}
	if after == len(r.s) || r.s[after] < ' ' || r.s[after] >= 0x80 || strings.IndexByte(",:}]\"'/#", r.s[after]) >= 0 {
		return true
	}
	if after > i+1 && !isLetter(r.s[after]) {
		return true
	}
	next := strings.IndexAny(r.s[after:], r.s[i:i+1]+"\n")
	return next < 0 || r.s[after+next] == '\n'
}

// oddText reads a string with escapes or faults; from is its first byte, and
// everything before i is plain.
func (r *jsonReader) oddText(quote byte, from, i int) string {
	var b strings.Builder
	b.WriteString(r.s[from:i])
	severalLines := false
	for i < len(r.s) {
		switch c := r.s[i]; {
		case c == quote:
			if r.endsAt(i) {
				r.at = i + 1
				return b.String()
			}
			r.note(JSONUnescapedQuote, i)
			b.WriteByte(c)
			i++
		case c == '\\':
			i += r.escape(&b, quote, i)
		case (c == '\n' || c == '\r') && !severalLines:
			if severalLines = r.closesLater(quote, i); !severalLines {
				return r.cutText(b.String(), from, i)
			}
		case c < ' ':
			r.note(JSONControlCharacter, i)
			b.WriteByte(c)
			i++
		default:
			start := i
			for i < len(r.s) && r.s[i] != quote && r.s[i] != '\\' && r.s[i] >= ' ' {
				i++
			}
			b.WriteString(r.s[start:i])
		}
	}
	return r.cutText(b.String(), from, i)
}

// closesLater reports whether a string that has a line break at i is closed by a
// quote after which a document can go on; otherwise that quote opens another
// string, and this one has lost its own.
func (r *jsonReader) closesLater(quote byte, i int) bool {
	for i < len(r.s) && r.s[i] != quote {
		if r.s[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(r.s) {
		return false
	}
	rest := strings.TrimLeft(r.s[i+1:], " \t\r\n")
	return rest == "" || strings.IndexByte(",:}]", rest[0]) >= 0
}

// cutText ends a string without a closing quote at i, the end of its line. A
// comma there is the one that separates it from what follows.
func (r *jsonReader) cutText(text string, from, i int) string {
	r.note(JSONUnterminatedString, from-1)
	r.cut = r.cut || strings.TrimSpace(r.s[i:]) == ""
	r.at = i
	text = strings.TrimRight(text, " \t")
	if cut, ok := strings.CutSuffix(text, ","); ok {
		r.at = from + strings.LastIndexByte(r.s[from:i], ',')
		return cut
	}
	return text
}

// escape writes what the escape at i stands for and returns its length.
func (r *jsonReader) escape(b *strings.Builder, quote byte, i int) int {
	if i+1 >= len(r.s) {
		return 1 // the file ends, which is reported
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := r.s[i+1]
	if known := strings.IndexByte(from, c); known >= 0 {
		b.WriteByte(to[known])
		return 2
	}
	if c == quote {
		b.WriteByte(c) // a single quote inside single quotes
		return 2
	}
	if c == 'u' {
		if r1, ok := hex4(r.s, i+2); ok {
			r2, pair := rune(0), false
			if utf16.IsSurrogate(r1) && strings.HasPrefix(r.s[i+6:], `\u`) {
				r2, pair = hex4(r.s, i+8)
			}
			if both := utf16.DecodeRune(r1, r2); pair && both != utf8.RuneError {
				b.WriteRune(both)
				return 12
			}
			// Half of a pair, which JSON allows, becomes U+FFFD.
			b.WriteRune(r1)
			return 6
		}
	}
	r.note(JSONInvalidEscape, i)
	if c == '\n' || c == '\r' {
		return 1 // the line break is looked at as such
	}
	b.WriteByte('\\')
	return 1
}

func hex4(s string, at int) (rune, bool) {
	if at+4 > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[at:at+4], 16, 16)
	if err != nil || s[at] == '+' {
		return 0, false
	}
	return rune(v), true
}

// oddSpace skips a comment or a character that only looks like a space, and
// reports whether there was one.
func (r *jsonReader) oddSpace() bool {
	rest := r.s[r.at:]
	skip, kind := 0, JSONComment
	switch {
	case strings.HasPrefix(rest, "//"), rest[0] == '#':
		if skip = strings.IndexAny(rest, "\r\n"); skip < 0 {
			skip = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if skip = end + 4; end < 0 {
			skip = len(rest)
		}
	default:
		c, size := utf8.DecodeRuneInString(rest)
		if unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) || unicode.IsControl(c) {
			skip, kind = size, JSONWhiteSpace
		}
	}
	if skip > 0 {
		r.note(kind, r.at)
	}
	r.at += skip
	return skip > 0
}
