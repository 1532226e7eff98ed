package openapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemaDocument is a document in JSON whose schema "S" is in.
func schemaDocument(version, in string) string {
	return `{"openapi":"` + version + `","info":{"title":"T"},"servers":[{"url":"https://h"}],"paths":{"/x":{"get":{"operationId":"X"}}},"components":{"schemas":{"S":` + in + `,"Dog":{"properties":{"p":{}},"$defs":{"D":{}}},"a/b":{}}}}`
}

func TestSchemasOfOpenAPI3(t *testing.T) {
	const at = " /components/schemas/S"
	for _, row := range []struct {
		name, version, in, want string
		codes                   []string
	}{
		{"references are rewritten wherever schemas are", "3.1.0", `{"items":{"$ref":"#/components/schemas/S"},"prefixItems":[{"$ref":"#/components/schemas/Dog"}],"if":{"$ref":"#/components/schemas/S"},"then":true,"else":false,"dependentSchemas":{"a":{"$ref":"#/components/schemas/S"}},"unevaluatedProperties":{"$ref":"#/components/schemas/S"},"unevaluatedItems":false,"contains":{"$ref":"#/components/schemas/S"},"propertyNames":{"$ref":"#/components/schemas/S"},"contentSchema":{"$ref":"#/components/schemas/S"},"patternProperties":{"^a":{"$ref":"#/components/schemas/S"}}}`, `{"items":{"$ref":"#/$defs/S"},"prefixItems":[{"$ref":"#/$defs/Dog"}],"if":{"$ref":"#/$defs/S"},"then":true,"else":false,"dependentSchemas":{"a":{"$ref":"#/$defs/S"}},"unevaluatedProperties":{"$ref":"#/$defs/S"},"unevaluatedItems":false,"contains":{"$ref":"#/$defs/S"},"propertyNames":{"$ref":"#/$defs/S"},"contentSchema":{"$ref":"#/$defs/S"},"patternProperties":{"^a":{"$ref":"#/$defs/S"}}}`, nil},
		{"a reference into a schema", "3.0.0", `{"$ref":"#/components/schemas/Dog/properties/p"}`, `{"$ref":"#/$defs/Dog/properties/p"}`, nil},
		{"a reference to definitions of a schema", "3.1.0", `{"$ref":"#/components/schemas/Dog/$defs/D"}`, `{"$ref":"#/$defs/Dog/$defs/D"}`, nil},
		{"definitions that were pasted with their schema", "3.1.0", `{"$defs":{"In":{"type":"string"}},"items":{"$ref":"#/$defs/In"}}`, `{"$defs":{"In":{"type":"string"}},"items":{"$ref":"#/$defs/S/$defs/In"}}`, nil},
		{"an anchor", "3.1.0", `{"$defs":{"In":{"$anchor":"in","type":"string"}},"items":{"$ref":"#in"}}`, `{"$defs":{"In":{"type":"string"}},"items":{"$ref":"#/$defs/S/$defs/In"}}`, []string{"SchemaKeywordUnsupported" + at + "/$defs/In/$anchor"}},
		{"an id", "3.1.0", `{"$defs":{"In":{"$id":"https://h/in","type":"string"}},"items":{"$ref":"https://h/in"}}`, `{"$defs":{"In":{"type":"string"}},"items":{"$ref":"#/$defs/S/$defs/In"}}`, []string{"SchemaKeywordUnsupported" + at + "/$defs/In/$id"}},
		{"names are escaped", "3.0.0", `{"$ref":"#/components/schemas/a~1b"}`, `{"$ref":"#/$defs/a~1b"}`, nil},
		{"what is beside a reference counts in 3.1", "3.1.0", `{"$ref":"#/components/schemas/Dog","type":"object","description":"D"}`, `{"$ref":"#/$defs/Dog","type":"object","description":"D"}`, nil},
		{"and not in 3.0", "3.0.3", `{"$ref":"#/components/schemas/Dog","type":"object","nullable":true,"description":"D"}`, `{"$ref":"#/$defs/Dog","description":"D"}`, []string{"ReferenceSibling" + at + "/type", "ReferenceSibling" + at + "/nullable"}},
		{"a reference to nowhere", "3.1.0", `{"$ref":"#/components/schemas/None","title":"T"}`, `{"title":"T"}`, []string{"ReferenceUnresolved" + at + "/$ref"}},
		{"a reference to another address", "3.1.0", `{"$ref":"https://other.example/schema.json"}`, `{}`, []string{"ReferenceUnresolved" + at + "/$ref"}},
		{"nullable is a type", "3.0.0", `{"type":"string","nullable":true,"enum":["a"]}`, `{"type":["string","null"],"enum":["a",null]}`, nil},
		{"not nullable", "3.0.0", `{"type":"string","nullable":false}`, `{"type":"string"}`, nil},
		{"nullable is no boolean", "3.0.0", `{"type":"string","nullable":"yes"}`, `{"type":"string"}`, []string{"SchemaKeywordInvalid" + at + "/nullable"}},
		{"nullable alternatives", "3.0.0", `{"nullable":true,"oneOf":[{"type":"string"},{"type":"integer"}]}`, `{"oneOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}`, nil},
		{"nullable alternatives that are", "3.0.0", `{"nullable":true,"anyOf":[{"type":"string","nullable":true},{"type":"integer"}]}`, `{"anyOf":[{"type":["string","null"]},{"type":"integer"}]}`, nil},
		{"nullable parts", "3.0.0", `{"nullable":true,"description":"D","allOf":[{"$ref":"#/components/schemas/Dog"}]}`, `{"anyOf":[{"description":"D","allOf":[{"$ref":"#/$defs/Dog"}]},{"type":"null"}]}`, nil},
		{"several types", "3.1.0", `{"type":["string","null"],"const":"a"}`, `{"type":["string","null"],"const":"a"}`, nil},
		{"bounds of 3.0", "3.0.0", `{"minimum":1,"exclusiveMinimum":true,"maximum":5,"exclusiveMaximum":false}`, `{"exclusiveMinimum":1,"maximum":5}`, nil},
		{"bounds of 3.1", "3.1.0", `{"exclusiveMinimum":1,"exclusiveMaximum":5}`, `{"exclusiveMinimum":1,"exclusiveMaximum":5}`, nil},
		{"an example", "3.0.0", `{"type":"string","example":"a"}`, `{"type":"string","examples":["a"]}`, nil},
		{"examples", "3.1.0", `{"examples":["b","c"],"example":"a"}`, `{"examples":["a","b","c"]}`, nil},
		{"examples that are no list", "3.1.0", `{"examples":{"a":1}}`, `{}`, []string{"SchemaKeywordInvalid" + at + "/examples"}},
		{"bytes", "3.1.0", `{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"}`, `{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"}`, nil},
		{"binary strings", "3.0.0", `{"type":"string","format":"binary"}`, `{"type":"string","format":"binary"}`, nil},
		{"booleans are schemas", "3.1.0", `{"properties":{"a":true,"b":false}}`, `{"properties":{"a":true,"b":false}}`, nil},
		{"a schema that is a boolean", "3.1.0", `true`, `true`, nil},
		{"discriminators", "3.0.0", `{"discriminator":{"propertyName":"kind","mapping":{"dog":"#/components/schemas/Dog","Dog":"Dog","cat":"Cat"}},"oneOf":[{"$ref":"#/components/schemas/Dog"}]}`, `{"discriminator":{"propertyName":"kind","mapping":{"dog":"#/$defs/Dog","Dog":"#/$defs/Dog","cat":"Cat"}},"oneOf":[{"$ref":"#/$defs/Dog"}]}`, []string{"ReferenceUnresolved" + at + "/discriminator/mapping/cat"}},
		{"discriminators without a mapping", "3.0.0", `{"discriminator":{"propertyName":"kind"}}`, `{"discriminator":{"propertyName":"kind"}}`, nil},
		{"what needs what", "3.1.0", `{"dependentRequired":{"a":["b"]},"minContains":0,"maxContains":-1}`, `{"dependentRequired":{"a":["b"]},"minContains":0}`, []string{"SchemaKeywordInvalid" + at + "/maxContains"}},
		{"keywords without a meaning here", "3.1.0", `{"$dynamicAnchor":"a","$dynamicRef":"#a","externalDocs":{"url":"u"},"xml":{"name":"n"}}`, `{"externalDocs":{"url":"u"},"xml":{"name":"n"}}`, []string{"SchemaKeywordUnsupported" + at + "/$dynamicAnchor", "SchemaKeywordUnsupported" + at + "/$dynamicRef"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, schemaDocument(row.version, row.in))
			if diff := cmp.Diff(row.want, got.schema("S")); diff != "" {
				t.Errorf("schema (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(sorted(row.codes), sorted(got.codes())); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			compile(t, got.Definition)
		})
	}
}

func TestReferencesThroughOtherReferences(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x: {get: {operationId: X, responses: {200: {$ref: '#/components/responses/R'}}}}
components:
  responses: {R: {$ref: '#/components/responses/Q'}, Q: {description: D, content: {application/json: {schema: {type: array}}}}}
  schemas:
    S: {$ref: '#/paths/~1x/get/responses/200/content/application~1json/schema'}
    Loop: {$ref: '#/components/schemas/Loop/properties/p'}
    Self: {$ref: '#/components/schemas/Self'}
    In: {properties: {o: {oneOf: [{type: string}, {type: integer}]}}}
    Deep: {$ref: '#/components/schemas/In/properties/o/oneOf/1'}
`)
	if s := got.schema("S"); s != `{"$ref":"#/$defs/components~1responses~1Q~1content~1application~01json~1schema"}` {
		t.Errorf("schema %s", s)
	}
	if s := got.schema("Deep"); s != `{"$ref":"#/$defs/components~1schemas~1In~1properties~1o~1oneOf~11"}` || got.schema("components/schemas/In/properties/o/oneOf/1") != `{"type":"integer"}` {
		t.Errorf("schema %s", s)
	}
	if diff := cmp.Diff([]string{"ReferenceUnresolved /components/schemas/Loop/$ref"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	compile(t, got.Definition)
}

func TestSwaggerDocumentsMayUseKeywordsOfOpenAPI3(t *testing.T) {
	got := importDocument(t, head+`
paths: {/x: {post: {operationId: X, responses: {}, parameters: [{name: b, in: body, schema: {$ref: '#/components/schemas/B'}}]}}}
components: {schemas: {B: {type: string, nullable: true, oneOf: [{minLength: 1}], anyOf: [{maxLength: 5}], const: a}}}
`)
	if s := got.schema("components/schemas/B"); s != `{"type":["string","null"],"oneOf":[{"minLength":1}],"anyOf":[{"maxLength":5}],"const":"a"}` || len(got.findings) != 0 {
		t.Errorf("schema %s, findings %v", s, got.codes())
	}
}

func TestSwaggerDocumentsMayUseKeysOfOpenAPI3(t *testing.T) {
	got := importDocument(t, `
swagger: '2.0'
info: {title: T}
servers: [{url: 'https://{h}.example', variables: {h: {default: a}}}]
paths: {/x: {post: {operationId: X, x-ms-trigger: single, requestBody: {content: {application/json: {schema: {properties: {u: {x-ms-notification-url: true}}}}}}, responses: {200: {description: OK, content: {text/csv: {}}}}}}}
`)
	op := got.operation("X")
	if got.GetServers()[0].GetVariables()[0].GetDefaultValue() != "a" || op.GetResponses()[0].GetContents()[0].GetMediaType() != "text/csv" {
		t.Errorf("servers %v, responses %v", got.GetServers(), op.GetResponses())
	}
	if p := op.GetTrigger().GetWebhook().GetCallbackPointer(); p != "/body/u" || op.GetRequestBody().GetContents()[0].GetMediaType() != "application/json" {
		t.Errorf("callback %q, body %v", p, op.GetRequestBody())
	}
	if diff := cmp.Diff([]string{"KeyOfOpenAPI3 /servers", "KeyOfOpenAPI3 /paths/~1x/post/requestBody", "KeyOfOpenAPI3 /paths/~1x/post/responses/200/content"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSchemasThatAreSharedAreReportedOnce(t *testing.T) {
	got := import3(t, head3+"paths: {/x: {get: {operationId: X, responses: {200: {$ref: '#/components/responses/R'}, 201: {$ref: '#/components/responses/R'}}}}}\ncomponents: {responses: {R: {description: D, content: {application/json: {schema: {type: thing}}}}}}\n")
	if len(got.findings) != 1 || !strings.HasPrefix(got.codes()[0], "SchemaTypeUnknown") {
		t.Errorf("findings %v", got.codes())
	}
}
