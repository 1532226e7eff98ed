// Command bench measures the suite beside what it is compared with, in one run on
// one machine, and prints the ratios. README.md beside it says what is measured
// and how to read it.
//
// The servers, the API and the generator of the load are processes of their own:
// this program starts itself again in their roles.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags of a run.
type options struct {
	ferrule       string
	packages      string
	libraries     string
	catalogue     string
	vault         string
	github        string
	parts         string
	output        string
	connectors    int
	secrets       int
	backlog       int
	subscriptions int
	schedules     string
	nginx         string
	caddy         string
	wrk           string
	profile       string
	only          string
	many          int
	turn          time.Duration
	bulk          int
	connections   int
	rounds        int
	warmup        time.Duration
	duration      time.Duration
}

// command runs one command line and returns the exit code: 0, 1 if something
// failed, 2 if it was called wrongly. A ratio below its goal is no failure: it
// says as much about the machine as about the suite.
func command(ctx context.Context, args []string, out, progress io.Writer) int {
	if len(args) > 0 && args[0] == roleArgument {
		return exitCode(playRole(ctx, args[1:], os.Stdin, out), progress)
	}
	o, err := parse(args, progress)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2 // parse has said why
	}
	return exitCode(measureAll(ctx, o, out, progress), progress)
}

func exitCode(err error, progress io.Writer) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(progress, "bench:", err)
	return 1
}

// parse reads the flags and explains to help what is wrong with them.
func parse(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.StringVar(&o.ferrule, "ferrule", "bin/ferrule", "`path` of the program ferrule")
	flags.StringVar(&o.packages, "packages", "../shared/corpus/powerplatform", "`folder` of connector packages to import; left out if it does not exist")
	flags.StringVar(&o.libraries, "libraries", "bin/tools/importbench", "`path` of the program that reads with other libraries; left out if it does not exist")
	flags.StringVar(&o.catalogue, "catalogue", "bin/cataloguebench", "`path` of the program that lists and searches; left out if it does not exist")
	flags.StringVar(&o.vault, "vault", "bin/vaultbench", "`path` of the program that fills vaults; left out if it does not exist")
	flags.StringVar(&o.github, "github", "", "`file` with the description of GitHub's API; left out if empty")
	flags.StringVar(&o.parts, "parts", "rates,imports,catalogue,vault,triggers,proxy", "what to measure: a `list` of rates, imports, catalogue, vault, triggers and proxy")
	flags.IntVar(&o.connectors, "connectors", 100_000, "`number` of connectors of the large catalogue, in whole thousands")
	flags.IntVar(&o.secrets, "secrets", 1_000_000, "`number` of connections of the large vault, more than 10,000")
	flags.IntVar(&o.backlog, "backlog", 100_000, "`number` of undelivered events with which notifications are measured again")
	flags.IntVar(&o.subscriptions, "subscriptions", 10_000, "`number` of polling subscriptions; a tenth of it is measured too, down to 10,000")
	flags.StringVar(&o.schedules, "schedules", syncAlways, "when the message bus of the polling subscriptions syncs: always or interval")
	flags.StringVar(&o.nginx, "nginx", "nginx", "`program` nginx; left out if it does not exist, and a slower API of our own is behind all others")
	flags.StringVar(&o.caddy, "caddy", "bin/tools/caddy", "`path` of the program caddy; left out if it does not exist")
	flags.StringVar(&o.wrk, "wrk", "wrk", "`program` wrk that makes the load; our own generator does, which needs more of the processors, if it does not exist")
	flags.StringVar(&o.profile, "profile", "", "`folder` for CPU profiles of the parts triggers and proxy: the suite then runs inside of this program")
	flags.StringVar(&o.only, "only", "", "`text`: of the parts triggers and proxy, only what has it in its name is measured")
	flags.IntVar(&o.many, "many", 10_000, "`number` of connections of the suite that are taken in turn")
	flags.DurationVar(&o.turn, "turn", time.Minute, "least `time` of the measurements of connections in turn: what happens for each of them once a minute is a part of it")
	flags.IntVar(&o.bulk, "bulk", 1024, "`size` of the large bodies in MiB; 0 sends none")
	flags.StringVar(&o.output, "o", "text", "`format` of the result: text or json")
	flags.IntVar(&o.connections, "connections", 50, "`number` of connections, with one request at a time each")
	flags.IntVar(&o.rounds, "rounds", 3, "`number` of times that each figure is measured")
	flags.DurationVar(&o.warmup, "warmup", time.Second, "`time` of each measurement before it counts")
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "`time` of each measurement")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := o.check(flags.Args()); err != nil {
		_, _ = fmt.Fprintln(help, "bench:", err)
		return o, err
	}
	return o, nil
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("there are no arguments, but %q was given", rest)
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("-o must be text or json, not %q", o.output)
	case o.connectors < 1000 || o.connectors%1000 != 0:
		return fmt.Errorf("-connectors must be whole thousands, not %d", o.connectors)
	case o.secrets <= 10_000:
		return fmt.Errorf("-secrets must be more than 10,000, not %d", o.secrets)
	case o.schedules != syncAlways && o.schedules != syncInterval:
		return fmt.Errorf("-schedules must be always or interval, not %q", o.schedules)
	case o.backlog < 1 || o.subscriptions < 1:
		return errors.New("-backlog and -subscriptions must be more than 0")
	case o.unknownPart() != "":
		return fmt.Errorf("-parts takes rates, imports, catalogue, vault, triggers and proxy, not %q", o.unknownPart())
	case o.many < 1 || o.bulk < 0 || o.turn < 0:
		return errors.New("-many must be more than 0, and -bulk and -turn not less")
	case o.connections < 1 || o.rounds < 1 || o.duration <= 0 || o.warmup < 0:
		return errors.New("-connections, -rounds and -duration must be more than 0, and -warmup not less")
	}
	return nil
}

// The parts of a run.
const (
	partRates     = "rates"
	partImports   = "imports"
	partCatalogue = "catalogue"
	partVault     = "vault"
	partTriggers  = "triggers"
	partProxy     = "proxy"
)

// measures says whether a part is wanted.
func (o options) measures(part string) bool {
	return slices.Contains(strings.Split(o.parts, ","), part)
}

// unknownPart returns a part that does not exist.
func (o options) unknownPart() string {
	for part := range strings.SplitSeq(o.parts, ",") {
		if !slices.Contains([]string{partRates, partImports, partCatalogue, partVault, partTriggers, partProxy}, part) {
			return cmp.Or(part, "nothing")
		}
	}
	return ""
}
