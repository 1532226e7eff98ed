package plan_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// xmlOf returns the XML that a body becomes, without the declaration, or the first
// violation.
func xmlOf(t *testing.T, schema, body string, named ...*connectorv1.Schema) string {
	t.Helper()
	def := operation("/")
	def.Schemas = named
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/xml", Kind: connectorv1.BodyKind_BODY_KIND_XML, Schema: []byte(schema),
	}}}
	req, err := build(t, def, `{"body":`+body+`}`)
	if err != nil {
		v := fault.From(err).Violations()[0]
		return v.Field + " " + v.Description
	}
	if req.HeaderValue("Content-Type") != "application/xml" {
		t.Errorf("the media type is %q", req.HeaderValue("Content-Type"))
	}
	plain, _ := strings.CutPrefix(string(req.Body), `<?xml version="1.0" encoding="UTF-8"?>`)
	return plain
}

// TestXMLIsWrittenAsTheSchemaSays follows the examples of OpenAPI 3.1, section
// "XML Object".
func TestXMLIsWrittenAsTheSchemaSays(t *testing.T) {
	person := &connectorv1.Schema{Name: "Person", Json: []byte(`{"type":"object","properties":{
		"id":{"type":"integer","format":"int32","xml":{"attribute":true}},
		"name":{"type":"string","xml":{"namespace":"https://example.com/schema/sample","prefix":"sample"}},
		"friend":{"$ref":"#/$defs/Person"}}}`)}
	category := &connectorv1.Schema{Name: "Category", Json: []byte(`{"type":"object","xml":{"name":"Kind"},"properties":{"n":{"type":"number"}}}`)}
	list := func(items, xml string) string {
		return `{"type":"object","xml":{"name":"r"},"properties":{"animals":{"type":"array","items":{"type":"string"` + items + `}` + xml + `}}}`
	}
	tests := []struct {
		name, schema, body, want string
	}{
		{"the name of the schema is that of the root", `{"$ref":"#/$defs/Person"}`, `{"id":1}`, `<Person id="1"></Person>`},
		{"a name of its own", `{"$ref":"#/$defs/Category"}`, `{"n":1.10}`, `<Kind><n>1.10</n></Kind>`},
		{"no name at all", `{"type":"object"}`, `{"a":"b"}`, `<body><a>b</a></body>`},
		{"an attribute, a prefix and a namespace", `{"$ref":"#/$defs/Person"}`, `{"name":"A & B","id":123}`, `<Person id="123"><sample:name xmlns:sample="https://example.com/schema/sample">A &amp; B</sample:name></Person>`},
		{"a namespace without a prefix", `{"type":"object","xml":{"name":"a","namespace":"urn:x"}}`, `{}`, `<a xmlns="urn:x"></a>`},
		{"an attribute with a prefix", `{"type":"object","xml":{"name":"a"},"properties":{"b":{"xml":{"attribute":true,"prefix":"p","namespace":"urn:p"}}}}`, `{"b":true}`, `<a xmlns:p="urn:p" p:b="true"></a>`},
		{"two attributes with one prefix", `{"type":"object","xml":{"name":"a","prefix":"p","namespace":"urn:p"},"properties":{"b":{"xml":{"attribute":true,"prefix":"p","namespace":"urn:p"}},"c":{"xml":{"attribute":true,"prefix":"p","namespace":"urn:p"}}}}`, `{"b":1,"c":2}`, `<p:a xmlns:p="urn:p" p:b="1" p:c="2"></p:a>`},
		{"schemas that name themselves", `{"$ref":"#/$defs/Person"}`, `{"friend":{"friend":{"id":2},"id":1}}`, `<Person><friend id="1"><friend id="2"></friend></friend></Person>`},
		{"a name in what a property refers to", `{"type":"object","xml":{"name":"r"},"properties":{"c":{"$ref":"#/$defs/Category"}}}`, `{"c":{"n":1}}`, `<r><Kind><n>1</n></Kind></r>`},
		{"a list", list(``, ``), `{"animals":["a","b"]}`, `<r><animals>a</animals><animals>b</animals></r>`},
		{"a list whose own name has no effect", list(`,"xml":{"name":"animal"}`, `,"xml":{"name":"aliens"}`), `{"animals":["a"]}`, `<r><animal>a</animal></r>`},
		{"a wrapped list", list(`,"xml":{"name":"animal"}`, `,"xml":{"wrapped":true}`), `{"animals":["a","b"]}`, `<r><animals><animal>a</animal><animal>b</animal></animals></r>`},
		{"a wrapped list with both names", list(`,"xml":{"name":"animal"}`, `,"xml":{"wrapped":true,"name":"aliens"}`), `{"animals":["a"]}`, `<r><aliens><animal>a</animal></aliens></r>`},
		{"a wrapped list with the name outside", list(``, `,"xml":{"wrapped":true,"name":"aliens"}`), `{"animals":["a"]}`, `<r><aliens><aliens>a</aliens></aliens></r>`},
		{"a wrapped list without elements", list(``, `,"xml":{"wrapped":true}`), `{"animals":[]}`, `<r><animals></animals></r>`},
		{"a list as the root", `{"type":"array","xml":{"name":"all"},"items":{"$ref":"#/$defs/Category"}}`, `[{"n":1},{"n":2}]`, `<all><Kind><n>1</n></Kind><Kind><n>2</n></Kind></all>`},
		{"the order of the schema", `{"type":"object","xml":{"name":"r"},"properties":{"b":{},"a":{}}}`, `{"z":0,"a":1,"b":2}`, `<r><b>2</b><a>1</a><z>0</z></r>`},
		{"parts of a schema", `{"xml":{"name":"r"},"allOf":[{"properties":{"a":{"xml":{"name":"A"}}}},{"properties":{"b":{"xml":{"name":"B"}}}}]}`, `{"b":1,"a":2}`, `<r><A>2</A><B>1</B></r>`},
		{"a member that only additional properties describe", `{"type":"object","xml":{"name":"r"},"additionalProperties":{"type":"object","properties":{"a":{"xml":{"attribute":true}}}}}`, `{"x":{"a":1}}`, `<r><x a="1"></x></r>`},
		{"null is nothing", `{"type":"object","xml":{"name":"r"}}`, `{"a":null,"b":[null,1]}`, `<r><b>1</b></r>`},
		{"dates stay as they are", `{"type":"object","xml":{"name":"r"},"properties":{"d":{"type":"string","format":"date-time"}}}`, `{"d":"2024-02-29T23:59:59"}`, `<r><d>2024-02-29T23:59:59</d></r>`},
		{"text that would be markup", `{"type":"object","xml":{"name":"r"},"properties":{"q":{"xml":{"attribute":true}}}}`, `{"q":"\"<>&'\n","t":"]]><b>"}`, `<r q="&#34;&lt;&gt;&amp;&#39;&#xA;"><t>]]&gt;&lt;b&gt;</t></r>`},
		{"a name that is none", `{"type":"object","xml":{"name":"r"}}`, `{"a b":1}`, `body.a b cannot be written as XML: "a b" is no name of an element`},
		{"a name that would be markup", `{"type":"object","xml":{"name":"r"}}`, `{"a><b":1}`, `body.a><b cannot be written as XML: "a><b" is no name of an element`},
		{"a character that XML does not have", `{"type":"object","xml":{"name":"r"}}`, `{"a":"\u0000"}`, `body.a cannot be written as XML: a text holds a control character`},
		{"an attribute that is an object", `{"$ref":"#/$defs/Person"}`, `{"id":{}}`, `body.id must be an integer, not an object`},
		{"a value that breaks a rule", `{"$ref":"#/$defs/Person"}`, `{"id":"x"}`, `body.id must be an integer, not a string`},
		{"a text is the document itself", `{"$ref":"#/$defs/Person"}`, `"<Person/>"`, `<Person/>`},
		{"content is the document itself", `{"$ref":"#/$defs/Person"}`, `{"$content":"PFBlcnNvbi8+"}`, `<Person/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := xmlOf(t, tt.schema, tt.body, person, category); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestXMLBodiesAreCompletedLikeOthers(t *testing.T) {
	const schema = `{"type":"object","required":["v"],"xml":{"name":"r"},"properties":{"v":{"type":"integer","default":2},"w":{"default":1}}}`
	if got := xmlOf(t, schema, `{"a":"x"}`); got != `<r><v>2</v><a>x</a></r>` {
		t.Errorf("got %s", got)
	}
}

func TestXMLThatIsTooDeepIsRefused(t *testing.T) {
	body := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	if got := xmlOf(t, `{"type":"object"}`, body); !strings.Contains(got, "must not be nested deeper than") {
		t.Errorf("got %.200s", got)
	}
}
