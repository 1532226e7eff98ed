package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// faultsOf returns what one call is told about its input, "field: description", in
// order of the fields.
func faultsOf(t *testing.T, def *connectorv1.Definition, input string) []string {
	t.Helper()
	_, err := build(t, def, input)
	if err == nil {
		return nil
	}
	f := fault.From(err)
	if f.Reason() != fault.ReasonInputInvalid {
		t.Fatal(err)
	}
	var got []string
	for _, v := range f.Violations() {
		got = append(got, v.Field+": "+v.Description)
	}
	return sorted(got)
}

func withBody(def *connectorv1.Definition, kind connectorv1.BodyKind, mediaType, schema string) *connectorv1.Definition {
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: mediaType, Kind: kind, Schema: []byte(schema),
	}}}
	return def
}

// TestEveryKindOfFaultIsInOneAnswer: what a schema, a style, a header, the path or
// the writing of a body has against an input is told together. Who mends one fault
// must not meet the next one.
func TestEveryKindOfFaultIsInOneAnswer(t *testing.T) {
	text := []byte(`{"type":"string"}`)
	parameters := func() *connectorv1.Definition {
		return operation("/a/{id}/{label}",
			&parameter{Name: "id", Location: inPath, Schema: text},
			&parameter{Name: "label", Location: inPath, Style: label, Schema: []byte(`{"type":"array","items":{"type":"string"}}`)},
			&parameter{Name: "count", Location: inQuery, Schema: []byte(`{"type":"integer"}`)},
			&parameter{Name: "deep", Location: inQuery, Style: deep, Explode: true, Schema: []byte(`{"type":"object"}`)},
			&parameter{Name: "X-Obj", Location: inHeader, Schema: []byte(`{"type":"object"}`)},
			&parameter{Name: "X-Text", Location: inHeader, Schema: text},
			&parameter{Name: "must", Location: inQuery, Required: true, Schema: text},
		)
	}
	const (
		climbs  = "must not hold '..' between slashes: it would leave the path of the API"
		control = "must not hold control characters: it is sent as a header"
		nested  = "must not be nested deeper than 100 levels: each is a pair of brackets in its name"
	)
	object := `{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}`
	tests := []struct {
		name, input string
		def         *connectorv1.Definition
		want        []string
	}{
		{
			"a climb, a wrong type, a header of two lines, an unknown name and a missing one",
			`{"id":"..","label":5,"count":"x","X-Obj":{"a":"x\r\ny"},"X-Text":"\u0001","zzzzzzzz":1}`, parameters(),
			[]string{
				"X-Obj: " + control, "X-Text: " + control, "count: must be an integer, not a string", "id: " + climbs,
				"label: must be an array, not a number", "must: is required",
				"zzzzzzzz: is no input of this operation; it takes X-Obj, X-Text, count, deep, id, label, must",
			},
		},
		{
			"only the parameter that climbs is named", `{"id":"a.b%20c","label":["..","..","/.."],"must":"a"}`, parameters(),
			[]string{"label: " + climbs},
		},
		{
			"two that climb", `{"id":"x/..","label":["/../"],"must":"a"}`, parameters(),
			[]string{"id: " + climbs, "label: " + climbs},
		},
		{
			"a style that cannot write the value, and a schema", `{"id":"a","label":["b"],"deep":` + strings.Repeat(`{"a":`, 102) + "1" + strings.Repeat("}", 102) + `}`, parameters(),
			[]string{"deep: " + nested, "must: is required"},
		},
		{
			"a parameter and a text that is none", `{"zzzzzzzz":1,"body":{"a":1}}`,
			withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_TEXT, "text/plain", ""),
			[]string{`body: must be a string with the text, or {"$content": base64} for bytes`, "zzzzzzzz: is no input of this operation; it takes body"},
		},
		{
			"every file of a form", `{"body":{"a":{"$content":"%"},"b":["c",{"$content":"%"},{"$content":"YQ==","$content-type":"a b"}]}}`,
			withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_MULTIPART, "multipart/form-data", object),
			[]string{
				"body.a: has a $content that is not base64", "body.b[1]: has a $content that is not base64",
				"body.b[2]: has a $content-type that is no media type", "body.name: is required",
			},
		},
		{
			"a body of the wrong kind is told once", `{"body":[1]}`,
			withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded", object),
			[]string{"body: must be an object, not an array"},
		},
		{
			"everything that cannot be written as XML", `{"body":{"a b":1,"c":[{"d":"\u0001"},{"e f":2}]}}`,
			withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_XML, "application/xml", object),
			[]string{
				`body.a b: cannot be written as XML: "a b" is no name of an element`,
				"body.c[0].d: cannot be written as XML: a text holds a control character",
				`body.c[1].e f: cannot be written as XML: "e f" is no name of an element`,
				"body.name: is required",
			},
		},
		{
			"a representation that there is not, and content that is none", `{"zzzzzzzz":1,"body":{"$content":"%","$content-type":"text/csv"}}`,
			withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", object),
			[]string{
				`body.$content-type: must be one of "application/json"`, "body: has a $content that is not base64",
				"zzzzzzzz: is no input of this operation; it takes body",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, faultsOf(t, tt.def, tt.input)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsNoInputAtAll: text that is not the JSON of an input says where, and a
// name that is there twice is told by its path.
func TestWhatIsNoInputAtAll(t *testing.T) {
	def := withBody(operation("/", &parameter{Name: "a", Location: inQuery}), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", "")
	for _, row := range []struct{ name, input, want string }{
		{"a mistake", `{"a":x}`, ": must be valid json: there is a mistake at byte 5"},
		{"a list", `[1]`, ": must be one JSON object"},
		{"an input twice", `{"a":1,"a":2}`, "a: is there twice: a name may stand once in an object"},
		{"a member twice", `{"body":{"list":[0,{"b":1,"b":2}]}}`, "body.list[1].b: is there twice: a name may stand once in an object"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{row.want}, faultsOf(t, def, row.input)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}
