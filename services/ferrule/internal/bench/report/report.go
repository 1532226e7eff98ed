// Package report is what a run of the measurements says: figures, ratios beside
// their goals, and the import of packages, as JSON or as a table for people.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/catalogue"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

// Report is the outcome of one run.
type Report struct {
	// Machine is what it ran on.
	Machine Machine `json:"machine"`
	// Settings are how it was measured.
	Settings Settings `json:"settings"`
	// Figures are in the order in which they were measured.
	Figures []Figure `json:"figures"`
	// Ratios compare them.
	Ratios []Ratio `json:"ratios"`
	// Translate is the import of packages inside one process, without storing
	// them, and Import through a server that stores them; nil if not measured.
	Translate *corpus.Outcome `json:"translate,omitempty"`
	Import    *corpus.Outcome `json:"import,omitempty"`
	// Readings compare what reads the same descriptions.
	Readings []reading.Table `json:"readings,omitempty"`
	// Catalogue compares registries by size; nil if not measured.
	Catalogue *catalogue.Comparison `json:"catalogue,omitempty"`
	// Vault says how fast secrets are sealed and lent; nil if not measured.
	Vault *safe.Outcome `json:"vault,omitempty"`
	// Triggers says what becomes of notifications and of many polling subscriptions; nil
	// if not measured.
	Triggers *notices.Outcome `json:"triggers,omitempty"`
	// Proxies compares the suite with other gateways; nil if not measured.
	Proxies *proxies.Outcome `json:"proxies,omitempty"`
}

// Machine is what a run ran on.
type Machine struct {
	// System is the operating system and the architecture.
	System string `json:"system"`
	// CPUs is the number of processors that could be used.
	CPUs int `json:"cpus"`
	// Go is the version that built the programs.
	Go string `json:"go"`
}

// Settings are how a run measured.
type Settings struct {
	// Connections is the number of connections, with one request at a time each.
	Connections int `json:"connections"`
	// Rounds is how often each figure was measured.
	Rounds int `json:"rounds"`
	// Warmup and Duration are the times of each, in nanoseconds.
	Warmup   time.Duration `json:"warmup_ns"`
	Duration time.Duration `json:"duration_ns"`
}

// Figure is one thing that was measured in every round.
type Figure struct {
	// Name says what.
	Name string `json:"name"`
	// Rounds are the results, in the order of the rounds.
	Rounds []measure.Result `json:"rounds"`
}

// Median returns the round whose rate is in the middle; of an even number, the
// lower one.
func (f Figure) Median() measure.Result {
	if len(f.Rounds) == 0 {
		return measure.Result{}
	}
	sorted := slices.SortedFunc(slices.Values(f.Rounds), func(a, b measure.Result) int {
		return cmp.Compare(a.PerSecond(), b.PerSecond())
	})
	return sorted[(len(sorted)-1)/2]
}

// Errors returns the number of calls that failed in all rounds.
func (f Figure) Errors() int {
	total := 0
	for _, r := range f.Rounds {
		total += r.Errors
	}
	return total
}

// Ratio compares the rates of two figures, round by round.
type Ratio struct {
	// Name says what is compared.
	Name string `json:"name"`
	// Median, Lowest and Highest are those of the rounds.
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	// Goal is the least that it should be; 0 if there is none.
	Goal float64 `json:"goal,omitempty"`
}

// Compare returns the ratio of two figures: of each round by itself, because both
// were measured directly after each other in it.
func Compare(name string, figure, baseline Figure, goal float64) Ratio {
	var all []float64
	for n := range min(len(figure.Rounds), len(baseline.Rounds)) {
		if base := baseline.Rounds[n].PerSecond(); base > 0 {
			all = append(all, figure.Rounds[n].PerSecond()/base)
		}
	}
	r := Ratio{Name: name, Goal: goal}
	if len(all) > 0 {
		slices.Sort(all)
		r.Median, r.Lowest, r.Highest = all[(len(all)-1)/2], all[0], all[len(all)-1]
	}
	return r
}

// Verdict says how a ratio stands to its goal.
func (r Ratio) Verdict() string {
	switch {
	case r.Goal == 0:
		return "for information"
	case r.Median >= r.Goal:
		return "reached"
	}
	return "MISSED"
}

// JSON writes the report as JSON.
func (r Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Text writes the report as aligned tables.
func (r Report) Text(w io.Writer) error {
	_, _ = fmt.Fprintf(w, "%s, %d processors, %s; %d connections, %d rounds of %v after %v of warm-up; medians of the rounds\n",
		r.Machine.System, r.Machine.CPUs, r.Machine.Go, r.Settings.Connections, r.Settings.Rounds, r.Settings.Duration, r.Settings.Warmup)
	if err := r.rates(w); err != nil {
		return err
	}
	r.imports(w)
	for _, table := range r.Readings {
		if err := writeReading(w, table); err != nil {
			return err
		}
	}
	if r.Catalogue != nil {
		if err := writeCatalogue(w, *r.Catalogue); err != nil {
			return err
		}
	}
	if r.Vault != nil {
		if err := writeVault(w, *r.Vault); err != nil {
			return err
		}
	}
	if r.Triggers != nil {
		if err := writeTriggers(w, *r.Triggers); err != nil {
			return err
		}
	}
	if r.Proxies != nil {
		return writeProxies(w, *r.Proxies)
	}
	return nil
}

// rates writes the figures and ratios of calls, if they were measured.
func (r Report) rates(w io.Writer) error {
	if len(r.Figures) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "requests/s\tp50\tp99\terrors\t  what")
	for _, f := range r.Figures {
		m := f.Median()
		_, _ = fmt.Fprintf(t, "%.0f\t%s\t%s\t%d\t  %s\n", m.PerSecond(), millis(m.P50), millis(m.P99), f.Errors(), f.Name)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w)
	for _, ratio := range r.Ratios {
		goal := ""
		if ratio.Goal > 0 {
			goal = fmt.Sprintf(", goal at least %.2f", ratio.Goal)
		}
		_, _ = fmt.Fprintf(w, "%.2f  %s (rounds %.2f to %.2f%s): %s\n", ratio.Median, ratio.Name, ratio.Lowest, ratio.Highest, goal, ratio.Verdict())
	}
	return nil
}

// slowestGoal is the longest that one package should take.
const slowestGoal = 2 * time.Second

func (r Report) imports(w io.Writer) {
	for _, row := range []struct {
		what string
		o    *corpus.Outcome
	}{{"validated in one process on one processor", r.Translate}, {"imported and stored over REST", r.Import}} {
		if row.o == nil {
			continue
		}
		verdict := "within 2 s"
		if row.o.SlowestTime > slowestGoal {
			verdict = "MISSED, goal 2 s"
		}
		_, _ = fmt.Fprintf(w, "\n%d packages (%.1f MiB) %s, %d refused: %.0f packages/s; slowest %s with %s (%s); peak memory %.0f MiB\n",
			row.o.Imported+row.o.Refused, mebi(row.o.Bytes), row.what, row.o.Refused, row.o.PerSecond(),
			row.o.Slowest, millis(row.o.SlowestTime), verdict, mebi(row.o.PeakMemory))
	}
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }
