package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestAnOpenAPI3OperationIsReadCompletely(t *testing.T) {
	got := import3(t, head3+`
tags: [{name: items, summary: Items, description: D, parent: all, externalDocs: {url: https://example.com/items}, x-own: 1}]
paths:
  /items/{id}:
    summary: not this one
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: GetItem
      summary: Get an item
      description: Returns *one*.
      tags: [items]
      deprecated: true
      externalDocs: {url: https://example.com/get}
      x-codeSamples: [{lang: curl}]
      responses: {200: {description: OK}}
`)
	want := &connectorv1.Operation{
		OperationId: "GetItem", Summary: "Get an item", Description: "Returns *one*.",
		Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/items/{id}", Tags: []string{"items"}, Deprecated: true,
		Parameters: []*connectorv1.Parameter{{
			Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true, Schema: []byte(`{"type":"string"}`),
		}},
		Responses:        []*connectorv1.Response{{Status: "200", Description: "OK"}},
		Safety:           &connectorv1.Safety{Safe: true, Idempotent: true},
		DocumentationUrl: "https://example.com/get",
		Extensions:       []*connectorv1.Extension{{Name: "x-codeSamples", Json: []byte(`[{"lang":"curl"}]`)}},
		SourcePointer:    "/paths/~1items~1{id}/get",
	}
	if diff := cmp.Diff(want, got.operation("GetItem"), protocmp.Transform()); diff != "" {
		t.Errorf("operation (-want +got):\n%s", diff)
	}
	tag := &connectorv1.Tag{
		Name: "items", Summary: "Items", Description: "D", Parent: "all", DocumentationUrl: "https://example.com/items",
		Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}},
	}
	if diff := cmp.Diff([]*connectorv1.Tag{tag}, got.GetTags(), protocmp.Transform()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestInfoOfOpenAPI3(t *testing.T) {
	got := import3(t, `
openapi: 3.1.0
info: {title: T, summary: S, license: {name: Apache, identifier: Apache-2.0}, x-logo: {url: 'https://example.com/logo.png'}}
servers: [{url: https://api.example.com}]
paths: {}
`)
	want := &connectorv1.Info{
		Title: "T", Summary: "S", License: &connectorv1.License{Name: "Apache", Identifier: "Apache-2.0"},
		Icon: &connectorv1.Icon{Place: &connectorv1.Icon_Url{Url: "https://example.com/logo.png"}},
	}
	if diff := cmp.Diff(want, got.GetInfo(), protocmp.Transform()); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
}

func TestLogosThatAreMoreThanAURLStayExtensions(t *testing.T) {
	got := importFiles(t, text("openapi.yaml", head3[:len("openapi: 3.1.0\n")]+"info: {title: T, x-logo: {url: logo.png, altText: L}}\nservers: [{url: https://a.example}]\npaths: {}\n"), text("logo.png", "PNG"))
	if got.GetInfo().GetIcon().GetFile() != "logo.png" || len(got.GetInfo().GetExtensions()) != 1 {
		t.Errorf("icon %v, extensions %v", got.GetInfo().GetIcon(), got.GetInfo().GetExtensions())
	}
}

func TestTitlesOfOpenAPI3AreMadeUpOfTheServer(t *testing.T) {
	got := import3(t, "openapi: 3.0.0\nservers: [{url: 'https://{env}.example.com/v1', variables: {env: {default: api}}}]\npaths: {}\n")
	if title := got.GetInfo().GetTitle(); title != "api.example.com" || got.codes()[0] != "TitleMissing" {
		t.Errorf("title %q, findings %v", title, got.codes())
	}
}

func TestVersionsOfOpenAPI3(t *testing.T) {
	for _, row := range []struct {
		version string
		codes   []string
	}{
		{"3.0.3", nil},
		{"'3.1.0'", nil},
		{"3.0", nil},
		{"3", nil},
		{"3.2.0", nil},
		{"3.7.0", []string{"VersionUnknown /openapi"}},
	} {
		got := import3(t, strings.Replace(head3, "3.1.0", row.version, 1)+onePath)
		if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", row.version, diff)
		}
	}
}

