package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/cli"
)

// inspect shows this process from inside at an address of its own, which it
// prints, until ctx ends.
func inspect(ctx context.Context, out io.Writer) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintf(out, "inspected at %s\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	go func() { _ = baseline.ServeHTTP(ctx, l, baseline.Inspect()) }() // ends with the process's own work
	return nil
}

// runSuite runs the suite in this process, as "ferrule up" does.
func (t task) runSuite(ctx context.Context, out io.Writer) error {
	if code := cli.Run(ctx, t.Args, cli.Streams{In: eof{}, Out: out, Err: out}); code != 0 {
		return fmt.Errorf("the suite ended with exit code %d", code)
	}
	return nil
}

// eof is an input without anything.
type eof struct{}

// Read says that there is nothing.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }
