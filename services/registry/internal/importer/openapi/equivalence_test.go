package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// The same small API in three versions of the specification.
const (
	inSwagger = `
swagger: '2.0'
info: {title: Shop, version: '1', description: D, license: {name: MIT, url: https://example.com/mit}}
host: '{region}.shop.example'
basePath: /v1
schemes: [https]
tags: [{name: items, description: Things}]
consumes: [application/json]
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, in: header, name: X-Key}
  login: {type: basic}
  sign-in: {type: oauth2, flow: accessCode, authorizationUrl: https://id.example/a, tokenUrl: https://id.example/t, scopes: {read: R}}
security: [{key: []}, {login: []}, {sign-in: [read]}]
parameters:
  Page: {name: page, in: query, type: integer, default: 1, minimum: 0, exclusiveMinimum: true}
paths:
  /items/{id}:
    parameters: [{name: id, in: path, required: true, type: string, x-ms-summary: Id}]
    get:
      operationId: GetItem
      tags: [items]
      parameters: [{$ref: '#/parameters/Page'}, {name: X-Trace, in: header, type: string}]
      responses:
        200: {description: OK, schema: {$ref: '#/definitions/Item'}, headers: {X-Rate: {type: integer, description: R}}, examples: {application/json: {name: a}}}
        default: {$ref: '#/responses/Failed'}
    put:
      operationId: PutItem
      security: []
      parameters: [{name: item, in: body, required: true, description: B, schema: {$ref: '#/definitions/Item'}}]
      responses: {204: {description: Done}}
    delete: {responses: {204: {description: Gone}}}
  /files:
    post:
      operationId: Upload
      consumes: [multipart/form-data]
      parameters: [{name: title, in: formData, type: string, required: true}, {name: file, in: formData, type: file}]
      responses: {201: {description: Created}}
  /hooks:
    x-ms-notification-content: {schema: {$ref: '#/definitions/Item'}}
    post:
      operationId: OnItem
      x-ms-trigger: single
      parameters: [{name: body, in: body, required: true, schema: {type: object, properties: {url: {type: string, x-ms-notification-url: true}}}}]
      responses: {201: {description: Created}}
  /hooks/{id}:
    delete: {operationId: OffItem, parameters: [{name: id, in: path, required: true, type: string}], responses: {204: {description: Gone}}}
responses: {Failed: {description: Failed, schema: {$ref: '#/definitions/Error'}}}
definitions:
  Item: {type: object, required: [name], properties: {name: {type: string, x-nullable: true}, price: {type: number, minimum: 0, exclusiveMinimum: true}, parent: {$ref: '#/definitions/Item'}, data: {type: string, example: x}}}
  Error: {type: object}
`
	inOpenAPI = `
openapi: VERSION
info: {title: Shop, version: '1', description: D, license: {name: MIT, url: https://example.com/mit}}
servers: [{url: 'https://{region}.shop.example/v1', variables: {region: {}}}]
tags: [{name: items, description: Things}]
security: [{key: []}, {login: []}, {sign-in: [read]}]
paths:
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}, x-ms-summary: Id}]
    get:
      operationId: GetItem
      tags: [items]
      parameters: [{$ref: '#/components/parameters/Page'}, {name: X-Trace, in: header, schema: {type: string}}]
      responses:
        200: {description: OK, headers: {X-Rate: {description: R, schema: {type: integer}}}, content: {application/json: {schema: {$ref: '#/components/schemas/Item'}, example: {name: a}}}}
        default: {$ref: '#/components/responses/Failed'}
    put:
      operationId: PutItem
      security: []
      requestBody: {x-bodyName: item, required: true, description: B, content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}
      responses: {204: {description: Done}}
    delete: {responses: {204: {description: Gone}}}
  /files:
    post:
      operationId: Upload
      requestBody:
        x-bodyName: body
        required: true
        content: {multipart/form-data: {schema: {type: object, properties: {title: {type: string}, file: {type: string, format: binary}}, required: [title]}}}
      responses: {201: {description: Created}}
  /hooks:
    x-ms-notification-content: {schema: {$ref: '#/components/schemas/Item'}}
    post:
      operationId: OnItem
      x-ms-trigger: single
      requestBody: {x-bodyName: body, required: true, content: {application/json: {schema: {type: object, properties: {url: {type: string, x-ms-notification-url: true}}}}}}
      responses: {201: {description: Created}}
  /hooks/{id}:
    delete: {operationId: OffItem, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {204: {description: Gone}}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: http, scheme: basic}
    sign-in: {type: oauth2, flows: {authorizationCode: {authorizationUrl: https://id.example/a, tokenUrl: https://id.example/t, scopes: {read: R}}}}
  parameters: {Page: {name: page, in: query, schema: {type: integer, default: 1, MINIMUM}}}
  responses: {Failed: {description: Failed, content: {application/json: {schema: {$ref: '#/components/schemas/Error'}}}}}
  schemas:
    Item: {type: object, required: [name], properties: {name: {NULL, x-nullable: true}, price: {type: number, MINIMUM}, parent: {$ref: '#/components/schemas/Item'}, data: {type: string, example: x}}}
    Error: {type: object}
`
)

// versions are the API as each version writes it.
func versions() map[string]string {
	old := strings.NewReplacer("VERSION", "3.0.3", "MINIMUM", "minimum: 0, exclusiveMinimum: true", "NULL", "type: string")
	today := strings.NewReplacer("VERSION", "3.1.0", "MINIMUM", "exclusiveMinimum: 0", "NULL", "type: [string, 'null']")
	return map[string]string{"3.0": old.Replace(inOpenAPI), "3.1": today.Replace(inOpenAPI), "3.2": strings.Replace(today.Replace(inOpenAPI), "3.1.0", "3.2.0", 1)}
}

