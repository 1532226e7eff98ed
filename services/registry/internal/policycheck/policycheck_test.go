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
	def := &connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "A"}}, Policies: []*connectorv1.Policy{
		policyOf("setheader", "name=n value=v"), policyOf("setqueryparameter", "name=:1 existsAction=never"),
	}}
	def.Policies[0].Title = "Say who calls"
	for _, row := range []struct {
		name     string
		compiler compiler
		want     []string // code, pointer and message
	}{
		{"nobody tries them", compiler{}, []string{
			"PolicyParameterValueInvalid /policies/1/parameters/1/json \"never\" is no value of \"existsAction\"",
			"PolicyParameterMissing /policies/1 the policy \"setqueryparameter\" has no parameter \"value\"; it cannot work",
		}},
		{
			"by their titles or numbers, at the parameter, and once",
			compiler{faults: []policycheck.Fault{
				{0, "the header Te belongs to the transport"},
				{1, "existsAction must be override, skip or append"},
				{2, "never"},
				{-1, "never"},
			}},
			[]string{
				"CallsRefused /policies 2 policies cannot be applied; calls of 1 of 1 operation will be refused: A",
				`PolicyInvalid /policies/0 the policy "Say who calls" (setheader) cannot be applied, and calls of its operations are refused: the header Te belongs to the transport`,
				"PolicyParameterMissing /policies/1 the policy \"setqueryparameter\" has no parameter \"value\"; it cannot work",
				`PolicyInvalid /policies/1/parameters/1/json the policy "number 2" (setqueryparameter) cannot be applied, and calls of its operations are refused: existsAction must be override, skip or append`,
			},
		},
		{
			"nobody could try them",
			compiler{err: fault.Unavailable(fault.ReasonServiceUnavailable, "not there; try again")},
			[]string{
				"PolicyUnchecked /policies the policies could not be tried: not there; try again",
				"PolicyParameterValueInvalid /policies/1/parameters/1/json \"never\" is no value of \"existsAction\"",
				"PolicyParameterMissing /policies/1 the policy \"setqueryparameter\" has no parameter \"value\"; it cannot work",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, err := policycheck.Check(t.Context(), &row.compiler, format.Trial{Definition: def})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Code+" "+f.Pointer+" "+f.Message)
				if f.Remedy == "" || (f.Code == format.PolicyInvalid || f.Code == format.CallsRefused) != (f.Severity == format.Error) {
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
		if found, err := policycheck.Check(t.Context(), c, format.Trial{Definition: &connectorv1.Definition{}}); len(found) > 0 || err != nil || c.asked > 0 {
			t.Errorf("%v, %v", found, err)
		}
	})
	t.Run("an import that ends is no finding", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := policycheck.Check(ctx, &compiler{}, format.Trial{Definition: def}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
