// Command ferrule is the command line of the suite, and, as "ferrule up", the
// whole suite in one process.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cli/browser"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/cli"
)

func main() {
	sandbox.Main() // does not return in a process that runs custom code
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	browser.Stdout = os.Stderr // what it prints is no result of ours
	code := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Browser: browser.OpenURL})
	stop()
	os.Exit(code)
}
