package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// withParameters is a document with one operation that has these parameters.
func withParameters(path, parameters string) string {
	return head + "paths:\n  " + path + ":\n    get:\n      operationId: X\n      responses: {}\n      parameters:\n" + parameters + "\n"
}

func TestParameters(t *testing.T) {
	for _, row := range []struct {
		name, path, parameter, want string
		codes                       []string
	}{
		{
			"all that a parameter may say", "/x",
			"{name: q, in: query, type: integer, format: int32, default: 5, minimum: 1, maximum: 9, description: D, x-ms-summary: S, x-ms-visibility: advanced, allowEmptyValue: true, x-deprecated: true, x-own: [1], x-ms-dynamic-values: {operationId: X, value-path: id}}",
			`{"name":"q","location":"PARAMETER_LOCATION_QUERY","summary":"S","description":"D","deprecated":true,"visibility":"VISIBILITY_ADVANCED","allow_empty_value":true,"schema":"{"type":"integer","format":"int32","default":5,"minimum":1,"maximum":9}","extensions":[{"name":"x-own","json":"[1]"},{"name":"x-ms-dynamic-values","json":"{"operationId":"X","value-path":"id"}"}]}`,
			nil,
		},
		{"a header", "/x", "{name: X-Id, in: header, type: string, required: true}", `{"name":"X-Id","location":"PARAMETER_LOCATION_HEADER","required":true,"schema":"{"type":"string"}"}`, nil},
		{"a path encoded twice", "/x/{p}", "{name: p, in: path, required: true, type: string, x-ms-url-encoding: Double}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","required":true,"url_encoding":"URL_ENCODING_DOUBLE","schema":"{"type":"string"}"}`, nil},
		{"a path encoded once", "/x/{p}", "{name: p, in: path, required: true, type: string, x-ms-url-encoding: single}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","required":true,"url_encoding":"URL_ENCODING_SINGLE","schema":"{"type":"string"}"}`, nil},
		{"the encoding of a query has no meaning", "/x", "{name: q, in: query, type: string, x-ms-url-encoding: double}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","schema":"{"type":"string"}"}`, nil},
		{"an unknown encoding", "/x/{p}", "{name: p, in: path, required: true, type: string, x-ms-url-encoding: triple}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","required":true,"schema":"{"type":"string"}"}`, []string{"UrlEncodingUnknown /paths/~1x~1{p}/get/parameters/0/x-ms-url-encoding"}},
		{"a path parameter is always required", "/x/{p}", "{name: p, in: path, type: string}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","required":true,"schema":"{"type":"string"}"}`, []string{"PathParameterOptional /paths/~1x~1{p}/get/parameters/0"}},
		{"a path parameter that the path does not have", "/x", "{name: p, in: path, required: true, type: string}", `{"name":"p","location":"PARAMETER_LOCATION_PATH","schema":"{"type":"string"}"}`, []string{"PathParameterUnused /paths/~1x/get/parameters/0"}},
		{"required as text", "/x", "{name: q, in: query, required: 'true', type: string}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","required":true,"schema":"{"type":"string"}"}`, nil},
		{"required as nonsense", "/x", "{name: q, in: query, required: [q], type: string}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","schema":"{"type":"string"}"}`, []string{"RequiredInvalid /paths/~1x/get/parameters/0/required"}},
		{"a schema as in OpenAPI 3", "/x", "{name: q, in: query, schema: {type: integer}}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","schema":"{"type":"integer"}"}`, nil},
		{"no type at all", "/x", "{name: q, in: query}", `{"name":"q","location":"PARAMETER_LOCATION_QUERY","schema":"{}"}`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, withParameters(row.path, "      - "+row.parameter))
			if diff := cmp.Diff(row.want, decoded(got.operation("X").GetParameters()[0])); diff != "" {
				t.Errorf("parameter (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListsAreWrittenAsTheSourceSays(t *testing.T) {
	const simple = connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE
	for _, row := range []struct {
		name, parameter string
		style           connectorv1.ParameterStyle
		explode         bool
		findings        int
	}{
		{"commas by default", "in: query, type: array, items: {type: string}", simple, false, 0},
		{"csv", "in: header, type: array, collectionFormat: csv", simple, false, 0},
		{"ssv", "in: query, type: array, collectionFormat: ssv", connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED, false, 0},
		{"tsv", "in: query, type: array, collectionFormat: tsv", connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED, false, 0},
		{"pipes", "in: query, type: array, collectionFormat: pipes", connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED, false, 0},
		{"multi in a query", "in: query, type: array, collectionFormat: multi", connectorv1.ParameterStyle_PARAMETER_STYLE_FORM, true, 0},
		{"multi in a header", "in: header, type: array, collectionFormat: multi", simple, false, 1},
		{"nonsense", "in: query, type: array, collectionFormat: tabs", simple, false, 1},
		{"no list, no style", "in: query, type: string, collectionFormat: multi", 0, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, withParameters("/x", "      - {name: q, "+row.parameter+"}"))
			p := got.operation("X").GetParameters()[0]
			if p.GetStyle() != row.style || p.GetExplode() != row.explode || len(got.findings) != row.findings {
				t.Errorf("style %s, explode %t, findings %v", p.GetStyle(), p.GetExplode(), got.codes())
			}
		})
	}
}

