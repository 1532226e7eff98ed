package requestlog

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// redactor takes secrets out of an exchange: those of the connection wherever they
// are, and others by what they are called.
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

// url does so with a URL, and with its query by name.
func (r *redactor) url(text string) string { return r.pairs(withoutUser(r.known(text)), false) }

// loose does so with text that may hold URLs.
func (r *redactor) loose(text string) string { return r.url(text) }

// withoutUser takes the user information out of a URL.
func withoutUser(text string) string {
	head, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	end := strings.IndexAny(rest, "/?# \t\r\n\"'<>")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		rest = Redacted + rest[at:]
	}
	return head + "://" + rest
}

// header returns the lines of a header in order of their names.
func (r *redactor) header(header map[string][]string) (lines []*runtimev1.RequestLogHeader) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if r.names.field(name) {
				value = Redacted
			}
			line := &runtimev1.RequestLogHeader{Name: clip(r.text(name), maxText), Value: clip(r.loose(value), maxValue)}
			if size += len(line.GetName()) + len(line.GetValue()); len(lines) == maxHeaders || size > maxHeader {
				return lines
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// pairs redacts "name=value" after each "?", "&", ";" and "#", by the name and
// by what the value says once it is decoded. bare is true if the text begins with
// such a pair, as forms do.
func (r *redactor) pairs(text string, bare bool) string {
	var out strings.Builder
	for text != "" {
		end := strings.IndexAny(text, "?&;#")
		segment := text
		if end >= 0 {
			segment = text[:end]
		}
		if bare {
			segment = r.pair(segment)
		}
		out.WriteString(segment)
		if end < 0 {
			break
		}
		out.WriteByte(text[end])
		text, bare = text[end+1:], true
	}
	return out.String()
}

// pair redacts one pair; what follows a space or a quote is no part of it.
func (r *redactor) pair(segment string) string {
	name, value, ok := strings.Cut(segment, "=")
	if !ok {
		return segment
	}
	rest := ""
	if end := strings.IndexAny(value, " \t\r\n\"'<>"); end >= 0 {
		value, rest = value[:end], value[end:]
	}
	switch decoded, err := url.QueryUnescape(value); {
	case value == "":
	case r.names.parameter(strings.TrimSpace(name)), err == nil && r.known(decoded) != decoded:
		value = Redacted
	}
	return name + "=" + value + rest
}
