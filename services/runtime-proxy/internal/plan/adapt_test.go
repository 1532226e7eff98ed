package plan_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// sentOrRefused returns the target, or the first violation.
func sentOrRefused(t *testing.T, def *connectorv1.Definition, input string) string {
	t.Helper()
	req, err := build(t, def, input)
	if err != nil {
		violations := fault.From(err).Violations()
		if len(violations) == 0 {
			t.Fatal(err)
		}
		return violations[0].Field + " " + violations[0].Description
	}
	return req.Target()
}

// TestScalarsThatOnlyQuotesMakeWrong: a command line and a query know texts only,
// and JSON writes numbers where people mean texts. What goes over the wire is the
// text that the caller wrote either way.
func TestScalarsThatOnlyQuotesMakeWrong(t *testing.T) {
	tests := []struct {
		name, schema, value, want string
	}{
		{"a number for a text", `{"type":"string"}`, `5`, "/?p=5"},
		{"a number for a text keeps its digits", `{"type":"string"}`, `1.10`, "/?p=1.10"},
		{"a long number for a text keeps its digits", `{"type":"string"}`, `12345678901234567890`, "/?p=12345678901234567890"},
		{"a flag for a text", `{"type":"string"}`, `true`, "/?p=true"},
		{"a number for a text with rules", `{"type":"string","minLength":3}`, `5`, "p must have at least 3 characters"},
		{"a number for a text with choices", `{"type":"string","enum":["1","2"]}`, `2`, "/?p=2"},
		{"a number that is no choice", `{"type":"string","enum":["1","2"]}`, `3`, `p must be one of "1", "2"`},
		{"a text for a whole number", `{"type":"integer"}`, `"5"`, "/?p=5"},
		{"a text for a number", `{"type":"number"}`, `"-1.50"`, "/?p=-1.50"},
		{"a text for a number with rules", `{"type":"number","maximum":1}`, `"2"`, "p must be at most 1"},
		{"a text for a flag", `{"type":"boolean"}`, `"false"`, "/?p=false"},
		{"a text for a flag that says it otherwise", `{"type":"boolean"}`, `"yes"`, "p must be a boolean, not a string"},
		{"a fraction in a text for a whole number", `{"type":"integer"}`, `"5.5"`, "p must be an integer, not a string"},
		{"a text with leading zeros is no number", `{"type":"integer"}`, `"007"`, "p must be an integer, not a string"},
		{"a text with a space is no number", `{"type":"integer"}`, `" 7"`, "p must be an integer, not a string"},
		{"an empty text is no number", `{"type":"integer"}`, `""`, "p must be an integer, not a string"},
		{"a number is no flag", `{"type":"boolean"}`, `1`, "p must be a boolean, not a number"},
		{"a text stays one where both are allowed", `{"type":["string","integer"]}`, `"007"`, "/?p=007"},
		{"texts for a list of numbers", `{"type":"array","items":{"type":"integer"}}`, `["1","2"]`, "/?p=1,2"},
		{"numbers for a list of texts", `{"type":"array","items":{"type":"string"}}`, `[1,true,"a"]`, "/?p=1,true,a"},
		{"a list with what is no number", `{"type":"array","items":{"type":"integer"}}`, `["1","b"]`, "p[1] must be an integer, not a string"},
		{"a text is no list", `{"type":"array","items":{"type":"integer"}}`, `"[1]"`, "p must be an array, not a string; write it without quotes"},
		{"a text is no object", `{"type":"object"}`, `"{}"`, "p must be an object, not a string; write it without quotes"},
		{"an object is no text", `{"type":"string"}`, `{"a":1}`, "p must be a string, not an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(tt.schema)})
			if got := sentOrRefused(t, def, `{"p":`+tt.value+`}`); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestChoicesThatAreWrittenAsAnotherType: descriptions list "true" and "false" for
// a flag, and numbers for a text. Nobody could give such a value otherwise.
func TestChoicesThatAreWrittenAsAnotherType(t *testing.T) {
	tests := []struct {
		name, schema, value, want string
	}{
		{"flags as texts", `{"type":"boolean","enum":["true","false"]}`, `true`, "/"},
		{"numbers as texts", `{"type":"integer","enum":["1","2"]}`, `2`, "/"},
		{"texts as numbers", `{"type":"string","enum":[1,2]}`, `"2"`, "/"},
		{"choices that break the pattern beside them", `{"type":"string","enum":["nb-NO"],"pattern":"^[a-z]_[A-Z]$"}`, `"nb-NO"`, "/"},
		{"what is no choice stays none", `{"type":"integer","enum":["1","2"]}`, `3`, `must be one of "1", "2"`},
		{"a choice that no value of the type is", `{"type":"integer","enum":["a"]}`, `3`, `must be one of "a"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(tt.schema)})
			want := "p " + tt.want
			if tt.want == "/" {
				want = "/?p=" + strings.Trim(tt.value, `"`)
			}
			if got := sentOrRefused(t, def, `{"p":`+tt.value+`}`); got != want {
				t.Errorf("a parameter: got %s, want %s", got, want)
			}
			body := operation("/")
			body.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"type":"object","properties":{"p":` + tt.schema + `}}`),
			}}}
			want = tt.want
			if want != "/" {
				want = "body.p " + want
			}
			if got := sentOrRefused(t, body, `{"body":{"p":`+tt.value+`}}`); got != want {
				t.Errorf("a property: got %s, want %s", got, want)
			}
		})
	}
}
