package script_test

import (
	"context"
	"os"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// canary is the secret of the connection, with characters that every place writes
// in its own way.
const canary = `canary-5e1f "+/&=`

// rig is a call with custom code.
type rig struct {
	t       *testing.T
	runner  *script.Runner
	run     *script.Run
	handles inject.Handles

	respond func(*request.Request) (*upstream.Response, error)
	sent    []request.Request // as they went over the wire
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newRunner returns a runner with workers of its own and a real bucket.
func newRunner(t *testing.T, limits sandbox.Limits) *script.Runner {
	t.Helper()
	pool := sandbox.New(sandbox.Options{Size: 1, Limits: limits})
	t.Cleanup(func() { must(t, pool.Close()) })
	runner, err := newRunnerOf(t, pool)
	must(t, err)
	return runner
}

func newRunnerOf(t *testing.T, pool script.Pool) (*script.Runner, error) {
	t.Helper()
	bucket, err := testkit.NewNATS(t).Bucket(t.Context(), bus.BucketScriptState)
	must(t, err)
	return script.NewRunner(pool, script.NewStates(bucket))
}

// newRig returns a call of the operation Op with a secret parameter, api_key, and
// a plain one, region.
func newRig(t *testing.T, runner *script.Runner) *rig {
	t.Helper()
	credential, err := inject.New(inject.Lent{
		Secrets:    map[string]secret.Text{"api_key": secret.FromString(canary)},
		Parameters: map[string]string{"region": "eu"},
		Set:        &connectorv1.ParameterSet{Name: "default"},
	})
	must(t, err)
	r := &rig{t: t, runner: runner, handles: credential.Handles()}
	r.run = &script.Run{
		Connection: resource.Connection{Environment: "default", ID: "crm"}, Connector: resource.Connector{Environment: "default", ID: "crm"},
		Operation: "Op", Handles: &r.handles, StateKey: []byte("the key of the connection crm"), Send: r.send,
	}
	r.respond = func(*request.Request) (*upstream.Response, error) {
		return &upstream.Response{Status: 200, Header: map[string][]string{}, Body: []byte("{}")}, nil
	}
	return r
}

// send is the pipeline, as far as handles are concerned.
func (r *rig) send(_ context.Context, req *request.Request) (*upstream.Response, error) {
	if err := r.handles.Reveal(req); err != nil {
		return nil, err
	}
	r.sent = append(r.sent, req.Clone())
	return r.respond(req)
}

// load makes a source the call's code.
func (r *rig) load(source string) {
	r.t.Helper()
	program, err := r.runner.Program(r.t.Context(), &connectorv1.Script{Path: "script.js", Source: source})
	must(r.t, err)
	r.run.Program = program
}

// item is the request of the call.
func item() request.Request {
	return request.Request{
		Method: "GET", Base: request.Base{Scheme: "https", Host: "api.example.com", Path: "/v1"}, Path: "/items", Query: "a=1",
		Header: map[string][]string{"X-A": {"1", "2"}, "User-Agent": {"Ferrule"}},
	}
}

// handle runs the body of a handle function.
func (r *rig) handle(body string) (*upstream.Response, error) {
	r.t.Helper()
	r.load("export async function handle(request, ctx) {\n" + body + "\n}")
	req := item()
	return r.runner.Handle(r.t.Context(), r.run, &req)
}

// value runs the body of a function and returns what it returns, as JSON.
func (r *rig) value(body string) (string, error) {
	r.t.Helper()
	resp, err := r.handle("return new Response({json: (await (async () => {\n" + body + "\n})()) ?? null})")
	if err != nil {
		return "", err
	}
	return string(resp.Body), nil
}

// failing checks how a call failed.
func failing(t *testing.T, err error, want fault.Reason, parts ...string) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Reason() != want {
		t.Fatalf("error = %v (%v), want %v", err, fault.ReasonOf(err), want)
	}
	for _, part := range parts {
		if !strings.Contains(f.Message(), part) {
			t.Errorf("message = %q, without %q", f.Message(), part)
		}
	}
	return f
}
