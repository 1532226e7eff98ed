package catalogue_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/catalogue"
)

func TestCataloguesAreComparedQuestionByQuestion(t *testing.T) {
	figure := func(name string, p50 time.Duration, total float64) catalogue.Figure {
		return catalogue.Figure{Name: name, P50: p50, Total: total}
	}
	c := catalogue.Comparison{
		Goal: 2,
		Small: catalogue.Outcome{Connectors: 10, Figures: []catalogue.Figure{
			figure("list", 100, 10), figure("selective", 100, 50), figure("slow", 100, 50), figure("broad", 100, 30), figure("broken", 0, 5), figure("more", 1, 1),
		}},
		Large: catalogue.Outcome{Connectors: 1000, Figures: []catalogue.Figure{
			figure("list", 150, 1000), figure("selective", 200, 51), figure("slow", 201, 50), figure("broad", 5000, 3000), figure("broken", 100, 5),
		}},
	}
	want := []catalogue.Ratio{
		{Name: "list", Times: 1.5, Verdict: "reached"},
		{Name: "selective", Times: 2, Verdict: "reached"},
		{Name: "slow", Times: 2.01, Verdict: "MISSED"},
		{Name: "broad", Times: 50, Verdict: "for information"},
		{Name: "broken", Times: 0, Verdict: "MISSED"},
	}
	if diff := cmp.Diff(want, c.Ratios()); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
}

func TestTheProgramIsToldHowManyConnectors(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cataloguebench")
	write := func(text string) {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text), 0o700); err != nil { // #nosec G306 -- a program
			t.Fatal(err)
		}
	}
	write(`test "$1" = -connectors && echo "{\"connectors\": $2, \"figures\": [{\"name\": \"list\", \"p50_ns\": 7}]}"`)
	got, err := catalogue.Measure(t.Context(), program, 3000, t.Output())
	want := catalogue.Outcome{Connectors: 3000, Figures: []catalogue.Figure{{Name: "list", P50: 7}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"exit 1", "echo nothing"} {
		write(text)
		if _, err := catalogue.Measure(t.Context(), program, 1000, t.Output()); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
