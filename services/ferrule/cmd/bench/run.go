package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
)

// run is one run of all measurements.
type run struct {
	options

	self     string // path of this program
	key      string // of the API
	clock    clock.Clock
	progress io.Writer
	children []*child.Child
	dirs     []string
}

// measureAll makes all measurements and writes the report to out.
func measureAll(ctx context.Context, o options, out, progress io.Writer) (err error) {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	r := &run{options: o, self: self, key: rand.Text(), clock: clock.System(), progress: progress}
	defer func() { err = errors.Join(err, r.close()) }()
	result := report.Report{
		Machine:  report.Machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()},
		Settings: report.Settings{Connections: o.connections, Rounds: o.rounds, Warmup: o.warmup, Duration: o.duration},
	}
	if err := r.all(ctx, &result); err != nil {
		return err
	}
	write := result.Text
	if o.output == "json" {
		write = result.JSON
	}
	if err := write(out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return failures(result)
}

// failures is an error if any call failed: figures with errors in them are not to
// be compared.
func failures(result report.Report) error {
	var errs []error
	for _, f := range result.Figures {
		for _, round := range f.Rounds {
			if round.Errors > 0 {
				errs = append(errs, fmt.Errorf("%s: %d calls failed, the first with: %s", f.Name, round.Errors, round.FirstError))
			}
		}
	}
	if result.Proxies != nil {
		for _, s := range result.Proxies.Subjects {
			for _, round := range s.Rounds {
				if round.Errors > 0 {
					errs = append(errs, fmt.Errorf("%s: %d calls failed, the first with: %s", s.Name, round.Errors, round.FirstError))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// all makes all measurements that are wanted.
func (r *run) all(ctx context.Context, result *report.Report) error {
	for _, part := range []struct {
		name    string
		measure func(context.Context, *report.Report) error
	}{{partRates, r.speed}, {partImports, r.imports}, {partCatalogue, r.search}, {partVault, r.fillVaults}, {partTriggers, r.triggers}, {partProxy, r.beside}} {
		if !r.measures(part.name) {
			continue
		}
		if err := part.measure(ctx, result); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, "bench: "+format+"\n", args...)
}

// start starts this program in a role that serves and returns its address.
func (r *run) start(ctx context.Context, role string, t task) (string, error) {
	line, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write the task of role %s: %w", role, err)
	}
	c, err := child.Start(ctx, child.Spec{
		Program: r.self, Args: []string{roleArgument, role}, Input: line, Ready: serving, Stderr: r.progress,
	})
	if err != nil {
		return "", err
	}
	r.children = append(r.children, c)
	return c.Said[1], nil
}

// ask runs this program in a role that ends by itself and reads what it prints.
// The variables are added to its environment.
func (r *run) ask(ctx context.Context, role string, t task, answer any, env ...string) error {
	line, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("write the task of role %s: %w", role, err)
	}
	out, err := child.Result(ctx, child.Spec{
		Program: r.self, Args: []string{roleArgument, role}, Input: line, Stderr: r.progress, Env: env,
	})
	if err != nil {
		return fmt.Errorf("play the role %s: %w", role, err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("read what the role %s says: %w", role, err)
	}
	return nil
}

// readyLines are what "ferrule up" prints once it serves.
var readyLines = regexp.MustCompile(`(?s)REST\s+(\S+).*gRPC\s+(\S+).*token\s+(\S+)\n`)

// suite is a running "ferrule up".
type suite struct {
	rest, grpc, token string
	pid               int
}

// startSuite starts the suite as its users do, on an empty directory.
func (r *run) startSuite(ctx context.Context) (*suite, error) {
	dir, err := r.folder()
	if err != nil {
		return nil, err
	}
	c, err := child.Start(ctx, child.Spec{Program: r.ferrule, Ready: readyLines, Stderr: r.progress, Args: upArgs(dir)})
	if err != nil {
		return nil, err
	}
	return r.suiteOf(c)
}

// suiteOf keeps the process of a suite and reads its token.
func (r *run) suiteOf(c *child.Child) (*suite, error) {
	r.children = append(r.children, c)
	said := readyLines.FindStringSubmatch(c.Said[0])
	token, err := os.ReadFile(said[3])
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	return &suite{rest: said[1], grpc: said[2], token: string(bytes.TrimSpace(token)), pid: c.Pid()}, nil
}

// upArgs are the arguments of a suite whose data is in the folder dir.
func upArgs(dir string) []string {
	return []string{"up", "--data", dir, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--allow-network", "127.0.0.0/8"}
}

// folder makes a folder that is removed at the end.
func (r *run) folder() (string, error) {
	dir, err := os.MkdirTemp("", "ferrule-bench-")
	if err != nil {
		return "", fmt.Errorf("make a data directory: %w", err)
	}
	r.dirs = append(r.dirs, dir)
	return dir, nil
}

// close stops all processes and removes their files.
func (r *run) close() error {
	var errs []error
	for _, c := range r.children {
		errs = append(errs, c.Stop())
	}
	for _, dir := range r.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
