package openapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// post3 is an OpenAPI 3.1 document with one operation that has this body.
func post3(body, rest string) string {
	return head3 + "paths:\n  /x:\n    post:\n      operationId: X\n      responses: {}\n      requestBody: " + body + "\n" + rest
}

func TestAnOpenAPI3BodyIsReadCompletely(t *testing.T) {
	got := import3(t, post3("{$ref: '#/components/requestBodies/B'}", `
components:
  requestBodies:
    B:
      required: true
      description: D
      x-bodyName: item
      x-own: 1
      content:
        application/xml: {schema: {$ref: '#/components/schemas/Item'}}
        application/json; charset=utf-8: {schema: {$ref: '#/components/schemas/Item'}, example: {a: 1}, examples: {e: {value: {a: 2}}}}
        application/octet-stream: {}
        image/png: {schema: {type: string, contentMediaType: image/png, contentEncoding: base64}}
  schemas: {Item: {type: object}}
`))
	schema := []byte(`{"$ref":"#/$defs/Item"}`)
	want := &connectorv1.RequestBody{
		Required: true, Description: "D", Name: "item",
		Contents: []*connectorv1.MediaType{
			{MediaType: "application/json; charset=utf-8", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: schema, Examples: [][]byte{[]byte(`{"a":1}`), []byte(`{"a":2}`)}},
			{MediaType: "application/xml", Kind: connectorv1.BodyKind_BODY_KIND_XML, Schema: schema},
			{MediaType: "application/octet-stream", Kind: connectorv1.BodyKind_BODY_KIND_BINARY},
			{MediaType: "image/png", Kind: connectorv1.BodyKind_BODY_KIND_BINARY, Schema: []byte(`{"type":"string","contentMediaType":"image/png","contentEncoding":"base64"}`)},
		},
		Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}},
	}
	if diff := cmp.Diff(want, got.operation("X").GetRequestBody(), protocmp.Transform()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestWhatAnOpenAPI3BodyIsSentAs(t *testing.T) {
	for _, row := range []struct{ name, content, want, codes string }{
		{"JSON", "{application/json: {}}", "application/json JSON", ""},
		{"JSON of a vendor", "{application/vnd.x+json: {}}", "application/vnd.x+json JSON", ""},
		{"a form", "{application/x-www-form-urlencoded: {}}", "application/x-www-form-urlencoded FORM", ""},
		{"parts", "{multipart/form-data: {}}", "multipart/form-data MULTIPART", ""},
		{"bytes, though the media type is JSON", "{application/json: {schema: {type: string, format: binary}}}", "application/json BINARY", ""},
		{"text", "{text/plain: {schema: {type: string}}}", "text/plain TEXT", ""},
		{"anything", "{'*/*': {}}", "*/* JSON", ""},
		{"JSON before others", "{text/plain: {}, application/json: {}}", "application/json JSON", ""},
		{"nothing said", "{}", "application/json JSON", "BodySchemaMissing /paths/~1x/post/requestBody"},
		{"nonsense", "{application/json: text, text/csv: {}}", "text/csv TEXT", "ObjectExpected /paths/~1x/post/requestBody/content/application~1json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, post3("{content: "+row.content+"}", ""))
			c := got.operation("X").GetRequestBody().GetContents()[0]
			if text := c.GetMediaType() + " " + c.GetKind().String()[len("BODY_KIND_"):]; text != row.want || strings.Join(got.codes(), ",") != row.codes {
				t.Errorf("sent as %q, findings %v; want %q", text, got.codes(), row.want)
			}
		})
	}
}

func TestStreamsAreLists(t *testing.T) {
	got := import3(t, post3("{content: {application/jsonl: {itemSchema: {type: integer}}}}", ""))
	if schema := string(got.operation("X").GetRequestBody().GetContents()[0].GetSchema()); schema != `{"type":"array","items":{"type":"integer"}}` {
		t.Errorf("schema %s", schema)
	}
}

