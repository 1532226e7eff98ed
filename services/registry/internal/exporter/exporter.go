// Package exporter is the registry's list of target formats.
//
// [Set.Export] writes a definition in one of them. A new format is a folder
// beside this file with a [target.Exporter], and one line in [All]. The types of
// package target have their names here as well, so that those who only call
// exporters need one import.
//
//	out, err := exporter.All().Export(ctx, exporter.OpenAPI31, exporter.Input{Definition: def})
package exporter

import (
	"context"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/native"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/postman"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
)

type (
	// ID names a target format; see [target.ID].
	ID = target.ID
	// Input is what is exported; see [target.Input].
	Input = target.Input
	// Output is the outcome of an export; see [target.Output].
	Output = target.Output
	// Exporter writes one target format; see [target.Exporter].
	Exporter = target.Exporter
)

// The formats; see package target.
const (
	ConnectorPackage = target.ConnectorPackage
	OpenAPI31        = target.OpenAPI31
	OpenAPI30        = target.OpenAPI30
	OpenAPI2         = target.OpenAPI2
	Postman          = target.Postman
	Ferrule          = target.Ferrule
)

// Set is a list of exporters, one of each format.
type Set []Exporter

// All returns the exporters of all formats that are supported.
func All() Set {
	return Set{
		connectorpackage.Exporter{},
		openapi.Exporter{Version: openapi.V31},
		openapi.Exporter{Version: openapi.V30},
		openapi.Exporter{Version: openapi.V2},
		postman.Exporter{},
		native.Exporter{},
	}
}

// Export writes the definition in the named format. An unknown format is
// INVALID_ARGUMENT and lists those that are known.
func (s Set) Export(ctx context.Context, id ID, in Input) (*Output, error) {
	known := make([]string, 0, len(s))
	for _, e := range s {
		if e.Format() == id {
			return e.Export(ctx, in)
		}
		known = append(known, string(e.Format()))
	}
	return nil, fault.Invalid(fault.ReasonInvalidArgument,
		"the format %q is not known; choose one of %s", id, strings.Join(known, ", ")).
		Field("format", "must be a known format")
}
