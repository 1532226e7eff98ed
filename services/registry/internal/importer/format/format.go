// Package format is what an importer is: the source that it gets, the
// definition and the findings that it returns.
//
// A source format is one folder beside this package whose [Importer] is listed
// in importer.All. It looks at a [Source], says whether it can read it, and
// translates it into the connector model. Whatever it repairs, ignores or
// misses becomes a [Finding] through a [Findings] collector; it returns an error
// only where no definition can be made at all.
//
//	func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
//		doc, err := src.Document(src.Files()[0].Path)
//		…
//	}
package format

import (
	"context"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// ID names a source format. The names are stored and must not change.
type ID string

// The formats.
const (
	// OpenAPI2 is OpenAPI (Swagger) 2.0, JSON or YAML.
	OpenAPI2 ID = "openapi2"
	// OpenAPI3 is OpenAPI 3.0, 3.1 or 3.2, JSON or YAML.
	OpenAPI3 ID = "openapi3"
	// ConnectorPackage is a directory with apiDefinition.swagger.json and
	// apiProperties.json.
	ConnectorPackage ID = "connector-package"
)

// Importer reads one source format. It has no state and is safe for concurrent
// use. It never panics, whatever the source holds.
type Importer interface {
	// Format returns the format that it reads.
	Format() ID
	// Detect reports whether src is in its format. It decides by names and by
	// the outermost members of documents, and is false for files that cannot
	// be parsed.
	Detect(src *Source) bool
	// Import translates src. Its errors are faults whose metadata says where:
	// "path", and "pointer" or "line" and "column". It stops when ctx ends.
	Import(ctx context.Context, src *Source) (*Result, error)
}

// Result is the outcome of an import.
type Result struct {
	// Format is the format that was read.
	Format ID
	// Definition is complete: all that its comments promise is true.
	Definition *connectorv1.Definition
	// Findings are sorted: errors first, then warnings, then the rest, each in
	// the order of the source; at most [MaxFindings].
	Findings []Finding
	// Places are where the values of the definition stand in the source, as far as
	// checks of the definition ask for them; nil if nobody knows.
	Places *Places
}
