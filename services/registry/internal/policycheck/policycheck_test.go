package policycheck_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
)

// compiler finds what it is told, or fails.
type compiler struct {
	faults []policycheck.Fault
	err    error
	asked  int
}

func (c *compiler) CheckPolicies(_ context.Context, list []*connectorv1.Policy) ([]policycheck.Fault, error) {
	c.asked = len(list)
	return c.faults, c.err
}

func TestPoliciesThatCannotBeAppliedAreFound(t *testing.T) {
	def := &connectorv1.Definition{Policies: []*connectorv1.Policy{
		{TemplateId: "setheader", Title: "Say who calls"}, {TemplateId: "routerequesttocode"},
	}}
	for _, row := range []struct {
		name     string
		compiler compiler
		want     []string // code, pointer and message
	}{
		{"nothing is wrong", compiler{}, nil},
		{
			"by their titles, or by their numbers",
			compiler{faults: []policycheck.Fault{{0, "name must be the name of a header"}, {1, "the template is not supported"}, {2, "never"}, {-1, "never"}}},
			[]string{
				`PolicyInvalid /policies/0 the policy "Say who calls" (setheader) cannot be applied, and calls of its operations fail: name must be the name of a header`,
				`PolicyInvalid /policies/1 the policy "number 2" (routerequesttocode) cannot be applied, and calls of its operations fail: the template is not supported`,
			},
		},
		{
			"nobody could try them",
			compiler{err: fault.Unavailable(fault.ReasonServiceUnavailable, "not there; try again")},
			[]string{"PolicyUnchecked /policies the policies could not be tried: not there; try again"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, err := policycheck.Check(t.Context(), &row.compiler, def)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Code+" "+f.Pointer+" "+f.Message)
				if f.Remedy == "" || (f.Code == format.PolicyInvalid) != (f.Severity == format.Error) {
					t.Errorf("finding %+v", f)
				}
			}
			if strings.Join(got, "\n") != strings.Join(row.want, "\n") {
				t.Errorf("found %q, want %q", got, row.want)
			}
		})
	}
	t.Run("a definition without policies asks nobody", func(t *testing.T) {
		c := &compiler{err: errors.New("never")}
		if found, err := policycheck.Check(t.Context(), c, &connectorv1.Definition{}); len(found) > 0 || err != nil || c.asked > 0 {
			t.Errorf("%v, %v", found, err)
		}
	})
	t.Run("an import that ends is no finding", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := policycheck.Check(ctx, &compiler{}, def); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
