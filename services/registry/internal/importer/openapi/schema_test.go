package openapi_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestSchemas(t *testing.T) {
	const at = " /definitions/S"
	for _, row := range []struct {
		name, in, want string
		codes          []string
	}{
		{"order and extensions are kept", `{"x-z":1,"type":"object","properties":{"z":{"type":"string"},"a":{}},"x-ms-editor":"code","required":["a","z"]}`, `{"x-z":1,"type":"object","properties":{"z":{"type":"string"},"a":{}},"x-ms-editor":"code","required":["a","z"]}`, nil},
		{"properties may be called like keywords", `{"properties":{"$ref":{"type":"string"},"type":{"type":"file"},"required":{"type":"boolean"},"properties":{"properties":{"items":{}}}}}`, `{"properties":{"$ref":{"type":"string"},"type":{"type":"string","format":"binary"},"required":{"type":"boolean"},"properties":{"properties":{"items":{}}}}}`, nil},
		{"references are rewritten wherever schemas are", `{"items":{"$ref":"#/definitions/S"},"allOf":[{"$ref":"#/definitions/S"}],"additionalProperties":{"$ref":"#/definitions/S"},"not":{"$ref":"#/definitions/S"}}`, `{"items":{"$ref":"#/$defs/S"},"allOf":[{"$ref":"#/$defs/S"}],"additionalProperties":{"$ref":"#/$defs/S"},"not":{"$ref":"#/$defs/S"}}`, nil},
		{"and nowhere else", `{"example":{"$ref":"#/definitions/S"},"default":{"$ref":"#/definitions/S"},"x-ms-dynamic-schema":{"$ref":"#/definitions/S"}}`, `{"examples":[{"$ref":"#/definitions/S"}],"default":{"$ref":"#/definitions/S"},"x-ms-dynamic-schema":{"$ref":"#/definitions/S"}}`, nil},
		{"what describes stays beside a reference, what restricts goes", `{"description":"D","$ref":"#/definitions/S","type":"object","x-ms-summary":"S"}`, `{"description":"D","$ref":"#/$defs/S","x-ms-summary":"S"}`, []string{"ReferenceSibling" + at + "/type"}},
		{"names are escaped", `{"$ref":"#/definitions/a~1b~0c"}`, `{"$ref":"#/$defs/a~1b~0c"}`, nil},
		{"names may be percent-encoded", `{"$ref":"#/definitions/with%20space"}`, `{"$ref":"#/$defs/with space"}`, nil},
		{"a name is enough", `{"$ref":"with space"}`, `{"$ref":"#/$defs/with space"}`, nil},
		{"a reference into a definition", `{"$ref":"#/definitions/with space/properties/p"}`, `{"$ref":"#/$defs/with space/properties/p"}`, nil},
		{"a reference to nowhere", `{"$ref":"#/definitions/None","description":"D"}`, `{"description":"D"}`, []string{"ReferenceUnresolved" + at + "/$ref"}},
		{"a reference to another file", `{"$ref":"other.json#/definitions/S"}`, `{}`, []string{"ReferenceUnresolved" + at + "/$ref"}},
		{"a reference that is no text", `{"$ref":1}`, `{}`, []string{"SchemaKeywordInvalid" + at + "/$ref"}},
		{"bounds that exclude themselves", `{"minimum":1,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":true}`, `{"exclusiveMinimum":1,"exclusiveMaximum":9}`, nil},
		{"bounds that do not", `{"minimum":1,"exclusiveMinimum":false,"exclusiveMaximum":true}`, `{"minimum":1}`, nil},
		{"bounds of today", `{"exclusiveMinimum":1}`, `{"exclusiveMinimum":1}`, nil},
		{"bounds that are text", `{"exclusiveMinimum":"yes"}`, `{}`, []string{"SchemaKeywordInvalid" + at + "/exclusiveMinimum"}},
		{"null is allowed by an extension", `{"type":"string","x-nullable":true,"enum":["a"]}`, `{"type":["string","null"],"x-nullable":true,"enum":["a",null]}`, nil},
		{"null is allowed already", `{"type":["string","null"],"x-nullable":true,"enum":[null]}`, `{"type":["string","null"],"x-nullable":true,"enum":[null]}`, nil},
		{"null is not allowed", `{"type":"string","x-nullable":false}`, `{"type":"string","x-nullable":false}`, nil},
		{"files are bytes", `{"type":"file"}`, `{"type":"string","format":"binary"}`, nil},
		{"types that are meant otherwise", `{"type":"Int"}`, `{"type":"integer"}`, []string{"SchemaTypeUnknown" + at + "/type"}},
		{"types that nobody knows", `{"type":"action","title":"T"}`, `{"title":"T"}`, []string{"SchemaTypeUnknown" + at + "/type"}},
		{"types that are no text", `{"type":{}}`, `{}`, []string{"SchemaKeywordInvalid" + at + "/type"}},
		{"tuples", `{"items":[{"type":"string"},{"$ref":"#/definitions/S"}]}`, `{"prefixItems":[{"type":"string"},{"$ref":"#/$defs/S"}]}`, nil},
		{"required as a boolean", `{"required":true,"type":"string"}`, `{"type":"string"}`, []string{"SchemaKeywordInvalid" + at + "/required"}},
		{"required twice", `{"required":["a","a","b"]}`, `{"required":["a","b"]}`, nil},
		{"empty lists", `{"enum":[],"allOf":[],"required":[]}`, `{"required":[]}`, []string{"SchemaKeywordInvalid" + at + "/enum", "SchemaKeywordInvalid" + at + "/allOf"}},
		{"numbers as text", `{"minLength":"1","maximum":"9","description":5}`, `{}`, []string{"SchemaKeywordInvalid" + at + "/minLength", "SchemaKeywordInvalid" + at + "/maximum", "SchemaKeywordInvalid" + at + "/description"}},
		{"counts that are none", `{"minLength":-1,"maxItems":1.5,"minItems":2,"multipleOf":0}`, `{"minItems":2}`, []string{"SchemaKeywordInvalid" + at + "/minLength", "SchemaKeywordInvalid" + at + "/maxItems", "SchemaKeywordInvalid" + at + "/multipleOf"}},
		{"patterns that can be checked", `{"pattern":"^[a-z]+$"}`, `{"pattern":"^[a-z]+$"}`, nil},
		{"patterns that cannot", `{"pattern":"^(?!x)"}`, `{}`, []string{"PatternUnsupported" + at + "/pattern"}},
		{"keywords of other dialects", `{"$schema":"http://json-schema.org/draft-04/schema#","$id":"x","type":"string"}`, `{"type":"string"}`, []string{"SchemaKeywordUnsupported" + at + "/$schema", "SchemaKeywordUnsupported" + at + "/$id"}},
		{"booleans are schemas", `{"additionalProperties":false,"items":true}`, `{"additionalProperties":false,"items":true}`, nil},
		{"maps that are none", `{"properties":[],"additionalProperties":"no","items":1}`, `{"items":{}}`, []string{"SchemaKeywordInvalid" + at + "/properties", "SchemaKeywordInvalid" + at + "/additionalProperties", "SchemaInvalid" + at + "/items"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, `{"swagger":"2.0","info":{"title":"T"},"host":"h","schemes":["https"],"paths":{"/x":{"get":{"operationId":"X"}}},"definitions":{"S":`+row.in+`,"with space":{"properties":{"p":{}}},"a/b~c":{}}}`)
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

func TestSchemasElsewhereGetANameOfTheirOwn(t *testing.T) {
	got := importDocument(t, head+`
paths:
  /x:
    post:
      operationId: X
      parameters: [{name: b, in: body, schema: {properties: {a: {$ref: '#/paths/~1x/post/responses/200/schema'}}}}]
      responses: {200: {description: OK, schema: {type: object, properties: {self: {$ref: '#/paths/~1x/post/responses/200/schema'}, p: {$ref: '#/x-shared/p'}}}}}
x-shared: {p: {type: string}}
`)
	const name = "paths/~1x/post/responses/200/schema"
	const ref = `{"$ref":"#/$defs/paths~1~01x~1post~1responses~1200~1schema"}`
	if body := string(got.operation("X").GetRequestBody().GetContents()[0].GetSchema()); body != `{"properties":{"a":`+ref+`}}` {
		t.Errorf("body %s", body)
	}
	if s := got.schema(name); s != `{"type":"object","properties":{"self":`+ref+`,"p":{"$ref":"#/$defs/x-shared~1p"}}}` {
		t.Errorf("schema %s", s)
	}
	if got.schema("x-shared/p") != `{"type":"string"}` || len(got.GetSchemas()) != 2 {
		t.Errorf("schemas %v", got.GetSchemas())
	}
	compile(t, got.Definition)
}

func TestRecursionIsNormal(t *testing.T) {
	got := importDocument(t, head+`
paths: {/x: {get: {operationId: X, responses: {200: {description: OK, schema: {$ref: '#/definitions/A'}}}}}}
definitions: {A: {properties: {b: {$ref: '#/definitions/B'}}}, B: {items: {$ref: '#/definitions/A'}}, C: {$ref: '#/definitions/C'}}
`)
	if got.schema("A") != `{"properties":{"b":{"$ref":"#/$defs/B"}}}` || got.schema("B") != `{"items":{"$ref":"#/$defs/A"}}` {
		t.Errorf("schemas %v", got.GetSchemas())
	}
}

// compile fails the test if some schema of the definition is not valid JSON
// Schema 2020-12 with all of its references.
func compile(t *testing.T, def *connectorv1.Definition) {
	t.Helper()
	decode := func(text []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	defs, uses := map[string]any{}, map[string]any{}
	for _, s := range def.GetSchemas() {
		defs[s.GetName()] = decode(s.GetJson())
	}
	for i, op := range def.GetOperations() {
		for j, p := range op.GetParameters() {
			uses[fmt.Sprintf("parameter %d.%d", i, j)] = decode(p.GetSchema())
		}
		for j, c := range op.GetRequestBody().GetContents() {
			if len(c.GetSchema()) > 0 {
				uses[fmt.Sprintf("body %d.%d", i, j)] = decode(c.GetSchema())
			}
		}
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("mem:///definition", map[string]any{"$defs": defs, "properties": uses}); err != nil {
		t.Fatal(err)
	}
	if _, err := compiler.Compile("mem:///definition"); err != nil {
		t.Errorf("the schemas do not compile: %v", err)
	}
}
