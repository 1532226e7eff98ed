package mock_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/mock"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

func schema(name, text string) *connectorv1.Schema {
	return &connectorv1.Schema{Name: name, Json: []byte(text)}
}

// What is made of a schema is checked against the schema, too.
func TestValues(t *testing.T) {
	for _, row := range []struct{ name, schema, want string }{
		{"nothing said", ``, `{}`},
		{"an example goes first", `{"type":"string","example":"bolt","enum":["a"]}`, `"bolt"`},
		{"an example of a package", `{"type":"string","x-ms-test-value":"nut"}`, `"nut"`},
		{"a default", `{"type":"integer","default":7}`, `7`},
		{"the first of several values", `{"type":"string","enum":["open","closed"]}`, `"open"`},
		{"a constant", `{"const":{"a": 1}}`, `{"a":1}`},
		{"properties in their order", `{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"boolean"},"s":{"type":"string"}}}`, `{"b":1,"a":true,"s":"s"}`},
		{"an object without a type", `{"properties":{"a":{"type":"number"}}}`, `{"a":1}`},
		{"what only requests hold", `{"type":"object","properties":{"password":{"type":"string","writeOnly":true},"id":{"type":"string"}}}`, `{"id":"id"}`},
		{"a map", `{"type":"object","additionalProperties":{"type":"integer"}}`, `{"key":1}`},
		{"formats", `{"type":"array","minItems":1,"items":{"type":"string","format":"date-time"}}`, `["2026-01-31T09:30:00Z"]`},
		{"several items", `{"type":"array","minItems":3,"items":{"type":"integer"}}`, `[1,1,1]`},
		{"no item", `{"type":"array","maxItems":0,"items":{"type":"integer"}}`, `[]`},
		{"a pattern", `{"type":"string","pattern":"^[A-Z]{3}-\\d+$"}`, `"AAA-1"`},
		{"a pattern that cannot be read", `{"type":"string","pattern":"(?=x)"}`, `"text"`},
		{"a length", `{"type":"string","minLength":6}`, `"textxx"`},
		{"a short text", `{"type":"string","maxLength":2}`, `"te"`},
		{"a minimum", `{"type":"integer","minimum":10}`, `10`},
		{"more than a bound", `{"type":"integer","minimum":10,"exclusiveMinimum":true}`, `11`},
		{"more than a bound, as newer drafts say it", `{"type":"integer","exclusiveMinimum":10}`, `11`},
		{"a maximum", `{"type":"number","maximum":-2}`, `-2`},
		{"a multiple", `{"type":"integer","minimum":10,"multipleOf":4}`, `12`},
		{"several schemas together", `{"allOf":[{"$ref":"#/$defs/Base"},{"type":"object","properties":{"own":{"type":"boolean"}}}]}`, `{"id":"id","own":true}`},
		{"several schemas and properties beside them", `{"allOf":[{"$ref":"#/$defs/Base"}],"properties":{"own":{"type":"boolean"}}}`, `{"id":"id","own":true}`},
		{"one of several", `{"oneOf":[{"type":"null"},{"type":"string","format":"uuid"}]}`, `"3f2504e0-4f89-41d3-9a0c-0305e82c3301"`},
		{"a type or null", `{"type":["null","integer"]}`, `1`},
		{"a tree ends", `{"$ref":"#/$defs/Tree"}`, `{"name":"name","children":[]}`},
		{"a circle ends", `{"$ref":"#/$defs/Circle"}`, `null`},
		{"a reference with escapes", `{"$ref":"#/$defs/a~1b"}`, `1`},
		{"a reference to nothing", `{"$ref":"#/$defs/None"}`, `null`},
		{"null alone", `{"type":"null"}`, `null`},
		{"null alone, in a list", `{"type":["null"]}`, `null`},
		{"a constant of null", `{"const":null}`, `null`},
		{"null as the one form", `{"oneOf":[{"type":"null"}]}`, `null`},
		{"null where a form would never end", `{"oneOf":[{"type":"null"},{"$ref":"#/$defs/Circle"}]}`, `null`},
		{"a required property without a schema", `{"type":"object","required":["a","b"],"properties":{"b":{"type":"integer"}}}`, `{"b":1,"a":{}}`},
		{"a required property that only requests hold", `{"type":"object","required":["a"],"properties":{"a":{"type":"string","writeOnly":true}}}`, `{}`},
		{"a required property of a map", `{"type":"object","required":["a"],"additionalProperties":{"type":"integer"}}`, `{"a":1}`},
		{"a required property that would never end", `{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/Circle"}}}`, `{"a":null}`},
		{"several items, all of them others", `{"type":"array","minItems":3,"uniqueItems":true,"items":{"type":"integer"}}`, `[1,2,3]`},
		{"several texts, all of them others", `{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"string"}}`, `["text","text2"]`},
		{"several dates, all of them others", `{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"string","format":"date"}}`, `["2026-01-31","2027-01-31"]`},
		{"several choices, all of them others", `{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"string","enum":["a","b"]}}`, `["a","b"]`},
		{"several objects, all of them others", `{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"object","properties":{"id":{"type":"integer","multipleOf":5},"b":{"type":"boolean"}}}}`, `[{"id":5,"b":true},{"id":10,"b":false}]`},
		{"more items than there are others", `{"type":"array","minItems":3,"uniqueItems":true,"items":{"type":"boolean"}}`, `[true,false]`},
		{"a short text that has to be another", `{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"string","maxLength":3}}`, `["tex","te2"]`},
		{"not even JSON", `{"type":`, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{Schemas: []*connectorv1.Schema{
				schema("Base", `{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`),
				schema("Tree", `{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}}}`),
				schema("Circle", `{"$ref":"#/$defs/Circle"}`), schema("a/b", `{"type":"integer"}`),
			}}
			got := mock.New(def).Value([]byte(row.schema), nil)
			if string(got) != row.want {
				t.Errorf("made %s, want %s", got, row.want)
			}
		})
	}
}

