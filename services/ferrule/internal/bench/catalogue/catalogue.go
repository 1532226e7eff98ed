// Package catalogue compares how long a registry takes to list and to search a few
// connectors and many.
package catalogue

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
)

// Outcome is what the program cataloguebench prints about one registry.
type Outcome struct {
	// Connectors and Operations are how many it holds.
	Connectors int `json:"connectors"`
	Operations int `json:"operations"`
	// Fill is the time for writing them, Load for making them searchable, in
	// nanoseconds.
	Fill time.Duration `json:"fill_ns"`
	Load time.Duration `json:"load_ns"`
	// Memory is what its process has allocated, in bytes.
	Memory int64 `json:"memory_bytes"`
	// Figures are the questions.
	Figures []Figure `json:"figures"`
}

// Figure is one kind of question.
type Figure struct {
	// Name says what is asked.
	Name string `json:"name"`
	// Calls is how often, Results how many results a page has, and Total how many
	// there are in all, on average.
	Calls   int     `json:"calls"`
	Results float64 `json:"results"`
	Total   float64 `json:"total"`
	// P50 and P99 are the times within which half, and 99 of 100, were answered, in
	// nanoseconds.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

// Comparison is a small registry beside a large one.
type Comparison struct {
	// Small and Large are what was measured.
	Small Outcome `json:"small"`
	Large Outcome `json:"large"`
	// Goal is how many times longer the large one may take at most.
	Goal float64 `json:"goal"`
}

// Ratio is how many times longer the same question takes.
type Ratio struct {
	// Name says what is asked.
	Name string
	// Times is the ratio of the medians.
	Times float64
	// Verdict says how it stands to the goal. Questions whose results are as many
	// times more are for information.
	Verdict string
}

// growth is from how many times as many results on a question is another one.
const growth = 2

// Ratios compares the figures.
func (c Comparison) Ratios() []Ratio {
	var list []Ratio
	for i := range min(len(c.Small.Figures), len(c.Large.Figures)) {
		small, large := c.Small.Figures[i], c.Large.Figures[i]
		r := Ratio{Name: large.Name, Verdict: "for information"}
		if small.P50 > 0 {
			r.Times = float64(large.P50) / float64(small.P50)
		}
		listed := int(small.Total) == c.Small.Connectors && int(large.Total) == c.Large.Connectors
		if listed || large.Total <= growth*small.Total {
			r.Verdict = "reached"
			if r.Times > c.Goal || r.Times == 0 {
				r.Verdict = "MISSED"
			}
		}
		list = append(list, r)
	}
	return list
}

// Measure starts cataloguebench with a number of connectors.
func Measure(ctx context.Context, program string, connectors int, messages io.Writer) (Outcome, error) {
	out, err := child.Result(ctx, child.Spec{Program: program, Args: []string{"-connectors", strconv.Itoa(connectors)}, Stderr: messages})
	if err != nil {
		return Outcome{}, err
	}
	var o Outcome
	if err := json.Unmarshal(out, &o); err != nil {
		return Outcome{}, fmt.Errorf("read what %s says: %w", program, err)
	}
	return o, nil
}