func TestTheSameAPIInAllVersionsIsTheSameConnector(t *testing.T) {
	want := importDocument(t, inSwagger)
	normalise(want.Definition)
	for name, content := range versions() {
		t.Run(name, func(t *testing.T) {
			got := import3(t, content)
			normalise(got.Definition)
			if diff := cmp.Diff(want.Definition, got.Definition, protocmp.Transform()); diff != "" {
				t.Errorf("definition (-2.0 +%s):\n%s", name, diff)
			}
			if diff := cmp.Diff(want.codes(), got.codes()); diff != "" {
				t.Errorf("findings (-2.0 +%s):\n%s", name, diff)
			}
		})
	}
}

// normalise removes what the versions say differently by default and means the same:
// an exploded form of a value that is no list.
func normalise(def *connectorv1.Definition) {
	for _, op := range def.GetOperations() {
		for _, p := range op.GetParameters() {
			p.Explode = false
		}
	}
}

func TestFilesAndTheirOrderDoNotMatter(t *testing.T) {
	content := versions()["3.1"]
	whole := import3(t, content)
	before, schemas, _ := strings.Cut(content, "  schemas:\n")
	parts := []format.File{
		text("main.yaml", strings.ReplaceAll(before, "#/components/schemas/", "parts/schemas.yaml#/")+"  schemas: {}\n"),
		text("parts/schemas.yaml", strings.ReplaceAll(strings.ReplaceAll(schemas, "    Item", "Item"), "    Error", "Error")),
	}
	parts[1].Content = []byte(strings.ReplaceAll(string(parts[1].Content), "#/components/schemas/", "#/"))
	slices.Reverse(parts)
	split := importFiles(t, parts...)
	for i, op := range whole.GetOperations() {
		if diff := cmp.Diff(op, split.GetOperations()[i], protocmp.Transform()); diff != "" {
			t.Errorf("operation (-whole +split):\n%s", diff)
		}
	}
	for _, s := range whole.GetSchemas() {
		if diff := cmp.Diff(string(s.GetJson()), split.schema(s.GetName())); diff != "" {
			t.Errorf("schema %s (-whole +split):\n%s", s.GetName(), diff)
		}
	}
}

func TestImportsOfSharedDocumentsDoNotDisturbEachOther(t *testing.T) {
	content := []byte(versions()["3.0"])
	results := make(chan *connectorv1.Definition, 8)
	for range cap(results) {
		go func() {
			src, err := format.NewSource([]format.File{{Path: "openapi", Content: content}})
			if err != nil {
				results <- nil
				return
			}
			result, err := openapi.V3{}.Import(t.Context(), src)
			if err != nil {
				results <- nil
				return
			}
			results <- result.Definition
		}()
	}
	first := <-results
	for range cap(results) - 1 {
		if next := <-results; first == nil || !proto.Equal(first, next) {
			t.Fatal("two imports of one document differ")
		}
	}
}

func TestGeneratedIDsDoNotDependOnWhatElseThereIs(t *testing.T) {
	const paths = "/items: {get: {}, post: {}}"
	alone := import3(t, head3+"paths: {"+paths+"}\n")
	among := import3(t, head3+"paths: {/a: {get: {}}, '/items/{id}': {get: {}}, "+paths+", /z: {put: {}}}\nwebhooks: {w: {post: {}}}\n")
	for _, op := range alone.GetOperations() {
		if same := among.operation(op.GetOperationId()); same.GetPath() != op.GetPath() || same.GetMethod() != op.GetMethod() {
			t.Errorf("%s is %s %s among others", op.GetOperationId(), same.GetMethod(), same.GetPath())
		}
	}
}

// A reader of URLs fetches what References lists until nothing is missing.
func TestReferencesLeadToAllFiles(t *testing.T) {
	site := map[string]string{
		"openapi.yaml": head3 + "paths: {/x: {$ref: 'x.yaml#/x'}}\n",
		"x.yaml":       "x: {get: {operationId: X, parameters: [{$ref: p.yaml}], responses: {200: {$ref: 'r.yaml#/r'}}}}\n",
		"p.yaml":       "{name: p, in: query, schema: {$ref: 'x.yaml#/s'}}\n",
		"r.yaml":       "r: {description: R, content: {application/json: {schema: {$ref: 's.yaml'}}}}\n",
		"s.yaml":       "{type: array, items: {$ref: s.yaml}}\n",
		"other.yaml":   "nobody: asks\n",
	}
	var files []format.File
	queue := []string{"openapi.yaml"}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if slices.ContainsFunc(files, func(f format.File) bool { return f.Path == name }) {
			continue
		}
		files = append(files, text(name, site[name]))
		doc, err := document.Parse(name, []byte(site[name]))
		if err != nil {
			t.Fatal(err)
		}
		queue = append(queue, openapi.References(doc)...)
	}
	if len(files) != 5 {
		t.Errorf("%d files were fetched", len(files))
	}
	got := importFiles(t, files...)
	// The schema of the parameter is missing in the files.
	if diff := cmp.Diff([]string{"ReferenceUnresolved /schema/$ref"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got.schema("s") != `{"type":"array","items":{"$ref":"#/$defs/s"}}` {
		t.Errorf("schemas %v", got.GetSchemas())
	}
}
