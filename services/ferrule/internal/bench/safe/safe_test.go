package safe_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

func TestTheCipherIsComparedWithTheBareOne(t *testing.T) {
	for _, row := range []struct {
		name       string
		bare, ours time.Duration
		want       float64
	}{
		{"as fast", 400, 400, 1},
		{"half as fast", 400, 800, 2},
		{"faster", 400, 300, 0.75},
		{"a bare cipher that did not work", 0, 300, 0},
	} {
		if got := (safe.Cipher{Bare: row.bare, Ours: row.ours}).Ratio(); got != row.want {
			t.Errorf("%s: ratio = %v, want %v", row.name, got, row.want)
		}
	}
}

func TestTheLargestVaultIsComparedWithTheSmallest(t *testing.T) {
	size := func(get, resolve time.Duration) safe.Size { return safe.Size{Get: get, Resolve: resolve} }
	for _, row := range []struct {
		name  string
		sizes []safe.Size
		want  []safe.Growth
	}{
		{"nothing was measured", nil, nil},
		{"one vault has nothing to be compared with", []safe.Size{size(1, 1)}, nil},
		{"two vaults", []safe.Size{size(10, 400), size(15, 400)}, []safe.Growth{{Name: "get", Times: 1.5}, {Name: "resolve", Times: 1}}},
		{"those in between do not count", []safe.Size{size(10, 400), size(1, 1), size(20, 1200)}, []safe.Growth{{Name: "get", Times: 2}, {Name: "resolve", Times: 3}}},
		{"a small vault that did not answer", []safe.Size{size(0, 400), size(20, 200)}, []safe.Growth{{Name: "get", Times: 0}, {Name: "resolve", Times: 0.5}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, (safe.Outcome{Sizes: row.sizes}).Growths()); diff != "" {
				t.Errorf("growths (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	for reached, want := range map[bool]string{true: "reached", false: "MISSED"} {
		if got := safe.Verdict(reached); got != want {
			t.Errorf("%v: %s, want %s", reached, got, want)
		}
	}
}

func TestTheProgramIsToldHowManyConnections(t *testing.T) {
	program := filepath.Join(t.TempDir(), "vaultbench")
	write := func(text string) {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text), 0o700); err != nil { // #nosec G306 -- a program
			t.Fatal(err)
		}
	}
	write(`test "$1" = -connections && echo "{\"ciphers\": [{\"name\": \"sealing\", \"bare_ns\": 400, \"ours_ns\": 500}],
		\"sizes\": [{\"connections\": $2, \"created_per_second\": 1.5, \"file_bytes\": 2, \"memory_bytes\": 3, \"resolved_per_second\": 4,
		\"get_ns\": 5, \"get_p99_ns\": 6, \"resolve_ns\": 7, \"resolve_p99_ns\": 8}]}"`)
	got, err := safe.Measure(t.Context(), program, 3000, t.Output())
	want := safe.Outcome{
		Ciphers: []safe.Cipher{{Name: "sealing", Bare: 400, Ours: 500}},
		Sizes: []safe.Size{{
			Connections: 3000, Created: 1.5, File: 2, Memory: 3, Resolved: 4, Get: 5, GetP99: 6, Resolve: 7, ResolveP99: 8,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"exit 1", "echo nothing"} {
		write(text)
		if _, err := safe.Measure(t.Context(), program, 1000, t.Output()); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
