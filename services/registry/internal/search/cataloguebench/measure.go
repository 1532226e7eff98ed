package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/registry/internal/api"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

// pageSize is that of all questions.
const pageSize = 50

// measure fills a store and asks a registry on it.
func measure(ctx context.Context, dir string, connectors, calls int) (o Outcome, err error) {
	now := clock.System()
	db, err := boltkv.Open(filepath.Join(dir, "registry.db"), boltkv.Options{})
	if err != nil {
		return o, fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s := store.New(db, func(core.Connector) outbox.Message { return outbox.Message{} })
	begin := now.Now()
	if err := fill(ctx, s, begin, connectors); err != nil {
		return o, err
	}
	o = Outcome{Connectors: connectors, Operations: connectors * perConnector, Fill: now.Now().Sub(begin)}
	registry := core.New(core.Deps{Store: s, Clock: now, Committed: func() {}})
	begin = now.Now()
	if err := registry.Load(ctx); err != nil {
		return o, fmt.Errorf("load the catalogue: %w", err)
	}
	o.Load = now.Now().Sub(begin)
	err = serve(ctx, now, registry, func(ctx context.Context, client registryv1.RegistryServiceClient) error {
		for _, q := range questions(client, connectors) {
			f, err := ask(ctx, now, q, calls)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			o.Figures = append(o.Figures, f)
		}
		return nil
	})
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	o.Memory = int64(m.HeapAlloc) // #nosec G115 -- memory is smaller
	return o, err
}

// serve runs fn with a client of a registry that serves in memory, as it does in
// the suite: with tokens, validation of requests and deadlines.
func serve(ctx context.Context, c clock.Clock, registry *core.Registry, fn func(context.Context, registryv1.RegistryServiceClient) error) (err error) {
	key, err := authn.NewKey()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	token, err := authn.NewIssuer(key, c).Issue(authn.Principal{Kind: authn.KindUser, Name: "bench", Roles: []authn.Role{authn.RoleUser}}, time.Hour)
	if err != nil {
		return fmt.Errorf("issue a token: %w", err)
	}
	server := grpcx.NewServer(grpcx.ServerConfig{
		Log: slog.New(slog.DiscardHandler), Clock: c, Verifier: authn.NewVerifier(c, key.Public()),
	})
	registryv1.RegisterRegistryServiceServer(server, api.New(registry))
	memory := memnet.Listen(service.Registry)
	conn, err := grpcx.NewClient(grpcx.ClientConfig{
		Target: "passthrough:///registry", Creds: memnet.ClientCredentials(), Dialer: memory.Dialer(service.Gateway), Delegation: grpcx.ForwardOnly,
	})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	serving, cancel := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- grpcx.Serve(serving, server, c, memory) }()
	defer func() {
		_ = conn.Close()
		cancel()
		err = errors.Join(err, <-stopped)
	}()
	return fn(grpcx.WithCallerToken(ctx, token), registryv1.NewRegistryServiceClient(conn))
}

// question is one kind of question. Asked with different numbers, it is different.
type question struct {
	name string
	ask  func(ctx context.Context, n int) (results, total int, err error)
}

// questions are what is asked. Those about a topic have as many results however
// many connectors there are.
func questions(client registryv1.RegistryServiceClient, connectors int) []question {
	const parent = "environments/default"
	topics := connectors / perTopic
	about := func(n int) string { return about(topics, n) }
	token := ""
	connectorsBy := func(ctx context.Context, q *registryv1.SearchConnectorsRequest) (int, int, error) {
		q.Parent, q.PageSize = parent, pageSize
		resp, err := client.SearchConnectors(ctx, q)
		return len(resp.GetConnectors()), int(resp.GetTotalSize()), err
	}
	operationsBy := func(ctx context.Context, q *registryv1.SearchOperationsRequest) (int, int, error) {
		q.Parent, q.PageSize = parent, pageSize
		resp, err := client.SearchOperations(ctx, q)
		return len(resp.GetOperations()), int(resp.GetTotalSize()), err
	}
	return []question{
		{"list connectors, page after page", func(ctx context.Context, _ int) (int, int, error) {
			resp, err := client.ListConnectors(ctx, &registryv1.ListConnectorsRequest{Parent: parent, PageSize: pageSize, PageToken: token})
			token = resp.GetNextPageToken()
			return len(resp.GetConnectors()), connectors, err
		}},
		{"search connectors by a word of 100 of them", func(ctx context.Context, n int) (int, int, error) {
			return connectorsBy(ctx, &registryv1.SearchConnectorsRequest{Query: about(n)})
		}},
		{"search operations by two words, 50 results", func(ctx context.Context, n int) (int, int, error) {
			return operationsBy(ctx, &registryv1.SearchOperationsRequest{Query: verbs[n%len(verbs)] + " " + about(n)})
		}},
		{"search operations by a word of 1,000 of them", func(ctx context.Context, n int) (int, int, error) {
			return operationsBy(ctx, &registryv1.SearchOperationsRequest{Query: about(n)})
		}},
		{"search operations by a frequent word", func(ctx context.Context, n int) (int, int, error) {
			return operationsBy(ctx, &registryv1.SearchOperationsRequest{Query: verbs[n%len(verbs)], Methods: methods(1 + n/len(verbs))})
		}},
	}
}

// about returns one of some topics, spelled differently each time that it comes
// again.
func about(topics, n int) string { return topic(n % topics)[:topicStart+n/topics] }

// methods returns some methods, others for each number from 1 to 15.
func methods(n int) (list []string) {
	for i, method := range []string{"GET", "PUT", "POST", "DELETE"} {
		if n>>i&1 == 1 {
			list = append(list, method)
		}
	}
	return list
}

// ask asks a question a number of times.
func ask(ctx context.Context, c clock.Clock, q question, calls int) (Figure, error) {
	f := Figure{Name: q.name, Calls: calls}
	times := make([]time.Duration, calls)
	for n := range calls {
		begin := c.Now()
		results, total, err := q.ask(ctx, n)
		times[n] = c.Now().Sub(begin)
		if err != nil {
			return f, err
		}
		f.Results += float64(results) / float64(calls)
		f.Total += float64(total) / float64(calls)
	}
	slices.Sort(times)
	f.P50, f.P99 = times[(calls-1)/2], times[(calls*99+99)/100-1]
	return f, nil
}
