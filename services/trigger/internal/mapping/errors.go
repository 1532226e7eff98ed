package mapping

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"cel.dev/cel-go/interpreter"
)

// Error says which expression is wrong, and why. It quotes what the sink's owner
// has written, and nothing of an event.
type Error struct {
	// Expression is its text; empty if it is about a template as a whole.
	Expression string
	// Path is where it stands in the template, as a JSON pointer (RFC 6901); empty
	// for conditions and keys.
	Path string
	// Problem is what is wrong, a part of a sentence.
	Problem string
}

// maxQuoted is how much of an expression an error quotes.
const maxQuoted = 200

// Error returns one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Expression == "" {
		b.WriteString("the template")
	} else {
		b.WriteString("the expression " + clip(e.Expression))
	}
	if e.Path != "" {
		b.WriteString(" at " + e.Path)
	}
	b.WriteString(": " + e.Problem)
	return b.String()
}

// clip shortens text for an error, and keeps it on one line.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}

// missing finds what was looked for in vain.
var missing = regexp.MustCompile(`^no such (?:key|attribute\(s\)|field.*): (?:.*\.)?'?([A-Za-z_][A-Za-z0-9_]*)'?$`)

// explain says why an evaluation failed. The library's words may hold data of the
// event, such as a text that is no number; they are only repeated where they name
// what is in the expression.
func (x *expression) explain(ctx context.Context, err error) string {
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		if cancelled.Cause == interpreter.CostLimitExceeded {
			return "it needs too many steps; look at fewer elements"
		}
		return tooLong
	}
	text := err.Error()
	switch {
	case ctx.Err() != nil || strings.Contains(text, "interrupted"):
		return tooLong
	case strings.Contains(text, "cost limit"):
		return "it needs too many steps; look at fewer elements"
	}
	if m := missing.FindStringSubmatch(text); len(m) == 2 && strings.Contains(x.text, m[1]) {
		return "the event has no " + m[1] + " there; test for it with has(…), or give another value with .?" + m[1] + ".orValue(…)"
	}
	for _, known := range []struct{ part, says string }{
		{"no such key", "the event has no such member there; test for it with has(…)"},
		{"no such attribute", "the event has no such member there; test for it with has(…)"},
		{"no such overload", "an operation or function does not take values of these types; convert them with string(…), int(…) or double(…)"},
		{"index out of", "the list has no element at that place; test with size(…)"},
		{"divi", "a number is divided by zero"},
		{"modulus", "a number is divided by zero"},
		{"overflow", "a number is too large"},
		{"range", "a number or time is too large or too small"},
		{"optional.none", "the value is not there; use orValue(…)"},
		{"onver", "a value cannot be converted to that type"},
		{"strconv", "a text is no number"},
		{"pars", "a text is not in the form that is needed"},
	} {
		if strings.Contains(text, known.part) {
			return known.says
		}
	}
	return "it has no value for this event"
}

const tooLong = "it takes too long; look at fewer elements"
