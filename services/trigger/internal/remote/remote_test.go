package remote_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/remote"
)

var shop = resource.Connection{Environment: "default", ID: "shop"}

// Each fake answers what the test says and keeps the request.
type runtimeFake struct {
	runtimev1.RuntimeServiceClient

	res *runtimev1.InvokeResponse
	err error
	got *runtimev1.InvokeRequest
}

func (f *runtimeFake) Invoke(_ context.Context, req *runtimev1.InvokeRequest, _ ...grpc.CallOption) (*runtimev1.InvokeResponse, error) {
	f.got = req
	return f.res, f.err
}

type vaultFake struct {
	vaultv1.VaultServiceClient

	res *vaultv1.Connection
	err error
	got *vaultv1.GetConnectionRequest
}

func (f *vaultFake) GetConnection(_ context.Context, req *vaultv1.GetConnectionRequest, _ ...grpc.CallOption) (*vaultv1.Connection, error) {
	f.got = req
	return f.res, f.err
}

type registryFake struct {
	registryv1.RegistryServiceClient

	res *registryv1.Revision
	err error
	got *registryv1.GetRevisionRequest
}

func (f *registryFake) GetRevision(_ context.Context, req *registryv1.GetRevisionRequest, _ ...grpc.CallOption) (*registryv1.Revision, error) {
	f.got = req
	return f.res, f.err
}

func TestAnAnswerIsTranslatedWhole(t *testing.T) {
	f := &runtimeFake{res: &runtimev1.InvokeResponse{
		StatusCode: 429, Revision: "r1", Body: &httpbody.HttpBody{Data: []byte("{}")},
		Headers: []*runtimev1.Header{{Name: "location", Value: "/a"}, {Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}},
		Error:   &runtimev1.UpstreamError{Reason: "UPSTREAM_RATE_LIMITED", Message: "slower", Retryable: true, RetryAfter: durationpb.New(time.Minute)},
	}}
	got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Connection: shop, Operation: "Op", Input: `{"a":1}`, Revision: "r0"})
	if err != nil {
		t.Fatal(err)
	}
	want := core.Answer{
		Status: 429, Header: map[string][]string{"Location": {"/a"}, "X-A": {"1", "2"}}, Body: []byte("{}"), Revision: "r1",
		Refusal: &core.Refusal{Reason: "UPSTREAM_RATE_LIMITED", Message: "slower", Retryable: true, RetryAfter: time.Minute},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	req := f.got
	if req.GetConnection() != shop.String() || req.GetOperationId() != "Op" || req.GetRevision() != "r0" || req.GetTimeout().AsDuration() <= 0 ||
		string(req.GetInput().GetData()) != `{"a":1}` || req.GetInput().GetContentType() != "application/json" {
		t.Errorf("asked for %v", req)
	}
}

func TestOnlyCallsOfOurOwnSayWhoseTheConnectionMustBe(t *testing.T) {
	for behalf, want := range map[core.Behalf]string{core.BehalfOfService: "ann", core.BehalfOfCaller: ""} {
		f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: 200}}
		_, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Behalf: behalf, Connection: shop, Owner: "ann"})
		if err != nil || f.got.GetOnBehalfOf() != want {
			t.Errorf("behalf %d: asked for %v, %v", behalf, f.got, err)
		}
	}
}

func TestAFailureThatNobodyExplainedIsAFailure(t *testing.T) {
	for status, retryable := range map[int32]bool{400: false, 404: false, 500: true, 503: true} {
		f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: status}}
		got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{})
		if err != nil || got.Refusal == nil || got.Refusal.Retryable != retryable {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
		if f.got.GetInput() != nil {
			t.Errorf("no input became %v", f.got.GetInput())
		}
	}
	f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: 204}}
	if got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{}); err != nil || got.Refusal != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFaultsOfOtherServicesComeThrough(t *testing.T) {
	away := fault.Unavailable(fault.ReasonServiceUnavailable, "away")
	_, err := remote.NewRuntime(&runtimeFake{err: away}).Invoke(t.Context(), core.Call{})
	_, err2 := remote.NewConnections(&vaultFake{err: away}).Connection(t.Context(), shop, core.BehalfOfCaller)
	_, _, err3 := remote.NewDefinitions(&registryFake{err: away}).Definition(t.Context(), resource.Connector{}, "published", core.BehalfOfService)
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, away) {
			t.Errorf("err = %v", err)
		}
	}
}

func TestAConnectionIsTranslated(t *testing.T) {
	f := &vaultFake{res: &vaultv1.Connection{
		Connector: "environments/default/connectors/inventory", Owner: "ann", PinnedRevision: "p", ServerUrl: "https://x", Parameters: map[string]string{"a": "b"},
	}}
	got, err := remote.NewConnections(f).Connection(t.Context(), shop, core.BehalfOfCaller)
	want := core.Connection{
		Owner: "ann", Connector: resource.Connector{Environment: "default", ID: "inventory"}, PinnedRevision: "p", ServerURL: "https://x",
		Parameters: map[string]string{"a": "b"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || f.got.GetName() != shop.String() {
		t.Errorf("%v\n%s", err, diff)
	}
	f.res.Connector = "nowhere"
	if _, err := remote.NewConnections(f).Connection(t.Context(), shop, core.BehalfOfCaller); err == nil {
		t.Error("a connection without a connector was taken")
	}
}

func TestADefinitionComesWithItsRevision(t *testing.T) {
	def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "x"}}
	f := &registryFake{res: &registryv1.Revision{Name: "environments/default/connectors/inventory/revisions/abc", Definition: def}}
	connector := resource.Connector{Environment: "default", ID: "inventory"}
	got, revision, err := remote.NewDefinitions(f).Definition(t.Context(), connector, "published", core.BehalfOfCaller)
	if err != nil || got != def || revision != "abc" {
		t.Errorf("%v %q %v", got, revision, err)
	}
	if f.got.GetName() != "environments/default/connectors/inventory/revisions/published" || f.got.GetView() != registryv1.RevisionView_REVISION_VIEW_FULL {
		t.Errorf("asked for %v", f.got)
	}
	for name, res := range map[string]*registryv1.Revision{
		"without a definition": {Name: f.res.GetName()}, "with a name that is none": {Name: "x", Definition: def},
	} {
		f.res = res
		if _, _, err := remote.NewDefinitions(f).Definition(t.Context(), connector, "published", core.BehalfOfCaller); err == nil {
			t.Errorf("a revision %s was taken", name)
		}
	}
}
