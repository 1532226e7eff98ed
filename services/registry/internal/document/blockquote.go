package document

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quotedValue reads a quoted scalar that is a value, and goes on to the next
// line with content.
func (r *blockReader) quotedValue(at int) (string, error) {
	text, end, closed, err := r.quoted(at)
	if err != nil {
		return "", err
	}
	if !closed {
		if text, end, err = r.quotedLines(at); err != nil {
			return "", err
		}
	}
	if rest := r.skipSpaces(end); !r.isRest(rest) || (rest == end && rest != r.end) {
		return "", errOtherStyle
	}
	return text, r.advance()
}

// quoted reads a quoted scalar that ends on its line. end is the offset after
// its closing quote.
func (r *blockReader) quoted(at int) (text string, end int, closed bool, err error) {
	quote, from := r.s[at], at+1
	for i := from; i < r.end; i++ {
		switch c := r.s[i]; {
		case c == quote && quote == '\'' && i+1 < r.end && r.s[i+1] == quote, c == '\\' && quote == '"':
			var b strings.Builder
			b.WriteString(r.s[from:i])
			end, closed, err = r.quotedPart(&b, quote, i)
			return b.String(), end, closed, err
		case c == quote:
			return r.s[from:i], i + 1, true, nil
		case c == '\t':
			return "", 0, false, errOtherStyle
		}
	}
	return "", 0, false, nil
}

// quotedPart reads on to the closing quote, or to the end of the line.
func (r *blockReader) quotedPart(b *strings.Builder, quote byte, i int) (end int, closed bool, err error) {
	for i < r.end {
		switch c := r.s[i]; {
		case c == quote && quote == '\'' && i+1 < r.end && r.s[i+1] == quote:
			b.WriteByte(c)
			i += 2
		case c == quote:
			return i + 1, true, nil
		case c == '\\' && quote == '"':
			size := r.escape(b, i)
			if size == 0 {
				return 0, false, errOtherStyle
			}
			i += size
		case c == '\t':
			return 0, false, errOtherStyle
		default:
			b.WriteByte(c)
			i++
		}
	}
	return i, false, nil
}

// quotedLines reads a quoted scalar that goes on over several lines.
func (r *blockReader) quotedLines(at int) (text string, end int, err error) {
	quote, from := r.s[at], at+1
	var b strings.Builder
	for {
		// White space before a line break does not count. It is cut in the source,
		// so that spaces that were escaped stay.
		r.end = from + len(strings.TrimRight(r.s[from:r.end], " "))
		end, closed, err := r.quotedPart(&b, quote, from)
		if err != nil || closed {
			r.restoreEnd()
			return b.String(), end, err
		}
		blanks := 0
		for {
			if r.next >= len(r.s) {
				return "", 0, errOtherStyle
			}
			r.readLine()
			if r.from < r.end {
				break
			}
			blanks++
		}
		if r.isMarker() || r.s[r.from] == '\t' {
			return "", 0, errOtherStyle
		}
		fold(&b, blanks)
		from = r.from
	}
}

// restoreEnd undoes the cutting of the current line's end.
func (r *blockReader) restoreEnd() {
	for r.end < len(r.s) && r.s[r.end] == ' ' {
		r.end++
	}
}

// escape writes what the escape at i stands for and returns its length, or 0 for
// those that are rare or wrong.
func (r *blockReader) escape(b *strings.Builder, i int) int {
	if i+1 >= r.end {
		return 0
	}
	const from, to = `"\bfnrt0ave `, "\"\\\b\f\n\r\t\x00\a\v\x1b "
	c := r.s[i+1]
	if known := strings.IndexByte(from, c); known >= 0 {
		b.WriteByte(to[known])
		return 2
	}
	size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if size == 0 || i+2+size > r.end {
		return 0
	}
	v, err := strconv.ParseUint(r.s[i+2:i+2+size], 16, 32)
	if err != nil || r.s[i+2] == '+' || !utf8.ValidRune(rune(v)) || v > utf8.MaxRune {
		return 0
	}
	b.WriteRune(rune(v))
	return 2 + size
}
