package policytext

import (
	"strconv"
	"strings"
)

// Step is one step of a path: a name, or an index.
type Step struct {
	// Name is that of a property, unless the step is indexed.
	Name string
	// Index is that of an element.
	Index int
	// Indexed reports whether Index counts.
	Indexed bool
}

// Root is where a path begins.
type Root int

// The roots.
const (
	// RootBody is @body() or @triggerBody().
	RootBody Root = iota
	// RootItem is @item(): an element of a collection.
	RootItem
)

// Path names a value: @body().a['b'][0], or @item().a within a collection.
type Path struct {
	// Root is where it begins.
	Root Root
	// Steps lead from there to the value.
	Steps []Step
}

// identifier says which characters a name behind a dot may have.
type identifier func(c byte) bool

// narrow is for names in running text, wide for those that end with the path.
func narrow(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func wide(c byte) bool {
	return c != '.' && c != '[' && c != ']' && c != '{' && c != '}' && c != '(' && c != ')' && c != '\''
}

// ParsePath reads "body().a", without "@", and returns what follows.
func ParsePath(text string) (p Path, rest string, ok bool) { return parsePath(text, wide) }

func parsePath(text string, in identifier) (Path, string, bool) {
	name, rest := word(text)
	var p Path
	switch strings.ToLower(name) {
	case "body", "triggerbody":
	case "item":
		p.Root = RootItem
	default:
		return Path{}, text, false
	}
	rest, ok := strings.CutPrefix(rest, "(")
	if !ok {
		return Path{}, text, false
	}
	if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ")"); !ok {
		return Path{}, text, false
	}
	p.Steps, rest = parseSteps(rest, in)
	return p, rest, true
}

// ParseSteps reads as many steps as there are, such as ".a['b'][0]", and returns what
// follows.
func ParseSteps(text string) (steps []Step, rest string) { return parseSteps(text, wide) }

func parseSteps(text string, in identifier) (steps []Step, rest string) {
	for text != "" {
		one, after, ok := parseStep(text, in)
		if !ok {
			break
		}
		steps, text = append(steps, one), after
	}
	return steps, text
}

func parseStep(text string, in identifier) (one Step, rest string, ok bool) {
	switch {
	case text[0] == '.':
		end := 1
		for end < len(text) && in(text[end]) {
			end++
		}
		return Step{Name: text[1:end]}, text[end:], end > 1
	case strings.HasPrefix(text, "['") || strings.HasPrefix(text, `["`):
		name, after, closed := strings.Cut(text[2:], text[1:2]+"]")
		return Step{Name: name}, after, closed && name != ""
	case text[0] == '[':
		digits, after, closed := strings.Cut(text[1:], "]")
		index, err := strconv.ParseUint(digits, 10, 31)
		return Step{Index: int(index), Indexed: true}, after, closed && err == nil
	}
	return Step{}, text, false
}
