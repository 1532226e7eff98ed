// Package policycheck says whether the policies of a definition can be applied,
// whatever format they come from.
//
// They are compared with their templates (catalogue.go) and with what else
// the definition says: its operations and what their calls and connections have
// (references.go). Then they are tried where calls will apply them. One that cannot be
// applied is a finding of the severity error with the code [format.PolicyInvalid], and
// [format.CallsRefused] sums up what that means for callers:
//
//	findings, err := policycheck.Check(ctx, compiler, trial)
package policycheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// MaxPolicies is how many policies of one definition are tried, the first ones.
	MaxPolicies = 10_000
	// maxFaults is how many warnings about policies are reported: who has more has the
	// same one everywhere.
	maxFaults = 200
	// maxSuggestions is how often it is looked for what was meant: among many names it
	// takes a while.
	maxSuggestions = 20
	// maxParts is how many calls of one value are looked at.
	maxParts = 1000
)

// Fault is why a policy cannot be applied.
type Fault struct {
	// Index is that of the policy.
	Index int
	// Message says what is wrong, a sentence without a subject or about a parameter,
	// whose name is its first word then.
	Message string
}

// Compiler is where policies are tried. The runtime is one.
type Compiler interface {
	// CheckPolicies returns what is wrong with policies. It fails when it cannot try
	// them.
	CheckPolicies(ctx context.Context, list []*connectorv1.Policy) ([]Fault, error)
}

// Check returns the findings about the policies of a definition, in their order, what
// they mean for callers first. A nil compiler tries nothing. One that does not answer is
// nobody's fault: that they were not tried is a finding too. It fails only when ctx ends.
func Check(ctx context.Context, compiler Compiler, trial format.Trial) ([]format.Finding, error) {
	c := newCheck(trial)
	if len(c.list) == 0 {
		return nil, nil
	}
	for i, p := range c.list {
		if c.counts(p.GetOperationIds()) {
			c.compare(i, p)
			c.refer(i, p)
		}
	}
	if compiler != nil {
		faults, err := compiler.CheckPolicies(ctx, c.list)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("check policies: %w", ctx.Err())
		case err != nil:
			c.add(format.Warning, "/policies", format.PolicyUnchecked, "import it again",
				"the policies could not be tried: %s", fault.From(err).Message())
		}
		for _, f := range faults {
			c.invalid(f)
		}
	}
	slices.SortStableFunc(c.found, func(a, b found) int { return cmp.Compare(a.policy, b.policy) })
	return c.findings(), nil
}

// found is a finding about a policy, at a pointer into the definition.
type found struct {
	format.Finding

	policy  int
	pointer string
	// about is the parameter whose value is missing or wrong; "" for anything else.
	about string
}

// check is the work on the policies of one definition.
type check struct {
	trial  format.Trial
	list   []*connectorv1.Policy
	counts func(operationIDs []string) bool
	known
	found    []found
	warnings int
	// suggestions is how often it was looked for what was meant.
	suggestions int
	// refused are the policies that keep calls from being made, refusedIDs the
	// operations that they name; refusesAll is whether one is for all operations.
	refused    map[int]bool
	refusedIDs map[string]bool
	refusesAll bool
}

// taken is what was selected.
func (c *check) taken() *connectorv1.Definition {
	if c.trial.Taken != nil {
		return c.trial.Taken
	}
	return c.trial.Definition
}

func newCheck(trial format.Trial) *check {
	list := trial.Definition.GetPolicies()
	return &check{
		trial: trial, list: list[:min(len(list), MaxPolicies)], counts: trial.Counts(),
		known: knownOf(trial.Definition), refused: map[int]bool{}, refusedIDs: map[string]bool{},
	}
}

// at is the pointer to a part of a policy.
func at(policy int, parts ...any) string {
	pointer := fmt.Appendf(nil, "/policies/%d", policy)
	for _, part := range parts {
		pointer = fmt.Appendf(pointer, "/%v", part)
	}
	return string(pointer)
}

// policyOf is the policy that a pointer leads to; all of them come first.
func policyOf(pointer string) int {
	i := -1
	_, _ = fmt.Sscanf(pointer, "/policies/%d", &i)
	return i
}

func (c *check) add(s format.Severity, pointer, code, remedy, message string, args ...any) {
	f := c.trial.Places.Locate(pointer)
	f.Severity, f.Code, f.Remedy, f.Message = s, code, remedy, fmt.Sprintf(message, args...)
	c.found = append(c.found, found{Finding: f, policy: policyOf(pointer), pointer: pointer})
}

func (c *check) warn(pointer, code, remedy, message string, args ...any) {
	if c.warnings++; c.warnings <= maxFaults {
		c.add(format.Warning, pointer, code, remedy, message, args...)
	}
}

func (c *check) fails(pointer, code, remedy, message string, args ...any) {
	c.add(format.Error, pointer, code, remedy, message, args...)
}

// invalid reports a policy that cannot be applied, in place of what the catalogue has
// against the same part of it: that knows the place and the remedy.
func (c *check) invalid(f Fault) {
	if f.Index < 0 || f.Index >= len(c.list) || !c.counts(c.list[f.Index].GetOperationIds()) {
		return
	}
	c.fail(f.Index)
	p := c.list[f.Index]
	name, _, _ := strings.Cut(f.Message, " ")
	pointer, remedy := at(f.Index), "correct the policy or remove it"
	if k := slices.IndexFunc(p.GetParameters(), func(p *connectorv1.PolicyParameter) bool { return strings.EqualFold(p.GetName(), name) }); k >= 0 {
		pointer = at(f.Index, "parameters", k, "json")
	}
	for i, have := range c.found {
		if have.policy != f.Index {
			continue
		}
		if have.Code == format.PolicyTemplateUnknown {
			return // that nobody can apply it has been said
		}
		if have.about != "" && strings.EqualFold(have.about, name) || have.Code == "PolicySectionInvalid" {
			pointer, remedy = have.pointer, have.Remedy
			c.found = slices.Delete(c.found, i, i+1)
			break
		}
	}
	c.fails(pointer, format.PolicyInvalid, remedy, "the policy %q (%s) cannot be applied, and calls of its operations are refused: %s",
		cmp.Or(p.GetTitle(), fmt.Sprintf("number %d", f.Index+1)), p.GetTemplateId(), f.Message)
}