func TestMadeValuesFitTheirSchemas(t *testing.T) {
	deep := `{"type":"object","required":["next"],"properties":{"a":{"type":"string"},"next":%s}}`
	text := `{"type":"integer"}`
	for range 30 {
		text = fmt.Sprintf(deep, text)
	}
	for _, one := range []string{
		`{"type":"object","required":["a"],"properties":{"a":{"type":"array","minItems":2,"items":{"type":"string","minLength":3,"maxLength":4}}}}`,
		`{"type":"number","minimum":0.25,"maximum":0.75}`, `{"type":"integer","minimum":-5,"maximum":-3,"multipleOf":2}`,
		`{"type":"string","pattern":"^(GET|POST) /[a-z]+$"}`, `{"type":"string","format":"ipv4"}`,
	} {
		op := operationOf(one)
		def := &connectorv1.Definition{Operations: []*connectorv1.Operation{op}}
		answer := mock.New(def).Answer(op, nil)
		compiled, err := plan.New(def).Operation("Op")
		if err != nil {
			t.Fatal(err)
		}
		if found := compiled.CheckAnswer(answer.Status, answer.Header.Get("Content-Type"), answer.Body); len(found) > 0 {
			t.Errorf("%s makes %s: %v", one, answer.Body, found)
		}
	}
	if got := mock.New(&connectorv1.Definition{}).Value([]byte(text), nil); !json.Valid(got) || len(got) > 2000 {
		t.Errorf("a deep schema makes %d bytes", len(got))
	}
}

func operationOf(schema string) *connectorv1.Operation {
	return &connectorv1.Operation{OperationId: "Op", Method: "GET", Path: "/", Responses: []*connectorv1.Response{{
		Status: "200", Contents: []*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(schema)}},
	}}}
}

func TestAnswers(t *testing.T) {
	content := func(kind connectorv1.BodyKind, mediaType, schema string, examples ...string) *connectorv1.MediaType {
		c := &connectorv1.MediaType{MediaType: mediaType, Kind: kind, Schema: []byte(schema)}
		for _, e := range examples {
			c.Examples = append(c.Examples, []byte(e))
		}
		return c
	}
	const asJSON, asText, asBytes = connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_TEXT, connectorv1.BodyKind_BODY_KIND_BINARY
	item := content(asJSON, "application/json", `{"type":"object","properties":{"id":{"type":"integer"},"name":{"type":"string"}}}`)
	for _, row := range []struct {
		name      string
		responses []*connectorv1.Response
		input     string
		want      string
	}{
		{"the success that is described", []*connectorv1.Response{{Status: "404"}, {Status: "201", Contents: []*connectorv1.MediaType{item}}}, ``, `201 application/json {"id":1,"name":"name"}`},
		{"the lowest of several", []*connectorv1.Response{{Status: "202"}, {Status: "200", Contents: []*connectorv1.MediaType{item}}}, ``, `200 application/json {"id":1,"name":"name"}`},
		{"nothing to say", []*connectorv1.Response{{Status: "204"}}, ``, `204  `},
		{"only a default", []*connectorv1.Response{{Status: "default", Contents: []*connectorv1.MediaType{item}}}, ``, `200 application/json {"id":1,"name":"name"}`},
		{"a class", []*connectorv1.Response{{Status: "default"}, {Status: "2XX", Contents: []*connectorv1.MediaType{item}}}, ``, `200 application/json {"id":1,"name":"name"}`},
		{"nothing is described", nil, ``, `200 application/json {}`},
		{"what was sent comes back", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{item}}}, `{"path.id":7,"name":"query","body":{"Name":"bolt","other":[1]}}`, `200 application/json {"id":7,"name":"bolt"}`},
		{"but not what is of another type", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{item}}}, `{"id":"seven","name":null}`, `200 application/json {"id":1,"name":"name"}`},
		{"an example", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{content(asJSON, "application/json", `{}`, `{"id": 9}`, `{}`)}}}, ``, `200 application/json {"id": 9}`},
		{"text", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{content(asText, "text/csv", ``, `"a,b\n1,2"`)}}}, ``, "200 text/csv a,b\n1,2"},
		{"JSON where there is a choice", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{content(asText, "text/plain", ``), item}}}, ``, `200 application/json {"id":1,"name":"name"}`},
		{"bytes of any type", []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{content(asBytes, "*/*", `{"type":"string","format":"binary"}`)}}}, ``, `200 application/octet-stream ferrule`},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := &connectorv1.Operation{Responses: row.responses}
			got := mock.New(&connectorv1.Definition{}).Answer(op, []byte(row.input))
			if text := fmt.Sprintf("%d %s %s", got.Status, got.Header.Get("Content-Type"), got.Body); text != row.want {
				t.Errorf("answer is %q, want %q", text, row.want)
			}
		})
	}
}