func TestOpenAPI3DocumentsWithNothingToImportAreRefused(t *testing.T) {
	for _, row := range []struct{ name, content, pointer string }{
		{"no paths", "openapi: 3.0.0\n", "/paths"},
		{"no paths, but components, in 3.0", "openapi: 3.0.0\ncomponents: {}\n", "/paths"},
		{"paths that are a list", "openapi: 3.1.0\npaths: []\ncomponents: {}\n", "/paths"},
		{"another major version", "openapi: 4.0.0\npaths: {}\n", "/openapi"},
		{"another format", "swagger: '2.0'\npaths: {}\n", "/openapi"},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource([]format.File{text("a.yaml", row.content)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = openapi.V3{}.Import(t.Context(), src)
			if fault.ReasonOf(err) != fault.ReasonDocumentInvalid || fault.From(err).Meta()["pointer"] != row.pointer {
				t.Errorf("Import: %v (%v)", err, fault.From(err).Meta())
			}
		})
	}
}

func TestALibraryOfComponentsIsADescription(t *testing.T) {
	got := import3(t, head3+"components: {schemas: {A: {type: string}}}\n")
	if got.schema("A") != `{"type":"string"}` || len(got.GetOperations()) != 0 {
		t.Errorf("schemas %v", got.GetSchemas())
	}
}

func TestMethodsOfOpenAPI3(t *testing.T) {
	for _, row := range []struct {
		name, version, item, want string
		codes                     []string
	}{
		{"all of 3.0", "3.0.0", "get: {}, put: {}, post: {}, delete: {}, options: {}, head: {}, patch: {}, trace: {}", "GET PUT POST DELETE OPTIONS HEAD PATCH TRACE", nil},
		{"a method of 3.2", "3.2.0", "query: {}", "QUERY", nil},
		{"a method of 3.2 in 3.1", "3.1.0", "query: {}, get: {}", "GET", []string{"KeyUnknown /paths/~1x/query"}},
		{"methods of others", "3.2.0", "additionalOperations: {LOCK: {}, Copy: {}, 'no method': {}, move: text}", "LOCK COPY", []string{"MethodInvalid /paths/~1x/additionalOperations/no method", "MethodInvalid /paths/~1x/additionalOperations/move"}},
		{"methods of others in 3.1", "3.1.0", "additionalOperations: {LOCK: {}}, get: {}", "GET", []string{"KeyUnknown /paths/~1x/additionalOperations"}},
		{"a method in upper case", "3.1.0", "GET: {}", "GET", []string{"MethodUpperCase /paths/~1x/GET"}},
		{"other members", "3.1.0", "summary: S, description: D, servers: [], parameters: [], x-own: 1, get: {}", "GET", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := 0
			item := row.item
			for strings.Contains(item, "{}") {
				n++
				item = strings.Replace(item, "{}", fmt.Sprintf("{operationId: o%d}", n), 1)
			}
			got := import3(t, strings.Replace(head3, "3.1.0", row.version, 1)+"paths: {/x: {"+item+"}}\n")
			var methods []string
			for _, op := range got.GetOperations() {
				methods = append(methods, op.GetMethod())
			}
			if diff := cmp.Diff(row.want, strings.Join(methods, " ")); diff != "" {
				t.Errorf("methods (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOperationsSayWhatTheirPathSays(t *testing.T) {
	got := import3(t, head3+"paths: {/x: {summary: S, description: D, get: {operationId: A}, put: {operationId: B, description: own}}}\n")
	if a := got.operation("A"); a.GetSummary() != "S" || a.GetDescription() != "D" {
		t.Errorf("summary %q, description %q", a.GetSummary(), a.GetDescription())
	}
	if b := got.operation("B"); b.GetSummary() != "" || b.GetDescription() != "own" {
		t.Errorf("summary %q, description %q", b.GetSummary(), b.GetDescription())
	}
}

func TestNamesThatCannotBeUsed(t *testing.T) {
	for _, row := range []struct{ name, content, code string }{
		{"a tag that is there twice", "tags: [{name: a}, {name: a}, {description: nameless}]", "TagDuplicate /tags/1"},
		{"a schema without a name", "components: {schemas: {'': {type: string}}}", "SchemaNameMissing /components/schemas/"},
		{"a security scheme without a name", "components: {securitySchemes: {'': {type: mutualTLS}}}", "SecuritySchemeInvalid /components/securitySchemes/"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+row.content+onePath)
			if diff := cmp.Diff([]string{row.code}, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(got.GetSchemas()) != 0 || len(got.GetSecuritySchemes()) != 0 || len(got.GetTags()) > 1 {
				t.Errorf("definition %v", got.Definition)
			}
		})
	}
}

func TestASchemaWithoutANameGetsOneWhereItIsReferredTo(t *testing.T) {
	got := import3(t, head3+"paths: {/x: {get: {operationId: X, parameters: [{name: q, in: query, schema: {$ref: '#/components/schemas/'}}]}}}\ncomponents: {schemas: {'': {type: string}}}\n")
	if s := got.schema("components/schemas/"); s != `{"type":"string"}` {
		t.Errorf("schema %s", s)
	}
	compile(t, got.Definition)
}

func TestPathsThatAreHardToTellApart(t *testing.T) {
	for _, row := range []struct{ name, head string }{{"2.0", head}, {"3.1", head3}} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, row.head+"paths: {/a/B: {get: {operationId: A}}, /A/b: {get: {operationId: B}}, '/i/{x}': {get: {operationId: C, parameters: [{$ref: '#/x-p/x'}]}}, '/i/{y}': {get: {operationId: D, parameters: [{$ref: '#/x-p/y'}]}}}\nx-p: {x: {name: x, in: path, required: true, type: string}, y: {name: y, in: path, required: true, type: string}}\n")
			if diff := cmp.Diff([]string{"PathAmbiguous /paths/~1A~1b", "PathAmbiguous /paths/~1i~1{y}"}, got.codes()); diff != "" || len(got.GetOperations()) != 4 {
				t.Errorf("%d operations, findings (-want +got):\n%s", len(got.GetOperations()), diff)
			}
		})
	}
}

