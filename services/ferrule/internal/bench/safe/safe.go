// Package safe reads what the program vaultbench says about the credential vault:
// how fast secrets are sealed and lent, and whether a million connections slow it
// down.
package safe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
)

// The goals.
const (
	// ResolveGoal is how many credentials one core lends per second at least.
	ResolveGoal = 20_000
	// SealGoal is how many times as long as the bare cipher sealing and opening may
	// take at most.
	SealGoal = 1.5
	// GrowthGoal is how many times as long the same question may take with all
	// connections as with few.
	GrowthGoal = 2
	// MemoryGoal is what the process may need at most with all connections, in
	// bytes, without the pages of its file that the system keeps in memory.
	MemoryGoal = 300 << 20
)

// Outcome is what vaultbench prints.
type Outcome struct {
	// Ciphers compare sealing and opening 1 KiB with the bare cipher.
	Ciphers []Cipher `json:"ciphers"`
	// Sizes are vaults of different sizes, the smallest first.
	Sizes []Size `json:"sizes"`
}

// Cipher is one operation beside the bare AES-256-GCM of the standard library.
type Cipher struct {
	// Name says which.
	Name string `json:"name"`
	// Bare and Ours are times, in nanoseconds.
	Bare time.Duration `json:"bare_ns"`
	Ours time.Duration `json:"ours_ns"`
}

// Ratio is how many times as long ours takes.
func (c Cipher) Ratio() float64 {
	if c.Bare <= 0 {
		return 0
	}
	return float64(c.Ours) / float64(c.Bare)
}

// Size is a vault with a number of connections.
type Size struct {
	// Connections is how many.
	Connections int `json:"connections"`
	// Created is how many were made per second, every one encrypted, recorded and
	// on disk.
	Created float64 `json:"created_per_second"`
	// File is the size of its file in bytes.
	File int64 `json:"file_bytes"`
	// Memory is what the process needed afterwards, in bytes, with all smaller
	// vaults: resident memory that is not pages of their files.
	Memory int64 `json:"memory_bytes"`
	// Resolved is how many credentials it lent per second, on one core.
	Resolved float64 `json:"resolved_per_second"`
	// Get and Resolve are the medians of one question at a time over all
	// connections, in nanoseconds. Resolve waits for the disk, Get does not.
	Get     time.Duration `json:"get_ns"`
	Resolve time.Duration `json:"resolve_ns"`
	// GetP99 and ResolveP99 are the times within which 99 of 100 were answered.
	GetP99     time.Duration `json:"get_p99_ns"`
	ResolveP99 time.Duration `json:"resolve_p99_ns"`
}

// Growth is how many times as long a question takes in the largest vault as in the
// smallest.
type Growth struct {
	// Name says which question.
	Name string
	// Times is the ratio of the medians.
	Times float64
}

// Growths compares the largest vault with the smallest.
func (o Outcome) Growths() []Growth {
	if len(o.Sizes) < 2 {
		return nil
	}
	small, large := o.Sizes[0], o.Sizes[len(o.Sizes)-1]
	ratio := func(a, b time.Duration) float64 {
		if a <= 0 {
			return 0
		}
		return float64(b) / float64(a)
	}
	return []Growth{{"get", ratio(small.Get, large.Get)}, {"resolve", ratio(small.Resolve, large.Resolve)}}
}

// Verdict says how a figure stands to its goal.
func Verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

// Measure starts vaultbench with a number of connections.
func Measure(ctx context.Context, program string, connections int, messages io.Writer) (Outcome, error) {
	out, err := child.Result(ctx, child.Spec{Program: program, Args: []string{"-connections", strconv.Itoa(connections)}, Stderr: messages})
	if err != nil {
		return Outcome{}, err
	}
	var o Outcome
	if err := json.Unmarshal(out, &o); err != nil {
		return Outcome{}, fmt.Errorf("read what %s says: %w", program, err)
	}
	return o, nil
}
