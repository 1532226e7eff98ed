package sandbox

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxMessage = 4 << 10 // bytes of an error's message
	maxFrames  = 20      // lines of a stack
)

// traceLine is one line of the engine's stack traces that lies in the maker's
// source.
var traceLine = regexp.MustCompile(`^\s*at (?:(.*) \()?` + makersFile + `:(\d+):(\d+)\)?$`)

// describe turns a JavaScript error into a failure: what the engine stops at is a
// limit, and of the stack only the maker's part is kept. The program's name takes
// the place of the engine's in the parent.
func (b *bridge) describe(kind Kind, name, message, stack string) failure {
	f := failure{Kind: kind, Name: clipped(name, 200), Message: clipped(message, maxMessage)}
	if f.Message == "" {
		f.Message = "an error without a message"
	}
	var frames []string
	for line := range strings.Lines(stack) {
		m := traceLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		at, _ := strconv.Atoi(m[2])
		if at > preludeBegin {
			continue
		}
		if f.Line == 0 {
			f.Line = at
			f.Column, _ = strconv.Atoi(m[3])
		}
		if len(frames) < maxFrames {
			frames = append(frames, fmt.Sprintf("%s (%s:%s:%s)", clipped(m[1], 100), makersFile, m[2], m[3]))
		}
	}
	f.Stack = strings.Join(frames, "\n")
	limited(&f, b.call.head.Limits)
	return f
}

// limited recognises what the engine throws at its limits.
func limited(f *failure, limits Limits) {
	switch f.Name + ": " + f.Message {
	case "InternalError: out of memory", "InternalError: out of memory in regexp execution", "InternalError: string too long":
		f.Kind, f.Limit, f.Allowed = KindLimit, LimitMemory, limits.Memory
	case ": null":
		// Where no memory is left for an exception, the engine throws null.
		f.Kind, f.Limit, f.Allowed = KindLimit, LimitMemory, limits.Memory
		f.Message = "null was thrown, which happens where memory has run out"
	case "InternalError: stack overflow", "SyntaxError: stack overflow":
		f.Kind, f.Limit = KindLimit, LimitStack
	}
}

// timeFailure is that of a script that took too long.
func timeFailure(allowed time.Duration) *failure {
	return &failure{
		Kind: KindLimit, Limit: LimitTime, Allowed: allowed.Milliseconds(),
		Message: fmt.Sprintf("the script took longer than %v of its own time", allowed),
	}
}

// clipped returns at most n bytes of the text, whole characters.
func clipped(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// error turns a failure into an [Error] for the program.
func (f *failure) error(program string) *Error {
	return &Error{
		Kind: f.Kind, Program: program, Name: f.Name, Message: f.Message, Line: f.Line, Column: f.Column,
		Stack: strings.ReplaceAll(f.Stack, makersFile+":", program+":"), Limit: f.Limit, Allowed: f.Allowed,
	}
}
