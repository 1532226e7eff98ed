package requestlog

import (
	"maps"
	"slices"
	"strings"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// maxDepth is how deep texts in texts are read, such as JSON in a string of JSON. What
// lies deeper is taken out whole.
const maxDepth = 6

// space is what JSON and XML take for none.
const space = " \t\r\n\ufeff"

// redactor takes secrets out of an exchange: those of the connection wherever they
// are, and others by what they are called and how they stand there.
type redactor struct {
	known func(string) string
	names names
}

func newRedactor(common *words, known func(string) string, own []string) *redactor {
	if known == nil {
		known = func(text string) string { return text }
	}
	return &redactor{known: known, names: names{common, own}}
}

// text takes the connection's secrets out of any text.
func (r *redactor) text(text string) string { return r.known(text) }

// head returns the beginning of any text, redacted: see [Lookahead].
func (r *redactor) head(text string, limit int) string {
	cut := len(text) > limit+Lookahead
	if cut {
		text = text[:limit+Lookahead]
	}
	text = r.said(text, 0)
	if cut { // a secret may have been cut off at the end, and not been found
		text = text[:max(0, len(text)-Lookahead)]
	}
	return clip(text, limit)
}

// said redacts any text: a URL, the value of a field, a line of a log, a body, or what
// one of their parts says once it is decoded, which is deeper by one.
func (r *redactor) said(text string, depth int) string {
	if depth > maxDepth {
		return Redacted
	}
	text = r.known(text)
	trimmed := strings.TrimLeft(text, space)
	switch {
	case trimmed == "":
		return text
	case strings.HasPrefix(trimmed, "<"):
		text = r.elements(text, depth)
	case strings.ContainsRune(`{["`, rune(trimmed[0])):
		text = r.members(text, depth)
	default:
		if strings.Contains(text, "</") || strings.Contains(text, "/>") {
			text = r.elements(text, depth)
		}
		text = r.members(text, depth)
	}
	text = r.pairs(r.assignments(text), false)
	return r.schemes(withoutUsers(r.encoded(text, depth)))
}

// structured reports whether a text may hold more than what it reads like.
func structured(text string) bool {
	trimmed := strings.TrimLeft(text, space)
	return trimmed != "" && strings.ContainsRune("{[<", rune(trimmed[0])) || strings.Contains(text, "</")
}

// header returns the lines of a header in order of their names.
func (r *redactor) header(header map[string][]string) (lines []*runtimev1.RequestLogHeader) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if r.names.field(name) {
				value = Redacted
			}
			line := &runtimev1.RequestLogHeader{Name: clip(r.text(name), maxText), Value: r.head(value, maxValue)}
			if size += len(line.GetName()) + len(line.GetValue()); len(lines) == maxHeaders || size > maxHeader {
				return lines
			}
			lines = append(lines, line)
		}
	}
	return lines
}
