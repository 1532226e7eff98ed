package sample_test

import (
	"encoding/json"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/sample"
)

func named() sample.Schemas {
	return sample.New(&connectorv1.Definition{Schemas: []*connectorv1.Schema{
		{Name: "Item", Json: []byte(`{"type":"object","properties":{"id":{"type":"integer"},"owner":{"$ref":"#/$defs/a~1Person"}}}`)},
		{Name: "a/Person", Json: []byte(`{"type":"object","properties":{"name":{"type":"string","example":"Ann"}}}`)},
		{Name: "Loop", Json: []byte(`{"type":"object","properties":{"next":{"$ref":"#/$defs/Loop"}}}`)},
		{Name: "Nowhere", Json: []byte(`{"$ref":"#/$defs/Nowhere"}`)},
	}})
}

func TestAnExampleIsMadeOfWhatASchemaSays(t *testing.T) {
	for _, tc := range []struct{ name, schema, want string }{
		{"an example of its own", `{"type":"string","example":"x"}`, `"x"`},
		{"the first of several", `{"examples":[{"a":1},{"a":2}]}`, `{"a":1}`},
		{"a constant", `{"const":7}`, `7`},
		{"the default", `{"type":"boolean","default":false}`, `false`},
		{"the first choice", `{"enum":["open","closed"]}`, `"open"`},
		{"the first alternative", `{"oneOf":[{"type":"integer"},{"type":"string"}]}`, `1`},
		{"everything of a union", `{"allOf":[{"$ref":"#/$defs/a~1Person"},{"properties":{"age":{"type":"number","minimum":18}}}]}`, `{"age":18,"name":"Ann"}`},
		{"references", `{"$ref":"#/$defs/Item"}`, `{"id":1,"owner":{"name":"Ann"}}`},
		{"a list", `{"items":{"type":"string","format":"date-time"}}`, `["2026-01-02T15:04:05Z"]`},
		{"a list of anything", `{"type":"array"}`, `[]`},
		{"a type or null", `{"type":["null","string"],"format":"email"}`, `"ann@example.com"`},
		{"a reference to itself", `{"$ref":"#/$defs/Nowhere"}`, `null`},
		{"a reference to nothing", `{"$ref":"#/$defs/Missing"}`, `null`},
		{"nothing", `{}`, `null`},
		{"no schema", `true`, `null`},
		{"no JSON", `{`, `null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(named().Example([]byte(tc.schema))); got != tc.want {
				t.Errorf("example %s, want %s", got, tc.want)
			}
		})
	}
}

func TestASchemaThatContainsItselfHasAnExampleThatEnds(t *testing.T) {
	depth := 0
	var value any
	if err := json.Unmarshal(named().Example([]byte(`{"$ref":"#/$defs/Loop"}`)), &value); err != nil {
		t.Fatal(err)
	}
	for m, ok := value.(map[string]any); ok; m, ok = m["next"].(map[string]any) {
		depth++
	}
	if depth < 2 || depth > 20 {
		t.Errorf("depth %d", depth)
	}
}

func TestTheSchemaOfAPartIsFoundAndMadeWhole(t *testing.T) {
	list := []byte(`{"properties":{"data":{"properties":{"items":{"type":"array","items":{"$ref":"#/$defs/Item"}}}}}}`)
	s := named()
	part := s.Element(s.Property(list, "data.items"))
	if string(part) != `{"$ref":"#/$defs/Item"}` {
		t.Fatalf("part %s", part)
	}
	var whole struct {
		Ref  string                     `json:"$ref"`
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(s.Complete(part), &whole); err != nil || whole.Ref == "" || len(whole.Defs) != 2 {
		t.Errorf("whole %+v, %v", whole, err)
	}
	if s.Property(list, "data.missing") != nil || s.Element(list) != nil || s.Complete(nil) != nil {
		t.Error("something was found that is not there")
	}
	if own := `{"type":"string"}`; string(s.Complete([]byte(own))) != own {
		t.Error("a schema without references was changed")
	}
}
