// Command vaultbench measures how fast the credential vault seals and lends
// secrets, and whether many connections slow it down:
//
//	vaultbench -connections 1000000
//
// It makes a vault with 10,000 connections and one with as many as are wanted, each
// in a process of its own and in one file on disk, in the way in which callers make
// them: everything real but the registry and the network. It prints an [Outcome] as
// JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
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
	only := flags.Int("only", 0, "measure one vault with this `number` of connections, in this process")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	if flags.NArg() > 0 || *only < 0 || (*only == 0 && *connections <= few) {
		return fmt.Errorf("-connections must be more than %d, and there are no arguments", few)
	}
	if *only > 0 {
		size, err := measure(ctx, *only)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(size)
	}
	o, err := all(ctx, *connections, help)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// all makes all measurements.
func all(ctx context.Context, connections int, messages io.Writer) (o Outcome, err error) {
	if o.Ciphers, err = ciphers(ctx); err != nil {
		return o, err
	}
	for _, n := range []int{few, connections} {
		size, err := alone(ctx, n, messages)
		if err != nil {
			return o, fmt.Errorf("measure %d connections: %w", n, err)
		}
		o.Sizes = append(o.Sizes, size)
	}
	return o, nil
}

// alone measures one vault in a process of its own, so that its memory is its own.
func alone(ctx context.Context, connections int, messages io.Writer) (size Size, err error) {
	self, err := os.Executable()
	if err != nil {
		return size, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "-only", strconv.Itoa(connections)) // #nosec G204 -- it is this program
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, messages
	if err := cmd.Run(); err != nil {
		return size, err
	}
	if err := json.Unmarshal(out.Bytes(), &size); err != nil {
		return size, fmt.Errorf("read its result: %w", err)
	}
	return size, nil
}
