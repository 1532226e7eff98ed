package openapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// get3 is an OpenAPI 3.2 document with one operation that has these members.
func get3(path, members string) string {
	return strings.Replace(head3, "3.1.0", "3.2.0", 1) + "paths:\n  " + path + ":\n    get:\n      operationId: X\n      responses: {}\n      " + members + "\n"
}

func TestOpenAPI3Parameters(t *testing.T) {
	const at = "/paths/~1x/get/parameters/0"
	for _, row := range []struct {
		name, path, parameter, want string
		codes                       []string
	}{
		{
			"all that a parameter may say", "/x",
			"{name: q, in: query, schema: {type: integer, default: 5}, description: D, x-ms-summary: S, x-ms-visibility: advanced, required: true, deprecated: true, allowEmptyValue: true, allowReserved: true, x-own: 1}",
			`{"name":"q","location":"PARAMETER_LOCATION_QUERY","summary":"S","description":"D","required":true,"deprecated":true,"visibility":"VISIBILITY_ADVANCED","explode":true,"allow_reserved":true,"allow_empty_value":true,"schema":"{"type":"integer","default":5}","extensions":[{"name":"x-own","json":"1"}]}`, nil,
		},
		{"a cookie", "/x", "{name: c, in: cookie, schema: {type: string}}", `{"name":"c","location":"PARAMETER_LOCATION_COOKIE","explode":true,"schema":"{"type":"string"}"}`, nil},
		{"a cookie as 3.2 writes it", "/x", "{name: c, in: cookie, style: cookie, schema: {type: string}}", `{"name":"c","location":"PARAMETER_LOCATION_COOKIE","style":"PARAMETER_STYLE_FORM","explode":true,"schema":"{"type":"string"}"}`, nil},
		{"a document", "/x", "{name: q, in: query, content: {application/json: {schema: {type: object}}}}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","content_type":"application/json","schema":"{"type":"object"}"}`, nil},
		{"a document in two forms", "/x", "{name: q, in: query, content: {text/csv: {}, application/json: {}}}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","content_type":"text/csv","schema":"{}"}`, []string{"ParameterContentDuplicate " + at + "/content/application~1json"}},
		{"a type as in Swagger 2.0", "/x", "{name: q, in: query, type: integer}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","explode":true,"schema":"{"type":"integer"}"}`, nil},
		{"a path parameter is always required", "/x/{p}", "{name: p, in: path, schema: true}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","required":true,"schema":"true"}`, []string{"PathParameterOptional /paths/~1x~1{p}/get/parameters/0"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, get3(row.path, "parameters: ["+row.parameter+"]"))
			if diff := cmp.Diff(row.want, decoded(got.operation("X").GetParameters()[0])); diff != "" {
				t.Errorf("parameter (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStyles(t *testing.T) {
	for _, row := range []struct {
		in, members, style string
		explode            bool
		findings           int
	}{
		{"path", "", "UNSPECIFIED", false, 0},
		{"path", "style: simple", "SIMPLE", false, 0},
		{"path", "style: simple, explode: true", "SIMPLE", true, 0},
		{"path", "style: label", "LABEL", false, 0},
		{"path", "style: label, explode: true", "LABEL", true, 0},
		{"path", "style: matrix, explode: true", "MATRIX", true, 0},
		{"query", "", "UNSPECIFIED", true, 0},
		{"query", "explode: false", "UNSPECIFIED", false, 0},
		{"query", "style: form", "FORM", true, 0},
		{"query", "style: form, explode: false", "FORM", false, 0},
		{"query", "style: spaceDelimited", "SPACE_DELIMITED", false, 0},
		{"query", "style: pipeDelimited", "PIPE_DELIMITED", false, 0},
		{"query", "style: deepObject, explode: true", "DEEP_OBJECT", true, 0},
		{"header", "", "UNSPECIFIED", false, 0},
		{"header", "explode: true", "UNSPECIFIED", true, 0},
		{"cookie", "", "UNSPECIFIED", true, 0},
		{"query", "style: matrix", "UNSPECIFIED", true, 1},
		{"path", "style: form", "UNSPECIFIED", false, 1},
		{"header", "style: 5", "UNSPECIFIED", false, 1},
	} {
		t.Run(row.in+" "+row.members, func(t *testing.T) {
			members := "parameters: [{name: p, in: " + row.in + ", required: true, schema: {type: array}"
			if row.members != "" {
				members += ", " + row.members
			}
			path := "/x"
			if row.in == "path" {
				path = "/x/{p}"
			}
			got := import3(t, get3(path, members+"}]"))
			p := got.operation("X").GetParameters()[0]
			if style := strings.TrimPrefix(p.GetStyle().String(), "PARAMETER_STYLE_"); style != row.style || p.GetExplode() != row.explode || len(got.findings) != row.findings {
				t.Errorf("style %s, explode %t, findings %v", style, p.GetExplode(), got.codes())
			}
		})
	}
}

func TestExamplesOfParameters(t *testing.T) {
	got := import3(t, get3("/x", "parameters: [{name: q, in: query, schema: {type: string}, example: a, examples: {one: {value: b}, two: {$ref: '#/components/examples/E'}, three: {externalValue: 'https://a.example/e'}, four: {dataValue: d}, five: {serializedValue: e}, six: {$ref: '#/nowhere'}}}]")+"components: {examples: {E: {value: [c]}}}\n")
	var list []string
	for _, e := range got.operation("X").GetParameters()[0].GetExamples() {
		list = append(list, string(e))
	}
	if diff := cmp.Diff([]string{`"a"`, `"b"`, `["c"]`, `"d"`, `"e"`}, list); diff != "" {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ReferenceUnresolved /paths/~1x/get/parameters/0/examples/six", "ExampleElsewhere /paths/~1x/get/parameters/0/examples/three"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestHeadersThatAreSaidElsewhereAreNoParameters(t *testing.T) {
	got := import3(t, get3("/x", "parameters: [{name: accept, in: header, schema: {}}, {name: Content-Type, in: header, schema: {}}, {name: Authorization, in: header, schema: {}}, {name: X-Accept, in: header, schema: {}}, {name: Accept, in: query, schema: {}}]"))
	var names []string
	for _, p := range got.operation("X").GetParameters() {
		names = append(names, p.GetName())
	}
	if diff := cmp.Diff([]string{"X-Accept", "Accept"}, names); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if len(got.findings) != 3 || got.findings[0].Code != "HeaderParameterIgnored" {
		t.Errorf("findings %v", got.codes())
	}
}

func TestTheWholeQueryStringAsOneParameter(t *testing.T) {
	const schemas = "components: {schemas: {Q: {allOf: [{$ref: '#/components/schemas/Base'}], properties: {b: {type: array, description: D}}}, Base: {required: [a], properties: {a: {type: string}, own: {}}}}}\n"
	got := import3(t, get3("/x", "parameters: [{name: q, in: querystring, content: {application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Q'}}}}, {name: own, in: query, schema: {type: integer}}]")+schemas)
	var list []string
	for _, p := range got.operation("X").GetParameters() {
		list = append(list, decoded(p))
	}
	want := []string{
		`{"name":"own","location":"PARAMETER_LOCATION_QUERY","explode":true,"schema":"{"type":"integer"}"}`,
		`{"name":"b","location":"PARAMETER_LOCATION_QUERY","description":"D","explode":true,"schema":"{"type":"array","description":"D"}"}`,
		`{"name":"a","location":"PARAMETER_LOCATION_QUERY","required":true,"explode":true,"schema":"{"type":"string"}"}`,
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	got = import3(t, get3("/x", "parameters: [{name: q, in: querystring, content: {application/json: {schema: {type: object}}}}]"))
	if len(got.operation("X").GetParameters()) != 0 || got.codes()[0] != "QueryStringUnsupported /paths/~1x/get/parameters/0" {
		t.Errorf("parameters %v, findings %v", got.operation("X").GetParameters(), got.codes())
	}
}

func TestParametersOfPathsAndComponents(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x/{id}:
    parameters: [{$ref: '#/components/parameters/Id'}, {name: limit, in: query, schema: {type: integer}}]
    get: {operationId: X, parameters: [{name: limit, in: query, schema: {type: string}}, {name: session, in: cookie, schema: {}}, {name: b, in: body, schema: {}}]}
components: {parameters: {Id: {name: id, in: path, required: true, schema: {type: string}}}}
`)
	var list []string
	for _, p := range got.operation("X").GetParameters() {
		list = append(list, p.GetName()+string(p.GetSchema()))
	}
	if diff := cmp.Diff([]string{`id{"type":"string"}`, `limit{"type":"string"}`, `session{}`}, list); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ParameterLocationUnknown /paths/~1x~1{id}/get/parameters/2"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got.operation("X").GetParameters()[2].GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE {
		t.Error("the cookie is elsewhere")
	}
}
