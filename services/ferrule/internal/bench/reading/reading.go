// Package reading compares how long the suite and the best-known libraries take to
// read the same descriptions of APIs, and how much memory.
//
// Each reader is a process of its own, because that is how its memory is known:
// [Ferrule] runs in a process of the benchmark, [Library] starts the program
// importbench.
package reading

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// Outcome is what reading some files took. It is also what importbench prints.
type Outcome struct {
	// Library is the module that reads, and Version its version; empty for ours.
	Library string `json:"library"`
	Version string `json:"version,omitempty"`
	// Read and Refused count the files; FirstRefusal is what was said of the first
	// of them.
	Read         int    `json:"read"`
	Refused      int    `json:"refused"`
	FirstRefusal string `json:"first_refusal,omitempty"`
	// Operations is how many were found; 0 if the reader does not tell.
	Operations int `json:"operations,omitempty"`
	// Bytes is the size of the files.
	Bytes int64 `json:"bytes"`
	// Elapsed is the time for all of them, one after another, without reading them
	// from disk, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// PeakMemory is the most memory that the process ever had resident, in bytes; 0
	// if the system does not tell.
	PeakMemory int64 `json:"peak_memory_bytes"`
}

// Table compares the readers of some files.
type Table struct {
	// Name says which files.
	Name string `json:"name"`
	// Time and Memory are what the first of the readers should need at most; 0 if
	// there is no goal.
	Time   time.Duration `json:"goal_ns,omitempty"`
	Memory int64         `json:"goal_memory_bytes,omitempty"`
	// Readers are the outcomes, ours first.
	Readers []Outcome `json:"readers"`
}

// Verdict says how the first reader stands to the goals.
func (t Table) Verdict() string {
	if len(t.Readers) == 0 || t.Time == 0 {
		return "for information"
	}
	o := t.Readers[0]
	if o.Refused > 0 || o.Elapsed > t.Time || t.Memory > 0 && o.PeakMemory > t.Memory {
		return "MISSED"
	}
	return "reached"
}

// Ferrule reads files with the registry's own code, each as a description of its
// own, in this process.
func Ferrule(ctx context.Context, c clock.Clock, files []string) (Outcome, error) {
	o := Outcome{Library: "ferrule"}
	for _, path := range files {
		text, err := os.ReadFile(path) // #nosec G304 -- what is measured
		if err != nil {
			return o, fmt.Errorf("read description: %w", err)
		}
		o.Bytes += int64(len(text))
		begin := c.Now()
		report, err := registry.Validate(ctx, []registry.File{{Path: filepath.Base(path), Content: text}})
		o.Elapsed += c.Now().Sub(begin)
		if err == nil {
			o.Read++
			o.Operations += report.Actions + report.Triggers
			continue
		}
		o.Refused++
		if o.FirstRefusal == "" {
			o.FirstRefusal = path + ": " + err.Error()
		}
	}
	o.PeakMemory = corpus.PeakMemory(os.Getpid())
	return o, ctx.Err()
}

// Libraries are the names under which importbench knows them.
func Libraries() []string { return []string{"libopenapi", "kin-openapi", "go-openapi"} }

// Library reads files with a library, by starting importbench with some variables
// added to its environment.
func Library(ctx context.Context, importbench, library string, files, env []string, messages io.Writer) (Outcome, error) {
	out, err := child.Filter(ctx, child.Spec{
		Program: importbench, Args: []string{library}, Env: env, Input: []byte(strings.Join(files, "\n") + "\n"), Stderr: messages,
	})
	if err != nil {
		return Outcome{}, err
	}
	var o Outcome
	if err := json.Unmarshal(out, &o); err != nil {
		return Outcome{}, fmt.Errorf("read what %s says: %w", library, err)
	}
	return o, nil
}
