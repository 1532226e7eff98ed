package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOperationsThatStandElsewhere(t *testing.T) {
	got := importFiles(t,
		text("openapi.yaml", head3+`
security: [{key: []}]
paths:
  /items/{id}:
    parameters: [{name: page, in: query, schema: {type: integer}}]
    get: {$ref: ops/get.yaml}
    put: {$ref: 'ops/more.yaml#/put'}
    delete: {$ref: '#/x-operations/remove'}
webhooks:
  gone: {post: {$ref: 'ops/more.yaml#/gone'}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
x-operations:
  remove: {operationId: Remove, parameters: [{name: id, in: path, required: true, schema: {type: string}}]}
`),
		text("ops/get.yaml", `
operationId: Get
summary: Reads
security: []
parameters: [{$ref: 'more.yaml#/id'}]
responses: {200: {description: OK, content: {application/json: {schema: {$ref: 'more.yaml#/Item'}}}}}
`),
		text("ops/more.yaml", `
id: {name: id, in: path, required: true, schema: {type: string}}
Item: {type: object}
put: {operationId: Put, parameters: [{$ref: '#/id'}], responses: {200: {description: OK, links: {get: {operationRef: '../openapi.yaml#/paths/~1items~1{id}/get'}}}}}
gone: {operationId: Gone, requestBody: {content: {application/json: {schema: {$ref: '#/Item'}}}}}
`),
	)
	var list []string
	for _, op := range got.GetOperations() {
		list = append(list, fmt.Sprintf("%s %s %s at %s, %d parameters", op.GetOperationId(), op.GetMethod(), op.GetPath(), op.GetSourcePointer(), len(op.GetParameters())))
	}
	want := []string{
		"Get GET /items/{id} at ops/get.yaml#, 2 parameters",
		"Put PUT /items/{id} at ops/more.yaml#/put, 2 parameters",
		"Remove DELETE /items/{id} at /x-operations/remove, 2 parameters",
		"Gone POST  at ops/more.yaml#/gone, 0 parameters",
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	get := got.operation("Get")
	if s := string(get.GetResponses()[0].GetContents()[0].GetSchema()); get.GetSummary() != "Reads" || s != `{"$ref":"#/$defs/Item"}` || len(get.GetSecurity()[0].GetSchemes()) != 0 {
		t.Errorf("operation %v", get)
	}
	if l := got.operation("Put").GetResponses()[0].GetLinks(); len(l) != 1 || l[0].GetOperationId() != "Get" {
		t.Errorf("links %v", l)
	}
	if s := string(got.operation("Gone").GetTrigger().GetWebhook().GetNotificationSchema()); s != `{"$ref":"#/$defs/Item"}` {
		t.Errorf("notification %s", s)
	}
	if diff := cmp.Diff([]string{"OperationReference /paths/~1items~1{id}/get"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestOperationReferencesThatLeadNowhereUseful(t *testing.T) {
	for _, row := range []struct {
		name, paths string
		ids, codes  []string
	}{
		{
			"nothing there", "{/x: {get: {$ref: gone.yaml}, put: {operationId: Put}}}",
			[]string{"Put"},
			[]string{"OperationReference /paths/~1x/get", "ReferenceUnresolved /paths/~1x/get"},
		},
		{
			"no object", "{/x: {get: {$ref: '#/openapi'}, put: {operationId: Put}}}",
			[]string{"Put"},
			[]string{"OperationReference /paths/~1x/get", "ObjectExpected /paths/~1x/get"},
		},
		{
			"round in circles", "{/x: {get: {$ref: '#/paths/~1x/put'}, put: {$ref: '#/paths/~1x/get'}}}", nil,
			[]string{"OperationReference /paths/~1x/get", "ReferenceLoop /paths/~1x/get", "ReferenceLoop /paths/~1x/put", "NoOperations /paths"},
		},
		{
			"one operation twice", "{/x: {get: {operationId: X}}, /y: {get: {$ref: '#/paths/~1x/get'}}}",
			[]string{"X", "GetY"},
			[]string{"OperationReference /paths/~1y/get", "OperationIdDuplicate /paths/~1x/get/operationId"},
		},
		{
			"an id beside the reference", "{/x: {get: {$ref: '#/x-op', operationId: Mine, summary: S}}}",
			[]string{"Theirs"},
			[]string{"OperationReference /paths/~1x/get"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"paths: "+row.paths+"\nx-op: {operationId: Theirs}\n")
			var ids []string
			for _, op := range got.GetOperations() {
				ids = append(ids, op.GetOperationId())
			}
			if diff := cmp.Diff(row.ids, ids); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(sorted(row.codes), sorted(got.codes())); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotificationsThatStandElsewhere(t *testing.T) {
	got := import3(t, head3+`
paths:
  /hooks:
    post:
      operationId: Hook
      requestBody: {content: {application/json: {schema: {type: object, properties: {url: {type: string}}}}}}
      callbacks: {event: {'{$request.body#/url}': {post: {$ref: '#/x-event'}, put: {$ref: '#/x-gone'}}}}
x-event: {requestBody: {content: {application/json: {schema: {type: object}}}}}
`)
	if s := string(got.operation("Hook").GetTrigger().GetWebhook().GetNotificationSchema()); s != `{"type":"object"}` {
		t.Errorf("notification %s", s)
	}
	if codes := strings.Join(got.codes(), " "); !strings.Contains(codes, "ReferenceUnresolved /paths/~1hooks/post/callbacks/event/") {
		t.Errorf("findings %v", codes)
	}
}

func TestOperationsOfSwaggerThatStandElsewhere(t *testing.T) {
	got := importDocument(t, head+"paths: {/x: {get: {$ref: '#/x-op'}}}\nx-op: {operationId: X, summary: S, responses: {}}\n")
	if s := got.operation("X").GetSummary(); s != "S" || strings.Join(got.codes(), " ") != "OperationReference /paths/~1x/get" {
		t.Errorf("summary %q, findings %v", s, got.codes())
	}
}

func TestMalformedPathTemplatesAreRepaired(t *testing.T) {
	for _, row := range []struct{ name, path, want string }{
		{"a brace too many", "/a/{id}}", "/a/{id}"},
		{"a brace that is not closed", "/a/{id/b", "/a/{id}/b"},
		{"a brace that is not opened", "/a/id}/b", "/a/{id}/b"},
		{"braces in braces", "/a/{{id}}/b", "/a/{id}/b"},
		{"a brace that opens before another", "/{a{b}/{c/{d}", "/{a}{b}/{c}/{d}"},
		{"braces alone", "/a/{/}/b}}", "/a///{b}"},
		{"nothing in braces", "/a/{}/b/{}", "/a/{value}/b/{value_2}"},
		{"a made-up name that is taken", "/a/{}/b/{value}", "/a/{value_2}/b/{value}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"paths: {'"+row.path+"': {get: {operationId: X}}}\n")
			op := got.operation("X")
			if op.GetPath() != row.want || !strings.HasPrefix(got.codes()[0], "PathMalformed /paths/") {
				t.Errorf("path %q, findings %v", op.GetPath(), got.codes())
			}
			valid(t, got)
		})
	}
}

func TestTagsOfOneOperationHaveALimit(t *testing.T) {
	tags := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("t%d", i)
		}
		return strings.Join(list, ", ")
	}
	for _, row := range []struct {
		name string
		n    int
		code []string
	}{
		{"as many as there may be", 64, nil},
		{"one more", 65, []string{"TagsTooMany /paths/~1x/get/tags"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+"paths: {/x: {get: {operationId: X, tags: ["+tags(row.n)+"]}}}\n")
			if n := len(got.operation("X").GetTags()); n != 64 {
				t.Errorf("%d tags", n)
			}
			if diff := cmp.Diff(row.code, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWebhooksInAnExtensionAreNotRead(t *testing.T) {
	got := import3(t, head3+"paths: {/x: {get: {operationId: X}}}\nx-webhooks: {push: {post: {operationId: Push}}}\n")
	if len(got.GetOperations()) != 1 || strings.Join(got.codes(), " ") != "WebhooksExtension /x-webhooks" {
		t.Errorf("%d operations, findings %v", len(got.GetOperations()), got.codes())
	}
}

func TestStylesInMultipartBodiesAreOfLaterVersions(t *testing.T) {
	const body = "paths: {/x: {post: {operationId: X, requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {a: {type: array}, b: {type: object}}}, encoding: {a: {style: spaceDelimited, explode: false}, b: {contentType: application/json}}}}}}}}\n"
	const at = "EncodingStyleIgnored /paths/~1x/post/requestBody/content/multipart~1form-data/encoding/a"
	for _, row := range []struct {
		version, style string
		codes          []string
	}{
		{"3.0.3", "PARAMETER_STYLE_UNSPECIFIED", []string{at}},
		{"3.1.0", "PARAMETER_STYLE_SPACE_DELIMITED", nil},
	} {
		t.Run(row.version, func(t *testing.T) {
			got := import3(t, strings.Replace(head3, "3.1.0", row.version, 1)+body)
			e := got.operation("X").GetRequestBody().GetContents()[0].GetEncodings()[0]
			if e.GetStyle().String() != row.style {
				t.Errorf("encoding %v", e)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
