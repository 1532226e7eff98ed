package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

const (
	// environment is where everything is made, and id what it is called.
	environment = "environments/default"
	id          = "things"

	// invokeGoal and passThroughGoal are what the ratios should be at least.
	invokeGoal      = 0.6
	passThroughGoal = 0.8
)

// measured is one figure and how to measure it.
type measured struct {
	name   string
	target load.Target
}

// speed measures the rates. Each round measures every figure once, what is
// compared directly after each other, so that a machine that changes its speed
// changes both sides of a ratio.
func (r *run) speed(ctx context.Context, result *report.Report) error {
	all, err := r.targets(ctx)
	if err != nil {
		return err
	}
	result.Figures = make([]report.Figure, len(all))
	for round := range r.rounds {
		for n, m := range all {
			r.say("round %d of %d: %s", round+1, r.rounds, m.name)
			var got measure.Result
			t := task{Target: m.target, Connections: r.connections, Warmup: r.warmup, Duration: r.duration}
			if err := r.ask(ctx, roleLoad, t, &got); err != nil {
				return err
			}
			result.Figures[n].Name = m.name
			result.Figures[n].Rounds = append(result.Figures[n].Rounds, got)
		}
	}
	f := result.Figures
	result.Ratios = []report.Ratio{
		report.Compare("gRPC Invoke to the bare gRPC handler", f[4], f[3], invokeGoal),
		report.Compare("pass-through to Go's reverse proxy", f[2], f[1], passThroughGoal),
		report.Compare("REST Invoke to the bare gRPC handler", f[5], f[3], 0),
		report.Compare("Go's reverse proxy to the API itself", f[1], f[0], 0),
	}
	return nil
}

// targets starts everything and returns the figures in the order in which they
// are measured.
func (r *run) targets(ctx context.Context) ([]measured, error) {
	api, err := r.start(ctx, roleAPI, task{Key: r.key})
	if err != nil {
		return nil, err
	}
	upstream := task{Key: r.key, Upstream: "http://" + api}
	proxy, err := r.start(ctx, roleProxy, upstream)
	if err != nil {
		return nil, err
	}
	handler, err := r.start(ctx, roleHandler, upstream)
	if err != nil {
		return nil, err
	}
	s, err := r.startSuite(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, upstream.Upstream, r.key); err != nil {
		return nil, err
	}
	edge := strings.TrimPrefix(s.rest, "http://")
	connection := environment + "/connections/" + id
	get := func(path string) *load.HTTP { return &load.HTTP{Method: http.MethodGet, Path: path} }
	invoke := &load.Invoke{Connection: connection, Operation: baseline.Operation, Input: baseline.Input}
	return []measured{
		{"the API itself", load.Target{Addr: api, HTTP: get(baseline.Path), Key: r.key}},
		{"Go's httputil.ReverseProxy", load.Target{Addr: proxy, Token: s.token, HTTP: get(baseline.Path)}},
		{"Ferrule pass-through", load.Target{Addr: edge, Token: s.token, HTTP: get("/v1/" + connection + "/proxy" + baseline.Path)}},
		{"bare gRPC handler", load.Target{Addr: handler, Token: s.token, Invoke: invoke}},
		{"Ferrule gRPC Invoke", load.Target{Addr: s.grpc, Token: s.token, Invoke: invoke}},
		{"Ferrule REST Invoke", load.Target{Addr: edge, Token: s.token, HTTP: &load.HTTP{
			Method: http.MethodPost, Path: "/v1/" + connection + "/operations/" + baseline.Operation + ":invoke", Body: baseline.Input,
		}}},
	}, nil
}

// connect imports the API's description and makes a connection with its key.
func (s *suite) connect(ctx context.Context, upstream, key string) error {
	client, err := rest.New(s.rest, s.token)
	if err != nil {
		return err
	}
	err = client.Call(ctx, http.MethodPost, rest.Path(environment, "connectors")+":import", nil, &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Url{Url: upstream + "/swagger.json"},
	}, nil)
	if err != nil {
		return fmt.Errorf("import the api's description: %w", err)
	}
	err = client.Call(ctx, http.MethodPost, rest.Path(environment, "connections"), nil, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id, Connection: &vaultv1.Connection{Connector: environment + "/connectors/" + id},
		Secrets: map[string]string{baseline.KeyName: key},
	}, nil)
	if err != nil {
		return fmt.Errorf("connect to the api: %w", err)
	}
	return nil
}

// importAll imports packages into a suite that has nothing else to do. Each
// becomes a connector of its own, with an id made from its directory.
func (r *run) importAll(ctx context.Context, packages []string) (corpus.Outcome, error) {
	s, err := r.startSuite(ctx)
	if err != nil {
		return corpus.Outcome{}, err
	}
	client, err := rest.New(s.rest, s.token)
	if err != nil {
		return corpus.Outcome{}, err
	}
	outcome, err := corpus.Import(ctx, r.clock, r.packages, packages,
		func(ctx context.Context, name string, files *registryv1.SourceFiles) error {
			return client.Call(ctx, http.MethodPost, rest.Path(environment, "connectors")+":import", url.Values{}, &registryv1.ImportConnectorRequest{
				Parent: environment, ConnectorId: resource.NewID(name),
				Source: &registryv1.ImportConnectorRequest_Files{Files: files},
			}, nil)
		})
	outcome.PeakMemory = corpus.PeakMemory(s.pid)
	return outcome, err
}
