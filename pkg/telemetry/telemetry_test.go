package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// build returns telemetry that is shut down with the test.
func build(t *testing.T, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	cfg.Service = "trigger"
	tel, err := telemetry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown() = %v", err)
		}
	})
	return tel
}

// scrape returns what a Prometheus server would see.
func scrape(t *testing.T, tel *telemetry.Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET /metrics = %d", w.Code)
	}
	return w.Body.String()
}

func TestLogRecords(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x0a, 0xf7}, SpanID: trace.SpanID{0xb7},
	})
	traced := trace.ContextWithSpanContext(context.Background(), sc)
	for _, row := range []struct {
		name  string
		ctx   context.Context
		write func(ctx context.Context, log *slog.Logger)
		want  map[string]any // nil for no record
	}{
		{
			"every record names its service",
			context.Background(),
			func(ctx context.Context, log *slog.Logger) { log.InfoContext(ctx, "started") },
			map[string]any{"level": "INFO", "msg": "started", "service": "trigger"},
		},
		{
			"a record inside a trace carries its ids",
			traced,
			func(ctx context.Context, log *slog.Logger) { log.WarnContext(ctx, "slow", "ms", 7) },
			map[string]any{
				"level": "WARN", "msg": "slow", "service": "trigger", "ms": 7.0,
				"trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String(),
			},
		},
		{
			"derived loggers keep adding the ids",
			traced,
			func(ctx context.Context, log *slog.Logger) {
				log.With("env", "prod").WithGroup("poll").InfoContext(ctx, "done", "items", 3)
			},
			map[string]any{
				"level": "INFO", "msg": "done", "service": "trigger", "env": "prod",
				"poll": map[string]any{"items": 3.0, "trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()},
			},
		},
		{
			"what is below the level is not written",
			context.Background(),
			func(ctx context.Context, log *slog.Logger) { log.DebugContext(ctx, "noise") },
			nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := telemetry.NewLogger("trigger", telemetry.LogConfig{Output: &out})
			if err != nil {
				t.Fatal(err)
			}
			row.write(row.ctx, log)
			var got map[string]any
			if out.Len() > 0 {
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatalf("%s: %v", out.String(), err)
				}
				delete(got, "time")
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextFormatIsForPeople(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger("gateway", telemetry.LogConfig{Format: telemetry.FormatText, Output: &out, Level: slog.LevelDebug})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("listening", "addr", "127.0.0.1:80")
	if want := `level=DEBUG msg=listening service=gateway addr=127.0.0.1:80`; !strings.Contains(out.String(), want) {
		t.Errorf("log = %q, want it to contain %q", out.String(), want)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  telemetry.Config
		want string
	}{
		{"a service without a name", telemetry.Config{}, "has no name"},
		{"an unknown log format", telemetry.Config{Service: "x", Log: telemetry.LogConfig{Format: "xml"}}, `"xml" is unknown`},
		{"an endpoint that is no URL", telemetry.Config{Service: "x", TracesEndpoint: "://user:hunter2@collector"}, "not an http or https URL"},
		{"an endpoint without a host", telemetry.Config{Service: "x", TracesEndpoint: "collector:4318"}, "not an http or https URL"},
		{"an endpoint of another protocol", telemetry.Config{Service: "x", TracesEndpoint: "grpc://collector:4317"}, "not an http or https URL"},
		{"a sample ratio above one", telemetry.Config{Service: "x", TracesEndpoint: "http://c:4318", SampleRatio: 1.5}, "ratio"},
		{"a negative sample ratio", telemetry.Config{Service: "x", TracesEndpoint: "http://c:4318", SampleRatio: -0.1}, "ratio"},
		{"a sample ratio that is no number", telemetry.Config{Service: "x", TracesEndpoint: "http://c:4318", SampleRatio: math.NaN()}, "ratio"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := telemetry.New(t.Context(), row.cfg)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("New() = %v, want an error about %q", err, row.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a password: %v", err)
			}
		})
	}
}

func TestSpansHaveIDsWithoutACollector(t *testing.T) {
	tel := build(t, telemetry.Config{})
	ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "poll")
	defer span.End()
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() || sc.IsSampled() || span.IsRecording() {
		t.Errorf("span context %+v, recording %v: want valid ids that cost nothing", sc, span.IsRecording())
	}
}

func TestCallersDecisionToSampleTravelsOn(t *testing.T) {
	tel := build(t, telemetry.Config{})
	in := map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx := tel.Propagator().Extract(t.Context(), carrier(in))
	ctx, span := tel.TracerProvider().Tracer("test").Start(ctx, "call")
	defer span.End()
	out := map[string]string{}
	tel.Propagator().Inject(ctx, carrier(out))
	if got := out["traceparent"]; !strings.HasPrefix(got, "00-0af7651916cd43dd8448eb211c80319c-") || !strings.HasSuffix(got, "-01") {
		t.Errorf("traceparent = %q, want the caller's trace, still sampled", got)
	}
}

// carrier is the plainest header there is.
type carrier map[string]string

func (c carrier) Get(key string) string { return c[key] }
func (c carrier) Set(key, value string) { c[key] = value }
func (c carrier) Keys() []string        { return nil }

func TestSpansReachTheCollector(t *testing.T) {
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	tel, err := telemetry.New(t.Context(), telemetry.Config{Service: "trigger", TracesEndpoint: collector.URL + "/v1/traces"})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "consume poll")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil { // sends what is waiting
		t.Fatal(err)
	}
	request := <-got
	for _, want := range []string{"/v1/traces ", "consume poll", "service.name", "trigger"} {
		if !strings.Contains(request, want) {
			t.Errorf("the collector got %q, want it to contain %q", request, want)
		}
	}
}

