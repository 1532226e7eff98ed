package registry

import (
	"context"

	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
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

// Validate says what an import of the files would find. It needs no server and
// keeps nothing. The error, a fault with the place in its metadata, is the one
// with which an import would be refused.
func Validate(ctx context.Context, files []File) (Report, error) {
	return core.Validate(ctx, importer.All(), files, "")
}
