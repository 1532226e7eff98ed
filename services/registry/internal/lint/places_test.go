package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// places are the findings with these codes, with file, line and column.
func places(findings []format.Finding, only ...string) []string {
	var list []string
	for _, f := range findings {
		if slices.Contains(only, f.Code) {
			list = append(list, fmt.Sprintf("%s %s:%d:%d", f.Code, f.Path, f.Line, f.Column))
		}
	}
	slices.Sort(list)
	return list
}

func TestFindingsAreWhereTheOperationStands(t *testing.T) {
	const environment = `{"name": "test", "values": [
  {"key": "base", "value": "http://api.parcels.net/v1", "enabled": true}
]}`
	for _, row := range []struct {
		name  string
		files map[string]string
		codes []string
		want  []string
	}{
		{
			name: "a path in another file",
			files: map[string]string{
				"api.yaml":         "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n  /a:\n    get: {operationId: GetA, responses: {200: {description: A}}}\n  /b:\n    $ref: paths/b.yaml\n",
				"paths/b.yaml":     "# b\n\nget:\n  operationId: GetB\n  responses: {200: {description: B}}\n",
				"paths/spare.yaml": "get: {}\n",
			},
			codes: []string{"OperationUndescribed"},
			want:  []string{"OperationUndescribed api.yaml:5:10", "OperationUndescribed paths/b.yaml:4:3"},
		},
		{
			name: "an entry that is not the first of its kind",
			files: map[string]string{
				"api.yaml":      "openapi: 3.1.0\ninfo: {title: T, version: '1'}\nservers:\n  - url: http://api.parcels.net\npaths:\n  /a:\n    get:\n      operationId: GetA\n      responses: {200: {$ref: 'a/shared.yaml#/components/responses/A'}}\n",
				"a/shared.yaml": "openapi: 3.1.0\ninfo: {title: Shared, version: '1'}\npaths: {}\ncomponents:\n  responses:\n    A: {description: A}\n",
			},
			codes: []string{"OperationUndescribed", "ServerNotEncrypted"},
			want:  []string{"OperationUndescribed api.yaml:8:7", "ServerNotEncrypted api.yaml:4:3"},
		},
		{
			name: "a server that a request of a collection names",
			files: map[string]string{"c.json": postmanWith(
				`{"name": "A", "request": {"method": "GET", "url": {"raw": "http://api.parcels.net/b"}}}`, "[]")},
			codes: []string{"ServerNotEncrypted"},
			want:  []string{"ServerNotEncrypted :2:51"},
		},
		{
			name:  "a server in a variable of a collection",
			files: map[string]string{"c.json": postmanWith(`{"name": "A", "request": {"method": "GET", "url": "{{base}}/a"}}`, "[\n{\"key\": \"base\", \"value\": \"http://api.parcels.net\"}]")},
			codes: []string{"ServerNotEncrypted"},
			want:  []string{"ServerNotEncrypted :3:26"},
		},
		{
			name:  "a server in an environment beside a collection",
			files: map[string]string{"c.json": postmanWith(`{"name": "A", "request": {"method": "GET", "url": "{{base}}/a"}}`, "[]"), "e.json": environment},
			codes: []string{"ServerNotEncrypted"},
			want:  []string{"ServerNotEncrypted e.json:2:28"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var files []format.File
			for path, content := range row.files {
				files = append(files, format.File{Path: path, Content: []byte(content)})
			}
			if got := places(check(t, files), row.codes...); !slices.Equal(got, row.want) {
				t.Errorf("findings %q, want %q", got, row.want)
			}
		})
	}
}

// postmanWith is a collection whose items start on its second line.
func postmanWith(items, variables string) string {
	return `{"info": {"name": "Parcels", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}, "item": [` +
		"\n" + items + `], "variable": ` + variables + `}`
}

func TestSchemaLoopsOfADocumentAreFound(t *testing.T) {
	content := `{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{"/a":{"get":{"operationId":"GetA","responses":{"200":{"description":"A",
"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{
"A":{"$ref":"#/components/schemas/B"},
"B":{"$ref":"#/components/schemas/A"},
"D":{"allOf":[{"$ref":"#/components/schemas/D"}]},
"Tree":{"properties":{"children":{"items":{"$ref":"#/components/schemas/Tree"}}}}}}}`
	want := []string{"SchemaNeverEnds :3:5", "SchemaNeverEnds :5:5"}
	if got := places(check(t, []format.File{{Path: "a.json", Content: []byte(content)}}), "SchemaNeverEnds"); !slices.Equal(got, want) {
		t.Errorf("findings %q, want %q", got, want)
	}
}

func TestManySchemasAreCheckedInTime(t *testing.T) {
	const count = 40_000
	def := definition(func(d *connectorv1.Definition) {
		for i := range count {
			parents := fmt.Sprintf(`{"$ref":"#/$defs/S%d"},{"$ref":"#/$defs/S%d"},{"$ref":"#/$defs/Item"}`, (i+1)%count, (i+7)%count)
			d.Schemas = append(d.Schemas, schema(fmt.Sprintf("S%d", i), `{"allOf":[`+parents+`]}`))
		}
	})
	start := time.Now()
	findings := lintDefinition(t, def)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if n := len(where(findings, "SchemaNeverEnds")); n == 0 || len(where(findings, "SchemaUnused")) > 0 {
		t.Errorf("findings %q", codes(findings)[:min(len(findings), 5)])
	}
	deep := definition(func(d *connectorv1.Definition) {
		d.Schemas = append(d.Schemas, schema("Deep", strings.Repeat(`{"allOf":[`, 20_000)+`{"$ref":"#/$defs/Deep"}`+strings.Repeat(`]}`, 20_000)))
	})
	lintDefinition(t, deep) // and does not fail
}
