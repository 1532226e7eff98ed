package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseNetworks(t *testing.T) {
	for _, row := range []struct {
		name string
		in   []string
		want string
		err  []string
	}{
		{name: "none", want: ""},
		{name: "networks and bare addresses", in: []string{"10.20.0.0/16", "127.0.0.1", "fd00::1"}, want: "10.20.0.0/16 127.0.0.1/32 fd00::1/128"},
		{name: "all faults are named", in: []string{"10.0.0.0/33", "host.example", "10.0.0.0/8"}, err: []string{"10.0.0.0/33", "host.example"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseNetworks(row.in)
			for _, want := range row.err {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want %q in it", err, want)
				}
			}
			if len(row.err) > 0 {
				return
			}
			var texts []string
			for _, n := range got {
				texts = append(texts, n.String())
			}
			if err != nil || strings.Join(texts, " ") != row.want {
				t.Errorf("networks = %v, %v, want %s", texts, err, row.want)
			}
		})
	}
}

func TestProgramsSayWhatWasWrongAndExitAccordingly(t *testing.T) {
	spec := Spec{
		Name: Registry, Summary: "A registry.",
		Flags: func(f *pflag.FlagSet) { f.Int("size", 1, "a size") },
		New:   func(Process) (Service, error) { return nil, errors.New("not reached") },
	}
	missing := filepath.Join(t.TempDir(), "missing.pub")
	for _, row := range []struct {
		name string
		args []string
		env  map[string]string
		code int
		want string
	}{
		{name: "help teaches", args: []string{"--help"}, code: 0},
		{name: "an unknown flag", args: []string{"--colour"}, code: exitUsage, want: "unknown flag"},
		{name: "a value of the wrong type", args: []string{"--size", "big"}, code: exitUsage, want: "size"},
		{name: "a variable of the wrong type", env: map[string]string{"FERRULE_SIZE": "big"}, code: exitUsage, want: "FERRULE_SIZE"},
		{name: "an unknown log level", args: []string{"--log-level", "loud"}, code: exitUsage, want: "--log-level"},
		{
			name: "a missing token key", code: exitFailed, want: "missing.pub",
			args: []string{"--token-key", missing, "--tls-dir", t.TempDir()},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			var out, errs bytes.Buffer
			cmd := command(spec)
			cmd.SetOut(&out)
			code := execute(t.Context(), cmd, row.args, &errs)
			if code != row.code || !strings.Contains(errs.String(), row.want) {
				t.Errorf("exit %d, %q, want %d and %q", code, errs.String(), row.code, row.want)
			}
			if row.code == 0 && !strings.Contains(out.String(), "[FERRULE_NATS_URL]") {
				t.Errorf("help = %s", out.String())
			}
		})
	}
}

func TestHealthcheckAsksTheProgramItself(t *testing.T) {
	registry := health.New(slog.New(slog.DiscardHandler))
	registry.Register("store")
	server := httptest.NewServer(registry.Ready())
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	check := func() (int, string) {
		var errs bytes.Buffer
		code := execute(t.Context(), command(Spec{Name: Registry}), []string{"healthcheck", "--http-addr", ":" + port}, &errs)
		return code, errs.String()
	}
	if code, text := check(); code != exitFailed || !strings.Contains(text, "store") {
		t.Errorf("not ready: exit %d, %q", code, text)
	}
	registry.Set("store", nil)
	if code, text := check(); code != 0 {
		t.Errorf("ready: exit %d, %q", code, text)
	}
	server.Close()
	if code, _ := check(); code != exitFailed {
		t.Errorf("gone: exit %d", code)
	}
}

func TestOpenRequestsFinishWhenAServerStops(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- ServeHTTP(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-release
			_, _ = io.WriteString(w, "done")
		}), nil, slog.New(slog.DiscardHandler))
	}()
	answered := make(chan string, 1)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	go func() {
		res, err := client.Get("http://" + l.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-entered
	stop()
	close(release)
	if got := <-answered; got != "done" {
		t.Errorf("the open request got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("ServeHTTP() = %v", err)
	}
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := ServeHTTP(t.Context(), l, http.NotFoundHandler(), nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("ServeHTTP() = nil on a closed listener")
	}
}

func TestEdgeKeepsProbesApartFromEverythingElse(t *testing.T) {
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text+" "+r.URL.EscapedPath()) })
	}
	edge := Edge(say("probes"), say("next"))
	for path, want := range map[string]string{
		"/livez": "probes /livez", "/readyz": "probes /readyz", "/metrics": "probes /metrics",
		"/livez/x": "next /livez/x", "/a//b/../c%2Fd": "next /a//b/../c%2Fd",
	} {
		w := httptest.NewRecorder()
		edge.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://edge"+path, nil))
		if got := w.Body.String(); got != want {
			t.Errorf("%s reached %q, want %q", path, got, want)
		}
	}
}

func TestGRPCHealthFollowsTheRegistry(t *testing.T) {
	registry := health.New(slog.New(slog.DiscardHandler))
	server := HealthServer(registry)
	state := func() healthpb.HealthCheckResponse_ServingStatus {
		res, err := server.Check(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetStatus()
	}
	if state() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Error("serving before anything is ready")
	}
	registry.Set("store", nil)
	if state() != healthpb.HealthCheckResponse_SERVING {
		t.Error("not serving although all is well")
	}
	registry.Drain()
	if state() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Error("serving while stopping")
	}
}

func TestOnlyTheGatewayNeedsACallersToken(t *testing.T) {
	for name, want := range map[string]grpcx.Delegation{
		Gateway: grpcx.ForwardOnly, Registry: grpcx.ForwardOrSelf, Vault: grpcx.ForwardOrSelf,
		Runtime: grpcx.ForwardOrSelf, Trigger: grpcx.ForwardOrSelf,
	} {
		if got := DelegationOf(name); got != want {
			t.Errorf("DelegationOf(%s) = %v, want %v", name, got, want)
		}
	}
}
