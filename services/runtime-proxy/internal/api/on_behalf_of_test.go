package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/api"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// neverRejects is a vault that renews no tokens.
type neverRejects struct{}

func (neverRejects) Reject(context.Context, binding.Ask, binding.Refusal) (*binding.Lease, error) {
	return nil, fault.Precondition(fault.ReasonConnectionNotReady, "there is no token")
}

// vault lends one connection, whose owner can change. Services that name nobody
// may use it too.
type vault struct {
	neverRejects

	api   string
	owner string
	asked []authn.Principal
}

func (v *vault) Lease(_ context.Context, ask binding.Ask) (*binding.Lease, error) {
	name, p := ask.Connection, ask.Principal
	v.asked = append(v.asked, p)
	if p.Name != v.owner && p.Name != "trigger" {
		return nil, fault.NotFound(fault.ReasonConnectionNotFound, "connection %q does not exist", name)
	}
	return &binding.Lease{Connector: resource.Connector{Environment: "default", ID: "crm"}, ServerURL: v.api}, nil
}

func (*vault) RevisionID(context.Context, resource.Connector) (string, error) { return "a1", nil }

func (*vault) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "List", Method: "GET", Path: "/items"}}}, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve returns the service in front of an API that answers everything.
func serve(t *testing.T, v *vault) *api.Server {
	t.Helper()
	upstreamAPI := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(upstreamAPI.Close)
	v.api = upstreamAPI.URL
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	must(t, err)
	recorder, err := usage.New(noop.NewMeterProvider().Meter(""))
	must(t, err)
	client := upstream.New(guard, tracenoop.NewTracerProvider().Tracer(""), upstream.Options{})
	t.Cleanup(client.Close)
	calls, err := pipeline.New(pipeline.Deps{
		Clock: clock.System(), Source: v, Client: client, Usage: recorder,
		Cache: binding.Config{Connections: 10, RevisionBytes: 1 << 20, MaxAge: time.Minute},
	})
	must(t, err)
	return api.New(calls, api.Parts{Report: func(context.Context, resource.Connection, bool, string) error { return nil }})
}

func TestAServiceCallsOnBehalfOfItsUser(t *testing.T) {
	trigger := authn.Principal{Kind: authn.KindService, Name: "trigger"}
	bob := authn.Principal{Kind: authn.KindUser, Name: "bob"}
	tests := []struct {
		name       string
		caller     authn.Principal
		onBehalfOf string
		asks       string
		want       fault.Reason
	}{
		{"for the owner", trigger, "bob", "service:bob", ""},
		{"for somebody whose connection was replaced by bob's", trigger, "alice", "service:alice", fault.ReasonConnectionNotFound},
		{"for nobody in particular", trigger, "", "service:trigger", ""},
		{"a user calls for themselves, whatever they say", bob, "alice", "user:bob", ""},
		{"a user does not become the owner by saying so", authn.Principal{Kind: authn.KindUser, Name: "eve"}, "bob", "user:eve", fault.ReasonConnectionNotFound},
	}
	v := &vault{owner: "bob"} // one for all: what one caller is lent must not serve the next
	server := serve(t, v)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v.asked = nil
			_, err := server.Invoke(authn.NewContext(t.Context(), tt.caller), &runtimev1.InvokeRequest{
				Connection: "environments/default/connections/crm", OperationId: "List", OnBehalfOf: tt.onBehalfOf,
			})
			var asks []string
			for _, p := range v.asked {
				asks = append(asks, p.String())
			}
			if got := strings.Join(asks, " "); got != tt.asks {
				t.Errorf("the vault was asked for %q, want %q", got, tt.asks)
			}
			if got := reason(err); got != tt.want {
				t.Errorf("reason = %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

func reason(err error) fault.Reason {
	if err == nil {
		return ""
	}
	return fault.ReasonOf(err)
}
