package sample_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
)

func parse(tb testing.TB, text string) *document.Node {
	tb.Helper()
	doc, err := document.Parse("sample.json", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return doc.Root()
}

func nodes(tb testing.TB, texts []string) []*document.Node {
	tb.Helper()
	var list []*document.Node
	for _, s := range texts {
		list = append(list, parse(tb, s))
	}
	return list
}

func TestSchemaOfSamples(t *testing.T) {
	for _, row := range []struct {
		name    string
		samples []string
		want    string
	}{
		{"no sample says nothing", nil, `{}`},
		{"null says nothing", []string{`null`, `null`}, `{}`},
		{"text", []string{`"Ada"`}, `{"type":"string"}`},
		{"a boolean", []string{`true`, `false`}, `{"type":"boolean"}`},
		{"integers stay integers", []string{`1`, `-20`, `1e3`}, `{"type":"integer"}`},
		{"a fraction makes numbers of integers", []string{`1`, `2.5`}, `{"type":"number"}`},
		{"who writes 1.0 means fractions", []string{`1.0`}, `{"type":"number"}`},
		{"a number that no computer has is a number", []string{`1e999999`}, `{"type":"number"}`},
		{"null beside a value makes it nullable", []string{`null`, `7`}, `{"type":["integer","null"]}`},
		{"several types are a list in a fixed order", []string{`true`, `"x"`, `null`, `[]`, `{}`}, `{"type":["object","array","string","boolean","null"],"items":{}}`},
		{"an empty array has items of any kind", []string{`[]`}, `{"type":"array","items":{}}`},
		{"items of all arrays are merged", []string{`[1]`, `[]`, `[2.5,null]`}, `{"type":"array","items":{"type":["number","null"]}}`},
		{"an empty object", []string{`{}`}, `{"type":"object"}`},
		{
			"what is in every sample is required, and order is that of appearance",
			[]string{`{"z":1,"a":"x"}`, `{"b":true,"z":2}`},
			`{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"},"b":{"type":"boolean"}},"required":["z"]}`,
		},
		{
			"objects of one array are samples of one thing",
			[]string{`[{"id":1,"tags":[]},{"id":null,"tags":["a"]}]`},
			`{"type":"array","items":{"type":"object","properties":{"id":{"type":["integer","null"]},"tags":{"type":"array","items":{"type":"string"}}},"required":["id","tags"]}}`,
		},
		{
			"beside something that is no object its members are still required of objects",
			[]string{`{"a":1}`, `"none"`},
			`{"type":["object","string"],"properties":{"a":{"type":"integer"}},"required":["a"]}`,
		},
		{"a member that is null is required and of any type", []string{`{"a":null}`}, `{"type":"object","properties":{"a":{}},"required":["a"]}`},
		{"keys are quoted", []string{`{"a\"b":1}`}, `{"type":"object","properties":{"a\"b":{"type":"integer"}},"required":["a\"b"]}`},
		{"a time", []string{`"2024-02-29T23:59:59.5+02:00"`, `"2024-01-01T00:00:00Z"`}, `{"type":"string","format":"date-time"}`},
		{"a day", []string{`"2024-02-29"`}, `{"type":"string","format":"date"}`},
		{"no day", []string{`"2023-02-29"`}, `{"type":"string"}`},
		{"a UUID", []string{`"123e4567-e89b-12d3-a456-426614174000"`}, `{"type":"string","format":"uuid"}`},
		{"nearly a UUID", []string{`"123e4567-e89b-12d3-a456-42661417400g"`}, `{"type":"string"}`},
		{"an address of the web", []string{`"https://example.com/a?b"`}, `{"type":"string","format":"uri"}`},
		{"a mail address", []string{`"ada@example.com"`}, `{"type":"string","format":"email"}`},
		{"a mail address with a name is text", []string{`"Ada <ada@example.com>"`}, `{"type":"string"}`},
		{"formats count only if all agree", []string{`"2024-02-29"`, `"soon"`}, `{"type":"string"}`},
		{"and also the other way round", []string{`"soon"`, `"2024-02-29"`}, `{"type":"string"}`},
		{"empty text has no format", []string{`"2024-02-29"`, `""`}, `{"type":"string"}`},
		{"null does not spoil a format", []string{`"2024-02-29"`, `null`}, `{"type":["string","null"],"format":"date"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := string(sample.Schema(nodes(t, row.samples)...))
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestNilValuesAreSkipped(t *testing.T) {
	if got := string(sample.Schema(nil, parse(t, `1`), nil)); got != `{"type":"integer"}` {
		t.Errorf("got %s", got)
	}
}

func TestInputsRequireNothing(t *testing.T) {
	got := string(sample.Input(parse(t, `{"a":{"b":1}}`)))
	if want := `{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}}}}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNoValueOfASampleGetsIntoTheSchema(t *testing.T) {
	schema := string(sample.Schema(parse(t, `{"name":"Ada","age":36,"mail":"ada@example.com","more":["Byron",1.5]}`)))
	for _, value := range []string{"Ada", "36", "ada@", "Byron", "1.5"} {
		if strings.Contains(schema, value) {
			t.Errorf("%q is in %s", value, schema)
		}
	}
}

func TestSchemasAreBounded(t *testing.T) {
	wide := map[string]int{}
	for i := range 3 * sample.MaxProperties {
		wide[fmt.Sprintf("key%06d", i)] = i
	}
	text, err := json.Marshal(wide)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any `json:"properties"`
		Required   []string       `json:"required"`
	}
	if err := json.Unmarshal(sample.Schema(parse(t, string(text))), &schema); err != nil {
		t.Fatal(err)
	}
	if len(schema.Properties) != sample.MaxProperties || schema.Required != nil {
		t.Errorf("%d properties, required %v", len(schema.Properties), schema.Required)
	}
	deep := strings.Repeat(`[`, 400) + strings.Repeat(`]`, 400)
	if got := strings.Count(string(sample.Schema(parse(t, deep))), "items"); got != sample.MaxDepth+1 {
		t.Errorf("%d levels, want %d", got, sample.MaxDepth+1)
	}
	long := `[` + strings.Repeat(`{"a":1},`, sample.MaxValues) + `{"b":1}]`
	start := time.Now()
	got := string(sample.Schema(parse(t, long)))
	if want := `{"type":"array","items":{"type":"object","properties":{"a":{"type":"integer"}}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestSchemaOfText(t *testing.T) {
	for _, row := range []struct {
		name    string
		samples []string
		want    string
		typed   string
	}{
		{"nothing", nil, `{"type":"string"}`, ""},
		{"an empty sample says nothing", []string{""}, `{"type":"string"}`, `""`},
		{"an integer", []string{"20", ""}, `{"type":"integer"}`, "20"},
		{"a negative one", []string{"-3"}, `{"type":"integer"}`, "-3"},
		{"a number", []string{"0.25", "7"}, `{"type":"number"}`, "0.25"},
		{"a boolean", []string{"true", "false"}, `{"type":"boolean"}`, "true"},
		{"a code with zeros in front", []string{"007"}, `{"type":"string"}`, `"007"`},
		{"an identifier too long for a number", []string{"611110830424264704"}, `{"type":"string"}`, `"611110830424264704"`},
		{"a phone number", []string{"+4930123456"}, `{"type":"string"}`, `"+4930123456"`},
		{"an exponent is a code", []string{"1e5"}, `{"type":"string"}`, `"1e5"`},
		{"minus nothing", []string{"-0"}, `{"type":"string"}`, `"-0"`},
		{"half a number", []string{"1."}, `{"type":"string"}`, `"1."`},
		{"a version", []string{"1.2.3"}, `{"type":"string"}`, `"1.2.3"`},
		{"numbers and words are text", []string{"1", "all"}, `{"type":"string"}`, `1`},
		{"a day", []string{"2024-02-29"}, `{"type":"string","format":"date"}`, `"2024-02-29"`},
		{"a day and a number", []string{"2024-02-29", "5"}, `{"type":"string"}`, `"2024-02-29"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := string(sample.Text(row.samples...)); got != row.want {
				t.Errorf("Text = %s, want %s", got, row.want)
			}
			if len(row.samples) > 0 {
				if got := string(sample.Typed(row.samples[0])); got != row.typed {
					t.Errorf("Typed = %s, want %s", got, row.typed)
				}
			}
		})
	}
}

