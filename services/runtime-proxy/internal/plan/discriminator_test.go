package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// zoo are animals of which every cat is a dog too, but for what it is called. The
// root is what a test says.
func zoo(root string) []*connectorv1.Schema {
	return []*connectorv1.Schema{
		{Name: "N0", Json: []byte(root)},
		{Name: "Dog", Json: []byte(`{"type":"object","required":["kind"],"properties":{"kind":{"type":"string"},"bark":{"type":"boolean"},"friend":{"$ref":"#/$defs/N0"}}}`)},
		{Name: "Cat", Json: []byte(`{"type":"object","required":["kind","lives"],"properties":{"kind":{"type":"string"},"lives":{"type":"integer"}}}`)},
		{Name: "a/b", Json: []byte(`{"type":"object","properties":{"kind":{"enum":["slash","both"]}}}`)},
		{Name: "Fox", Json: []byte(`{"type":"object","properties":{"kind":{"const":"fox"},"den":{"type":"string"}}}`)},
		{Name: "Owl", Json: []byte(`{"allOf":[{"type":"object"},{"properties":{"kind":{"enum":["owl","both"]},"wise":{"type":"boolean"}}}]}`)},
	}
}

func TestADiscriminatorChoosesTheForm(t *testing.T) {
	const (
		two    = `{"oneOf":[{"$ref":"#/$defs/Dog"},{"$ref":"#/$defs/Cat"}],"discriminator":{"propertyName":"kind"%s}}`
		either = "must fit one of the forms that the operation allows"
	)
	mapped := func(mapping string) string { return fmt.Sprintf(two, `,"mapping":`+mapping) }
	plain := fmt.Sprintf(two, "")
	mixed := `{"anyOf":[{"$ref":"#/$defs/Fox"},{"$ref":"#/$defs/Owl"},{"$ref":"#/$defs/a~1b"},{"type":"null"}],"discriminator":{"propertyName":"kind"}}`
	open := `{"oneOf":[{"$ref":"#/$defs/Dog"},{"type":"object","required":["wings"]}],"discriminator":{"propertyName":"kind"}}`
	tests := []struct {
		name, root, body string
		want             string // the violations; empty: accepted
	}{
		{"the name of a form, though both fit", plain, `{"kind":"Dog","lives":9}`, ""},
		{"only the chosen form counts", plain, `{"kind":"Cat"}`, "body.lives is required"},
		{"what the other form says does not matter", plain, `{"kind":"Cat","lives":9,"bark":"x"}`, ""},
		{"an unknown name", plain, `{"kind":"Cow"}`, `body.kind must be one of "Dog", "Cat"`},
		{"no value: any form", plain, `{"lives":9}`, "body " + either},
		{"a value that is no name: any form", plain, `{"kind":{}}`, "body " + either},
		{"no object: any form", plain, `7`, "body " + either},
		{"a mapping of plain names", mapped(`{"d":"Dog","c":"Cat"}`), `{"kind":"d","lives":9}`, ""},
		{"a mapping of references", mapped(`{"d":"#/$defs/Dog","c":"#/$defs/Cat"}`), `{"kind":"c"}`, "body.lives is required"},
		{"a mapping of references as the source wrote them", mapped(`{"d":"#/components/schemas/Dog","c":"#/components/schemas/Cat"}`), `{"kind":"c"}`, "body.lives is required"},
		{"several names of one form", mapped(`{"d":"Dog","c":"Cat","puppy":"Dog"}`), `{"kind":"puppy","lives":9}`, ""},
		{"a name beside the mapping", mapped(`{"d":"Dog"}`), `{"kind":"Cat"}`, "body.lives is required"},
		{"an unknown name beside a mapping", mapped(`{"d":"Dog","puppy":"Dog"}`), `{"kind":"Cow"}`, `body.kind must be one of "d", "puppy", "Cat"`},
		{"a mapping to a form that is not listed: any form", mapped(`{"f":"Fox"}`), `{"kind":"f","bark":true}`, ""},
		{"a number", mapped(`{"1":"Dog","2":"Cat"}`), `{"kind":2}`, "body.kind must be a string, not a number; body.lives is required"},
		{"the default of OpenAPI 3.2", fmt.Sprintf(two, `,"defaultMapping":"Cat"`), `{"kind":"Cow"}`, "body.lives is required"},
		{"the value that the form itself asks for", mixed, `{"kind":"fox","den":7}`, "body.den must be a string, not a number"},
		{"the value in a part of the form", mixed, `{"kind":"owl","wise":7}`, "body.wise must be a boolean, not a number"},
		{"a value that two forms ask for: any form", mixed, `{"kind":"both"}`, ""},
		{"the values that forms ask for", mixed, `{"kind":"Cow"}`, `body.kind must be one of "fox", "owl", "both", "slash"`},
		{"null among the forms", mixed, `null`, ""},
		{"an unknown name where a form has none: any form", open, `{"kind":"Cow","wings":2}`, ""},
		{"forms within forms", plain, `{"kind":"Dog","friend":{"kind":"Dog","friend":{"kind":"Cat"}}}`, "body.friend.friend.lives is required"},
		{"the flag of Swagger 2.0 chooses nothing", `{"oneOf":[{"$ref":"#/$defs/Fox"},{"$ref":"#/$defs/Cat"}],"discriminator":"kind"}`, `{"kind":"fox"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			if err := readBody(t, zoo(tt.root), tt.body); err != nil {
				for _, v := range fault.From(err).Violations() {
					got = append(got, v.Field+" "+v.Description)
				}
			}
			slices.Sort(got) // the order within a form is not promised
			if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiscriminatorsCostLittle: a chosen form is looked at once on each level,
// and towers and circles of forms restrict nothing, as they do without a choice.
func TestDiscriminatorsCostLittle(t *testing.T) {
	const height = 40
	level := `"oneOf":[NEXT,{"allOf":[NEXT]}],"discriminator":{"propertyName":"kind","mapping":{"x":"#/$defs/N1"}}`
	nested := func(depth int, leaf string) string {
		return strings.Repeat(`{"kind":"Dog","friend":`, depth) + leaf + strings.Repeat("}", depth)
	}
	deep := zoo(`{"oneOf":[{"$ref":"#/$defs/Dog"},{"$ref":"#/$defs/Cat"}],"discriminator":{"propertyName":"kind"}}`)
	circle := []*connectorv1.Schema{{Name: "N0", Json: []byte(`{"oneOf":[{"$ref":"#/$defs/N0"}],"discriminator":{"propertyName":"kind"}}`)}}
	inherited := []*connectorv1.Schema{
		{Name: "N0", Json: []byte(`{"oneOf":[{"$ref":"#/$defs/Sub"}],"discriminator":{"propertyName":"kind"}}`)},
		{Name: "Sub", Json: []byte(`{"allOf":[{"$ref":"#/$defs/N0"},{"required":["x"]}]}`)},
	}
	tests := []struct {
		name    string
		schemas []*connectorv1.Schema
		body    string
		wrong   bool
	}{
		{"a tower of two forms on each level", tower(height, "{"+level+"}"), `7`, false},
		{"a deep value that fits", deep, nested(500, `{"kind":"Cat","lives":9}`), false},
		{"a deep value that does not fit at its end", deep, nested(500, `{"kind":"Cat"}`), true},
		{"a form that is itself", circle, `{"kind":"N0"}`, false},
		{"a form that inherits from what chooses it", inherited, `{"kind":"Sub"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			err := readBody(t, tt.schemas, tt.body)
			if wrong := fault.ReasonOf(err) == fault.ReasonInputInvalid; wrong != tt.wrong || (err != nil && !wrong) {
				t.Errorf("Read: %v, want INPUT_INVALID: %t", err, tt.wrong)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
