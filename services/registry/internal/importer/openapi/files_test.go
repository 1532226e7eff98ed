package openapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestADescriptionOfSeveralFiles(t *testing.T) {
	got := importFiles(t,
		text("api/openapi.yaml", head3+`
paths:
  /users: {$ref: ./paths/users.yaml}
  /shared: {$ref: 'paths/all.json#/shared'}
security: [{key: []}]
components:
  schemas:
    User: {$ref: '../models/User.yaml'}
    Error: {type: object}
  securitySchemes: {key: {$ref: 'parts.yaml#/key'}}
`),
		text("api/paths/users.yaml", `
get:
  parameters: [{$ref: '../parts.yaml#/page'}]
  responses:
    200: {$ref: '../parts.yaml#/responses/OK'}
    400: {description: Bad, content: {application/json: {schema: {$ref: '../openapi.yaml#/components/schemas/Error'}}}}
post:
  operationId: CreateUser
  requestBody: {$ref: '../parts.yaml#/body'}
  responses: {201: {description: Created, links: {get: {operationRef: '#/get'}}}}
`),
		text("api/paths/all.json", `{"shared": {"get": {"operationId": "Shared"}}}`),
		text("api/parts.yaml", `
page: {name: page, in: query, schema: {$ref: '#/schemas/Page'}}
key: {type: http, scheme: bearer}
responses: {OK: {description: OK, content: {application/json: {schema: {type: array, items: {$ref: '../models/User.yaml'}}, examples: {a: {$ref: examples.json#/a}}}}}}
body: {content: {application/json: {schema: {$ref: '../models/User.yaml#/properties/address'}}}}
schemas: {Page: {type: integer}, User: {type: 'null'}}
`),
		text("api/examples.json", `{"a": {"value": ["u"]}}`),
		text("models/User.yaml", `
type: object
properties:
  address: {type: object, properties: {owner: {$ref: '#'}, kind: {$ref: 'my%20kinds.yaml#/Kind'}, other: {$ref: '../api/parts.yaml#/schemas/User'}}}
`),
		text("models/my kinds.yaml", "Kind: {enum: [a, b]}\n"),
		text("unused.yaml", "a: [\n"),
	)
	ids := map[string]string{"GetUsers": "api/paths/users.yaml#/get", "CreateUser": "api/paths/users.yaml#/post", "Shared": "api/paths/all.json#/shared/get"}
	for id, pointer := range ids {
		if p := got.operation(id).GetSourcePointer(); p != pointer {
			t.Errorf("%s stands at %q", id, p)
		}
	}
	get := got.operation("GetUsers")
	if s := string(get.GetParameters()[0].GetSchema()); s != `{"$ref":"#/$defs/Page"}` {
		t.Errorf("parameter %s", s)
	}
	ok := get.GetResponses()[0].GetContents()[0]
	if string(ok.GetSchema()) != `{"type":"array","items":{"$ref":"#/$defs/User_"}}` || string(ok.GetExamples()[0]) != `["u"]` {
		t.Errorf("response %s, examples %s", ok.GetSchema(), ok.GetExamples())
	}
	if s := string(get.GetResponses()[1].GetContents()[0].GetSchema()); s != `{"$ref":"#/$defs/Error"}` {
		t.Errorf("error %s", s)
	}
	create := got.operation("CreateUser")
	if s := string(create.GetRequestBody().GetContents()[0].GetSchema()); s != `{"$ref":"#/$defs/properties~1address"}` {
		t.Errorf("body %s", s)
	}
	if l := create.GetResponses()[0].GetLinks(); len(l) != 1 || l[0].GetOperationId() != "GetUsers" {
		t.Errorf("links %v", l)
	}
	var schemas []string
	for _, s := range got.GetSchemas() {
		schemas = append(schemas, s.GetName()+" "+string(s.GetJson()))
	}
	address := `{"type":"object","properties":{"owner":{"$ref":"#/$defs/User_"},"kind":{"$ref":"#/$defs/Kind"},"other":{"$ref":"#/$defs/User__"}}}`
	want := []string{
		`User {"$ref":"#/$defs/User_"}`, `Error {"type":"object"}`, `Page {"type":"integer"}`,
		`User_ {"type":"object","properties":{"address":` + address + `}}`, "properties/address " + address,
		`Kind {"enum":["a","b"]}`, `User__ {"type":"null"}`,
	}
	if diff := cmp.Diff(sorted(want), sorted(schemas)); diff != "" {
		t.Errorf("schemas (-want +got):\n%s", diff)
	}
	if got.GetSecuritySchemes()[0].GetHttp().GetScheme() != "bearer" || got.GetSecuritySchemes()[0].GetId() != "key" {
		t.Errorf("security %v", got.GetSecuritySchemes())
	}
	if diff := cmp.Diff([]string{"OperationIdMissing /get"}, got.codes()); diff != "" || got.findings[0].Path != "api/paths/users.yaml" || got.findings[0].Line != 3 {
		t.Errorf("findings %+v (-want +got):\n%s", got.findings, diff)
	}
	compile(t, got.Definition)
}

