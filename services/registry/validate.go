package registry

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/lint"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
	"github.com/ferrule-dev/ferrule/services/registry/internal/scriptcheck"
	"github.com/ferrule-dev/ferrule/services/registry/internal/selection"
)

// File is one file of an API description.
type File = format.File

// Finding is something that an importer noticed.
type Finding = format.Finding

// Severity says how bad a finding is.
type Severity = format.Severity

// The severities of findings.
const (
	Info    = format.Info
	Warning = format.Warning
	Error   = format.Error
)

// Report is what an import of some files would find.
type Report = core.Report

// RuleSet names a set of rules that descriptions are checked against.
type RuleSet = lint.Set

// The sets of rules.
const (
	DefaultRules       = lint.Default
	CertificationRules = lint.Certification
)

// ParseRuleSet returns the set with this name. Its error is INVALID_ARGUMENT.
func ParseRuleSet(name string) (RuleSet, error) { return lint.ParseSet(name) }

// ValidateOption says what else to look at.
type ValidateOption func(*validation)

type validation struct {
	rules        []RuleSet
	only, except []string
	compiler     ScriptCompiler
	policies     PolicyCompiler
}

// ScriptCompiler is where custom code is tried: a sandbox.Pool. Programs that make
// one call sandbox.Main before all else.
type ScriptCompiler = scriptcheck.Compiler

// WithScripts compiles custom code, as an import does. Without it, only code that
// is missing is found.
func WithScripts(compiler ScriptCompiler) ValidateOption {
	return func(v *validation) { v.compiler = compiler }
}

// PolicyCompiler is where policies are tried: the runtime, or the part of it that
// needs no server.
type PolicyCompiler = policycheck.Compiler

// PolicyFault is why a policy cannot be applied.
type PolicyFault = policycheck.Fault

// WithPolicies tries policies, as an import does. Without it, they are only compared
// with their templates and with what the description says.
func WithPolicies(compiler PolicyCompiler) ValidateOption {
	return func(v *validation) { v.policies = compiler }
}

// WithRules adds sets of rules to the default one, which always counts.
func WithRules(sets ...RuleSet) ValidateOption {
	return func(v *validation) { v.rules = append(v.rules, sets...) }
}

// WithSelection looks at some of the operations only, as an import that selects
// them does.
func WithSelection(only, except []string) ValidateOption {
	return func(v *validation) { v.only, v.except = only, except }
}

// Validate says what an import of the files would find, and what rules say about
// them. It needs no server and keeps nothing. The error, a fault with the place
// in its metadata, is the one with which an import would be refused.
func Validate(ctx context.Context, files []File, options ...ValidateOption) (Report, error) {
	var v validation
	for _, option := range options {
		option(&v)
	}
	chosen, err := selection.Parse(v.only, v.except)
	if err != nil {
		return Report{}, fmt.Errorf("read selection: %w", err)
	}
	src, err := format.NewSource(files)
	if err != nil {
		return Report{}, fmt.Errorf("read source: %w", err)
	}
	result, err := importer.All().Import(ctx, src, "")
	if err != nil {
		return Report{}, fmt.Errorf("import source: %w", err)
	}
	trial := format.Trial{Definition: result.Definition, Files: src.Files(), Places: result.Places}
	if len(v.only)+len(v.except) > 0 {
		def, findings, err := chosen.Apply(result.Definition)
		if err != nil {
			return Report{}, fmt.Errorf("select operations: %w", err)
		}
		result = &format.Result{Format: result.Format, Definition: def, Findings: append(result.Findings, findings...)}
		trial.Taken = def
	}
	tried, err := try(ctx, v.compiler, v.policies, trial)
	if err != nil {
		return Report{}, err
	}
	result.Findings = append(result.Findings, tried...)
	return report(ctx, src, result, v.rules), nil
}

// References returns the other files that a document refers to relative to its own
// path, as they are written there, without fragments, and each once. They may
// lead anywhere, and to what does not exist. A document that cannot be parsed has
// none.
func References(f File) []string {
	return slices.DeleteFunc(references(f), func(ref string) bool {
		u, err := url.Parse(ref)
		return strings.HasPrefix(ref, "/") || err == nil && (u.IsAbs() || u.Host != "")
	})
}

// report checks what was imported and sums it up.
func report(ctx context.Context, src *format.Source, result *format.Result, rules []RuleSet) Report {
	r := Report{Format: result.Format, Title: result.Definition.GetInfo().GetTitle()}
	for _, op := range result.Definition.GetOperations() {
		if op.GetKind() == connectorv1.OperationKind_OPERATION_KIND_ACTION {
			r.Actions++
		} else {
			r.Triggers++
		}
	}
	r.Findings = lint.Check(ctx, lint.Input{Source: src, Result: result, Sets: rules})
	return r
}
