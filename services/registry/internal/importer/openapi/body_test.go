package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// withBody is a document with one operation of these members.
func withBody(root, members string) string {
	return head + root + "\npaths:\n  /x:\n    post:\n      operationId: X\n      responses: {}\n" + members + "\n"
}

func TestABodyIsReadCompletely(t *testing.T) {
	got := importDocument(t, withBody("definitions: {Item: {type: object}}", `
      consumes: [application/xml, text/plain, application/json; charset=utf-8, application/vnd.x+json, image/png]
      parameters:
      - {name: item, in: body, required: true, description: D, x-ms-summary: S, x-own: 1, schema: {$ref: '#/definitions/Item', description: E}}`))
	schema := []byte(`{"$ref":"#/$defs/Item","description":"E"}`)
	want := &connectorv1.RequestBody{
		Required: true, Description: "D", Name: "item", Summary: "S",
		Contents: []*connectorv1.MediaType{
			{MediaType: "application/json; charset=utf-8", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: schema},
			{MediaType: "application/xml", Kind: connectorv1.BodyKind_BODY_KIND_XML, Schema: schema},
			{MediaType: "text/plain", Kind: connectorv1.BodyKind_BODY_KIND_TEXT, Schema: schema},
			{MediaType: "application/vnd.x+json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: schema},
			{MediaType: "image/png", Kind: connectorv1.BodyKind_BODY_KIND_BINARY, Schema: schema},
		},
		Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}},
	}
	if diff := cmp.Diff(want, got.operation("X").GetRequestBody(), protocmp.Transform()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 || len(got.operation("X").GetParameters()) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestWhatABodyIsSentAs(t *testing.T) {
	for _, row := range []struct{ name, root, members, want string }{
		{"JSON if nobody says anything", "", "", "application/json JSON"},
		{"what the document says", "consumes: [text/xml]", "", "text/xml XML"},
		{"what the operation says instead", "consumes: [text/xml]", "consumes: [application/x-www-form-urlencoded]", "application/x-www-form-urlencoded FORM"},
		{"parts", "", "consumes: [multipart/mixed]", "multipart/mixed MULTIPART"},
		{"anything is JSON", "", "consumes: ['*/*']", "*/* JSON"},
		{"an empty list is no list", "consumes: [text/csv]", "consumes: []", "application/json JSON"},
		{"a single text", "", "consumes: text/csv", "text/csv TEXT"},
		{"a media type that is none", "", "consumes: ['<json>']", "<json> BINARY"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, withBody(row.root, "      parameters: [{name: b, in: body, schema: {}}]\n      "+row.members))
			c := got.operation("X").GetRequestBody().GetContents()[0]
			if text := c.GetMediaType() + " " + c.GetKind().String()[len("BODY_KIND_"):]; text != row.want {
				t.Errorf("sent as %q, want %q", text, row.want)
			}
		})
	}
}

func TestAFileAsTheWholeBodyIsBytes(t *testing.T) {
	for _, schema := range []string{"{type: string, format: binary}", "{type: file}", "{$ref: '#/definitions/File'}"} {
		got := importDocument(t, withBody("definitions: {File: {type: string, format: binary}}", "      parameters: [{name: b, in: body, schema: "+schema+"}]"))
		if k := got.operation("X").GetRequestBody().GetContents()[0].GetKind(); k != connectorv1.BodyKind_BODY_KIND_BINARY {
			t.Errorf("%s is sent as %s", schema, k)
		}
	}
}

func TestForms(t *testing.T) {
	const file = "{name: f, in: formData, type: file, description: D}"
	const text = "{name: t, in: formData, type: string, required: true, x-ms-summary: S}"
	const list = "{name: l, in: formData, type: array, items: {type: integer}, collectionFormat: multi}"
	const schemaOfFile = `"f":{"type":"string","format":"binary","description":"D"}`
	const schemaOfText = `"t":{"type":"string","x-ms-summary":"S"}`
	for _, row := range []struct {
		name, members, media, schema string
		kind                         connectorv1.BodyKind
		encodings                    []*connectorv1.PropertyEncoding
	}{
		{
			"text is a form", "[" + text + "]", "application/x-www-form-urlencoded",
			`{"type":"object","properties":{` + schemaOfText + `},"required":["t"]}`, connectorv1.BodyKind_BODY_KIND_FORM, nil,
		},
		{
			"a file needs parts", "[" + text + "," + file + "]", "multipart/form-data",
			`{"type":"object","properties":{` + schemaOfText + "," + schemaOfFile + `},"required":["t"]}`, connectorv1.BodyKind_BODY_KIND_MULTIPART,
			[]*connectorv1.PropertyEncoding{{Property: "f", File: true}},
		},
		{
			"lists have a style", "[" + list + "]", "application/x-www-form-urlencoded",
			`{"type":"object","properties":{"l":{"type":"array","items":{"type":"integer"}}}}`, connectorv1.BodyKind_BODY_KIND_FORM,
			[]*connectorv1.PropertyEncoding{{Property: "l", Style: connectorv1.ParameterStyle_PARAMETER_STYLE_FORM, Explode: true}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := importDocument(t, withBody("", "      parameters: "+row.members)).operation("X").GetRequestBody()
			want := &connectorv1.RequestBody{
				Name: "body", Required: row.name != "lists have a style",
				Contents: []*connectorv1.MediaType{{MediaType: row.media, Kind: row.kind, Schema: []byte(row.schema), Encodings: row.encodings}},
			}
			if diff := cmp.Diff(want, body, protocmp.Transform()); diff != "" {
				t.Errorf("body (-want +got):\n%s\n%s", diff, body.GetContents()[0].GetSchema())
			}
		})
	}
}

