package core_test

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// simple are tools that do what their names say in the simplest way, so that the
// tests of this package are about what the registry does with the results.
func simple() core.Tools {
	return core.Tools{
		Compare: compareIDs, Select: selectIDs, Check: needsTitle, Encode: encodeBinary,
		Edit: editTitleAndOperations, Infer: inferNothing, Export: exportTitle, Lint: lintNothing,
		Try: tryWords,
	}
}

func ids(def *connectorv1.Definition) []string {
	var list []string
	for _, op := range def.GetOperations() {
		list = append(list, op.GetOperationId())
	}
	return list
}

// compareIDs says that an operation that is gone breaks, and that a new one does not.
func compareIDs(_ context.Context, older, newer *connectorv1.Definition) (*diff.Diff, error) {
	d := &diff.Diff{}
	for _, id := range ids(older) {
		if !slices.Contains(ids(newer), id) {
			d.Changes = append(d.Changes, diff.Change{Impact: diff.Breaking, Code: "operation-removed", Message: id + " is gone", OperationID: id})
			d.Breaking++
		}
	}
	for _, id := range ids(newer) {
		if !slices.Contains(ids(older), id) {
			d.Changes = append(d.Changes, diff.Change{Impact: diff.Compatible, Code: "operation-added", Message: id + " is new", OperationID: id})
		}
	}
	d.Total = len(d.Changes)
	return d, nil
}

// tryWords finds fault with scripts whose code is "broken", with policies of the template
// "wrong", which refuse calls, and with those of the template "foreign", which nobody has.
func tryWords(_ context.Context, trial format.Trial) ([]format.Finding, error) {
	var list []format.Finding
	fails := func(code, message, pointer string, i int) {
		list = append(list, format.Finding{Severity: format.Error, Code: code, Message: message, Pointer: fmt.Sprintf(pointer, i)})
	}
	for i, s := range trial.Definition.GetScripts() {
		if s.GetSource() == "broken" {
			fails(format.ScriptInvalid, "the code is broken", "/scripts/%d/source", i)
		}
	}
	for i, p := range trial.Definition.GetPolicies() {
		switch p.GetTemplateId() {
		case "wrong":
			fails(format.PolicyInvalid, "it is wrong", "/policies/%d", i)
		case "foreign":
			fails(format.PolicyTemplateUnknown, "it is not known", "/policies/%d", i)
		}
	}
	if len(trial.Definition.GetPolicies()) > 0 && len(list) > 0 {
		list = append(list, format.Finding{Severity: format.Error, Code: format.CallsRefused, Message: "calls of 1 of 1 operations will be refused"})
	}
	return list, nil
}

func selectIDs(def *connectorv1.Definition, s core.Selection) (*connectorv1.Definition, []format.Finding, error) {
	def = proto.CloneOf(def)
	def.Operations = slices.DeleteFunc(def.GetOperations(), func(op *connectorv1.Operation) bool {
		return len(s.Only) > 0 && !slices.Contains(s.Only, op.GetOperationId()) || slices.Contains(s.Except, op.GetOperationId())
	})
	if len(def.GetOperations()) == 0 {
		return nil, nil, fault.Invalid(fault.ReasonSelectionEmpty, "nothing is left")
	}
	return def, []format.Finding{{Severity: format.Error, Code: "Selected"}}, nil
}

func needsTitle(def *connectorv1.Definition) error {
	if def.GetInfo().GetTitle() == "" {
		return fault.Invalid(fault.ReasonDefinitionInvalid, "there is no title").Field("/info/title", "must not be empty")
	}
	return nil
}

func encodeBinary(def *connectorv1.Definition) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(def)
}

func editTitleAndOperations(def, patch *connectorv1.Definition, paths []string) (*connectorv1.Definition, error) {
	out := proto.CloneOf(def)
	for _, p := range paths {
		switch p {
		case "info.title":
			out.Info.Title = patch.GetInfo().GetTitle()
		case "info.icon":
			out.Info.Icon = patch.GetInfo().GetIcon()
		case "operations":
			out.Operations = patch.GetOperations()
		case "scripts":
			out.Scripts = patch.GetScripts()
		case "policies":
			out.Policies = patch.GetPolicies()
		default:
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "there is no %q", p).Field("update_mask", "unknown path")
		}
	}
	return out, needsTitle(out)
}

func inferNothing(_ context.Context, s infer.Sample) (*infer.Inferred, error) {
	if s.Curl == "" && s.URL == "" {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "there is no URL")
	}
	return &infer.Inferred{Operation: &connectorv1.Operation{OperationId: s.OperationID}}, nil
}

func exportTitle(_ context.Context, to core.ExportFormat, content core.Content) (core.Exported, error) {
	text := fmt.Sprintf("%s of %d files as %s", content.Definition.GetInfo().GetTitle(), len(content.Files), to)
	return core.Exported{Files: []format.File{{Path: "out", Content: []byte(text)}}, Findings: []format.Finding{{Code: "Lost"}}}, nil
}

func lintNothing(_ context.Context, src *format.Source, result *format.Result, rules []core.RuleSet) ([]format.Finding, error) {
	for _, r := range rules {
		result.Findings = append(result.Findings, format.Finding{Severity: format.Warning, Code: "Rule", Message: string(r), Path: src.Files()[0].Path})
	}
	return result.Findings, nil
}