func TestPathsWithQueryStringsOfAnotherPlace(t *testing.T) {
	for _, row := range []struct{ name, head string }{{"2.0", head}, {"3.1", head3}} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, row.head+"paths: {/a: {get: {operationId: A}}}\nx-ms-paths: {'/a?op=list': {get: {operationId: B}, post: {}}}\n")
			op := got.operation("B")
			if op.GetPath() != "/a?op=list" || op.GetSourcePointer() != "/x-ms-paths/~1a?op=list/get" || len(got.GetExtensions()) != 0 {
				t.Errorf("path %q at %q, extensions %v", op.GetPath(), op.GetSourcePointer(), got.GetExtensions())
			}
			if diff := cmp.Diff([]string{"OperationIdMissing /x-ms-paths/~1a?op=list/post"}, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			got.operation("PostAOpList")
		})
	}
}

// importAny imports a document of the version that it says.
func importAny(t *testing.T, content string) imported {
	t.Helper()
	if strings.HasPrefix(content, "openapi") {
		return import3(t, content)
	}
	return importDocument(t, content)
}

func TestDetection(t *testing.T) {
	const two, three = "swagger: '2.0'\npaths: {}\n", "openapi: 3.1.0\npaths: {}\n"
	for _, row := range []struct {
		name   string
		files  []format.File
		v2, v3 bool
	}{
		{"2.0", []format.File{text("a.yaml", two)}, true, false},
		{"3.1", []format.File{text("a.yaml", three)}, false, true},
		{"one of each", []format.File{text("a.yaml", two), text("b.yaml", three)}, true, true},
		{"two of one", []format.File{text("a.yaml", three), text("b.yaml", three)}, false, true},
		{"two of which one is part of the other", []format.File{text("a/a.yaml", three), text("b.yaml", three+"x: {$ref: 'a/a.yaml#/x'}\n")}, false, true},
		{"two that are part of each other", []format.File{text("a.yaml", three+"x: {$ref: b.yaml}"), text("b.yaml", three+"x: {$ref: a.yaml}\n")}, false, true},
		{"a document of both", []format.File{text("a.yaml", two+"openapi: 3.0.0\n")}, true, false},
		{"neither", []format.File{text("a.yaml", "a: 1\n")}, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource(row.files)
			if err != nil {
				t.Fatal(err)
			}
			if v2, v3 := (openapi.V2{}).Detect(src), (openapi.V3{}).Detect(src); v2 != row.v2 || v3 != row.v3 {
				t.Errorf("2.0 %t, 3 %t", v2, v3)
			}
		})
	}
}
