package sandbox

import (
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Options says how a pool works.
type Options struct {
	// Size is how many scripts run at the same time. A script that waits for what
	// its host asks of others does not run. Zero means 4.
	Size int
	// Processes is how many calls are under way, those that wait for their host
	// included; each has a process. As many more as Size are kept without work.
	// Zero means 16 for each of Size; never less than Size.
	Processes int
	// Wait is how long a new call waits for its turn until it is refused with
	// [ErrBusy]. Zero means five seconds.
	Wait time.Duration
	// Limits is what calls get that ask for nothing else; zero fields are
	// [DefaultLimits].
	Limits Limits
	// IdleAfter is how long a worker without work is kept by [Pool.Serve]. Zero
	// means one minute.
	IdleAfter time.Duration
	// CallsPerWorker is after how many calls a worker is replaced. Zero means
	// 10,000.
	CallsPerWorker int
	// Clock tells how long workers are idle and calls wait; nil means that of the
	// machine. The time
	// of scripts is always that of the machine.
	Clock clock.Clock
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Size <= 0 {
		o.Size = 4
	}
	if o.Processes <= 0 {
		o.Processes = 16 * o.Size
	}
	o.Processes = max(o.Processes, o.Size)
	if o.Wait <= 0 {
		o.Wait = 5 * time.Second
	}
	if o.IdleAfter <= 0 {
		o.IdleAfter = time.Minute
	}
	if o.CallsPerWorker <= 0 {
		o.CallsPerWorker = 10_000
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	o.Limits = o.Limits.or(DefaultLimits())
	return o
}

// or returns the limits with those of the fallback where none are set.
func (l Limits) or(fallback Limits) Limits {
	return Limits{
		Time:      orElse(l.Time, fallback.Time),
		Memory:    max(orElse(l.Memory, fallback.Memory), 1<<20),
		Input:     orElse(l.Input, fallback.Input),
		Output:    orElse(l.Output, fallback.Output),
		HostCalls: orElse(l.HostCalls, fallback.HostCalls),
		Sends:     orElse(l.Sends, fallback.Sends),
		LogLines:  orElse(l.LogLines, fallback.LogLines),
		LogBytes:  orElse(l.LogBytes, fallback.LogBytes),
	}
}

// orElse returns the value, or the fallback for zero and less.
func orElse[T ~int | ~int64](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// Isolation says how well a worker is shut in, as the worker found it. What is
// false the system does not have; everything else holds all the same.
type Isolation struct {
	// Limits: open files, written files, core dumps and address space are bounded.
	Limits bool
	// NoNewPrivileges: no program that it could start would gain rights.
	NoNewPrivileges bool
	// Landlock: the kernel refuses it files and TCP, on every thread.
	Landlock bool
	// Seccomp: system calls other than those that computing and pipes need fail.
	Seccomp bool
}

// Status is what a pool is doing.
type Status struct {
	// Workers is how many processes live, Idle how many of them wait for work.
	Workers, Idle int
	// Running is how many scripts run, Waiting how many calls wait for their turn.
	Running, Waiting int
	// Started and Killed count processes since the pool was made; Killed those
	// that were ended because of a call.
	Started, Killed int64
	// Isolation is that of the worker started last; zero before the first.
	Isolation Isolation
}
