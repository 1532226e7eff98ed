package plan_test

import (
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

// tower are schemas of which each refers to the next; floor says how. The last
// one is a string.
func tower(height int, floor string) []*connectorv1.Schema {
	list := make([]*connectorv1.Schema, 0, height+1)
	for i := range height {
		next := fmt.Sprintf(`{"$ref":"#/$defs/N%d"}`, i+1)
		list = append(list, &connectorv1.Schema{Name: fmt.Sprintf("N%d", i), Json: []byte(strings.ReplaceAll(floor, "NEXT", next))})
	}
	return append(list, &connectorv1.Schema{Name: fmt.Sprintf("N%d", height), Json: []byte(`{"type":"string"}`)})
}

// readBody reads an input whose body is checked against N0.
func readBody(t *testing.T, schemas []*connectorv1.Schema, body string) error {
	t.Helper()
	op, err := plan.New(&connectorv1.Definition{
		Schemas: schemas,
		Operations: []*connectorv1.Operation{{OperationId: "Op", Method: "POST", Path: "/x", RequestBody: &connectorv1.RequestBody{
			Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"$ref":"#/$defs/N0"}`),
			}},
		}}},
	}).Operation("Op")
	if err != nil {
		t.Fatal(err)
	}
	_, err = op.Read([]byte(`{"body":` + body + `}`))
	return err
}

// TestSchemasThatMultiplyWorkRestrictNothing would not end if it could fail: each
// of these schemas asks for 2^40 evaluations and more.
func TestSchemasThatMultiplyWorkRestrictNothing(t *testing.T) {
	const height = 40
	deep := func(open, end string) string { return strings.Repeat(open, height) + "7" + strings.Repeat(end, height) }
	tests := []struct{ name, floor, body string }{
		{"all of two", `{"allOf":[NEXT,NEXT]}`, `7`},
		{"any of two", `{"anyOf":[NEXT,NEXT]}`, `7`},
		{"one of two", `{"oneOf":[NEXT,NEXT]}`, `7`},
		{"not, twice over", `{"allOf":[{"not":NEXT},{"not":NEXT}]}`, `7`},
		{"a property that is described twice", `{"allOf":[{"properties":{"a":NEXT}},{"properties":{"a":NEXT}}]}`, deep(`{"a":`, `}`)},
		{"a property and a pattern for it", `{"properties":{"a":NEXT},"patternProperties":{"^a":NEXT}}`, deep(`{"a":`, `}`)},
		{"other properties twice over", `{"allOf":[{"additionalProperties":NEXT},{"additionalProperties":NEXT}]}`, deep(`{"a":`, `}`)},
		{"items twice over", `{"allOf":[{"items":NEXT},{"items":NEXT}]}`, deep(`[`, `]`)},
		{"items by place twice over", `{"allOf":[{"items":[NEXT]},{"items":[NEXT]}]}`, deep(`[`, `]`)},
		{"more items twice over", `{"allOf":[{"items":[],"additionalItems":NEXT},{"items":[],"additionalItems":NEXT}]}`, deep(`[`, `]`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := readBody(t, tower(height, tt.floor), tt.body); err != nil {
				t.Errorf("Read: %v", err)
			}
		})
	}
	t.Run("recursion that describes a property twice", func(t *testing.T) {
		node := `{"allOf":[{"properties":{"a":{"$ref":"#/$defs/N0"}}},{"properties":{"a":{"$ref":"#/$defs/N0"}}}]}`
		if err := readBody(t, []*connectorv1.Schema{{Name: "N0", Json: []byte(node)}}, deep(`{"a":`, `}`)); err != nil {
			t.Errorf("Read: %v", err)
		}
	})
	t.Run("a circle that consumes nothing", func(t *testing.T) {
		node := `{"type":"string","allOf":[{"$ref":"#/$defs/N0"}]}`
		if err := readBody(t, []*connectorv1.Schema{{Name: "N0", Json: []byte(node)}}, `7`); err != nil {
			t.Errorf("Read: %v", err)
		}
	})
}

func TestSchemasThatOnlyLookLargeAreKept(t *testing.T) {
	tree := []*connectorv1.Schema{{Name: "N0", Json: []byte(
		`{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"left":{"$ref":"#/$defs/N0"},"right":{"$ref":"#/$defs/N0"}}}`,
	)}}
	grow := func(depth int, leaf string) string {
		node := leaf
		for range depth {
			node = `{"v":1,"left":` + node + `,"right":{"v":2}}`
		}
		return node
	}
	wide := strings.Repeat(`{"v":1},`, 5000) + `{"v":"x"}`
	tests := []struct {
		name    string
		schemas []*connectorv1.Schema
		body    string
		wrong   bool
	}{
		{"a tree that fits", tree, grow(500, `{"v":3}`), false},
		{"a deep tree whose last leaf does not fit", tree, grow(500, `{"v":"x"}`), true},
		{"types that refer to each other by many properties", tower(40, `{"properties":{"a":NEXT,"b":NEXT,"c":NEXT}}`), `{"a":{"c":7},"b":` + strings.Repeat(`{"a":`, 39) + "7" + strings.Repeat("}", 40), true},
		{"a short tower of alternatives", tower(10, `{"anyOf":[NEXT,NEXT]}`), `7`, true},
		{
			"many items of which the last does not fit",
			[]*connectorv1.Schema{{Name: "N0", Json: []byte(`{"items":{"allOf":[{"$ref":"#/$defs/V"}]}}`)}, {Name: "V", Json: []byte(`{"properties":{"v":{"type":"integer"}}}`)}},
			`[` + wide + `]`, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := readBody(t, tt.schemas, tt.body)
			if wrong := fault.ReasonOf(err) == fault.ReasonInputInvalid; wrong != tt.wrong || (err != nil && !wrong) {
				t.Errorf("Read: %v, want INPUT_INVALID: %t", err, tt.wrong)
			}
		})
	}
}
