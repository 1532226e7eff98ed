package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// The ways in which an acknowledged event is on disk.
const (
	syncAlways   = "always"
	syncInterval = "interval"
)

// steadyRate is how many notifications are sent per second from end to end.
const steadyRate = 1000

// settleTime is how long the last notifications may take to their sink.
const settleTime = 3 * time.Second

// triggers measures webhooks and polling subscriptions.
func (r *run) triggers(ctx context.Context, result *report.Report) error {
	result.Triggers = &notices.Outcome{}
	for _, sync := range []string{syncAlways, syncInterval} {
		if !r.wants("webhooks, sync " + sync) {
			continue
		}
		if err := r.ingress(ctx, sync, result); err != nil {
			return fmt.Errorf("measure webhooks with sync %s: %w", sync, err)
		}
	}
	if !r.wants("polling subscriptions") {
		return nil
	}
	return r.crowds(ctx, result.Triggers)
}

// wants says whether what has a name is to be measured.
func (o options) wants(name string) bool { return strings.Contains(name, o.only) }

// noticed is a suite with an API whose webhook it is subscribed to.
type noticed struct {
	api    string
	client *rest.Client
	plain  *http.Client // for the API
	pid    int
	inside string // the URL at which the suite's process shows itself; empty unless profiles are wanted
}

// ingress compares the rate of notifications with that of a bare handler, looks at
// what becomes of them and, with the faster way of syncing, at what a backlog does.
func (r *run) ingress(ctx context.Context, sync string, result *report.Report) error {
	n, err := r.notice(ctx, sync)
	if err != nil {
		return err
	}
	to, err := n.subscribe(ctx, "ingress", "")
	if err != nil {
		return err
	}
	bare, err := r.startBare(ctx, sync)
	if err != nil {
		return err
	}
	figures := []report.Figure{
		{Name: "bare handler on JetStream, sync " + sync}, {Name: "Ferrule webhook, sync " + sync},
	}
	targets, pids := []notices.Registration{{URL: "http://" + bare.addr}, to}, []int{bare.pid, n.pid}
	before := make([]time.Duration, len(pids))
	for round := range r.rounds {
		for i, target := range targets {
			got, err := r.rate(ctx, target)
			if err != nil {
				return err
			}
			taken, err := cost.CPU(cost.Root, pids[i])
			if err != nil {
				return err
			}
			sent := got.PerSecond() * (r.warmup + got.Elapsed).Seconds()
			r.say("round %d of %d: %s, %.0f us of a processor for one", round+1, r.rounds, figures[i].Name, float64((taken-before[i]).Microseconds())/max(sent, 1))
			before[i] = taken
			figures[i].Rounds = append(figures[i].Rounds, got)
		}
	}
	result.Figures = append(result.Figures, figures...)
	result.Ratios = append(result.Ratios, report.Compare("webhook to the bare handler, sync "+sync, figures[1], figures[0], notices.IngressGoal))
	for i, inside := range []string{bare.inside, n.inside} {
		if inside == "" {
			continue
		}
		err := r.profiled(ctx, figures[i].Name, inside, func() error {
			_, err := r.rate(ctx, targets[i])
			return err
		})
		if err != nil {
			return err
		}
	}
	journey, err := n.endToEnd(ctx, r, sync)
	if err != nil {
		return err
	}
	result.Triggers.Journeys = append(result.Triggers.Journeys, journey)
	if sync == syncAlways {
		return nil
	}
	return n.withBacklog(ctx, r, result.Triggers)
}

// rate measures notifications in a process of its own.
func (r *run) rate(ctx context.Context, to notices.Registration) (got measure.Result, err error) {
	t := task{Notify: to, Connections: r.connections, Warmup: r.warmup, Duration: r.duration}
	err = r.ask(ctx, roleNotify, t, &got)
	return got, err
}

// notice starts the API and a suite that knows it.
func (r *run) notice(ctx context.Context, sync string) (*noticed, error) {
	api, err := r.start(ctx, roleNotices, task{})
	if err != nil {
		return nil, err
	}
	dir, err := r.folder()
	if err != nil {
		return nil, err
	}
	s, inside, err := r.startNoticed(ctx, append(upArgs(dir), "--events-sync", sync, "--log-level", "error"))
	if err != nil {
		return nil, err
	}
	client, err := rest.New(s.rest, s.token)
	if err != nil {
		return nil, err
	}
	err = client.Call(ctx, http.MethodPost, rest.Path(environment, "connectors")+":import", nil, &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{
			Files: []*registryv1.SourceFile{{Path: "swagger.json", Content: notices.Description(api)}},
		}},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("import the description of the webhook: %w", err)
	}
	err = client.Call(ctx, http.MethodPost, rest.Path(environment, "connections"), nil, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id, Connection: &vaultv1.Connection{Connector: environment + "/connectors/" + id},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to the API with the webhook: %w", err)
	}
	plain, err := notices.Client(1)
	if err != nil {
		return nil, err
	}
	return &noticed{api: api, client: client, plain: plain, pid: s.pid, inside: inside}, nil
}

