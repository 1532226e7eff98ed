package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

func TestWhatExpressionsMakeIsKnownAsFarAsItDependsOnNoEvent(t *testing.T) {
	for input, want := range map[string]string{
		`{"a": "${event.data.x}"}`:                         "a=?",
		`{"a": "${event.data.?x}"}`:                        "a=?",
		`{"a": "${event.id}"}`:                             "a=a string",
		`{"a": "${event.time}"}`:                           "a=a string",
		`{"a": "${has(event.data)}"}`:                      "a=a boolean",
		`{"a": "${size(event.data.list)}"}`:                "a=an integer",
		`{"a": "${double(event.data.x) * 2.0}"}`:           "a=a number",
		`{"a": "${string(event.data.x)}"}`:                 "a=a string",
		`{"a": "${event.time.getFullYear() > 2000}"}`:      "a=a boolean",
		`{"a": "${[event.data.x]}"}`:                       "a=an array",
		`{"a": "${ {'x': event.data.x} }"}`:                "a=an object",
		`{"a": "${optional.of('x')}"}`:                     "a=a string",
		`{"a": "${null}"}`:                                 "a=null",
		`{"a": "order ${event.data.x}"}`:                   "a=a string",
		`{"a": {"b/c": ["x", "${event.id}"]}}`:             "a b/c 1=a string",
		`{"a": "no expression", "b": 5, "c": "$${event}"}`: "",
	} {
		template, err := mapping.CompileTemplate(input)
		if err != nil {
			t.Fatal(err)
		}
		inputs, places, err := template.Examples()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range places {
			makes := p.Makes
			if makes == "" {
				makes = "?"
			}
			got = append(got, strings.Join(p.Tokens, " ")+"="+makes)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", input, got, want)
		}
		if (len(inputs) == 1) != (want == "") {
			t.Errorf("%s: %d examples", input, len(inputs))
		}
	}
}

// TestExamplesHaveWhatIsConstant: a text that no event can make a number stays one, and
// one that could be read as a number sometimes is.
func TestExamplesHaveWhatIsConstant(t *testing.T) {
	template, err := mapping.CompileTemplate(`{"k": 12345678901234567890, "t": "order ${event.id}", "n": "-${event.id}"}`)
	if err != nil {
		t.Fatal(err)
	}
	inputs, _, err := template.Examples()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, input := range inputs {
		if !strings.Contains(string(input), `"k":12345678901234567890`) || !strings.Contains(string(input), `"t":"order `) {
			t.Errorf("%s", input)
		}
		all = append(all, string(input))
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(inputs) {
		t.Errorf("examples are the same: %q", all)
	}
	if !strings.Contains(all[0]+all[1]+all[2], `"n":"1"`) {
		t.Errorf("no example is a number: %q", all)
	}
}