func TestEncodings(t *testing.T) {
	const (
		form      = connectorv1.ParameterStyle_PARAMETER_STYLE_FORM
		deep      = connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT
		multipart = "multipart/form-data"
		encoded   = "application/x-www-form-urlencoded"
	)
	for _, row := range []struct {
		name, media, content string
		want                 []*connectorv1.PropertyEncoding
		codes                []string
	}{
		{"nothing to say about a form", encoded, "schema: {properties: {a: {type: string}, b: {type: array}, c: {type: string, format: binary}}}", nil, nil},
		{"a binary string is a file", multipart, "schema: {properties: {a: {type: string}, f: {type: string, format: binary}}}", []*connectorv1.PropertyEncoding{{Property: "f", File: true}}, nil},
		{"so is a list of them", multipart, "schema: {properties: {f: {type: array, items: {$ref: '#/components/schemas/File'}}}}", []*connectorv1.PropertyEncoding{{Property: "f", File: true}}, nil},
		{"so is one that stands elsewhere", multipart, "schema: {$ref: '#/components/schemas/Form'}", []*connectorv1.PropertyEncoding{{Property: "f", File: true}, {Property: "g", File: true}}, nil},
		{"so is content of another media type", multipart, "schema: {properties: {f: {type: string, contentMediaType: image/png}}}", []*connectorv1.PropertyEncoding{{Property: "f", File: true}}, nil},
		{"unless it is text", multipart, "schema: {properties: {f: {type: string, contentMediaType: image/png, contentEncoding: base64}, g: {type: string, contentMediaType: application/json}}}", nil, nil},
		{"so is anything that is sent as such", multipart, "schema: {properties: {f: {}}}, encoding: {f: {contentType: 'image/png, image/jpeg'}}", []*connectorv1.PropertyEncoding{{Property: "f", File: true, ContentType: "image/png, image/jpeg"}}, nil},
		{"the type of a part", multipart, "schema: {properties: {o: {type: object}}}, encoding: {o: {contentType: application/xml}}", []*connectorv1.PropertyEncoding{{Property: "o", ContentType: "application/xml"}}, nil},
		{"headers of a part", multipart, "schema: {properties: {f: {type: string, format: binary}}}, encoding: {f: {headers: {X-Id: {description: D, required: true, schema: {type: integer}}, Content-Type: {schema: {}}}}}", []*connectorv1.PropertyEncoding{{
			Property: "f", File: true, Headers: []*connectorv1.ResponseHeader{{Name: "X-Id", Description: "D", Required: true, Schema: []byte(`{"type":"integer"}`)}},
		}}, nil},
		{"styles of a form", encoded, "schema: {properties: {a: {type: array}, o: {type: object}, r: {type: string}}}, encoding: {a: {style: form, explode: false}, o: {style: deepObject, explode: true}, r: {allowReserved: true}}", []*connectorv1.PropertyEncoding{
			{Property: "a", Style: form},
			{Property: "o", Style: deep, Explode: true},
			{Property: "r", Explode: true, AllowReserved: true},
		}, nil},
		{"documents in a form", encoded, "schema: {properties: {o: {type: object}}}, encoding: {o: {contentType: application/json}}", []*connectorv1.PropertyEncoding{{Property: "o", ContentType: "application/json"}}, nil},
		{"what the form does not have", multipart, "schema: {properties: {a: {}}}, encoding: {b: {contentType: text/csv}}", []*connectorv1.PropertyEncoding{{Property: "b", ContentType: "text/csv"}}, []string{"EncodingUnused"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, post3("{content: {"+row.media+": {"+row.content+"}}}", `
components:
  schemas:
    File: {type: string, format: binary}
    Form: {allOf: [{properties: {f: {$ref: '#/components/schemas/File'}}}, {$ref: '#/components/schemas/More'}]}
    More: {properties: {g: {type: [string, 'null'], format: binary}, f: {type: string}, again: {$ref: '#/components/schemas/Form'}}, allOf: [{$ref: '#/components/schemas/Form'}]}
`))
			if diff := cmp.Diff(row.want, got.operation("X").GetRequestBody().GetContents()[0].GetEncodings(), protocmp.Transform()); diff != "" {
				t.Errorf("encodings (-want +got):\n%s", diff)
			}
			var codes []string
			for _, f := range got.findings {
				codes = append(codes, f.Code)
			}
			if diff := cmp.Diff(row.codes, codes); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResponsesOfOpenAPI3(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    get:
      operationId: X
      responses:
        200:
          description: OK
          headers:
            X-Next: {description: D, required: true, deprecated: true, schema: {type: integer}}
            X-Doc: {content: {application/json: {schema: {type: object}}}}
            X-Ref: {$ref: '#/components/headers/H'}
            Content-Type: {schema: {type: string}}
          content:
            text/csv: {schema: {type: string}}
            application/json: {schema: {type: array}, example: [1]}
        2XX: {summary: S}
        4xx: {$ref: '#/components/responses/Failed'}
        default: {$ref: '#/components/responses/Else', description: Else}
        ok: {description: no status}
components:
  headers: {H: {schema: {type: string}}}
  responses: {Else: {description: replaced}, Failed: {description: Failed, content: {application/problem+json: {schema: {$ref: '#/components/responses/Failed/x-schema'}}}, x-schema: {type: object}}}
`)
	want := []*connectorv1.Response{
		{
			Status: "200", Description: "OK",
			Headers: []*connectorv1.ResponseHeader{
				{Name: "X-Next", Description: "D", Required: true, Deprecated: true, Schema: []byte(`{"type":"integer"}`)},
				{Name: "X-Doc", Schema: []byte(`{"type":"object"}`)},
				{Name: "X-Ref", Schema: []byte(`{"type":"string"}`)},
			},
			Contents: []*connectorv1.MediaType{
				{MediaType: "text/csv", Kind: connectorv1.BodyKind_BODY_KIND_TEXT, Schema: []byte(`{"type":"string"}`)},
				{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"type":"array"}`), Examples: [][]byte{[]byte("[1]")}},
			},
		},
		{Status: "2XX", Description: "S"},
		{
			Status: "4XX", Description: "Failed",
			Contents: []*connectorv1.MediaType{{
				MediaType: "application/problem+json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
				Schema: []byte(`{"$ref":"#/$defs/components~1responses~1Failed~1x-schema"}`),
			}},
			Extensions: []*connectorv1.Extension{{Name: "x-schema", Json: []byte(`{"type":"object"}`)}},
		},
		{Status: "default", Description: "Else"},
	}
	if diff := cmp.Diff(want, got.operation("X").GetResponses(), protocmp.Transform()); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ResponseStatusInvalid /paths/~1x/get/responses/ok"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	compile(t, got.Definition)
}

