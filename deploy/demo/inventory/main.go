// Command inventory is the API that Ferrule's demonstration connects to: a
// small inventory of items in memory, protected by an API key, described by a
// Swagger 2.0 document of its own, with webhooks for new items.
//
//	INVENTORY_API_KEY=… inventory -addr 127.0.0.1:8790
//
// See the README beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx)
	stop()
	os.Exit(code)
}

// execute runs the program and returns its exit code: 1 if it failed, 2 if it was
// called wrongly.
func execute(ctx context.Context) int {
	options, err := parse(os.Args[1:], os.Getenv, os.Stderr)
	if err != nil {
		return 2 // parse has said why
	}
	if err := run(ctx, options, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		return 1
	}
	return 0
}

// options are the program's flags.
type options struct {
	addr, addrFile, apiKey string
	maxItems               int
}

// parse reads the flags and explains to help what is wrong with them. The
// environment is only the default, so that a flag on the command line wins.
func parse(args []string, getenv func(string) string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("inventory", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8790", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&o.addrFile, "addr-file", "", "`file` to write the address to, once it is known")
	flags.StringVar(&o.apiKey, "api-key", "", "`key` that callers must send in X-Api-Key; better given as INVENTORY_API_KEY; made up and printed when absent")
	flags.IntVar(&o.maxItems, "max-items", 10_000, "`number` of items to hold at most")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.apiKey == "" {
		o.apiKey = getenv("INVENTORY_API_KEY")
	}
	if flags.NArg() > 0 || o.maxItems < 1 {
		flags.Usage()
		return o, errors.New("want no arguments, and room for one item at least")
	}
	return o, nil
}
