package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
)

// The names of what is compared.
const (
	nameAPI     = "the API itself"
	nameNginx   = "nginx"
	nameCaddy   = "Caddy"
	nameReverse = "Go's httputil.ReverseProxy"
	nameThrough = "Ferrule pass-through"
	nameBare    = "bare gRPC handler"
	nameNetHTTP = "bare gRPC handler with the client of net/http"
	nameInvoke  = "Ferrule gRPC Invoke"
	nameREST    = "Ferrule REST Invoke"
	nameOne     = "Ferrule pass-through, one connection in rotation"
	nameMany    = "Ferrule pass-through, all connections in rotation"
)

// subject is one program, asked in one way.
type subject struct {
	name   string
	pid    int
	target load.Target
	// warm is called before each measurement; nil does nothing.
	warm func(context.Context) error
	// least is how long it is measured at least.
	least time.Duration
	// inside is the URL of the server with its metrics, and profile of the one with
	// its CPU profiles; empty if there is none.
	inside, profile string
}

// comparison is a run of the part proxy.
type comparison struct {
	*run

	outcome  *proxies.Outcome
	dir      string // of configurations and scripts
	wrkPath  string // empty to make load ourselves
	api      string // address of the fast API
	apiPid   int
	subjects []subject
	suite    *suite
	// inside is the URL at which the suite's process shows itself, and is empty
	// unless profiles are wanted.
	inside string
}

// beside measures the suite beside other gateways.
func (r *run) beside(ctx context.Context, result *report.Report) error {
	result.Proxies = &proxies.Outcome{}
	c := &comparison{run: r, outcome: result.Proxies}
	var err error
	if c.dir, err = r.folder(); err != nil {
		return err
	}
	if c.outcome.LoadBefore, err = cost.Load(cost.Root); err != nil {
		return err
	}
	if err := c.startAll(ctx); err != nil {
		return err
	}
	c.subjects = slices.DeleteFunc(c.subjects, func(s subject) bool { return !c.wants(s.name) })
	if err := c.rounds(ctx); err != nil {
		return err
	}
	if err := c.profiles(ctx); err != nil {
		return err
	}
	c.check()
	c.outcome.LoadAfter, err = cost.Load(cost.Root)
	return err
}

// rounds measures every subject once in every round.
func (c *comparison) rounds(ctx context.Context) error {
	c.outcome.Subjects = make([]proxies.Subject, len(c.subjects))
	for round := range c.run.rounds {
		for n, s := range c.subjects {
			c.say("round %d of %d: %s", round+1, c.run.rounds, s.name)
			got, err := c.measure(ctx, s)
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.name, err)
			}
			c.outcome.Subjects[n].Name = s.name
			c.outcome.Subjects[n].Rounds = append(c.outcome.Subjects[n].Rounds, got)
		}
	}
	return nil
}

// measure measures one subject once. What it takes is read around the calls that
// count, and so it has to be warm before.
func (c *comparison) measure(ctx context.Context, s subject) (proxies.Round, error) {
	if s.warm != nil {
		if err := s.warm(ctx); err != nil {
			return proxies.Round{}, err
		}
	}
	if c.warmup > 0 {
		if _, err := c.calls(ctx, s.target, c.warmup); err != nil {
			return proxies.Round{}, err
		}
	}
	cpu, allocations, err := c.taken(ctx, s)
	if err != nil {
		return proxies.Round{}, err
	}
	result, err := c.calls(ctx, s.target, max(c.duration, s.least))
	if err != nil {
		return proxies.Round{}, err
	}
	cpuAfter, allocationsAfter, err := c.taken(ctx, s)
	return proxies.Round{Result: result, CPU: cpuAfter - cpu, Allocations: allocationsAfter - allocations}, err
}

// taken reads what a subject has taken so far.
func (c *comparison) taken(ctx context.Context, s subject) (time.Duration, float64, error) {
	var allocations float64
	if s.inside != "" {
		metrics, err := get(ctx, s.inside, "/metrics", nil)
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = metrics.Close() }()
		if allocations, err = cost.Allocations(metrics); err != nil {
			return 0, 0, err
		}
	}
	cpu, err := cost.CPU(cost.Root, s.pid)
	return cpu, allocations, err
}

// calls makes calls for a while, over HTTP with wrk if it is there.
func (c *comparison) calls(ctx context.Context, t load.Target, d time.Duration) (measure.Result, error) {
	if t.HTTP != nil && c.wrkPath != "" {
		return c.wrkCalls(ctx, t, d)
	}
	var got measure.Result
	err := c.ask(ctx, roleLoad, task{Target: t, Connections: c.connections, Duration: d}, &got)
	return got, err
}

// of returns the results of a subject; nil if it was left out.
func (c *comparison) of(name string) *proxies.Subject {
	for n := range c.outcome.Subjects {
		if c.outcome.Subjects[n].Name == name {
			return &c.outcome.Subjects[n]
		}
	}
	return nil
}

// The goals.
const (
	passToGo        = 1.4
	passToNginx     = 0.6
	invokeToBare    = 0.8
	restToBare      = 0.4
	manyToOne       = 0.9
	slower          = 1.0
	passAllocations = 60
)

// check puts the figures beside their goals.
func (c *comparison) check() {
	pass := c.of(nameThrough)
	add := func(check proxies.Check) { c.outcome.Checks = append(c.outcome.Checks, check) }
	for _, other := range []struct {
		name string
		goal float64
	}{{nameReverse, passToGo}, {nameCaddy, passToGo}, {nameNginx, passToNginx}} {
		add(proxies.Compare("pass-through to "+other.name, proxies.Rate, pass, c.of(other.name), proxies.AtLeast, other.goal))
	}
	for _, other := range []string{nameReverse, nameCaddy, nameNginx} {
		add(proxies.Compare("p99 of pass-through to that of "+other, proxies.P99, pass, c.of(other), proxies.AtMost, slower))
	}
	add(proxies.Compare("gRPC Invoke to the bare gRPC handler", proxies.Rate, c.of(nameInvoke), c.of(nameBare), proxies.AtLeast, invokeToBare))
	add(proxies.Compare("REST Invoke to the bare gRPC handler", proxies.Rate, c.of(nameREST), c.of(nameBare), proxies.AtLeast, restToBare))
	add(proxies.Compare("gRPC Invoke to the bare gRPC handler with the client of net/http", proxies.Rate, c.of(nameInvoke), c.of(nameNetHTTP), proxies.Information, 0))
	add(proxies.Compare(fmt.Sprintf("%d connections in rotation to one", c.many), proxies.Rate, c.of(nameMany), c.of(nameOne), proxies.AtLeast, manyToOne))
	add(proxies.Judge("allocations of a pass-through call", proxies.Allocations, pass, proxies.AtMost, passAllocations))
	for _, other := range []string{nameReverse, nameCaddy, nameNginx} {
		add(proxies.Compare("CPU of a pass-through call to that of "+other, proxies.CPU, pass, c.of(other), proxies.Information, 0))
	}
	add(proxies.Compare("CPU of gRPC Invoke to that of the bare gRPC handler", proxies.CPU, c.of(nameInvoke), c.of(nameBare), proxies.Information, 0))
}

// profiles measures once more what can be profiled, if profiles are wanted, and
// writes them.
func (c *comparison) profiles(ctx context.Context) error {
	if c.profile == "" {
		return nil
	}
	for _, s := range c.subjects {
		if s.profile == "" {
			continue
		}
		err := c.profiled(ctx, s.name, s.profile, func() error {
			_, err := c.measure(ctx, s)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
