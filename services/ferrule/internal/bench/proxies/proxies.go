// Package proxies is what the comparison of the suite with gateways says: what each
// of them did in each round, ratios beside their goals, and what large bodies took.
package proxies

import (
	"cmp"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

// Outcome is everything that was compared.
type Outcome struct {
	// Notes say what the figures depend on, and what was left out.
	Notes []string `json:"notes"`
	// LoadBefore and LoadAfter are the system's load averages of a minute before
	// and after; the second is mostly that of the measurement itself.
	LoadBefore float64 `json:"load_before"`
	LoadAfter  float64 `json:"load_after"`
	// Subjects are in the order in which they were measured.
	Subjects []Subject `json:"subjects"`
	// Checks compare them.
	Checks []Check `json:"checks"`
	// Bulk are the large bodies.
	Bulk []Bulk `json:"bulk"`
}

// Subject is one program, asked in one way.
type Subject struct {
	// Name says which.
	Name string `json:"name"`
	// Rounds are the results, in the order of the rounds.
	Rounds []Round `json:"rounds"`
}

// Round is one measurement of a subject.
type Round struct {
	measure.Result

	// CPU is the processor time of the subject and its children, in nanoseconds.
	CPU time.Duration `json:"cpu_ns"`
	// Allocations is how many a Go program made meanwhile; 0 if unknown.
	Allocations float64 `json:"allocations,omitempty"`
}

// Value is one figure of a round.
type Value func(Round) float64

// Rate is requests per second.
func Rate(r Round) float64 { return r.PerSecond() }

// P50 and P99 are the percentiles in seconds.
func P50(r Round) float64 { return r.Result.P50.Seconds() }

// P99 is as [P50].
func P99(r Round) float64 { return r.Result.P99.Seconds() }

// CPU is the processor time of a request in seconds.
func CPU(r Round) float64 { return each(r.CPU.Seconds(), r) }

// Allocations is the number of allocations of a request; 0 if unknown.
func Allocations(r Round) float64 { return each(r.Allocations, r) }

// each is the share of one request in a total.
func each(total float64, r Round) float64 {
	if r.Requests == 0 {
		return 0
	}
	return total / float64(r.Requests)
}

// Median returns the value in the middle of the rounds; of an even number, the
// lower of both.
func (s Subject) Median(v Value) float64 {
	var all []float64
	for _, r := range s.Rounds {
		all = append(all, v(r))
	}
	return spread(all).median
}

// Errors returns the number of calls that failed in all rounds.
func (s Subject) Errors() int {
	total := 0
	for _, r := range s.Rounds {
		total += r.Errors
	}
	return total
}

// Limit says on which side of a goal a figure has to be.
type Limit string

// The limits.
const (
	// AtLeast is for what should be large.
	AtLeast Limit = "at least"
	// AtMost is for what should be small.
	AtMost Limit = "at most"
	// Information is for what has no goal.
	Information Limit = "for information"
)

// Check is one figure beside its goal.
type Check struct {
	// Name says what it is.
	Name string `json:"name"`
	// Rounds is how many rounds it is made of; 0 if it could not be measured.
	Rounds int `json:"rounds"`
	// Median, Lowest and Highest are those of the rounds.
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	// Limit and Goal say what it should be.
	Limit Limit   `json:"limit"`
	Goal  float64 `json:"goal,omitempty"`
}

// Verdict says how a figure stands to its goal.
func (c Check) Verdict() string {
	switch {
	case c.Rounds == 0:
		return "not measured"
	case c.Limit == Information:
		return string(Information)
	case c.Limit == AtLeast && c.Median >= c.Goal, c.Limit == AtMost && c.Median <= c.Goal:
		return "reached"
	}
	return "MISSED"
}

// Compare divides a figure of a subject by that of another, round by round,
// because both were measured in the same seconds in it. A nil subject was left
// out.
func Compare(name string, v Value, subject, base *Subject, limit Limit, goal float64) Check {
	c := Check{Name: name, Limit: limit, Goal: goal}
	if subject == nil || base == nil {
		return c
	}
	var all []float64
	for n := range min(len(subject.Rounds), len(base.Rounds)) {
		if b := v(base.Rounds[n]); b > 0 {
			all = append(all, v(subject.Rounds[n])/b)
		}
	}
	return c.of(all)
}

// Judge puts a figure of a subject beside a goal. Rounds in which it is unknown do
// not count.
func Judge(name string, v Value, subject *Subject, limit Limit, goal float64) Check {
	c := Check{Name: name, Limit: limit, Goal: goal}
	if subject == nil {
		return c
	}
	var all []float64
	for _, r := range subject.Rounds {
		if x := v(r); x > 0 {
			all = append(all, x)
		}
	}
	return c.of(all)
}

// of fills in what all rounds say.
func (c Check) of(all []float64) Check {
	s := spread(all)
	c.Rounds, c.Median, c.Lowest, c.Highest = len(all), s.median, s.lowest, s.highest
	return c
}

type spreading struct{ median, lowest, highest float64 }

// spread sorts values; all is 0 if there are none.
func spread(all []float64) spreading {
	if len(all) == 0 {
		return spreading{}
	}
	sorted := slices.SortedFunc(slices.Values(all), cmp.Compare[float64])
	return spreading{sorted[(len(sorted)-1)/2], sorted[0], sorted[len(sorted)-1]}
}

// MemoryGoal is how much more memory a large body may take at most, in bytes.
const MemoryGoal = 64 << 20

// Bulk is one large body that went through the suite.
type Bulk struct {
	// Name says which way.
	Name string `json:"name"`
	// Bytes is its size, and Elapsed how long it took in nanoseconds.
	Bytes   int64         `json:"bytes"`
	Elapsed time.Duration `json:"elapsed_ns"`
	// Memory is how much more the process had resident at most than before it, in
	// bytes.
	Memory int64 `json:"memory_bytes"`
}

// PerSecond returns the bytes per second.
func (b Bulk) PerSecond() float64 {
	if b.Elapsed <= 0 {
		return 0
	}
	return float64(b.Bytes) / b.Elapsed.Seconds()
}

// Verdict says how the memory stands to its goal.
func (b Bulk) Verdict() string {
	if b.Memory < MemoryGoal {
		return "reached"
	}
	return "MISSED"
}
