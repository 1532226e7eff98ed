package conformance_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// matching returns a text that a pattern matches, of at least the given length if
// the pattern can grow. False means that none was found.
func matching(pattern string, least int) (string, bool) {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return "", false
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	for _, more := range []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256} {
		var out strings.Builder
		grow(tree, more, &out)
		if s := out.String(); len([]rune(s)) >= least && compiled.MatchString(s) {
			return s, true
		}
	}
	return "", false
}

// grow writes what an expression matches, each repetition as often as it must or
// some times more.
func grow(e *syntax.Regexp, more int, out *strings.Builder) {
	switch e.Op {
	case syntax.OpLiteral:
		out.WriteString(string(e.Rune))
	case syntax.OpCharClass:
		if len(e.Rune) > 0 {
			out.WriteRune(member(e.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('x')
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range e.Sub {
			grow(sub, more, out)
		}
	case syntax.OpAlternate:
		grow(e.Sub[0], more, out)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		low, high := map[syntax.Op]int{syntax.OpPlus: 1, syntax.OpRepeat: e.Min}[e.Op], -1
		if e.Op == syntax.OpQuest {
			high = 1
		}
		if e.Op == syntax.OpRepeat {
			high = e.Max
		}
		times := max(low, more)
		if high >= 0 {
			times = min(times, high)
		}
		for range times {
			grow(e.Sub[0], more, out)
		}
	default: // places and what matches nothing have no text
	}
}

// member returns a letter or a digit of a class, or else its first character.
func member(ranges []rune) rune {
	for _, want := range "ax1A0" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	return ranges[0]
}