func TestLinks(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    post:
      operationId: Create
      responses:
        201:
          description: Created
          links:
            byId: {operationId: Get, parameters: {id: $response.body#/id, query.full: true}, description: D}
            byRef: {operationRef: '#/paths/~1x~1{id}/delete', requestBody: {reason: $request.body#/name}, server: {url: https://other.example}}
            shared: {$ref: '#/components/links/L'}
            gone: {operationId: Nobody}
            none: {}
            away: {operationRef: 'https://other.example/api.yaml#/paths/~1x/get'}
  /x/{id}:
    parameters: [{name: id, in: path, required: true, schema: {}}]
    get: {operationId: Get}
    delete: {}
components: {links: {L: {operationId: Get}}}
`)
	want := []*connectorv1.ResponseLink{
		{Name: "byId", OperationId: "Get", Description: "D", Arguments: []*connectorv1.LinkArgument{
			{Name: "id", Json: []byte(`"$response.body#/id"`)}, {Name: "full", Json: []byte("true")},
		}},
		{Name: "byRef", OperationId: "DeleteXById", RequestBody: []byte(`{"reason":"$request.body#/name"}`)},
		{Name: "shared", OperationId: "Get"},
	}
	if diff := cmp.Diff(want, got.operation("Create").GetResponses()[0].GetLinks(), protocmp.Transform()); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	const at = " /paths/~1x/post/responses/201/links/"
	if diff := cmp.Diff([]string{
		"OperationIdMissing /paths/~1x~1{id}/delete", "LinkTargetUnknown" + at + "gone", "LinkTargetUnknown" + at + "none", "LinkTargetUnknown" + at + "away",
		"LinkServerIgnored" + at + "byRef/server",
	}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