func TestParametersOfThePathAreMerged(t *testing.T) {
	got := importDocument(t, head+`
parameters:
  Page: {name: page, in: query, type: integer}
  Chain: {$ref: '#/parameters/Page'}
paths:
  /x/{id}:
    parameters:
    - {name: id, in: path, required: true, type: string}
    - {name: limit, in: query, type: integer}
    - {name: lang, in: header, type: string}
    get:
      operationId: X
      responses: {}
      parameters:
      - {$ref: '#/parameters/Chain'}
      - {name: limit, in: query, type: string}
      - {name: lang, in: query, type: string}
    post: {operationId: Y, responses: {}}
`)
	list := func(id string) string {
		text := ""
		for _, p := range got.operation(id).GetParameters() {
			text += p.GetName() + " " + p.GetLocation().String()[len("PARAMETER_LOCATION_"):] + string(p.GetSchema()) + ";"
		}
		return text
	}
	const want = `id PATH{"type":"string"};limit QUERY{"type":"string"};lang HEADER{"type":"string"};page QUERY{"type":"integer"};lang QUERY{"type":"string"};`
	if diff := cmp.Diff(want, list("X")); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	const wantOther = `id PATH{"type":"string"};limit QUERY{"type":"integer"};lang HEADER{"type":"string"};`
	if diff := cmp.Diff(wantOther, list("Y")); diff != "" {
		t.Errorf("parameters of another operation (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestParametersThatCannotBeUsed(t *testing.T) {
	const at = " /paths/~1x~1{id}/get/parameters/"
	got := importDocument(t, withParameters("/x/{id}", `
      - {in: query, type: string}
      - {name: a, in: cookie, type: string}
      - {name: b, in: query, type: string}
      - {name: b, in: query, type: integer}
      - {$ref: '#/parameters/Nowhere'}
      - text
      - {$ref: '#/paths/~1x~1{id}/get/parameters/6'}
      - {name: 7, in: query}`))
	want := []string{
		"ParameterNameMissing" + at + "0", "ParameterLocationUnknown" + at + "1", "ParameterDuplicate" + at + "3",
		"ReferenceUnresolved" + at + "4", "ObjectExpected" + at + "5", "ReferenceLoop" + at + "6", "ParameterNameMissing" + at + "7",
		"PathParameterUndeclared /paths/~1x~1{id}/get",
	}
	if diff := cmp.Diff(want, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	list := got.operation("X").GetParameters()
	if len(list) != 2 || list[0].GetName() != "b" || string(list[0].GetSchema()) != `{"type":"string"}` || list[1].GetName() != "id" || !list[1].GetRequired() {
		t.Errorf("parameters %v", list)
	}
}
