// Package target is what an exporter is: the definition that it gets, the files
// and the findings that it returns.
//
// A target format is one folder beside this package whose [Exporter] is listed in
// exporter.All. It says everything that its format can say, and reports what the
// format cannot: to the extension that only this platform reads
// ([CodeExtension]), to something similar ([CodeApproximated]), or not at all
// ([CodeLost]). Nothing is ever lost in silence.
//
//	func (Exporter) Export(ctx context.Context, in target.Input) (*target.Output, error) {
//		var findings target.Findings
//		findings.Lost("/policies/0", "Postman knows no policies", "")
//		…
//	}
package target

import (
	"context"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// ID names a target format. The names are part of the interface and must not
// change.
type ID string

// The formats.
const (
	// ConnectorPackage is a directory with apiDefinition.swagger.json,
	// apiProperties.json, the icon and the script.
	ConnectorPackage ID = "connector-package"
	// OpenAPI31 is one OpenAPI 3.1 document.
	OpenAPI31 ID = "openapi3.1"
	// OpenAPI30 is one OpenAPI 3.0 document.
	OpenAPI30 ID = "openapi3.0"
	// OpenAPI2 is one Swagger 2.0 document.
	OpenAPI2 ID = "openapi2"
	// Postman is one Postman collection, version 2.1.
	Postman ID = "postman"
	// Ferrule is the native format: the whole model as readable JSON.
	Ferrule ID = "ferrule"
)

// Input is what is exported.
type Input struct {
	// Definition is complete, as importers make it. It is not changed.
	Definition *connectorv1.Definition
	// Files are those of the source, for the icon and scripts; may be nil.
	Files []format.File
}

// Output is the outcome of an export.
type Output struct {
	// Files are in the order of their paths; at least one. The same definition
	// gives the same bytes.
	Files []format.File
	// Findings are sorted, worst first; at most format.MaxFindings. Their
	// pointers lead into the definition as its JSON form has it.
	Findings []format.Finding
}

// Exporter writes one target format. It has no state and is safe for concurrent
// use. It never panics, whatever the definition holds.
type Exporter interface {
	// Format returns the format that it writes.
	Format() ID
	// Export writes the definition. It fails only when ctx ends, or with a fault
	// where no document can be made at all.
	Export(ctx context.Context, in Input) (*Output, error)
}
