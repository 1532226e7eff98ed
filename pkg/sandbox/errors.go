package sandbox

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is the error of calls of a pool that was closed.
var ErrClosed = errors.New("the pool of script workers is closed")

// Kind tells why a script gave no result.
type Kind int

// The kinds of errors.
const (
	// KindCompile: the source is not JavaScript, or its top level failed.
	KindCompile Kind = iota + 1
	// KindThrown: the script threw, or gave what is no request or response.
	KindThrown
	// KindLimit: the script was stopped at a limit.
	KindLimit
	// KindWorker: the process died or could not be started, through no proven fault
	// of the script. The same call may well work the next time.
	KindWorker
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case KindCompile:
		return "compile"
	case KindThrown:
		return "thrown"
	case KindLimit:
		return "limit"
	case KindWorker:
		return "worker"
	default:
		return fmt.Sprintf("kind(%d)", int(k))
	}
}

// The limits by the names that [Error] gives them.
const (
	LimitTime      = "time"       // Limits.Time, in milliseconds
	LimitMemory    = "memory"     // Limits.Memory, in bytes
	LimitStack     = "stack"      // the depth of calls; fixed
	LimitInput     = "input"      // Limits.Input, in bytes
	LimitOutput    = "output"     // Limits.Output, in bytes
	LimitHostCalls = "host calls" // Limits.HostCalls
	LimitSends     = "sends"      // Limits.Sends
	LimitSource    = "source"     // MaxSource, in bytes, or MaxLines
)

// Error is why a program does not compile or a call gave no result. Apart
// from it, Check and Run return the error of their context and [ErrClosed] only,
// and errors for invocations that lack a part.
type Error struct {
	Kind Kind
	// Program is the program's name.
	Program string
	// Name is that of the JavaScript error, for instance "TypeError"; empty if
	// something else was thrown.
	Name string
	// Message is what the engine or the script said, at most 4 KiB. It may hold
	// handles of secrets.
	Message string
	// Line and Column count from 1 and say where, in the maker's source; 0 where
	// that is not known.
	Line, Column int
	// Stack is the part of the stack trace that lies in the maker's source, one
	// "function (name:line:column)" per line, innermost first, at most 20 lines.
	Stack string
	// Limit is one of the limits' names and Allowed what it was set to, for kind
	// Limit.
	Limit   string
	Allowed int64
}

// Error describes the failure in one line: where, and what.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Program)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Name != "" && e.Name != "Error" {
		b.WriteString(e.Name + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}
