// Package policycheck says whether the policies of a definition can be applied.
//
// They are tried where calls will apply them. One that cannot be is a finding of the
// severity error with the code [format.PolicyInvalid]: calls of its operations would be
// refused.
//
//	findings, err := policycheck.Check(ctx, compiler, def)
package policycheck

import (
	"cmp"
	"context"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// MaxPolicies is how many policies of one definition are tried, the first ones.
const MaxPolicies = 10_000

// Fault is why a policy cannot be applied.
type Fault struct {
	// Index is that of the policy.
	Index int
	// Message says what is wrong.
	Message string
}

// Compiler is where policies are tried. The runtime is one.
type Compiler interface {
	// CheckPolicies returns what is wrong with policies. It fails when it cannot try
	// them.
	CheckPolicies(ctx context.Context, list []*connectorv1.Policy) ([]Fault, error)
}

// Check returns the findings about the policies of a definition, in their order. A
// compiler that does not answer is nobody's fault: that they were not tried is a
// finding too. It fails only when ctx ends.
func Check(ctx context.Context, compiler Compiler, def *connectorv1.Definition) ([]format.Finding, error) {
	list := def.GetPolicies()
	list = list[:min(len(list), MaxPolicies)]
	if len(list) == 0 {
		return nil, nil
	}
	faults, err := compiler.CheckPolicies(ctx, list)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("check policies: %w", ctx.Err())
	case err != nil:
		return []format.Finding{{
			Severity: format.Warning, Code: format.PolicyUnchecked, Pointer: "/policies", Remedy: "import it again",
			Message: "the policies could not be tried: " + fault.From(err).Message(),
		}}, nil
	}
	var found []format.Finding
	for _, f := range faults {
		if f.Index < 0 || f.Index >= len(list) {
			continue
		}
		p := list[f.Index]
		found = append(found, format.Finding{
			Severity: format.Error, Code: format.PolicyInvalid, Pointer: fmt.Sprintf("/policies/%d", f.Index), Remedy: "correct the policy or remove it",
			Message: fmt.Sprintf("the policy %q (%s) cannot be applied, and calls of its operations fail: %s",
				cmp.Or(p.GetTitle(), fmt.Sprintf("number %d", f.Index+1)), p.GetTemplateId(), f.Message),
		})
	}
	return found, nil
}
