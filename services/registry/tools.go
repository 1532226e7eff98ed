package registry

import (
	"context"
	"fmt"
	"regexp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/edit"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/lint"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
	"github.com/ferrule-dev/ferrule/services/registry/internal/scriptcheck"
	"github.com/ferrule-dev/ferrule/services/registry/internal/selection"
)

// tools puts together what the registry does with definitions. Custom code is
// compiled by compiler, and policies tried.
func tools(compiler remoteCompiler) core.Tools {
	return core.Tools{
		Try: func(ctx context.Context, trial format.Trial) ([]format.Finding, error) {
			return try(ctx, compiler, compiler, trial)
		},
		Compare: diff.Compare,
		Select:  selected,
		Check:   definition.Validate,
		Encode:  definition.Marshal,
		Edit:    edit.Apply,
		Infer:   infer.Operation,
		Export:  exported,
		Lint:    linted,
	}
}

// try tries policies and custom code where they will run.
func try(ctx context.Context, code scriptcheck.Compiler, policies policycheck.Compiler, trial format.Trial) ([]format.Finding, error) {
	found, err := scriptcheck.Check(ctx, code, trial)
	if err != nil {
		return nil, err
	}
	more, err := policycheck.Check(ctx, policies, trial)
	return append(found, more...), err
}

func linted(ctx context.Context, src *format.Source, result *format.Result, rules []core.RuleSet) ([]format.Finding, error) {
	var sets []lint.Set
	for _, r := range rules {
		set, err := lint.ParseSet(string(r))
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return lint.Check(ctx, lint.Input{Source: src, Result: result, Sets: sets}), ctx.Err()
}

func selected(def *connectorv1.Definition, s core.Selection) (*connectorv1.Definition, []format.Finding, error) {
	chosen, err := selection.Parse(s.Only, s.Except)
	if err != nil {
		return nil, nil, fmt.Errorf("read selection: %w", err)
	}
	return chosen.Apply(def)
}

func exported(ctx context.Context, to core.ExportFormat, content core.Content) (core.Exported, error) {
	out, err := exporter.All().Export(ctx, exporter.ID(to), exporter.Input{Definition: content.Definition, Files: content.Files})
	if err != nil {
		return core.Exported{}, err
	}
	return core.Exported{Files: out.Files, Findings: out.Findings}, nil
}

// otherFile finds references that do not begin with "#".
var otherFile = regexp.MustCompile(`(?:\$ref|operationRef)["']?\s*:\s*["']?[^#"'\s]`)

// references returns what a document refers to; nothing if it cannot be parsed,
// which the importer says with its place.
func references(f format.File) []string {
	if !otherFile.Match(f.Content) {
		return nil // most documents refer to themselves only, and are parsed once
	}
	doc, err := document.Parse(f.Path, f.Content)
	if err != nil {
		return nil
	}
	return openapi.References(doc)
}