func TestValueOfASchema(t *testing.T) {
	named := map[string]*document.Node{
		"Pet":  parse(t, `{"type":"object","properties":{"name":{"type":"string"},"parent":{"$ref":"#/$defs/Pet"}},"required":["name","parent"]}`),
		"a/b":  parse(t, `{"type":"integer","minimum":5}`),
		"Loop": parse(t, `{"$ref":"#/$defs/Loop"}`),
		"Bomb": parse(t, `{"allOf":[{"$ref":"#/$defs/Bomb"},{"$ref":"#/$defs/Bomb"}],"anyOf":[{"$ref":"#/$defs/Bomb"}]}`),
	}
	for _, row := range []struct{ name, schema, want string }{
		{"anything", `{}`, `{}`},
		{"a true schema", `true`, `{}`},
		{"text", `{"type":"string"}`, `"text"`},
		{"text in a format", `{"type":"string","format":"date"}`, `"2000-01-31"`},
		{"a nullable number", `{"type":["null","number"]}`, `0`},
		{"only null", `{"type":["null"]}`, `null`},
		{"a number with a bound", `{"type":"integer","minimum":3}`, `3`},
		{"a constant", `{"const":[1]}`, `[1]`},
		{"a default before an example", `{"type":"string","example":"b","default":"a"}`, `"a"`},
		{"an example", `{"type":"string","examples":["c"],"enum":["d"]}`, `"c"`},
		{"one of some values", `{"enum":[null,"d"]}`, `null`},
		{"an array", `{"type":"array","items":{"type":"boolean"}}`, `[true]`},
		{"an array of anything", `{"type":"array"}`, `[]`},
		{"an object in its order", `{"properties":{"z":{"type":"integer"},"a":{"type":"string"}}}`, `{"z":0,"a":"text"}`},
		{"what is read-only is not sent", `{"type":"object","properties":{"id":{"type":"integer","readOnly":true},"n":{"type":"integer"}}}`, `{"n":0}`},
		{"parts are put together", `{"allOf":[{"properties":{"a":{"type":"integer"}}},{"type":"object","properties":{"b":{"type":"boolean"}}}]}`, `{"a":0,"b":true}`},
		{"the first alternative counts", `{"oneOf":[{"type":"string"},{"type":"integer"}]}`, `"text"`},
		{"a reference with an escaped name", `{"$ref":"#/$defs/a~1b"}`, `5`},
		{"a reference to nowhere", `{"$ref":"#/$defs/None"}`, `{}`},
		{"a reference to itself", `{"$ref":"#/$defs/Loop"}`, `{}`},
		{"a bomb", `{"$ref":"#/$defs/Bomb"}`, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := string(sample.Value(parse(t, row.schema), func(name string) *document.Node { return named[name] }))
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	endless := string(sample.Value(named["Pet"], func(name string) *document.Node { return named[name] }))
	if !json.Valid([]byte(endless)) || strings.Count(endless, "parent") > 10 {
		t.Errorf("a schema that holds itself gives %s", endless)
	}
	if got := string(sample.Value(parse(t, `{"$ref":"#/$defs/Pet"}`), nil)); got != "{}" {
		t.Errorf("without a lookup: %s", got)
	}
	if got := string(sample.Value(nil, nil)); got != "{}" {
		t.Errorf("no schema: %s", got)
	}
}

func TestAnswersHaveWhatIsReadOnly(t *testing.T) {
	schema := parse(t, `{"properties":{"id":{"type":"integer","readOnly":true},"password":{"type":"string","writeOnly":true}}}`)
	if got := string(sample.Answer(schema, nil)); got != `{"id":0}` {
		t.Errorf("Answer = %s", got)
	}
	if got := string(sample.Value(schema, nil)); got != `{"password":"text"}` {
		t.Errorf("Value = %s", got)
	}
}

func FuzzSchemaAndValue(f *testing.F) {
	for _, seed := range []string{`[{"a":[1,null]},{"a":"x"}]`, `{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}}}`, `"2024-02-29"`, `{"allOf":[{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := document.Parse("a.json", []byte(text))
		if err != nil {
			return
		}
		for _, got := range [][]byte{
			sample.Schema(doc.Root(), doc.Root()), sample.Input(doc.Root()), sample.Text(text), sample.Typed(text),
			sample.Value(doc.Root(), func(string) *document.Node { return doc.Root() }),
		} {
			if _, err := document.Parse("b.json", got); err != nil {
				t.Fatalf("%q is not JSON: %v", got, err)
			}
		}
	})
}
