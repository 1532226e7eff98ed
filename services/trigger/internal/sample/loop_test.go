package sample_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/sample"
)

// A stack that overflows cannot be recovered from: it would end the process for everybody.
func TestAUnionOfItselfHasAnEnd(t *testing.T) {
	const self = `{"$ref":"#/$defs/Self"}`
	union := `{"allOf":[` + strings.Repeat(self+",", 100) + `{"properties":{"id":{"type":"integer"},"rows":{"type":"array"}}}]}`
	s := sample.New(&connectorv1.Definition{Schemas: []*connectorv1.Schema{{Name: "Self", Json: []byte(union)}}})
	if got := s.Property([]byte(self), "id"); string(got) != `{"type":"integer"}` {
		t.Errorf("property %s", got)
	}
	if got := s.Property([]byte(self), "missing.further"); got != nil {
		t.Errorf("property %s of what is missing", got)
	}
	if path, ok := s.OnlyList([]byte(self)); path != "rows" || !ok {
		t.Errorf("only list %q, %t", path, ok)
	}
	if got := s.Example([]byte(self)); len(got) == 0 {
		t.Error("no example")
	}
}

func TestTheOnlyListIsFoundWhereThereIsOne(t *testing.T) {
	for _, tc := range []struct {
		name, schema, path string
		ok                 bool
	}{
		{"the schema itself", `{"type":"array"}`, "", true},
		{"one that is known by its elements", `{"items":{"type":"string"}}`, "", true},
		{"a property", `{"properties":{"total":{"type":"integer"},"value":{"type":"array"}}}`, "value", true},
		{"a property of a part", `{"allOf":[{"properties":{"value":{"items":{}}}},{"properties":{"total":{}}}]}`, "value", true},
		{"none", `{"properties":{"total":{"type":"integer"}}}`, "", false},
		{"two", `{"properties":{"left":{"type":"array"},"right":{"type":"array"}}}`, "", false},
		{"nothing", ``, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if path, ok := named().OnlyList([]byte(tc.schema)); path != tc.path || ok != tc.ok {
				t.Errorf("%q, %t, want %q, %t", path, ok, tc.path, tc.ok)
			}
		})
	}
}