// startNoticed starts the suite: as its users do, or, for profiles, inside of this
// program.
func (r *run) startNoticed(ctx context.Context, args []string) (*suite, string, error) {
	if r.profile != "" {
		return r.startInside(ctx, args)
	}
	c, err := child.Start(ctx, child.Spec{Program: r.ferrule, Ready: readyLines, Stderr: r.progress, Args: args})
	if err != nil {
		return nil, "", err
	}
	s, err := r.suiteOf(c)
	return s, "", err
}

// bareHandler is a running bare handler. inside is the URL at which its process shows
// itself, and is empty unless profiles are wanted.
type bareHandler struct {
	addr, inside string
	pid          int
}

// startBare starts the bare handler.
func (r *run) startBare(ctx context.Context, sync string) (*bareHandler, error) {
	line, err := json.Marshal(task{Sync: sync, Inspected: true})
	if err != nil {
		return nil, fmt.Errorf("write the task of the bare handler: %w", err)
	}
	c, err := child.Start(ctx, child.Spec{
		Program: r.self, Args: []string{roleArgument, roleBare}, Input: line, Ready: inspected, Stderr: r.progress,
	})
	if err != nil {
		return nil, err
	}
	r.children = append(r.children, c)
	b := &bareHandler{addr: c.Said[2], pid: c.Pid()}
	if r.profile != "" {
		b.inside = "http://" + c.Said[1]
	}
	return b, nil
}

// subscribe registers a callback, with a sink unless its path is empty, and returns
// what the API was told.
func (n *noticed) subscribe(ctx context.Context, name, sink string) (to notices.Registration, err error) {
	sub := &triggerv1.Subscription{Connection: environment + "/connections/" + id, OperationId: notices.Operation}
	if sink != "" {
		sub.Sinks = []*triggerv1.Sink{{
			MaxConcurrent: 64, Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: "http://" + n.api + sink}},
		}}
	}
	err = n.client.Call(ctx, http.MethodPost, rest.Path(environment, "subscriptions"), url.Values{"subscription_id": {name}}, sub, nil)
	if err != nil {
		return to, fmt.Errorf("subscribe to the webhook: %w", err)
	}
	err = n.ask(ctx, notices.RegisteredPath, &to)
	return to, err
}

// ask asks the API about itself.
func (n *noticed) ask(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.api+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	res, err := n.plain.Do(req)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		return fmt.Errorf("read what the API says at %s: %w", path, err)
	}
	return nil
}

// endToEnd sends at a steady rate to a subscription with a sink.
func (n *noticed) endToEnd(ctx context.Context, r *run, sync string) (j notices.Journey, err error) {
	j.Rate, j.Sync = steadyRate, sync
	to, err := n.subscribe(ctx, "end-to-end", notices.SinkPath)
	if err != nil {
		return j, err
	}
	for _, lasts := range []time.Duration{r.warmup, 3 * r.duration} {
		r.say("%d notifications per second to a sink for %v", steadyRate, lasts)
		if err := n.ask(ctx, notices.StatsPath, &j.Stats); err != nil { // forgets what was before
			return j, err
		}
		if err := r.ask(ctx, roleSteady, task{Notify: to, Duration: lasts}, &j.Sent); err != nil {
			return j, err
		}
		<-r.clock.After(settleTime)
	}
	if err = n.ask(ctx, notices.StatsPath, &j.Stats); err != nil || n.inside == "" {
		return j, err
	}
	return j, r.profiled(ctx, "from end to end, sync "+sync, n.inside, func() error {
		return r.ask(ctx, roleSteady, task{Notify: to, Duration: r.warmup + r.duration}, new(int))
	})
}

// withBacklog measures the rate of notifications of a subscription whose sink takes
// none, at first and when many wait.
func (n *noticed) withBacklog(ctx context.Context, r *run, o *notices.Outcome) error {
	to, err := n.subscribe(ctx, "backlog", notices.DeadPath)
	if err != nil {
		return err
	}
	r.say("notifications for a sink that takes none, until %d wait", r.backlog)
	first, err := r.rate(ctx, to)
	if err != nil {
		return err
	}
	for waiting := first.Requests; ; {
		last, err := r.rate(ctx, to)
		if err != nil {
			return err
		}
		if waiting >= r.backlog {
			o.Backlog, o.Empty, o.Full = waiting, first.PerSecond(), last.PerSecond()
			return nil
		}
		waiting += last.Requests
	}
}
