package sandbox

import (
	"time"

	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
)

// The greatest length of a program's source, in bytes and in lines.
const (
	MaxSource = program.MaxSource
	MaxLines  = program.MaxLines
)

// Program is one file of custom code; see [program.Program].
type Program = program.Program

// Function is the name of a function that a program may define.
type Function = program.Function

// The functions that are looked for; see [program.Before] and the others.
const (
	Before = program.Before
	After  = program.After
	Handle = program.Handle
)

// Exports tells which functions a program defines.
type Exports = program.Exports

// Field is one header field. Names keep their spelling and compare without regard
// to case.
type Field struct {
	Name  string
	Value string
}

// Request is an HTTP request as a script sees it. It may hold handles of secrets
// in its URL, header and body.
type Request struct {
	// Method is the HTTP method, upper-case.
	Method string
	// URL is absolute.
	URL string
	// Header is in order; a name may occur several times.
	Header []Field
	// Body is nil or empty where there is none. The pool reads it and never
	// changes it; a result whose body the script left alone shares it.
	Body []byte
	// OperationID names the operation that the request calls, as given in the
	// invocation; empty for requests that a script makes itself.
	OperationID string
}

// Response is an HTTP answer as a script sees or makes it.
type Response struct {
	// Status is 100 to 599.
	Status int
	// Header is in order; a name may occur several times.
	Header []Field
	// Body is as in [Request].
	Body []byte
}

// Invocation is one call of one function. Fields that the function does not take
// are ignored.
type Invocation struct {
	Program  Program
	Function Function
	// Request is the request to change (before), to answer (handle) or that was
	// answered (after, which sees it and cannot change it). Required.
	Request *Request
	// Response is the answer to change; required for after.
	Response *Response
	// OperationID and ConnectionID are shown to the script as ctx.operationId and
	// ctx.connection.id.
	OperationID  string
	ConnectionID string
	// Share is who the call counts for.
	Share Share
	// Limits bounds this call; fields that are zero take the pool's.
	Limits Limits
	// Host answers what the script asks for. Required. Its methods are called one
	// at a time, from the goroutine that called Run, and never after Run returned.
	Host Host
}

// Result is what a call came to.
type Result struct {
	// Request is the request to send: set after a before function that did not
	// answer.
	Request *Request
	// Response is the answer: set after handle and after, and after a before that
	// answered without a call.
	Response *Response
	// Logs is what the script logged, oldest first, within the limits. It is set
	// for failed calls as well, unless the worker died.
	Logs []Line
	// LogsDropped counts the lines that went over the limits.
	LogsDropped int
	// Used is the script's own time: without what the host took for its answers.
	Used time.Duration
	// HostCalls and Sends count what the script asked for; Sends are among the
	// HostCalls.
	HostCalls, Sends int
}

// Level is how serious a logged line is: "debug", "info", "warn" or "error".
type Level string

// The levels that console has.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Line is one line that a script logged. It may hold handles of secrets, never
// the secrets.
type Line struct {
	Level Level
	Text  string
}

// Limits bounds one call. Zero means the pool's limit, and in [Options] the
// default of [DefaultLimits].
type Limits struct {
	// Time is the script's own time on the wall clock. While the host answers a
	// call, it stands still; the context of Run bounds everything together.
	Time time.Duration
	// Memory is what the engine may allocate, in bytes, at least 1 MiB.
	Memory int64
	// Input is the length of the bodies that a script is given, each, in bytes,
	// including those that its sends receive.
	Input int64
	// Output is the length of each body and each header that a script gives out,
	// in bytes: of its result and of the requests that it sends.
	Output int64
	// HostCalls counts everything that is asked of the host; Sends counts the
	// requests among it.
	HostCalls, Sends int
	// LogLines and LogBytes bound what is kept of the log. More is dropped and
	// counted: it does not fail the call.
	LogLines, LogBytes int
}

// DefaultLimits returns the limits of a pool that is not told others: 5 s, 64 MiB
// of memory, bodies of 8 MiB, 1000 host calls with 25 sends, 200 lines and 64 KiB
// of log.
func DefaultLimits() Limits {
	return Limits{
		Time:      5 * time.Second,
		Memory:    64 << 20,
		Input:     8 << 20,
		Output:    8 << 20,
		HostCalls: 1000,
		Sends:     25,
		LogLines:  200,
		LogBytes:  64 << 10,
	}
}
