package connectors_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
)

// places is a registry that answers every question alike, and counts them.
type places struct {
	asked int
	fail  error
}

func (p *places) GetEnvironment(_ context.Context, req *registryv1.GetEnvironmentRequest, _ ...grpc.CallOption) (*registryv1.Environment, error) {
	p.asked++
	return &registryv1.Environment{Name: req.GetName()}, p.fail
}

var (
	errNowhere = fault.NotFound(fault.ReasonEnvironmentNotFound, "there is none")
	errLost    = fault.Unavailable(fault.ReasonServiceUnavailable, "it cannot be reached")
)

func TestEnvironmentsAreAskedForNowAndThen(t *testing.T) {
	clk := clocktest.New(time.Unix(0, 0))
	p := &places{}
	e := connectors.NewEnvironments(p, clk)
	for _, step := range []struct {
		name        string
		environment string
		fail        error
		wait        time.Duration
		asked       int // in all
		reason      fault.Reason
	}{
		{"the default is never asked for", "default", errNowhere, 0, 0, ""},
		{"the first time", "prod", nil, 0, 1, ""},
		{"known for a while", "prod", errNowhere, connectors.MaxAge - 1, 1, ""},
		{"asked again when that is over", "prod", nil, 1, 2, ""},
		{"another one", "test", errNowhere, 0, 3, fault.ReasonEnvironmentNotFound},
		{"what does not exist is not remembered", "test", nil, 0, 4, ""},
		{"old, and nobody to ask", "prod", errLost, connectors.MaxAge, 5, ""},
		{"unknown, and nobody to ask", "dev", errLost, 0, 6, fault.ReasonServiceUnavailable},
		{"deleted meanwhile", "prod", errNowhere, 0, 7, fault.ReasonEnvironmentNotFound},
		{"deleted, and nobody to ask", "prod", errLost, 0, 8, fault.ReasonServiceUnavailable},
	} {
		clk.Advance(step.wait)
		p.fail = step.fail
		err := e.Exists(t.Context(), step.environment)
		if fault.ReasonOf(err) != step.reason || p.asked != step.asked {
			t.Errorf("%s: %v after %d questions, want %q after %d", step.name, err, p.asked, step.reason, step.asked)
		}
	}
}

func TestManyEnvironmentsDoNotFillTheMemory(t *testing.T) {
	p := &places{}
	e := connectors.NewEnvironments(p, clocktest.New(time.Unix(0, 0)))
	for i := range connectors.MaxEnvironments {
		if err := e.Exists(t.Context(), fmt.Sprint("e", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Exists(t.Context(), "e0"); err != nil || p.asked != connectors.MaxEnvironments {
		t.Errorf("at the limit: %d questions, %v", p.asked, err)
	}
	_ = e.Exists(t.Context(), "one-more")
	if err := e.Exists(t.Context(), "e0"); err != nil || p.asked != connectors.MaxEnvironments+2 {
		t.Errorf("past the limit nothing was forgotten: %d questions, %v", p.asked, err)
	}
}
