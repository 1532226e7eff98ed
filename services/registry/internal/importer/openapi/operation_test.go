package openapi_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestAnOperationIsReadCompletely(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /items/{id}:
    x-shared: 1
    x-own: 1
    get:
      operationId: GetItem
      summary: Get an item
      description: Returns *one*.
      tags: [items, read]
      deprecated: true
      x-ms-visibility: Important
      x-ms-api-annotation: {family: GetItem, revision: 2, status: Production}
      externalDocs: {url: https://example.com/get}
      x-own: 2
      x-ms-pageable: {nextLinkName: nextLink}
      parameters: [{name: id, in: path, required: true, type: string}]
      responses: {200: {description: OK}}
`)
	want := &connectorv1.Operation{
		OperationId: "GetItem", Summary: "Get an item", Description: "Returns *one*.",
		Kind:   connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Method: "GET", Path: "/items/{id}", Tags: []string{"items", "read"},
		Visibility: connectorv1.Visibility_VISIBILITY_IMPORTANT, Deprecated: true,
		Family: &connectorv1.OperationFamily{Name: "GetItem", Revision: 2, Status: "Production"},
		Parameters: []*connectorv1.Parameter{{
			Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true, Schema: []byte(`{"type":"string"}`),
		}},
		Responses:        []*connectorv1.Response{{Status: "200", Description: "OK"}},
		Safety:           &connectorv1.Safety{Safe: true, Idempotent: true},
		DocumentationUrl: "https://example.com/get",
		Extensions: []*connectorv1.Extension{
			{Name: "x-own", Json: []byte("2")},
			{Name: "x-shared", Json: []byte("1")},
		},
		Pagination:    &connectorv1.Pagination{NextLinkProperty: "nextLink"},
		SourcePointer: "/paths/~1items~1{id}/get",
	}
	if diff := cmp.Diff(want, got.operation("GetItem"), protocmp.Transform()); diff != "" {
		t.Errorf("operation (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestOperationsKeepTheOrderOfTheSource(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /z: {post: {operationId: A, responses: {}}, get: {operationId: B, responses: {}}}
  x-comment: text
  /a: {head: {operationId: C, responses: {}}, patch: {operationId: D, responses: {}}, options: {operationId: E, responses: {}}, put: {operationId: F, responses: {}}, delete: {operationId: G, responses: {}}}
`)
	var ids string
	for _, op := range got.GetOperations() {
		ids += op.GetOperationId()
	}
	if ids != "ABCDEFG" || len(got.codes()) != 0 {
		t.Errorf("operations %s, findings %v", ids, got.codes())
	}
}