func TestReferencesNeverLeaveTheGivenFiles(t *testing.T) {
	for _, row := range []struct{ name, ref string }{
		{"a file that is not there", "other.yaml#/a"},
		{"a file above", "../../../etc/passwd"},
		{"an absolute path", "/etc/passwd"},
		{"a file URL", "file:///etc/passwd"},
		{"an address", "https://other.example/schema.json"},
		{"an address inside", "http://169.254.169.254/latest#/a"},
		{"a file that is broken", "broken.yaml#/a"},
		{"a place that is not there", "part.yaml#/b"},
		{"nonsense", "::://%zz#%zz"},
		{"escapes", "%2e%2e/%2e%2e/etc/passwd"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importFiles(t, text("openapi.yaml", head3+"paths: {/x: {get: {operationId: X, parameters: [{$ref: '"+row.ref+"'}]}}}\ncomponents: {schemas: {S: {$ref: '"+row.ref+"'}}}\n"),
				text("part.yaml", "a: {}\n"), text("broken.yaml", "a: ["))
			want := []string{"ReferenceUnresolved /paths/~1x/get/parameters/0", "ReferenceUnresolved /components/schemas/S/$ref"}
			if diff := cmp.Diff(want, got.codes()); diff != "" || got.schema("S") != "{}" {
				t.Errorf("schema %s, findings (-want +got):\n%s", got.schema("S"), diff)
			}
		})
	}
}

func TestFilesThatWereFetchedAreFoundByTheirURL(t *testing.T) {
	main := text("openapi.yaml", head3+"paths: {/x: {$ref: '/shared/paths.yaml#/x'}, /y: {$ref: 'https://a.example/y.yaml'}}\n")
	main.URL = "https://a.example/docs/openapi.yaml"
	paths := text("1.yaml", "x: {get: {operationId: X, parameters: [{$ref: '../docs/openapi.yaml#/x-p'}, {$ref: 'p.yaml'}]}}\n")
	paths.URL = "https://a.example/shared/paths.yaml"
	p := text("2.yaml", "{name: p, in: query, schema: {type: string}}\n")
	p.URL = "https://a.example/shared/p.yaml"
	y := text("3.yaml", "get: {operationId: Y}\n")
	y.URL = "https://a.example/y.yaml"
	got := importFiles(t, main, paths, p, y)
	if len(got.operation("X").GetParameters()) != 1 || got.operation("Y").GetSourcePointer() != "3.yaml#/get" {
		t.Errorf("parameters %v, at %q", got.operation("X").GetParameters(), got.operation("Y").GetSourcePointer())
	}
	if diff := cmp.Diff([]string{"ReferenceUnresolved /x/get/parameters/0"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSwaggerMayHaveSeveralFilesToo(t *testing.T) {
	src, err := format.NewSource([]format.File{
		text("swagger.yaml", head+"paths: {/x: {$ref: 'x.json#/item'}}\ndefinitions: {A: {$ref: 'x.json#/definitions/B'}}\n"),
		text("x.json", `{"item":{"get":{"operationId":"X","parameters":[{"$ref":"#/p"}],"responses":{"200":{"description":"","schema":{"$ref":"swagger.yaml#/definitions/A"}}}}},"p":{"name":"p","in":"query","type":"string"},"definitions":{"B":{"type":"integer"}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := openapi.V2{}.Import(t.Context(), src)
	if err != nil || len(result.Findings) != 0 {
		t.Fatalf("import: %v, findings %v", err, result.Findings)
	}
	got := imported{t: t, Definition: result.Definition}
	if got.schema("A") != `{"$ref":"#/$defs/B"}` || got.schema("B") != `{"type":"integer"}` || len(got.operation("X").GetParameters()) != 1 {
		t.Errorf("definition %v", got.Definition)
	}
}

func TestReferencesAreListed(t *testing.T) {
	doc, err := document.Parse("a.yaml", []byte(`
paths: {/x: {$ref: 'b.yaml#/x'}, /y: {get: {responses: {200: {links: {l: {operationRef: 'https://other.example/c.json#/paths'}}}}}}}
components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {allOf: [{$ref: dir/d.json}, {$ref: 'b.yaml#/y'}, {$ref: 5}]}, $ref: {$ref: e.yaml}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b.yaml", "https://other.example/c.json", "dir/d.json", "e.yaml"}, openapi.References(doc)); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestRemarksOfAllFilesAreReported(t *testing.T) {
	got := importFiles(t, text("openapi.yaml", head3+"paths: {/x: {$ref: x.json}}\n"), text("x.json", "\ufeff{\"get\":{\"operationId\":\"X\"}}"))
	if len(got.findings) != 1 || got.findings[0].Path != "x.json" || !strings.HasPrefix(got.codes()[0], "ByteOrderMark") {
		t.Errorf("findings %+v", got.findings)
	}
}
