package core

import (
	"context"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
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

// Validate translates files and keeps nothing. An error is what refuses an
// import of the same files.
func Validate(ctx context.Context, importers importer.Set, files []format.File, want format.ID) (Report, error) {
	_, result, err := read(ctx, importers, files, want)
	if err != nil {
		return Report{}, err
	}
	report := Report{Format: result.Format, Title: result.Definition.GetInfo().GetTitle(), Findings: result.Findings}
	report.Actions, report.Triggers = countKinds(result.Definition)
	return report, nil
}
