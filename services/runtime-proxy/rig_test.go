package runtimeproxy_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

// otherConnection is a second one of the same connector, see [suite.lendOther].
const otherConnection = "environments/default/connections/crm-two"

// lendOther lets the vault lend a second connection.
func (s *suite) lendOther() {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	s.vault.also = map[string]bool{otherConnection: true}
}

// recorder is an API that keeps what it gets.
type recorder struct {
	url string

	mu   sync.Mutex
	list []got
}

// record starts an API. answer gets the number of the request, the first is 1.
func record(t testing.TB, answer func(w http.ResponseWriter, r got, n int)) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.url = api(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		rec.list = append(rec.list, got{r, string(body)})
		n := len(rec.list)
		rec.mu.Unlock()
		answer(w, got{r, string(body)}, n)
	})
	return rec
}

// all returns the requests that came.
func (r *recorder) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.list...)
}

// lines returns method and URL of each request.
func (r *recorder) lines() (out []string) {
	for _, g := range r.all() {
		out = append(out, g.Method+" "+g.RequestURI)
	}
	return out
}

// say writes an answer; headers are names and values.
func say(w http.ResponseWriter, status int, body string, headers ...string) {
	w.Header().Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// always is an API that says one thing.
func always(status int, body string, headers ...string) func(http.ResponseWriter, got, int) {
	return func(w http.ResponseWriter, _ got, _ int) { say(w, status, body, headers...) }
}

// whileTimePasses runs f, and moves the clock until it has returned.
func (s *suite) whileTimePasses(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			s.clock.Advance(100 * time.Millisecond)
		}
	}
}

// ask is a call of ada's.
func ask(operation, input string, change ...func(*runtimev1.InvokeRequest)) *runtimev1.InvokeRequest {
	req := &runtimev1.InvokeRequest{
		Connection: connection, OperationId: operation,
		Input: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(input)},
	}
	for _, f := range change {
		f(req)
	}
	return req
}

// call makes a call as ada.
func (s *suite) call(operation, input string, change ...func(*runtimev1.InvokeRequest)) (*runtimev1.InvokeResponse, error) {
	return s.runtime.Invoke(s.as("ada"), ask(operation, input, change...))
}

func withKey(key string) func(*runtimev1.InvokeRequest) {
	return func(r *runtimev1.InvokeRequest) { r.IdempotencyKey = key }
}

func onOther(r *runtimev1.InvokeRequest) { r.Connection = otherConnection }

// another starts a second process: a runtime with the same bus, vault and registry.
func (s *suite) another() runtimev1.RuntimeServiceClient {
	s.t.Helper()
	cfg := defaults()
	if s.adjust != nil {
		s.adjust(&cfg)
	}
	other, err := runtimeproxy.New(s.env, cfg)
	must(s.t, err)
	conn := s.serve(service.Runtime, service.Gateway, slog.New(slog.DiscardHandler), s.verifier, other.Register)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	return runtimev1.NewRuntimeServiceClient(conn)
}

// reasonIs fails the test unless an error has a reason.
func reasonIs(t testing.TB, err error, want fault.Reason) *fault.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	f := fault.From(err)
	if f.Reason() != want {
		t.Errorf("error = %v (%s), want %s", err, f.Reason(), want)
	}
	return f
}

// operationOf changes one operation of a definition.
func operationOf(d *connectorv1.Definition, id string) *connectorv1.Operation {
	for _, op := range d.GetOperations() {
		if op.GetOperationId() == id {
			return op
		}
	}
	return nil
}

// threeAttempts are settings under which failures are tried again.
func threeAttempts(c *settings) { c.MaxAttempts = 3 }

const item = `{"body":{"name":"bolt"}}`

// policyOf is an instance of a template; its parameters are names and values.
func policyOf(template string, section connectorv1.PolicySection, parameters ...string) *connectorv1.Policy {
	p := &connectorv1.Policy{TemplateId: template, Section: section}
	for i := 0; i < len(parameters); i += 2 {
		value, _ := json.Marshal(parameters[i+1])
		p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: parameters[i], Json: value})
	}
	return p
}

// only limits a policy to operations.
func only(p *connectorv1.Policy, operations ...string) *connectorv1.Policy {
	p.OperationIds = operations
	return p
}
