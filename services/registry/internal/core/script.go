package core

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// A revision whose custom code cannot run is kept, since people work on it, and
// never becomes what callers get: none of the operations that the code handles
// could be called. One with policies that cannot be applied is kept as well; it becomes
// what callers get once somebody says that refusing some of their calls is meant.

// broken returns what is wrong with the custom code of a revision with these
// findings; "" if nothing is.
func broken(findings []format.Finding) string {
	i := slices.IndexFunc(findings, isBroken)
	if i < 0 {
		return ""
	}
	return findings[i].Message
}

func isBroken(f format.Finding) bool {
	return f.Code == format.ScriptInvalid && f.Severity == format.Error
}

// unrunnable refuses to publish code that cannot run.
func unrunnable(c Connector, why string) error {
	return fault.Precondition(fault.ReasonScriptInvalid,
		"connector %q cannot be published: %s; correct the code", c.Name.ID, why).With("connector", c.Name.String())
}

// flaws are what is wrong with a revision that is proposed.
type flaws struct {
	// broken is what is wrong with its custom code; "" if nothing is.
	broken string
	// refuses is which calls its policies refuse that somebody can correct; "" if they
	// refuse none.
	refuses string
}

// flawsOf reads the flaws of a revision from its findings. Connector packages are
// published whatever their policies: they are made elsewhere, and run as they are as far
// as they can.
func flawsOf(r Revision, findings []format.Finding) flaws {
	f := flaws{broken: broken(findings)}
	if r.Format == format.ConnectorPackage && !r.Edited {
		return f
	}
	wrong := func(f format.Finding) bool {
		wrong := []string{format.PolicyInvalid, format.PolicyPlaceholderUnknown, format.PoliciesInvalid, format.ExtensionInvalid}
		return f.Severity == format.Error && slices.Contains(wrong, f.Code)
	}
	if !slices.ContainsFunc(findings, wrong) {
		return f
	}
	i := slices.IndexFunc(findings, func(f format.Finding) bool { return f.Code == format.CallsRefused })
	if i < 0 {
		i = slices.IndexFunc(findings, wrong) // of a revision that an earlier version made
	}
	f.refuses = findings[i].Message
	return f
}

// refusing refuses to publish policies that refuse calls.
func refusing(c Connector, why string) error {
	return fault.Precondition(fault.ReasonRevisionBreaking,
		"connector %q is not published: %s; correct the policies, or publish with allow_breaking", c.Name.ID, why).
		With("connector", c.Name.String())
}

// written tries the custom code that somebody has just written: SCRIPT_INVALID,
// with its place in the definition, for code that cannot run.
func (g *Registry) written(ctx context.Context, def *connectorv1.Definition) ([]format.Finding, error) {
	findings, err := g.try(ctx, def)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(findings, isBroken); i >= 0 {
		f := findings[i]
		return nil, fault.Invalid(fault.ReasonScriptInvalid, "%s; %s", f.Message, f.Remedy).
			With("pointer", f.Pointer).Field(f.Pointer, f.Message)
	}
	return findings, nil
}

// try tries the policies and the custom code of a definition that is nowhere written.
func (g *Registry) try(ctx context.Context, def *connectorv1.Definition) ([]format.Finding, error) {
	findings, err := g.deps.Tools.Try(ctx, format.Trial{Definition: def})
	if err != nil {
		return nil, fmt.Errorf("try policies and custom code: %w", err)
	}
	return findings, nil
}

// recheck returns the findings of an edited revision. What was found about code and
// policies before counts for as long as they, and what policies refer to, are the same.
func (g *Registry) recheck(ctx context.Context, before *connectorv1.Definition, after Content) ([]format.Finding, error) {
	def := after.Definition
	same := equal(before.GetPolicies(), def.GetPolicies()) &&
		(len(def.GetPolicies()) == 0 || equal(before.GetOperations(), def.GetOperations()) && equal(before.GetParameterSets(), def.GetParameterSets()))
	try := g.written
	if equal(before.GetScripts(), def.GetScripts()) {
		if same {
			return after.Findings, nil
		}
		try = g.try // who wrote the code has been told before
	}
	found, err := try(ctx, def)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(after.Findings), func(f format.Finding) bool { return format.IsTried(f.Code) })
	return worstFirst(others, found), nil
}

// equal reports whether two lists have equal messages.
func equal[T proto.Message](a, b []T) bool {
	return slices.EqualFunc(a, b, func(a, b T) bool { return proto.Equal(a, b) })
}