func TestOperationIDsAreStableAndUnique(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /items/{item-id}/tags: {get: {responses: {}}, put: {operationId: Same, responses: {}}}
  /: {get: {responses: {}}}
  /other: {get: {operationId: Same, responses: {}}, post: {operationId: 5, responses: {}}}
  /Get/items/{item.id}/tags: {delete: {responses: {}}}
  /a: {get: {responses: {}}}
  /a-: {get: {responses: {}}}
  /b: {get: {operationId: GetA_2, responses: {}}}
`)
	var ids []string
	for _, op := range got.GetOperations() {
		ids = append(ids, op.GetOperationId())
	}
	want := []string{"GetItemsByItemIdTags", "Same", "Get", "GetOther", "5", "DeleteGetItemsByItemIdTags", "GetA", "GetA_3", "GetA_2"}
	if diff := cmp.Diff(want[:8], ids[:8]); diff != "" || ids[8] != "GetA_2" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	wantCodes := []string{
		"OperationIdMissing /paths/~1items~1{item-id}~1tags/get", "PathParameterUndeclared /paths/~1items~1{item-id}~1tags/get",
		"PathParameterUndeclared /paths/~1items~1{item-id}~1tags/put", "OperationIdMissing /paths/~1/get",
		"OperationIdDuplicate /paths/~1other/get/operationId",
	}
	if diff := cmp.Diff(wantCodes, got.codes()[:5]); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestPathItemsThatAreWrong(t *testing.T) {
	for _, row := range []struct {
		name, paths string
		operations  []string
		codes       []string
	}{
		{"a path without a slash", "items: {get: {operationId: X, responses: {}}}", []string{"GET /items"}, []string{"PathRelative /paths/items"}},
		{"a method in upper case", "/x: {GET: {operationId: X, responses: {}}}", []string{"GET /x"}, []string{"MethodUpperCase /paths/~1x/GET"}},
		{"a method that is none", "/x: {fetch: {operationId: X}}", nil, []string{"NoOperations /paths", "KeyUnknown /paths/~1x/fetch"}},
		{"an operation that is text", "/x: {get: text}", nil, []string{"ObjectExpected /paths/~1x/get", "NoOperations /paths"}},
		{"a path item that is a list", "/x: [1]", nil, []string{"ObjectExpected /paths/~1x", "NoOperations /paths"}},
		{"a path item elsewhere", "/x: {$ref: '#/paths/~1y'}\n  /y: {get: {operationId: Y, responses: {}}}", []string{"GET /x", "GET /y"}, []string{"OperationIdDuplicate /paths/~1y/get/operationId"}},
		{"a path item nowhere", "/x: {$ref: 'other.json#/x'}", nil, []string{"ReferenceUnresolved /paths/~1x", "NoOperations /paths"}},
		{"a path item that refers to itself", "/x: {$ref: '#/paths/~1x'}", nil, []string{"ReferenceLoop /paths/~1x", "NoOperations /paths"}},
		{"a fixed query string", "/x?kind=a: {get: {operationId: X, responses: {}}}", []string{"GET /x?kind=a"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+"paths:\n  "+row.paths+"\n")
			var operations []string
			for _, op := range got.GetOperations() {
				operations = append(operations, op.GetMethod()+" "+op.GetPath())
			}
			if diff := cmp.Diff(row.operations, operations); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSafety(t *testing.T) {
	for _, row := range []struct {
		name, method, content string
		want                  *connectorv1.Safety
	}{
		{"GET", "get", "", &connectorv1.Safety{Safe: true, Idempotent: true}},
		{"HEAD", "head", "", &connectorv1.Safety{Safe: true, Idempotent: true}},
		{"PUT", "put", "", &connectorv1.Safety{Idempotent: true}},
		{"DELETE", "delete", "", &connectorv1.Safety{Idempotent: true}},
		{"POST", "post", "", &connectorv1.Safety{}},
		{"PATCH", "patch", "", &connectorv1.Safety{}},
		{"a POST that only reads", "post", "x-ms-safe-operation: true", &connectorv1.Safety{Safe: true, Idempotent: true}},
		{"a GET that changes something", "get", "x-ms-safe-operation: false", &connectorv1.Safety{Idempotent: true}},
		{"a person must confirm", "post", "x-ms-require-user-confirmation: true", &connectorv1.Safety{NeedsConfirmation: true}},
		{"a person must confirm, said elsewhere", "post", "x-ms-openai-data: {operations: [{operationId: X, x-ms-require-user-confirmation: true}]}", &connectorv1.Safety{NeedsConfirmation: true}},
		{"another operation is to be confirmed", "post", "x-ms-openai-data: {operations: [{operationId: Y, x-ms-require-user-confirmation: true}]}", &connectorv1.Safety{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, fmt.Sprintf("%spaths:\n  /x:\n    %s:\n      operationId: X\n      responses: {}\n      %s\n", head, row.method, row.content))
			if diff := cmp.Diff(row.want, got.operation("X").GetSafety(), protocmp.Transform()); diff != "" {
				t.Errorf("safety (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMisspeltExtensionsAreReported(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /x:
    get:
      operationId: X
      x-ms-visibilty: internal
      x-ms-visibility: hidden
      x-ms-no-such-thing-at-all: 1
      x-ours: 1
      responses: {}
`)
	want := []string{"VisibilityUnknown /paths/~1x/get/x-ms-visibility", "ExtensionUnknown /paths/~1x/get/x-ms-visibilty", "ExtensionUnknown /paths/~1x/get/x-ms-no-such-thing-at-all"}
	if diff := cmp.Diff(want, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if remedy := got.findings[1].Remedy; remedy != `write "x-ms-visibility"` {
		t.Errorf("remedy %q", remedy)
	}
}
