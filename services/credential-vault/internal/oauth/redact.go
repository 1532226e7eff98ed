package oauth

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxDescription bounds what is kept of a provider's words, in bytes.
	maxDescription = 300
	// maxReadDescription bounds what is looked at, before secrets are taken out.
	maxReadDescription = 2048
	// window is the length from which a part of a secret counts as the secret:
	// providers cut what they quote.
	window = 8
	// redacted stands where a secret was.
	redacted = "[redacted]"
)

// redactor takes everything secret that was sent out of what comes back. The zero
// redactor knows no secret. Whoever fills one clears it.
type redactor struct{ needles [][]byte }

// add makes a secret known: as it is, escaped for a URL or for JSON, and in base64.
func (r *redactor) add(value []byte) {
	if len(value) == 0 {
		return
	}
	escaped := appendEscaped(make([]byte, 0, 3*len(value)), value)
	r.needles = append(r.needles,
		bytes.Clone(value),
		base64.StdEncoding.AppendEncode(nil, value),
		base64.URLEncoding.AppendEncode(nil, value))
	if !bytes.Equal(escaped, value) {
		r.needles = append(r.needles, escaped, bytes.ToLower(escaped), bytes.ReplaceAll(escaped, []byte("%20"), []byte("+")))
	} else {
		clear(escaped)
	}
	quoted := appendInside(make([]byte, 0, 6*len(value)), value)
	if bytes.Equal(quoted, value) {
		clear(quoted)
		return
	}
	r.needles = append(r.needles, quoted)
}

// clear overwrites what it knows.
func (r *redactor) clear() {
	for _, needle := range r.needles {
		clear(needle)
	}
	r.needles = nil
}

// holds reports whether a text has a secret, or a good part of one, in it.
func (r *redactor) holds(text []byte) bool {
	return slices.Contains(r.mark(text), true)
}

// clean returns a provider's words on one line without anything secret, at most
// 300 bytes.
func (r *redactor) clean(text []byte) string {
	if len(text) > maxReadDescription {
		text = text[:maxReadDescription-window] // a secret cut in two would not be found
	}
	line := []byte(oneLine(string(text)))
	marks := r.mark(line)
	out := make([]byte, 0, len(line))
	for i, c := range line {
		switch {
		case !marks[i]:
			out = append(out, c)
		case i == 0 || !marks[i-1]:
			out = append(out, redacted...)
		}
	}
	return cut(string(out), maxDescription)
}

// mark says for each byte whether it belongs to a secret. Any part of a secret that
// is long enough counts, and a short secret as a whole.
func (r *redactor) mark(text []byte) []bool {
	marks := make([]bool, len(text))
	for _, needle := range r.needles {
		length := min(window, len(needle))
		for i := 0; i+length <= len(text); i++ {
			if bytes.Contains(needle, text[i:i+length]) {
				for j := i; j < i+length; j++ {
					marks[j] = true
				}
			}
		}
	}
	return marks
}

// oneLine turns white space into single spaces, and drops what cannot be printed.
func oneLine(text string) string {
	clean := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case c == utf8.RuneError || !unicode.IsPrint(c):
			return -1
		default:
			return c
		}
	}, text)
	return strings.Join(strings.Fields(clean), " ")
}

// cut shortens a text to a number of bytes without splitting a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
