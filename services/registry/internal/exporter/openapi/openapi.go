// Package openapi writes OpenAPI 3.1, OpenAPI 3.0 and Swagger 2.0 documents.
//
// A document says as much as its version can in the specification's own words,
// then in the notation of the vendor whose extensions (x-ms-…) connectors use,
// and the rest in extensions of this platform (x-ferrule-…), so that importing
// the document again gives the definition that it was made of:
//
//   - [Exporter.Export] writes the document ([rendering]),
//   - imports it and compares what came back with the definition, and
//   - writes each difference beside the object that it concerns, as package
//     overlay describes, with a finding that other tools ignore it.
//
// What other tools will understand differently, because the version has no words
// for it, is reported in addition.
//
//	out, err := openapi.Exporter{Version: openapi.V31}.Export(ctx, in)
package openapi

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Version is a version of the specification.
type Version int

// The versions.
const (
	// V31 is OpenAPI 3.1.
	V31 Version = iota + 1
	// V30 is OpenAPI 3.0.
	V30
	// V2 is Swagger 2.0.
	V2
	// vendorV2 is Swagger 2.0 as connector packages hold it: schemas keep the
	// words of later versions, which the vendor's tools ignore.
	vendorV2
)

// versions are what the exporters of each version are called, and what their
// files are.
var versions = map[Version]struct {
	id   target.ID
	name string
	file string
}{
	V31:      {target.OpenAPI31, "OpenAPI 3.1", "openapi.json"},
	V30:      {target.OpenAPI30, "OpenAPI 3.0", "openapi.json"},
	V2:       {target.OpenAPI2, "Swagger 2.0", "swagger.json"},
	vendorV2: {target.ConnectorPackage, "a connector package", "apiDefinition.swagger.json"},
}

// String returns the name of the specification with its version.
func (v Version) String() string { return versions[v].name }

// isSwagger tells 2.0 from 3.
func (v Version) isSwagger() bool { return v == V2 || v == vendorV2 }

// Exporter writes documents of one version.
type Exporter struct {
	// Version is the version that it writes; it must be set.
	Version Version
}

var _ target.Exporter = Exporter{}

// Format returns the format of the version.
func (e Exporter) Format() target.ID { return versions[e.Version].id }

// Export writes one JSON document. It fails when ctx ends, and with a fault where
// the definition holds text that is no JSON.
func (e Exporter) Export(ctx context.Context, in target.Input) (*target.Output, error) {
	var findings target.Findings
	doc := render(e.Version, in.Definition, &findings)
	if err := complete(ctx, doc, in.Definition, &findings); err != nil {
		return nil, err
	}
	content, err := tree.Document(doc)
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", e.Version, err)
	}
	return &target.Output{
		Files:    []format.File{{Path: versions[e.Version].file, Content: content}},
		Findings: findings.Sorted(),
	}, nil
}