func TestHeadersOfAnAnswer(t *testing.T) {
	op := &connectorv1.Operation{Responses: []*connectorv1.Response{{Status: "201", Headers: []*connectorv1.ResponseHeader{
		{Name: "Location", Schema: []byte(`{"type":"string","format":"uri"}`)},
		{Name: "X-Count", Schema: []byte(`{"type":"integer"}`)},
		{Name: "X-Bad", Schema: []byte(`{"type":"string","example":"a\r\nX-Injected: 1"}`)},
		{Name: "X-Object", Schema: []byte(`{"type":"object"}`)},
		{Name: "X-Name", Schema: []byte(`{"type":"string"}`)},
	}}}}
	got := mock.New(&connectorv1.Definition{}).Answer(op, []byte(`{"x-name":"ann"}`)).Header
	if got.Get("Location") != "https://example.com/1" || got.Get("X-Count") != "1" || got.Get("X-Bad") != "" || got.Get("X-Object") != "" {
		t.Errorf("header is %v", got)
	}
}

func TestTheSameCallHasTheSameAnswer(t *testing.T) {
	op := operationOf(`{"type":"object","properties":{"a":{"type":"string","pattern":"[a-z]+"},"b":{"additionalProperties":{"type":"number"}}}}`)
	m := mock.New(&connectorv1.Definition{})
	first := m.Answer(op, nil)
	for range 5 {
		if again := m.Answer(op, nil); string(again.Body) != string(first.Body) {
			t.Fatalf("%s, then %s", first.Body, again.Body)
		}
	}
}

func FuzzSchemas(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/S"}}}`, `{"allOf":[{"$ref":"#/$defs/S"},{"$ref":"#/$defs/S"}]}`,
		`{"type":"array","minItems":1e9,"items":{"type":"array","minItems":1e9}}`, `{"type":"string","minLength":1e300,"pattern":"a{1000}{1000}"}`,
		`{"type":"number","multipleOf":1e-300,"minimum":1e308}`, `{"type":"integer","maximum":-1e400}`, `[]`, `{"enum":[]}`, `{"type":["null"]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		def := &connectorv1.Definition{Schemas: []*connectorv1.Schema{schema("S", text)}}
		got := mock.New(def).Value([]byte(text), nil)
		if json.Valid([]byte(text)) && !json.Valid(got) {
			t.Errorf("%s makes %s", text, got)
		}
		if len(got) > 4<<20+4*len(text)*len(strings.Split(text, "S")) {
			t.Errorf("%d bytes of a schema of %d", len(got), len(text))
		}
	})
}

// TestAnAnswerOfXMLIsXML, not the JSON that it was made as.
func TestAnAnswerOfXMLIsXML(t *testing.T) {
	op := &connectorv1.Operation{OperationId: "Get", Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
		MediaType: "application/xml", Kind: connectorv1.BodyKind_BODY_KIND_XML,
		Schema: []byte(`{"type":"object","xml":{"name":"item"},"properties":{"id":{"type":"integer","xml":{"attribute":true}},"name":{"type":"string"}}}`),
	}}}}}
	def := &connectorv1.Definition{}
	got := mock.New(def).Answer(op, nil)
	if want := `<?xml version="1.0" encoding="UTF-8"?><item id="1"><name>name</name></item>`; string(got.Body) != want {
		t.Errorf("got  %s\nwant %s", got.Body, want)
	}
}
