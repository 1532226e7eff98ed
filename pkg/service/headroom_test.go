package service

import (
	"context"
	"runtime"
	"testing"
)

func TestHeadroomLeavesAContainerItsMemory(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		want        int
	}{
		{"outside of containers the headroom is whole", "", headroom},
		{"a container without a limit is like none", "max\n", headroom},
		{"a large container gives all of it", "8589934592\n", headroom},
		{"a small container gives an eighth", "268435456\n", 32 << 20},
		{"a tiny container gives next to nothing", "4096\n", 512},
		{"what is no number is no limit", "a lot", headroom},
		{"a negative limit is none", "-1", headroom},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := headroomWithin(c.limit); got != c.want {
				t.Errorf("headroomWithin(%q) = %d, want %d", c.limit, got, c.want)
			}
		})
	}
}

func TestHeadroomIsCountedUntilTheEndAndNothingIsDoneForThoseWhoDecided(t *testing.T) {
	for _, c := range []struct {
		name, gogc string
		counted    bool
	}{
		{"by default it is counted", "", true},
		{"with GOGC it is not", "100", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOGC", c.gogc)
			before := allocated()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- KeepHeadroom(ctx) }()
			// It is allocated at once or never: seen in the sum of all allocations, which
			// waits for nobody.
			for c.counted && allocated()-before < headroomWithin("")/headroomShare {
				runtime.Gosched()
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("KeepHeadroom: %v", err)
			}
			if grown := allocated() - before; !c.counted && grown > 1<<20 {
				t.Errorf("%d bytes were allocated, want next to none", grown)
			}
		})
	}
}

// allocated is what was allocated so far, in bytes.
func allocated() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.TotalAlloc)
}
