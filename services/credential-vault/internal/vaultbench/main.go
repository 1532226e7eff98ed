// Command vaultbench measures how fast the credential vault seals and lends
// secrets, and whether many connections slow it down:
//
//	vaultbench -connections 1000000
//
// It makes a vault with 10,000 connections and one with as many as are wanted, each
// in one file on disk, in the way in which callers make them: everything real but
// the registry and the network. Questions are put to both in turn. It prints an
// [Outcome] as JSON.
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

// few is the size of the small vault.
const few = 10_000

// Outcome is what was measured. Its fields are those of the package safe of the
// bench, which reads it.
type Outcome struct {
	Ciphers []Cipher `json:"ciphers"`
	Sizes   []Size   `json:"sizes"`
}

// Cipher is one operation beside the bare cipher, in nanoseconds.
type Cipher struct {
	Name string        `json:"name"`
	Bare time.Duration `json:"bare_ns"`
	Ours time.Duration `json:"ours_ns"`
}

// Size is a vault with a number of connections.
type Size struct {
	Connections int           `json:"connections"`
	Created     float64       `json:"created_per_second"`
	File        int64         `json:"file_bytes"`
	Memory      int64         `json:"memory_bytes"`
	Resolved    float64       `json:"resolved_per_second"`
	Get         time.Duration `json:"get_ns"`
	GetP99      time.Duration `json:"get_p99_ns"`
	Resolve     time.Duration `json:"resolve_ns"`
	ResolveP99  time.Duration `json:"resolve_p99_ns"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vaultbench:", err)
		os.Exit(1)
	}
}

// command runs one command line.
func command(ctx context.Context, args []string, out, help io.Writer) error {
	flags := flag.NewFlagSet("vaultbench", flag.ContinueOnError)
	flags.SetOutput(help)
	connections := flags.Int("connections", 1_000_000, "`number` of connections of the large vault, more than 10,000")
	duration := flags.Duration("duration", 5*time.Second, "how `long` credentials are resolved to learn the rate")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	if *duration <= 0 {
		return errors.New("-duration must be more than nothing")
	}
	if flags.NArg() > 0 || *connections <= few {
		return fmt.Errorf("-connections must be more than %d, and there are no arguments", few)
	}
	o, err := all(ctx, []int{few, *connections}, *duration)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// all makes all measurements, with vaults of the given sizes.
func all(ctx context.Context, sizes []int, duration time.Duration) (o Outcome, err error) {
	if o.Ciphers, err = ciphers(ctx); err != nil {
		return o, err
	}
	o.Sizes, err = measure(ctx, sizes, duration)
	return o, err
}
