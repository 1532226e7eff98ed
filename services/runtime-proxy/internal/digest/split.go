package digest

import "strings"

// maxLine is how much of a header field is read, in bytes.
const maxLine = 16 << 10

// split returns the Digest challenges of a header field, which may list several,
// also of other schemes, separated by the same commas as their parameters (RFC
// 9110, section 11.6.1).
func split(line string) []string {
	var out []string
	started := -1 // where the present Digest challenge begins
	for _, item := range items(line[:min(len(line), maxLine)]) {
		text := strings.TrimLeft(line[item.from:item.to], " \t")
		begins, isDigest := scheme(text)
		if !begins {
			if started >= 0 {
				out[len(out)-1] += "," + line[item.from:item.to]
			}
			continue
		}
		started = -1
		if isDigest {
			started = item.from
			out = append(out, text)
		}
	}
	return out
}

// span is a part of a line.
type span struct{ from, to int }

// items cuts a list at its commas; those within quotes do not count.
func items(line string) []span {
	var out []span
	from, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			out = append(out, span{from, i})
			from = i + 1
		}
	}
	return append(out, span{from, len(line)})
}

// scheme reports whether an item begins with the name of an authentication
// scheme rather than with a parameter, and whether that is Digest.
func scheme(item string) (begins, isDigest bool) {
	name, rest, spaced := strings.Cut(item, " ")
	if strings.Contains(name, "=") || strings.HasPrefix(strings.TrimLeft(rest, " \t"), "=") {
		return false, false
	}
	return name != "", spaced && strings.EqualFold(name, "Digest")
}
