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
// could be called.

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

// written tries the custom code that somebody has just written: SCRIPT_INVALID,
// with its place in the definition, for code that cannot run.
func (g *Registry) written(ctx context.Context, def *connectorv1.Definition) ([]format.Finding, error) {
	findings, err := g.deps.Tools.Scripts(ctx, def, nil)
	if err != nil {
		return nil, fmt.Errorf("check custom code: %w", err)
	}
	if i := slices.IndexFunc(findings, isBroken); i >= 0 {
		f := findings[i]
		return nil, fault.Invalid(fault.ReasonScriptInvalid, "%s; %s", f.Message, f.Remedy).
			With("pointer", f.Pointer).Field(f.Pointer, f.Message)
	}
	return findings, nil
}

// recheck returns the findings of an edited revision. What was found about code and
// policies before counts for as long as they are the same.
func (g *Registry) recheck(ctx context.Context, before *connectorv1.Definition, after Content) ([]format.Finding, error) {
	if slices.EqualFunc(before.GetScripts(), after.Definition.GetScripts(), func(a, b *connectorv1.Script) bool { return proto.Equal(a, b) }) &&
		slices.EqualFunc(before.GetPolicies(), after.Definition.GetPolicies(), func(a, b *connectorv1.Policy) bool { return proto.Equal(a, b) }) {
		return after.Findings, nil
	}
	code, err := g.written(ctx, after.Definition)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(after.Findings), func(f format.Finding) bool {
		return slices.Contains([]string{format.ScriptInvalid, format.ScriptUnchecked, format.PolicyInvalid, format.PolicyUnchecked}, f.Code)
	})
	return worstFirst(others, code), nil
}
