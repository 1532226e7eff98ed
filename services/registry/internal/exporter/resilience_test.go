package exporter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const resilient = `{"ferrule": "1", "info": {"title": "Items", "version": "1"}, "servers": [{"urlTemplate": "https://api.example.com"}],
  "parameterSets": [{"name": "default"}],
  "scripts": [{"language": "javascript", "path": "script.js", "operationIds": ["List"], "source": "export function before(request) {\n  // \"é\" \u2028\n}\n"}],
  "rateLimits": [{"scope": "CONNECTION", "calls": 5, "periodSeconds": 60}],
  "errorRules": [{"operationIds": ["List"], "statuses": ["200"], "path": "ok", "equals": "false", "reason": "UPSTREAM_X", "messagePath": "error", "retry": "NO"}],
  "operations": [
    {"operationId": "List", "kind": "ACTION", "method": "GET", "path": "/items", "safety": {"safe": true, "idempotent": true},
     "parameters": [{"name": "cursor", "location": "QUERY", "schema": {"type": "string"}}],
     "responses": [{"status": "200", "description": "Done", "contents": [{"mediaType": "application/json", "kind": "JSON",
       "schema": {"type": "object", "properties": {"items": {"type": "array", "items": {}}, "next_cursor": {"type": "string"}}}}]}],
     "cache": {"maxAgeSeconds": 60}, "cost": 3},
    {"operationId": "Create", "kind": "ACTION", "method": "POST", "path": "/items", "safety": {},
     "responses": [{"status": "201", "description": "Created"}], "idempotencyKeyHeader": "X-Token",
     "parameters": [{"name": "skip", "location": "QUERY", "schema": {"type": "integer"}}],
     "pagination": {"itemsPath": "items", "offset": {"offsetInput": "skip", "totalPath": "total"}}}]}`

// Paging that the document implies and the definition does not have stays away.
func TestCodeLimitsAndPagesSurviveEveryFormatOfOurs(t *testing.T) {
	def, err := definition.Unmarshal([]byte(resilient))
	if err != nil {
		t.Fatal(err)
	}
	if err := definition.Validate(def); err != nil {
		t.Fatal(err)
	}
	for _, id := range []exporter.ID{exporter.OpenAPI31, exporter.OpenAPI30, exporter.OpenAPI2, exporter.Ferrule} {
		t.Run(string(id), func(t *testing.T) {
			out, err := exporter.All().Export(t.Context(), id, exporter.Input{Definition: def})
			if err != nil {
				t.Fatal(err)
			}
			src, err := format.NewSource(out.Files)
			if err != nil {
				t.Fatal(err)
			}
			got, err := importer.All().Import(t.Context(), src, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range got.Findings {
				t.Errorf("%s %s: %s", f.Code, f.Pointer, f.Message)
			}
			ignore := protocmp.IgnoreFields(&connectorv1.Operation{}, "source_pointer")
			if diff := cmp.Diff(def, got.Definition, protocmp.Transform(), ignore); diff != "" {
				t.Errorf("(-exported +imported):\n%s", diff)
			}
		})
	}
}
