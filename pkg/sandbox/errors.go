package sandbox

import (
	"errors"

	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
)

// ErrClosed is the error of calls of a pool that was closed.
var ErrClosed = errors.New("the pool of script workers is closed")

// ErrBusy is the error of calls whose turn did not come: so many scripts run, or
// wait, that another try is better made later.
var ErrBusy = errors.New("too much custom code runs at once")

// Kind tells why a script gave no result; see [program.Kind].
type Kind = program.Kind

// The kinds of errors.
const (
	KindCompile = program.KindCompile
	KindThrown  = program.KindThrown
	KindLimit   = program.KindLimit
	KindWorker  = program.KindWorker
)

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

// Error is why a program does not compile or a call gave no result; see
// [program.Error].
type Error = program.Error
