package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

// TestFaultsAreToldApartByWhetherAnotherValueWouldDo: who checks a mapping has only
// examples of its values. What is wrong with an example alone says nothing.
func TestFaultsAreToldApartByWhetherAnotherValueWouldDo(t *testing.T) {
	def := withBody(operation("/a",
		&parameter{Name: "count", Location: inQuery, Schema: []byte(`{"type":"integer","maximum":5}`)},
		&parameter{Name: "size", Location: inQuery, Required: true, Schema: []byte(`{"type":"string","enum":["S","M"]}`)},
	), connectorv1.BodyKind_BODY_KIND_JSON, "application/json",
		`{"type":"object","required":["name"],"additionalProperties":false,
		  "properties":{"name":{"type":"string","minLength":2},"tags":{"type":"array","minItems":1,"items":{"type":"integer"}}}}`)
	op, err := plan.New(def).Operation(def.GetOperations()[0].GetOperationId())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, input string
		want        []string
	}{
		{"nothing is wrong", `{"size":"S","body":{"name":"ab"}}`, nil},
		{"values", `{"count":6,"size":"L","body":{"name":"a","tags":[]}}`, []string{
			"body.name: must have at least 2 characters", "body.tags: must have at least 1 items", "count: must be at most 5", `size: must be one of "S", "M"`,
		}},
		{"types", `{"count":true,"size":[],"body":{"name":1,"tags":["x"]}}`, []string{
			"body.name: must be a string, not a number *", "body.tags[0]: must be an integer, not a string *",
			"count: must be an integer, not a boolean *", "size: must be a string, not an array *",
		}},
		{"names", `{"cuont":1,"size":"S","body":{"name":"ab","nam":1}}`, []string{
			"body.nam: is not known to the operation *", "cuont: is no input of this operation; did you mean count? *",
		}},
		{"what is missing", `{"body":{}}`, []string{"body.name: is required", "size: is required"}},
		{"no object", `[]`, []string{": must be one JSON object"}},
		{"no JSON", `{`, []string{": must be valid json: there is a mistake at byte 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := op.Faults([]byte(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				line := f.Field + ": " + f.Description
				if f.ByType {
					line += " *"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, sorted(got)); diff != "" {
				t.Error(diff)
			}
			// What the one says the other does.
			if _, err := op.Read([]byte(tt.input)); (err == nil) != (len(got) == 0) {
				t.Errorf("Read says %v", err)
			}
		})
	}
	if _, err := op.Faults([]byte(`{"body":"` + strings.Repeat("x", plan.MaxInput) + `"}`)); err == nil {
		t.Error("an input that is too long is checked")
	}
}
