package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// mark returns a step that leaves its name on the way in and out.
func mark(trail *[]string, name string) Step {
	return func(ctx context.Context, c *Call, next Next) error {
		*trail = append(*trail, name)
		err := next(ctx, c)
		*trail = append(*trail, "/"+name)
		return err
	}
}

func TestStepsRunInOrderAndAroundEachOther(t *testing.T) {
	var trail []string
	stop := errors.New("stop")
	tests := []struct {
		name  string
		steps []Step
		want  string
		err   error
	}{
		{"no steps", nil, "", nil},
		{"in order", []Step{mark(&trail, "a"), mark(&trail, "b")}, "a b /b /a", nil},
		{"without those that are not needed", []Step{mark(&trail, "a"), when(false, mark(&trail, "x")), when(true, mark(&trail, "b"))}, "a b /b /a", nil},
		{"up to the one that fails", []Step{mark(&trail, "a"), func(context.Context, *Call, Next) error { return stop }, mark(&trail, "b")}, "a /a", stop},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trail = nil
			if err := chain(tt.steps...)(t.Context(), &Call{}); !errors.Is(err, tt.err) {
				t.Errorf("error = %v", err)
			}
			if got := strings.Join(trail, " "); got != tt.want {
				t.Errorf("trail = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestChainsAllocateNothing(t *testing.T) {
	pass := func(ctx context.Context, c *Call, next Next) error { return next(ctx, c) }
	run := chain(pass, pass, pass, when(false, pass), pass, pass)
	ctx, c := t.Context(), &Call{}
	if n := testing.AllocsPerRun(100, func() { _ = run(ctx, c) }); n != 0 {
		t.Errorf("%v allocations per call", n)
	}
}

func BenchmarkChain(b *testing.B) {
	pass := func(ctx context.Context, c *Call, next Next) error { return next(ctx, c) }
	run := chain(pass, pass, pass, pass, pass, pass, pass, pass, pass, pass)
	ctx, c := b.Context(), &Call{}
	b.ReportAllocs()
	for b.Loop() {
		_ = run(ctx, c)
	}
}
