package plan_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// TestIntegersAreSentInDigits: programs that read an integer take neither an exponent
// nor a fraction. What is no integer keeps its text.
func TestIntegersAreSentInDigits(t *testing.T) {
	const integer, number = `{"type":"integer","format":"int64"}`, `{"type":"number"}`
	for _, row := range []struct{ name, schema, value, want string }{
		{"digits", integer, `1000`, `1000`},
		{"an exponent", integer, `1e3`, `1000`},
		{"a large exponent letter", integer, `-12E+2`, `-1200`},
		{"a fraction of zero", integer, `7.0`, `7`},
		{"nothing", integer, `0.0`, `0`},
		{"less than nothing", integer, `-0e2`, `0`},
		{"a text", integer, `"1e3"`, `1000`},
		{"an exponent that nobody would write out", integer, `1e300`, `1e300`},
		{"more digits than a float has", integer, `9007199254740993`, `9007199254740993`},
		{"a number", number, `1e3`, `1e3`},
		{"a number or a text", `{"type":["integer","string"]}`, `1e3`, `1e3`},
		{"of any type", `{}`, `1e3`, `1e3`},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(row.schema)})
			if req, err := build(t, def, `{"p":`+row.value+`}`); err != nil || req.Query != "p="+row.want {
				t.Fatalf("query: %v (%v), want %s", req, err, row.want)
			}
			def = operation("/", &parameter{Name: "p", Location: inQuery, Explode: true, Schema: []byte(`{"type":"array","items":` + row.schema + `}`)})
			if req, err := build(t, def, `{"p":[2,`+row.value+`]}`); err != nil || req.Query != "p=2&p="+row.want {
				t.Fatalf("list: %v (%v), want %s", req, err, row.want)
			}
			if row.value[0] == '"' {
				return // bodies are taken as they are
			}
			def = withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", `{"type":"object","properties":{"a":{"allOf":[`+row.schema+`]}}}`)
			if req, err := build(t, def, `{"body":{ "a":`+row.value+`, "b":1e3}}`); err != nil || string(req.Body) != `{ "a":`+row.want+`, "b":1e3}` {
				t.Errorf("body: %s (%v), want %s", req.Body, err, row.want)
			}
		})
	}
}
