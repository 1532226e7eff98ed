package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Report is what an import of some files would find.
type Report struct {
	// Format is what was read.
	Format format.ID
	// Title is that of the connector.
	Title string
	// Actions and Triggers count the operations.
	Actions, Triggers int
	// Findings are what was noticed, worst first.
	Findings []format.Finding
}

func reportOn(result *format.Result) Report {
	report := Report{Format: result.Format, Title: result.Definition.GetInfo().GetTitle(), Findings: result.Findings}
	report.Actions, report.Triggers = countKinds(result.Definition)
	return report
}

// RuleSet names a set of rules that descriptions are checked against.
type RuleSet string

// CertificationRules are those that the vendor of connector packages demands, on
// top of the default ones, which always count.
const CertificationRules RuleSet = "certification"

// ValidateRequest asks what an import would find.
type ValidateRequest struct {
	// Environment is where it would be imported.
	Environment resource.Environment
	// Files are the source.
	Files []format.File
	// Format is the source's; detected if empty.
	Format format.ID
	// Selection is which operations would be taken.
	Selection Selection
	// Rules are applied besides the default ones.
	Rules []RuleSet
}

// Validate says what an import of files would find, and what rules say about
// them. It changes nothing.
func (g *Registry) Validate(ctx context.Context, req ValidateRequest) (Report, error) {
	if _, err := g.GetEnvironment(ctx, req.Environment); err != nil {
		return Report{}, err
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return Report{}, err
	}
	defer leave()
	src, result, err := g.read(ctx, reading{files: req.Files, format: req.Format, selection: req.Selection})
	if err != nil {
		return Report{}, err
	}
	if err := checkSize(result.Definition); err != nil {
		return Report{}, err
	}
	if result.Findings, err = g.deps.Tools.Lint(ctx, src, result, req.Rules); err != nil {
		return Report{}, fmt.Errorf("apply rules: %w", err)
	}
	return reportOn(result), nil
}
