package service

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// headroom is how much garbage a process may let lie, in bytes, beyond the as
	// much again as is alive that Go's runtime allows.
	headroom = 256 << 20
	// headroomShare is the part of a container's memory that headroom may be.
	headroomShare = 8
	// cgroupLimit is where Linux says how much memory a container has.
	cgroupLimit = "/sys/fs/cgroup/memory.max"
)

// KeepHeadroom spares a process most of its garbage collections, until ctx ends.
// With some 20 MB alive, as the suite has, a data plane under load would collect
// ten times in a second, a tenth of its time and most of its slow answers; with
// headroom it collects less than once.
//
// The price is at most 256 MiB of memory, and an eighth of what a container has,
// if that is less. Nothing is done where the operator has decided: with GOGC or
// GOMEMLIMIT in the environment.
func KeepHeadroom(ctx context.Context) error {
	text, err := os.ReadFile(cgroupLimit)
	if err != nil {
		text = nil // no container, or no Linux
	}
	size := 0
	if os.Getenv("GOGC") == "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		size = headroomWithin(string(text))
	}
	// The collector counts it as alive and waits until the heap has grown by as much
	// again. Nobody ever touches it, so the system gives no memory for it. Unlike a
	// higher GOGC, its price does not grow with what is alive.
	counted := make([]byte, size)
	<-ctx.Done()
	runtime.KeepAlive(counted)
	return nil
}

// headroomWithin returns the headroom in a container with a limit as its cgroup
// writes it: a number, "max" for none, or nothing if it is not known.
func headroomWithin(limit string) int {
	bytes, err := strconv.ParseInt(strings.TrimSpace(limit), 10, 64)
	if err != nil || bytes < 0 {
		return headroom
	}
	return int(min(headroom, bytes/headroomShare))
}
