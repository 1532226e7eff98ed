package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"time"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
	"github.com/ferrule-dev/ferrule/services/registry"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

// roleArgument makes this program play a role instead of running the
// measurements. The name of the role follows.
const roleArgument = "role"

// The roles.
const (
	roleAPI       = "api"
	roleProxy     = "reverse-proxy"
	roleHandler   = "grpc-handler"
	roleStandard  = "grpc-handler-with-net-http"
	roleLoad      = "load"
	roleTranslate = "translate"
	roleRead      = "read"
	roleFastAPI   = "fast-api"
	roleSuite     = "suite"
	roleHaul      = "haul"
	roleNotices   = "notices-api"
	roleBare      = "bare-notices"
	roleNotify    = "notify"
	roleSteady    = "notify-steadily"
	roleNATS      = "nats"
	roleCrowd     = "crowd"
)

// task is what a role is told on its standard input, as one line of JSON.
type task struct {
	// Key is the API's key.
	Key string `json:"key,omitempty"`
	// Upstream is the URL of the API.
	Upstream string `json:"upstream,omitempty"`

	// Target is what the load is for.
	Target      load.Target   `json:"target"`
	Connections int           `json:"connections,omitempty"`
	Warmup      time.Duration `json:"warmup,omitempty"`
	Duration    time.Duration `json:"duration,omitempty"`

	// Inspected is whether a role that serves also shows its process from inside.
	Inspected bool `json:"inspected,omitempty"`
	// Args are the arguments of the suite.
	Args []string `json:"args,omitempty"`
	// Upload is how many bytes are sent.
	Upload int64 `json:"upload,omitempty"`

	// Notify is where notifications go, Sync how the bare handler's stream is synced.
	Notify notices.Registration `json:"notify"`
	Sync   string               `json:"sync,omitempty"`
	// NATS is the URL of the message bus, Sizes numbers of subscriptions.
	NATS  string `json:"nats,omitempty"`
	Sizes []int  `json:"sizes,omitempty"`

	// Folder holds the packages to translate, or what a role writes.
	Folder string `json:"folder,omitempty"`
	// Files are the descriptions to read.
	Files []string `json:"files,omitempty"`
}

// serving is what a role that serves prints once it does.
var serving = regexp.MustCompile(`(?m)^serving at (\S+)$`)

// playRole plays a role until it is done, or its standard input ends: then
// whoever gave it the task is gone.
func playRole(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("a role is needed")
	}
	decoder := json.NewDecoder(in)
	var t task
	if err := decoder.Decode(&t); err != nil {
		return fmt.Errorf("read the task of role %s: %w", args[0], err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	if t.Inspected {
		if err := inspect(ctx, out); err != nil {
			return err
		}
	}
	if played, err := t.playTrigger(ctx, args[0], out); played {
		return err
	}
	switch args[0] {
	case roleLoad:
		return t.makeLoad(ctx, out)
	case roleSuite:
		return t.runSuite(ctx, out)
	case roleHaul:
		hauled, err := load.Haul(ctx, clock.System(), t.Target, t.Upload)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(hauled)
	case roleTranslate:
		return t.translate(ctx, out)
	case roleRead:
		outcome, err := reading.Ferrule(ctx, clock.System(), t.Files)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(outcome)
	}
	return t.serve(ctx, args[0], out)
}

// serve plays the roles that serve.
func (t task) serve(ctx context.Context, role string, out io.Writer) error {
	upstream, err := url.Parse(t.Upstream)
	if err != nil {
		return fmt.Errorf("read the url of the api: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintf(out, "serving at %s\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if served, err := t.serveTrigger(ctx, role, l); served {
		return err
	}
	var handler http.Handler
	switch role {
	case roleAPI:
		handler = baseline.Upstream(t.Key)
	case roleFastAPI:
		handler = baseline.FastAPI(t.Key)
	case roleProxy:
		handler = baseline.ReverseProxy(upstream, t.Key)
	case roleHandler:
		client, err := apiClient()
		if err != nil {
			return errors.Join(err, l.Close())
		}
		return baseline.ServeGRPC(ctx, l, baseline.NewHandler(upstream, t.Key, client))
	case roleStandard:
		return baseline.ServeGRPC(ctx, l, baseline.NewHandler(upstream, t.Key, nil))
	default:
		return errors.Join(fmt.Errorf("there is no role %q", role), l.Close())
	}
	return baseline.ServeHTTP(ctx, l, handler)
}

// apiClient is the runtime's own client of APIs: what a bare handler is to be
// compared with the suite by is what both do around the same call.
func apiClient() (http.RoundTripper, error) {
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		return nil, fmt.Errorf("make the guard of the client: %w", err)
	}
	return runtimeproxy.PlainTransport(guard), nil
}

// makeLoad measures a target and prints the result as JSON.
func (t task) makeLoad(ctx context.Context, out io.Writer) error {
	calls, done, err := load.Open(ctx, t.Target, t.Connections)
	if err != nil {
		return err
	}
	defer done()
	result, err := measure.Run(ctx, measure.Config{Clock: clock.System(), Warmup: t.Warmup, Duration: t.Duration}, calls)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// translate validates all packages with the registry's own code, the rules of
// certification included, and prints the outcome as JSON. It is a process of its
// own, so that the memory is that of this work alone.
func (t task) translate(ctx context.Context, out io.Writer) error {
	packages, err := corpus.Packages(t.Folder)
	if err != nil {
		return err
	}
	outcome, err := corpus.Import(ctx, clock.System(), t.Folder, packages,
		func(ctx context.Context, _ string, files *registryv1.SourceFiles) error {
			var all []registry.File
			for _, f := range files.GetFiles() {
				all = append(all, registry.File{Path: f.GetPath(), Content: f.GetContent()})
			}
			_, err := registry.Validate(ctx, all, registry.WithRules(registry.CertificationRules))
			return err
		})
	if err != nil {
		return err
	}
	outcome.PeakMemory = corpus.PeakMemory(os.Getpid())
	return json.NewEncoder(out).Encode(outcome)
}
