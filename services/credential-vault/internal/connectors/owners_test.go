package connectors_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// people is a registry whose connector has an owner and editors.
type people struct {
	owner   string
	editors []string
	fail    error
	asked   []string
	ctx     context.Context
}

func (p *people) GetConnector(ctx context.Context, req *registryv1.GetConnectorRequest, _ ...grpc.CallOption) (*registryv1.Connector, error) {
	p.ctx, p.asked = ctx, append(p.asked, req.GetName())
	if p.fail != nil {
		return nil, p.fail
	}
	return &registryv1.Connector{Name: req.GetName(), Owner: p.owner, Editors: p.editors}, nil
}

func TestWhoMayChangeAConnectorIsAskedEachTime(t *testing.T) {
	p := &people{owner: "ann", editors: []string{"eva"}}
	o := connectors.NewOwners(p)
	for _, want := range []core.Ownership{{Owner: "ann", Editors: []string{"eva"}}, {Owner: "bob"}, {}} {
		p.owner, p.editors = want.Owner, want.Editors
		got, err := o.Ownership(t.Context(), crm)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if len(p.asked) != 3 || p.asked[0] != "environments/default/connectors/crm" {
		t.Errorf("asked %q", p.asked)
	}
}

func TestTheQuestionWhoseAConnectorIsIsTheVaultsOwnAndBounded(t *testing.T) {
	p := &people{}
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("authorization", "Bearer of-the-caller"))
	if _, err := connectors.NewOwners(p).Ownership(ctx, crm); err != nil {
		t.Fatal(err)
	}
	if md, _ := metadata.FromOutgoingContext(p.ctx); len(md.Get("authorization")) != 0 {
		t.Error("the question was asked with the caller's token")
	}
	if _, ok := p.ctx.Deadline(); !ok {
		t.Error("the question has no deadline")
	}
}

func TestNoAnswerIsNoOwner(t *testing.T) {
	for _, fail := range []error{
		fault.NotFound(fault.ReasonConnectorNotFound, "there is none"),
		fault.Unavailable(fault.ReasonServiceUnavailable, "it cannot be reached"),
		errors.New("broken"),
	} {
		got, err := connectors.NewOwners(&people{owner: "ann", fail: fail}).Ownership(t.Context(), crm)
		if !errors.Is(err, fail) || got.Owner != "" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}