func TestFormsAreSentAsTheSourceSays(t *testing.T) {
	for _, row := range []struct{ name, consumes, typ, want string }{
		{"parts, though no file needs them", "[multipart/form-data]", "string", "multipart/form-data"},
		{"both, in their order", "[multipart/form-data, application/x-www-form-urlencoded]", "string", "multipart/form-data"},
		{"never JSON", "[application/json]", "string", "application/x-www-form-urlencoded"},
		{"never a plain form with a file", "[application/x-www-form-urlencoded]", "file", "multipart/form-data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, withBody("", "      consumes: "+row.consumes+"\n      parameters: [{name: a, in: formData, type: "+row.typ+"}]"))
			if media := got.operation("X").GetRequestBody().GetContents()[0].GetMediaType(); media != row.want {
				t.Errorf("sent as %q, want %q", media, row.want)
			}
		})
	}
}

func TestBodiesThatAreWrong(t *testing.T) {
	for _, row := range []struct{ name, parameters, schema, code string }{
		{"two bodies", "[{name: a, in: body, schema: {type: string}}, {name: b, in: body, schema: {}}]", `{"type":"string"}`, "BodyDuplicate"},
		{"a body and a form", "[{name: a, in: formData, type: string}, {name: b, in: body, schema: {}}]", `{}`, "BodyAndForm"},
		{"a body without a schema", "[{name: a, in: body}]", "", "BodySchemaMissing"},
		{"a schema that is text", "[{name: a, in: body, schema: text}]", "{}", "SchemaInvalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, withBody("", "      parameters: "+row.parameters))
			if schema := string(got.operation("X").GetRequestBody().GetContents()[0].GetSchema()); schema != row.schema {
				t.Errorf("schema %s, want %s", schema, row.schema)
			}
			if len(got.findings) != 1 || got.findings[0].Code != row.code {
				t.Errorf("findings %v, want %s", got.codes(), row.code)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	got := importDocument(t, head+`
produces: [application/json, text/csv]
responses:
  Failed: {description: Failed, x-own: 1}
paths:
  /x:
    get:
      operationId: X
      responses:
        200:
          description: OK
          schema: {type: array, items: {type: string}}
          headers: {X-Next: {type: integer, description: D}}
          examples: {application/json: [a], text/xml: b}
        204: {description: Nothing}
        4XX: {$ref: '#/responses/Failed'}
        default: {description: Else, schema: {type: file}}
        ok: {description: no status}
        99: {description: no status}
        x-own: 1
`)
	schema := []byte(`{"type":"array","items":{"type":"string"}}`)
	file := []byte(`{"type":"string","format":"binary"}`)
	want := []*connectorv1.Response{
		{
			Status: "200", Description: "OK",
			Headers: []*connectorv1.ResponseHeader{{Name: "X-Next", Description: "D", Schema: []byte(`{"type":"integer"}`)}},
			Contents: []*connectorv1.MediaType{
				{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: schema, Examples: [][]byte{[]byte(`["a"]`)}},
				{MediaType: "text/csv", Kind: connectorv1.BodyKind_BODY_KIND_TEXT, Schema: schema},
			},
		},
		{Status: "204", Description: "Nothing"},
		{Status: "4XX", Description: "Failed", Extensions: []*connectorv1.Extension{{Name: "x-own", Json: []byte("1")}}},
		{Status: "default", Description: "Else", Contents: []*connectorv1.MediaType{
			{MediaType: "application/octet-stream", Kind: connectorv1.BodyKind_BODY_KIND_BINARY, Schema: file},
			{MediaType: "text/csv", Kind: connectorv1.BodyKind_BODY_KIND_BINARY, Schema: file},
		}},
	}
	if diff := cmp.Diff(want, got.operation("X").GetResponses(), protocmp.Transform()); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ResponseStatusInvalid /paths/~1x/get/responses/ok", "ResponseStatusInvalid /paths/~1x/get/responses/99"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
