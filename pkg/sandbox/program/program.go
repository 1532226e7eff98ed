// Package program has the words in which custom code and its faults are spoken of,
// for those who do not run any: package sandbox does.
package program

import (
	"fmt"
	"strings"
)

// The greatest length of a program's source, in bytes and in lines.
const (
	MaxSource = 1 << 20
	MaxLines  = 1 << 16
)

// Program is one file of custom code. Two programs with the same name and source
// are the same program: workers compile it once.
type Program struct {
	// Name is the file's name, for messages; stack traces carry it.
	Name string
	// Source is the code: UTF-8, an ECMAScript module without imports, at most
	// [MaxSource] bytes and [MaxLines] lines.
	Source string
}

// Function is the name of a function that a program may define.
type Function string

// The functions that are looked for at the top level of a program, exported or
// not.
const (
	// Before is called with the request before it is sent.
	Before Function = "before"
	// After is called with the answer.
	After Function = "after"
	// Handle is called instead of the request.
	Handle Function = "handle"
)

// Exports tells which functions a program defines.
type Exports struct {
	Before, After, Handle bool
}

// Has tells whether the function is defined.
func (e Exports) Has(f Function) bool {
	switch f {
	case Before:
		return e.Before
	case After:
		return e.After
	case Handle:
		return e.Handle
	default:
		return false
	}
}

// None tells that a program defines nothing that could be called.
func (e Exports) None() bool { return e == Exports{} }

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

// Error is why a program does not compile or a call gave no result. Apart
// from it, Check and Run return the error of their context and [sandbox.ErrClosed] only,
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
