package secretlike

import (
	"slices"
	"strings"
)

// Left is what stands for a credential in prose.
const Left = "…"

// Text returns prose with [Left] in the place of each credential: what [Value]
// recognises, and what is written behind a name of one, as in "password=…". Text
// without any is returned as it is.
func Text(s string) string {
	var spans [][2]int
	if mayBeKnown(s) {
		for _, m := range known.FindAllStringIndex(s, -1) {
			spans = append(spans, [2]int{m[0], m[1]})
		}
	}
	for _, m := range schemed.FindAllStringSubmatchIndex(s, -1) {
		if isOpaque(s[m[2]:m[3]]) {
			spans = append(spans, [2]int{m[2], m[3]})
		}
	}
	eachWord(s, func(from, to int) {
		if isRandom(s[from:to]) {
			spans = append(spans, [2]int{from, to})
		}
	})
	seen := 0 // a part of a value says no more than all of it
	assignments(s, func(name string, from int) bool {
		if from < seen || !Name(name) {
			return true
		}
		seen = from + valueEnd(s[from:])
		if seen-from >= minAssigned && isOpaque(s[from:seen]) {
			spans = append(spans, [2]int{from, seen})
		}
		return true
	})
	return without(s, spans)
}

// minAssigned is the length from which what stands behind a name is no word about
// it, like a type.
const minAssigned = 6

// without replaces the spans, which may overlap.
func without(s string, spans [][2]int) string {
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	var b strings.Builder
	at := 0
	for _, span := range spans {
		if span[0] >= at {
			b.WriteString(s[at:span[0]])
			b.WriteString(Left)
		}
		at = max(at, span[1])
	}
	b.WriteString(s[at:])
	return b.String()
}

// Assigned reports whether text gives something a value that is called like a
// credential, as forms, XML and configuration files do, or has one in it.
func Assigned(s string) bool {
	found := false
	assignments(s, func(name string, _ int) bool {
		found = Name(name)
		return !found
	})
	return found || Value(s)
}

// Literal is [Assigned] for languages with variables and types, where only what
// stands between quotes, or is a number, is a value.
func Literal(s string) bool {
	found := false
	assignments(s, func(name string, from int) bool {
		isValue := from < len(s) && (s[from-1] == '"' && s[from] != '"' || classOf(s[from]) == digit)
		found = isValue && Name(name)
		return !found
	})
	return found || Value(s)
}

// Inside reports whether the text of a document's member has a credential in it:
// it is one, gives one a value, or is prose that [Text] would change.
func Inside(s string) bool { return Literal(s) || Text(s) != s }

// maxSpaces is how many spaces and quotes may stand around the sign of an
// assignment.
const maxSpaces = 8

// assignments calls f for each name in front of ":", "=" or ">", with where the
// value begins, until f returns false.
func assignments(s string, f func(name string, from int) bool) {
	for i := range len(s) {
		if s[i] != ':' && s[i] != '=' && s[i] != '>' {
			continue
		}
		end := i
		for end > 0 && i-end < maxSpaces && strings.IndexByte(" \t\"'\\", s[end-1]) >= 0 {
			end--
		}
		start := end
		for start > 0 && end-start < maxNameBytes/4 && isNameByte(s[start-1]) {
			start--
		}
		from := i + 1
		for from < len(s) && from-i <= maxSpaces && strings.IndexByte(" \t\"'\\", s[from]) >= 0 {
			from++
		}
		if start < end && !f(s[start:end], from) {
			return
		}
	}
}

func isNameByte(c byte) bool {
	k := classOf(c)
	return k == lower || k == upper || k == digit || c == '_' || c == '-'
}

// valueEnd is the length of the word that a text starts with.
func valueEnd(s string) int {
	for i := range len(s) {
		if s[i] <= ' ' || strings.IndexByte("\"'<>{}&,;`", s[i]) >= 0 {
			return i
		}
		if i == maxWordBytes {
			return i
		}
	}
	return len(s)
}

// fewDigits is how many digits a random segment of a path has at least: names of
// operations are as long and as mixed, and have one or two.
const fewDigits = 3

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// Segment reports which part of a segment of a path is a credential: all from the
// returned index on. before are the segments in front of it.
func Segment(before []string, segment string) (from int, ok bool) {
	if m := known.FindStringIndex(segment); m != nil {
		return m[0], true
	}
	if isRandom(segment) && digits(segment) >= fewDigits || len(segment) >= hashBytes && isHex(segment) && len(segment) <= maxWordBytes {
		return 0, true
	}
	n := len(before)
	isTemplate := segment == "" || strings.IndexByte("{:", segment[0]) >= 0
	if n >= 3 && before[n-3] == "services" && isHookID(before[n-2], 'T') && isHookID(before[n-1], 'B') && !isTemplate {
		return 0, true
	}
	// A word without a digit is the name of something: "/auth/changePassword".
	named := n > 0 && !isTemplate && len(segment) >= minAssigned && strings.ContainsAny(segment, "0123456789")
	return 0, named && isOpaque(segment) && Name(before[n-1])
}

// isHookID reports whether a segment is one of the ids that Slack has in front of
// the secret of a hook.
func isHookID(s string, first byte) bool {
	return len(s) > 1 && s[0] == first && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
