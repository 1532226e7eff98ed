package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestEverythingIsMeasured(t *testing.T) {
	o, err := all(t.Context(), []int{100, 300}, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Ciphers) != 2 || len(o.Sizes) != 2 || o.Sizes[0].Connections != 100 || o.Sizes[1].Connections != 300 {
		t.Fatalf("outcome = %+v", o)
	}
	for _, c := range o.Ciphers {
		if c.Name == "" || c.Bare <= 0 || c.Ours <= 0 {
			t.Errorf("cipher = %+v", c)
		}
	}
	for _, s := range o.Sizes {
		if s.Created <= 0 || s.Resolved <= 0 || s.File == 0 || s.Memory == 0 || s.Get <= 0 || s.GetP99 < s.Get || s.Resolve <= 0 || s.ResolveP99 < s.Resolve {
			t.Errorf("size = %+v", s)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration((i*37)%100))
	}
	for _, row := range []struct {
		name     string
		took     []time.Duration
		p50, p99 time.Duration
	}{
		{"one answer", []time.Duration{7}, 7, 7},
		{"a hundred in disorder", hundred, 50, 99},
	} {
		if p50, p99 := percentiles(row.took); p50 != row.p50 || p99 != row.p99 {
			t.Errorf("%s: %d and %d", row.name, p50, p99)
		}
	}
}

func TestAVaultLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if _, err := measure(t.Context(), []int{10}, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := ciphers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestEachThingIsDoneOnceUntilOneFails(t *testing.T) {
	for _, row := range []struct {
		name              string
		workers, n, fails int
	}{
		{"nothing to do", 4, 0, -1},
		{"fewer things than workers", 8, 3, -1},
		{"more things than workers", 3, 100, -1},
		{"the first fails", 1, 100, 0},
		{"one in between fails", 1, 100, 41},
	} {
		t.Run(row.name, func(t *testing.T) {
			wrong := errors.New("wrong")
			done := make([]atomic.Int32, row.n)
			err := together(row.workers, row.n, func(i int) error {
				done[i].Add(1)
				if i == row.fails {
					return wrong
				}
				return nil
			})
			if failed := row.fails >= 0; errors.Is(err, wrong) != failed {
				t.Errorf("error = %v", err)
			}
			for i := range done {
				want := int32(1)
				if row.fails >= 0 && i > row.fails {
					want = 0
				}
				if got := done[i].Load(); got != want {
					t.Errorf("%d was done %d times, want %d", i, got, want)
				}
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for _, args := range []string{"-connections 10000", "-connections -1", "-duration 0s", "-duration -1s", "more", "-colour"} {
		if err := command(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if err := command(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
