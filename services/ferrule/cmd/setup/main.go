// Command setup is "ferrule setup" as a program of its own, small enough for a
// container that runs once at each start of a stack.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/config"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/provision"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg := provision.Config{Clock: clock.System(), Log: log}
	flags := pflag.NewFlagSet("setup", pflag.ContinueOnError)
	cfg.Flags(flags)
	err := errors.Join(flags.Parse(os.Args[1:]), config.Apply(flags, os.LookupEnv))
	if err == nil {
		err = provision.Run(context.Background(), cfg)
	}
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		log.Error("setup failed", "error", err)
		os.Exit(1)
	}
}
