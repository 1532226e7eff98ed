// Command cataloguebench measures how long a registry takes to list and to search
// connectors, and how much memory that needs:
//
//	cataloguebench -connectors 100000 -dir DIR
//
// It fills a store in a directory with connectors of ten operations each, serves
// the registry's interface over it in memory, asks one question after another, and
// prints an [Outcome] as JSON. Nothing is asked twice, so that no answer is one
// that was kept. The connectors are written into the store as an import leaves
// them, without the import and without sources.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Outcome is what was measured.
type Outcome struct {
	// Connectors and Operations are how many there are.
	Connectors int `json:"connectors"`
	Operations int `json:"operations"`
	// Fill is the time for writing them, Load for making them searchable, in
	// nanoseconds.
	Fill time.Duration `json:"fill_ns"`
	Load time.Duration `json:"load_ns"`
	// Memory is what is allocated afterwards, in bytes. The file of the store, which
	// the system keeps in memory as long as it has nothing better to do with it, does
	// not count.
	Memory int64 `json:"memory_bytes"`
	// Figures are in the order in which they were measured.
	Figures []Figure `json:"figures"`
}

// Figure is one kind of question.
type Figure struct {
	// Name says what is asked.
	Name string `json:"name"`
	// Calls is how often, Results how many results an answer has on its page, and
	// Total how many in all, on average.
	Calls   int     `json:"calls"`
	Results float64 `json:"results"`
	Total   float64 `json:"total"`
	// P50 and P99 are the times within which half, and 99 of 100, were answered, in
	// nanoseconds.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cataloguebench:", err)
		os.Exit(1)
	}
}

// command runs one command line.
func command(ctx context.Context, args []string, out, help io.Writer) error {
	flags := flag.NewFlagSet("cataloguebench", flag.ContinueOnError)
	flags.SetOutput(help)
	connectors := flags.Int("connectors", 1000, "`number` of connectors, at least 1,000, in whole thousands")
	calls := flags.Int("calls", 200, "`number` of times that each question is asked, 1 to 200")
	dir := flags.String("dir", "", "`directory` of the store; a new one, removed afterwards, if empty")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	if *connectors < 1000 || *connectors%1000 != 0 || *calls < 1 || *calls > 200 || flags.NArg() > 0 {
		return errors.New("-connectors must be whole thousands and -calls from 1 to 200, and there are no arguments")
	}
	if *dir == "" {
		made, err := os.MkdirTemp("", "cataloguebench-")
		if err != nil {
			return fmt.Errorf("make a directory: %w", err)
		}
		defer func() { _ = os.RemoveAll(made) }()
		*dir = made
	}
	outcome, err := measure(ctx, *dir, *connectors, *calls)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(outcome)
}
