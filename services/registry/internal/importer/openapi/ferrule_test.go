package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestExtensionsOfThePlatformCount(t *testing.T) {
	for _, row := range []struct {
		name, document string
	}{
		{"OpenAPI 3", `
openapi: 3.1.0
info: {title: Test, version: '1', x-ferrule-brand-color: '#010203', x-other: 1}
servers: [{url: 'https://api.example.com'}]
paths:
  /items:
    get:
      operationId: List
      x-ferrule-requires-script: true
      parameters: [{name: q, in: query, schema: {type: string}, x-ferrule-style: SIMPLE}]
      responses: {'200': {description: Done}}
x-ferrule-policies: [{templateId: setheader, parameters: [{name: name, json: X-A}]}]
`},
		{"Swagger 2.0", `
swagger: '2.0'
info: {title: Test, version: '1', x-ferrule-brand-color: '#010203', x-other: 1}
host: api.example.com
schemes: [https]
paths:
  /items:
    get:
      operationId: List
      x-ferrule-requires-script: true
      parameters: [{name: q, in: query, type: string, x-ferrule-style: SIMPLE}]
      responses: {'200': {description: Done}}
x-ferrule-policies: [{templateId: setheader, parameters: [{name: name, json: X-A}]}]
`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, strings.TrimSpace(row.document))
			op := got.operation("List")
			if !op.GetRequiresScript() || op.GetParameters()[0].GetStyle().String() != "PARAMETER_STYLE_SIMPLE" {
				t.Errorf("the operation is %v", op)
			}
			if len(op.GetExtensions()) > 0 || len(op.GetParameters()[0].GetExtensions()) > 0 || len(got.GetExtensions()) > 0 {
				t.Errorf("extensions are left: %v, %v", op, got.GetExtensions())
			}
			if got.GetInfo().GetBrandColor() != "#010203" || len(got.GetInfo().GetExtensions()) != 1 {
				t.Errorf("info is %v", got.GetInfo())
			}
			if len(got.GetPolicies()) != 1 || string(got.GetPolicies()[0].GetParameters()[0].GetJson()) != `"X-A"` {
				t.Errorf("policies are %v", got.GetPolicies())
			}
			if len(got.findings) > 0 {
				t.Errorf("findings: %v", got.codes())
			}
		})
	}
}

func TestExtensionsOfThePlatformThatCannotBeRead(t *testing.T) {
	got := importAny(t, `openapi: 3.1.0
info: {title: Test, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths: {/a: {get: {operationId: A, x-ferrule-requires-script: sometimes, responses: {'200': {description: Done}}}}}
`)
	if want := []string{"ExtensionInvalid /paths/~1a/get/x-ferrule-requires-script"}; !slices.Equal(got.codes(), want) {
		t.Errorf("findings %q, want %q", got.codes(), want)
	}
	if got.operation("A").GetRequiresScript() {
		t.Error("the extension counts")
	}
}

// A file of code counts unless the document has code itself.
func TestCodeBesideADocument(t *testing.T) {
	const document = "openapi: 3.1.0\ninfo: {title: Test, version: '1'}\nservers: [{url: 'https://api.example.com'}]\npaths: {/a: {get: {operationId: A, responses: {'200': {description: Done}}}}}\n"
	const own = "x-ferrule-scripts: [{language: javascript, path: own.js, source: 'function after() {}'}]\n"
	for _, row := range []struct{ name, document, want string }{
		{"a file", document, "api/script.js function before() {}"},
		{"the document's own", document + own, "own.js function after() {}"},
		{"none at all", document + "x-ferrule-scripts: null\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource([]format.File{
				{Path: "api/openapi.yaml", Content: []byte(row.document)},
				{Path: "api/script.js", Content: []byte("function before() {}")},
				{Path: "script.js", Content: []byte("function handle() {}")},
			})
			if err != nil {
				t.Fatal(err)
			}
			result, err := openapi.V3{}.Import(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, s := range result.Definition.GetScripts() {
				got += s.GetPath() + " " + s.GetSource()
			}
			if got != row.want || len(result.Findings) > 0 {
				t.Errorf("scripts %q, want %q; findings %v", got, row.want, result.Findings)
			}
		})
	}
}

func TestWhatADocumentImpliesCanBeDenied(t *testing.T) {
	const document = `openapi: 3.1.0
info: {title: Test, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths:
  /a:
    get:
      operationId: A
      parameters: [{name: cursor, in: query, schema: {type: string}}]
      responses: {'200': {description: Done, content: {application/json: {schema: {properties: {items: {type: array}, next_cursor: {type: string}}}}}}}
    post:
      operationId: B
      parameters: [{name: Idempotency-Key, in: header, schema: {type: string}}]
      responses: {'200': {description: Done}}
`
	got := importAny(t, document)
	if p := got.operation("A").GetPagination(); p.GetCursor().GetCursorPath() != "next_cursor" || p.GetItemsPath() != "items" {
		t.Errorf("paging is %v", p)
	}
	if key := got.operation("B").GetIdempotencyKeyHeader(); key != "Idempotency-Key" {
		t.Errorf("the key is in %q", key)
	}
	denied := strings.NewReplacer("operationId: A", "operationId: A\n      x-ferrule-pagination: null", "operationId: B", "operationId: B\n      x-ferrule-idempotency-key-header: null").Replace(document)
	got = importAny(t, denied)
	if got.operation("A").GetPagination() != nil || got.operation("B").GetIdempotencyKeyHeader() != "" || len(got.findings) > 0 {
		t.Errorf("it was not denied: %v, %v", got.GetOperations(), got.codes())
	}
}