func TestRefusedSpansAreLoggedHereAndNowhereElse(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer collector.Close()
	var out bytes.Buffer
	tel, err := telemetry.New(t.Context(), telemetry.Config{
		Service: "trigger", TracesEndpoint: collector.URL, Log: telemetry.LogConfig{Output: &out},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "poll")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown() = %v, want nil: the loss is in the log already", err)
	}
	if !strings.Contains(out.String(), "spans were not exported") {
		t.Errorf("log = %q, want the failed export", out.String())
	}
}

func TestMetricsOfTwoServicesInOneProcessStayApart(t *testing.T) {
	one, two := build(t, telemetry.Config{}), build(t, telemetry.Config{})
	counter, err := one.MeterProvider().Meter("test").Int64Counter("ferrule.calls")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	if got := scrape(t, one); !strings.Contains(got, "ferrule_calls_total") || !strings.Contains(got, "go_goroutines") {
		t.Errorf("metrics lack the counter or the runtime's own:\n%s", got)
	}
	if got := scrape(t, two); strings.Contains(got, "ferrule_calls") {
		t.Error("the other service's metrics show our counter")
	}
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.GetName(), "ferrule") {
			t.Errorf("the global registry holds %s", f.GetName())
		}
	}
}

// brokenCollector always fails to collect.
type brokenCollector struct{}

func (brokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("broken", "Broken.", nil, nil)
}

func (brokenCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "Broken.", nil, nil), errors.New("out of order"))
}

func TestABrokenCollectorIsLoggedAndTheRestIsServed(t *testing.T) {
	var out bytes.Buffer
	tel := build(t, telemetry.Config{Log: telemetry.LogConfig{Output: &out}})
	if err := tel.Registry().Register(brokenCollector{}); err != nil {
		t.Fatal(err)
	}
	if got := scrape(t, tel); !strings.Contains(got, "go_goroutines") {
		t.Errorf("metrics = %q, want the healthy collectors", got)
	}
	if !strings.Contains(out.String(), "out of order") {
		t.Errorf("log = %q, want the broken collector", out.String())
	}
}
