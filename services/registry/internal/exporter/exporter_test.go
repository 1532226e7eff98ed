package exporter_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
)

func TestEveryFormatHasOneExporter(t *testing.T) {
	seen := map[exporter.ID]bool{}
	for _, e := range exporter.All() {
		if seen[e.Format()] || e.Format() == "" {
			t.Errorf("the format %q is there twice", e.Format())
		}
		seen[e.Format()] = true
	}
	for _, id := range []exporter.ID{exporter.ConnectorPackage, exporter.OpenAPI31, exporter.OpenAPI30, exporter.OpenAPI2, exporter.Postman, exporter.Ferrule} {
		if !seen[id] {
			t.Errorf("no exporter writes %q", id)
		}
	}
}

func TestAnUnknownFormatIsRefusedWithThoseThatAreKnown(t *testing.T) {
	_, err := exporter.All().Export(t.Context(), "raml", exporter.Input{Definition: &connectorv1.Definition{}})
	if fault.ReasonOf(err) != fault.ReasonInvalidArgument || !strings.Contains(err.Error(), string(exporter.OpenAPI31)) {
		t.Errorf("Export: %v", err)
	}
}

func TestNoDefinitionIsTooSmallToExport(t *testing.T) {
	for _, e := range exporter.All() {
		out, err := exporter.All().Export(t.Context(), e.Format(), exporter.Input{Definition: &connectorv1.Definition{}})
		if err != nil || len(out.Files) == 0 {
			t.Errorf("%s: %v", e.Format(), err)
		}
	}
}
