package sample_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
)

// compiled is a schema of an independent validator, which knows formats as well.
func compiled(tb testing.TB, schema []byte) *jsonschema.Schema {
	tb.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		tb.Fatalf("%s is not JSON: %v", schema, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("schema.json", value); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		tb.Fatalf("%s is no schema: %v", schema, err)
	}
	return s
}

// accepts reports whether the schema accepts the JSON text.
func accepts(tb testing.TB, schema, text []byte) error {
	tb.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatalf("%s is not JSON: %v", text, err)
	}
	return compiled(tb, schema).Validate(value)
}

// anything makes a value up, as JSON text.
func anything(r *rand.Rand, depth int) string {
	scalars := []string{
		`null`, `true`, `false`, `0`, `-1`, `7`, `1.5`, `1.0`, `1e3`, `1E-2`, `12345678901234567890`, `""`, `"a"`, `"ä\n\"\\"`,
		`"2024-02-29"`, `"2024-01-01T00:00:00Z"`, `"2023-02-29"`, `"123e4567-e89b-12d3-a456-426614174000"`, `"https://example.com"`,
		`"http://exa mple.com/"`, `"ada@example.com"`, `"https://example.com/{id}?a=|"`, `"a.b@localhost"`, `"2024-01-01T24:00:00Z"`,
		`"https://example.com/ä"`, `"2024-12-31T23:59:60Z"`, `"ä@example.com"`,
	}
	switch n := r.IntN(8); {
	case depth == 0 || n < 4:
		return scalars[r.IntN(len(scalars))]
	case n < 6:
		var items []string
		for range r.IntN(4) {
			items = append(items, anything(r, depth-1))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	var members []string
	for _, name := range []string{"a", "b", "c d", "$ref", "type"} {
		if r.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, anything(r, depth-1)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestASchemaAcceptsItsSamples(t *testing.T) {
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 3))
		var samples []string
		for range 1 + r.IntN(4) {
			samples = append(samples, anything(r, 3))
		}
		for name, schema := range map[string][]byte{
			"Schema": sample.Schema(nodes(t, samples)...), "Input": sample.Input(nodes(t, samples)...),
		} {
			for _, s := range samples {
				if err := accepts(t, schema, []byte(s)); err != nil {
					t.Fatalf("seed %d: %s of %q is\n%s, which refuses %s: %v", seed, name, samples, schema, s, err)
				}
			}
		}
	}
}

func TestTheOrderOfSamplesOnlyChangesTheOrderOfProperties(t *testing.T) {
	canonical := func(b []byte) string {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		sortRequired(v)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		samples := []string{anything(r, 3), anything(r, 3), anything(r, 3)}
		forth := canonical(sample.Schema(nodes(t, samples)...))
		slices.Reverse(samples)
		if back := canonical(sample.Schema(nodes(t, samples)...)); forth != back {
			t.Fatalf("seed %d: %q give\n%s and, the other way round,\n%s", seed, samples, back, forth)
		}
	}
}

// sortRequired sorts the lists of required members, which are sets.
func sortRequired(v any) {
	switch v := v.(type) {
	case map[string]any:
		if list, ok := v["required"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		for _, inner := range v {
			sortRequired(inner)
		}
	case []any:
		for _, inner := range v {
			sortRequired(inner)
		}
	}
}

func TestASampleThatSaysNothingNewChangesNothing(t *testing.T) {
	for seed := range uint64(500) {
		s := anything(rand.New(rand.NewPCG(seed, 5)), 4)
		once, twice := sample.Schema(parse(t, s)), sample.Schema(parse(t, s), parse(t, s))
		if !bytes.Equal(once, twice) {
			t.Fatalf("seed %d: %s gives %s, and twice %s", seed, s, once, twice)
		}
	}
}

func TestAMadeUpValueIsOneOfItsSchema(t *testing.T) {
	for seed := range uint64(1000) {
		s := anything(rand.New(rand.NewPCG(seed, 6)), 4)
		schema := sample.Schema(parse(t, s))
		for name, value := range map[string][]byte{
			"Value": sample.Value(parse(t, string(schema)), nil), "Answer": sample.Answer(parse(t, string(schema)), nil),
		} {
			if err := accepts(t, schema, value); err != nil {
				t.Fatalf("seed %d: %s of %s is %s: %v", seed, name, schema, value, err)
			}
		}
	}
}

func TestTextIsTypedAsItsSchemaSays(t *testing.T) {
	texts := []string{
		"0", "-0", "00", "1", "-1", "1.0", ".5", "5.", "1e3", "+1", "0x10", "1_000", "999999999999999", "1000000000000000", "-99999999999999",
		"true", "True", "false", "null", "", " ", " 1", "1 ", "NaN", "Infinity", "2024-02-29", "2024-01-01T00:00:00+02:00", "a\"b", "ä", "٣",
		"0.10", "-0.0", "-.5", "--1", "1.2.3", "123e4567-e89b-12d3-a456-426614174000", "https://example.com", "ada@example.com",
	}
	for _, a := range texts {
		if a != "" {
			if err := accepts(t, sample.Text(a), sample.Typed(a)); err != nil {
				t.Errorf("the schema of %q, %s, refuses %s", a, sample.Text(a), sample.Typed(a))
			}
		}
		doc, err := document.Parse("v.json", sample.Typed(a))
		if err != nil || doc.Root().Text() != a {
			t.Errorf("%q becomes %s, which is sent as %q", a, sample.Typed(a), doc.Root().Text())
		}
		for _, b := range texts {
			if schema := sample.Text(a, b); !bytes.Equal(schema, sample.Text(b, a)) {
				t.Errorf("%q and %q give %s, and %s the other way round", a, b, schema, sample.Text(b, a))
			}
		}
	}
}

func TestFormatsAreThoseThatAValidatorAccepts(t *testing.T) {
	for _, row := range []struct{ text, format string }{
		{"2024-02-29", "date"},
		{"0000-01-01", "date"},
		{"2024-2-29", ""},
		{"2024-02-30", ""},
		{"2024-01-01T00:00:00Z", "date-time"},
		{"2024-01-01T00:00:00.123456789Z", "date-time"},
		{"2024-01-01 00:00:00Z", ""},
		{"2024-01-01T00:00:00", ""},
		{"2024-01-01T00:00:00,5Z", ""},
		{"2024-01-01T0:00:00Z  ", ""},
		{"123E4567-E89B-12D3-A456-426614174000", "uuid"},
		{"{23e4567-e89b-12d3-a456-42661417400}", ""},
		{"https://example.com", "uri"},
		{"HTTPS://example.com", ""},
		{"https://", ""},
		{"https:///path", ""},
		{"https://example.com/a b", ""},
		{"https://example.com/ä", ""},
		{"https://example.com/%zz", ""},
		{"https://example.com/{id}", ""},
		{"ada@example.com", "email"},
		{"ada@localhost", ""},
		{"@ada.lovelace", ""},
		{"ada@example.com, bob@example.com", ""},
		{"ä@example.com", ""},
	} {
		t.Run(row.text, func(t *testing.T) {
			text := document.AppendString(nil, row.text)
			schema := sample.Schema(parse(t, string(text)))
			if got := parse(t, string(schema)).Str("format"); got != row.format {
				t.Errorf("the format is %q, want %q", got, row.format)
			}
			if err := accepts(t, schema, text); err != nil {
				t.Errorf("%s refuses its own sample: %v", schema, err)
			}
		})
	}
}

func TestValuesThatBoundsAndPartsSay(t *testing.T) {
	named := map[string]*document.Node{
		"Base":  parse(t, `{"type":"object","properties":{"id":{"type":"integer","minimum":1}},"required":["id"]}`),
		"Chain": parse(t, `{"$ref":"#/$defs/Base"}`),
	}
	for _, row := range []struct{ name, schema, want string }{
		{"an object that is composed of references", `{"allOf":[{"$ref":"#/$defs/Chain"},{"properties":{"n":{"type":"string"}}}]}`, `{"id":1,"n":"text"}`},
		{"what is there twice is there once", `{"allOf":[{"$ref":"#/$defs/Base"},{"properties":{"id":{"type":"string"}}}]}`, `{"id":1}`},
		{"a property of the schema itself comes first", `{"properties":{"id":{"const":"x"}},"allOf":[{"$ref":"#/$defs/Base"}]}`, `{"id":"x"}`},
		{"a default of false", `{"type":"boolean","default":false}`, `false`},
		{"a default of null", `{"type":["string","null"],"default":null}`, `null`},
		{"an empty enumeration says nothing", `{"type":"string","enum":[]}`, `"text"`},
		{"examples that are no list say nothing", `{"type":"string","examples":{"a":1}}`, `"text"`},
		{"an array of objects", `{"type":"array","items":{"$ref":"#/$defs/Base"}}`, `[{"id":1}]`},
		{"items without a type", `{"items":{"type":"integer"}}`, `[0]`},
		{"a number is kept as it is written", `{"const":1.50}`, `1.50`},
		{"a pattern is one of text", `{"pattern":"^a"}`, `"text"`},
		{"a time", `{"type":"string","format":"time"}`, `"12:00:00Z"`},
		{"a file has no format that can be made", `{"type":"string","format":"binary"}`, `"text"`},
		{"a schema that nothing meets", `false`, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := string(sample.Value(parse(t, row.schema), func(name string) *document.Node { return named[name] }))
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
