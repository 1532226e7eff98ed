package remote_test

import (
	"context"
	"errors"
	"io"
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
		StatusCode: 429, Revision: "r1", LocationFault: "it leads elsewhere", Body: &httpbody.HttpBody{Data: []byte("{}")},
		Headers: []*runtimev1.Header{{Name: "location", Value: "/a"}, {Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}},
		Error:   &runtimev1.UpstreamError{Reason: "UPSTREAM_RATE_LIMITED", Message: "slower", Retryable: true, RetryAfter: durationpb.New(time.Minute)},
	}}
	got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Connection: shop, Operation: "Op", Input: `{"a":1}`, Revision: "r0"})
	if err != nil {
		t.Fatal(err)
	}
	want := core.Answer{
		Status: 429, Header: map[string][]string{"Location": {"/a"}, "X-A": {"1", "2"}}, Body: []byte("{}"), Revision: "r1", LocationFault: "it leads elsewhere",
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

func TestAByteOrderMarkIsNoPartOfJSON(t *testing.T) {
	for _, row := range []struct{ contentType, want string }{
		{"application/json; charset=utf-8", "[1]"},
		{"application/vnd.api+json", "[1]"},
		{"", "[1]"},
		{"text/plain", "\ufeff[1]"},
	} {
		f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: 200, Body: &httpbody.HttpBody{ContentType: row.contentType, Data: []byte("\ufeff[1]")}}}
		got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Connection: shop})
		if err != nil || string(got.Body) != row.want {
			t.Errorf("%q: body %q, %v", row.contentType, got.Body, err)
		}
	}
}

func TestWhereAListGoesOnIsAskedAndAnswered(t *testing.T) {
	f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: 200, NextLink: "page 2"}}
	got, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Connection: shop, Link: "page 1", Fresh: true})
	if err != nil || got.NextLink != "page 2" || f.got.GetLink() != "page 1" || !f.got.GetNoCache() {
		t.Errorf("%+v, %v; asked for %v", got, err, f.got)
	}
}

// pagesFake streams pages.
type pagesFake struct {
	runtimev1.RuntimeServiceClient
	grpc.ServerStreamingClient[runtimev1.InvokePagesResponse]

	pages []*runtimev1.InvokePagesResponse
	err   error // at the end
	got   *runtimev1.InvokePagesRequest
	ctx   context.Context
}

func (f *pagesFake) InvokePages(ctx context.Context, req *runtimev1.InvokePagesRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[runtimev1.InvokePagesResponse], error) {
	f.got, f.ctx = req, ctx
	return f, nil
}

func (f *pagesFake) Recv() (*runtimev1.InvokePagesResponse, error) {
	if len(f.pages) == 0 {
		return nil, f.err
	}
	page := f.pages[0]
	f.pages = f.pages[1:]
	return page, nil
}

func TestPagesAreTakenUntilTheListOrTheOneWhoTakesEnds(t *testing.T) {
	away := fault.Unavailable(fault.ReasonServiceUnavailable, "away")
	page := func(item string) *runtimev1.InvokePagesResponse {
		return &runtimev1.InvokePagesResponse{StatusCode: 200, Items: [][]byte{[]byte(item)}}
	}
	for _, tc := range []struct {
		name  string
		limit int // pages that are taken
		end   error
		want  string
		err   error
	}{
		{"to the end", 9, io.EOF, "1 2 ", nil},
		{"as far as wanted", 1, io.EOF, "1 ", nil},
		{"to a failure", 9, away, "1 2 ", away},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &pagesFake{pages: []*runtimev1.InvokePagesResponse{page("1"), page("2")}, err: tc.end}
			got := ""
			call := core.Call{Connection: shop, Owner: "ann", Operation: "Op", Input: "{}"}
			err := remote.NewRuntime(f).Pages(t.Context(), call, 7, func(p core.ListPage) bool {
				got += string(p.Items[0]) + " "
				tc.limit--
				return tc.limit > 0
			})
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("got %q, %v", got, err)
			}
			if f.got.GetLimits().GetMaxPages() != 7 || f.got.GetOnBehalfOf() != "ann" || string(f.got.GetInput()) != "{}" || f.got.GetOperationId() != "Op" {
				t.Errorf("asked for %v", f.got)
			}
			if f.ctx.Err() == nil {
				t.Error("the stream goes on although nobody takes any more")
			}
		})
	}
	refused := &pagesFake{pages: []*runtimev1.InvokePagesResponse{{StatusCode: 503}}, err: io.EOF}
	var got core.ListPage
	if err := remote.NewRuntime(refused).Pages(t.Context(), core.Call{}, 1, func(p core.ListPage) bool { got = p; return true }); err != nil || got.Refusal == nil || !got.Refusal.Retryable {
		t.Errorf("%+v, %v", got, err)
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
