package postman_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/postman"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	importing "github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

const (
	inPath   = connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
	inQuery  = connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	inHeader = connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER
	inCookie = connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE
)

func imported(tb testing.TB, imp format.Importer, files ...format.File) *connectorv1.Definition {
	tb.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		tb.Fatal(err)
	}
	if !imp.Detect(src) {
		tb.Fatalf("%s is not recognised", files[0].Path)
	}
	result, err := imp.Import(tb.Context(), src)
	if err != nil {
		tb.Fatal(err)
	}
	return result.Definition
}

func exported(tb testing.TB, def *connectorv1.Definition) *target.Output {
	tb.Helper()
	out, err := postman.Exporter{}.Export(tb.Context(), target.Input{Definition: def})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// definition has one set without parameters and these operations.
func definition(operations ...*connectorv1.Operation) *connectorv1.Definition {
	return &connectorv1.Definition{
		Info:          &connectorv1.Info{Title: "Test"},
		Servers:       []*connectorv1.Server{{UrlTemplate: "https://example.com"}},
		Operations:    operations,
		ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
	}
}

func operation(method, path string, parameters ...*connectorv1.Parameter) *connectorv1.Operation {
	return &connectorv1.Operation{OperationId: "Op", Method: method, Path: path, Parameters: parameters}
}

func parameter(name string, in connectorv1.ParameterLocation, schema string, examples ...string) *connectorv1.Parameter {
	p := &connectorv1.Parameter{Name: name, Location: in, Schema: []byte(schema)}
	for _, e := range examples {
		p.Examples = append(p.Examples, []byte(e))
	}
	return p
}

// root is the collection that comes of the definition.
func root(tb testing.TB, def *connectorv1.Definition) *document.Node {
	tb.Helper()
	doc, err := document.Parse("c.json", exported(tb, def).Files[0].Content)
	if err != nil {
		tb.Fatal(err)
	}
	return doc.Root()
}

// isAt compares what stands at pointers with JSON text; "" is nothing.
func isAt(tb testing.TB, n *document.Node, want map[string]string) {
	tb.Helper()
	for pointer, text := range want {
		if got := string(n.At(pointer).JSON()); got != text {
			tb.Errorf("%s: got  %s\nwant %s", pointer, got, text)
		}
	}
}

func TestRequests(t *testing.T) {
	required := func(p *connectorv1.Parameter) *connectorv1.Parameter {
		p.Required, p.Description = true, "About it"
		return p
	}
	for _, row := range []struct {
		name string
		op   *connectorv1.Operation
		want map[string]string
	}{
		{"the least", operation("GET", "/"), map[string]string{
			"": `{"name":"Op","id":"Op","request":{"method":"GET","header":[],"url":{"raw":"{{baseUrl}}/","host":["{{baseUrl}}"],"path":[""]}},"response":[]}`,
		}},
		{"texts", &connectorv1.Operation{OperationId: "Op", Summary: "Do it", Description: "Really", Method: "PUT", Path: "/a"}, map[string]string{
			"/name": `"Do it"`, "/id": `"Op"`, "/request/description": `"Really"`, "/request/method": `"PUT"`,
		}},
		{"a path", operation("GET", "/a/{id}/x-{no}.json/{list.id}/", parameter("id", inPath, `{"type":"integer"}`, "7"), parameter("no", inPath, `{}`), parameter("list.id", inPath, `{"type":"string"}`)), map[string]string{
			"/request/url/path":     `["a",":id","x-{{no}}.json",":list.id",""]`,
			"/request/url/variable": `[{"key":"id","value":"7"},{"key":"list.id","value":"<string>"}]`,
		}},
		{"a path with a query of its own", operation("GET", "/a?b=c"), map[string]string{"/request/url/path": `["a?b=c"]`}},
		{"a query", operation("GET", "/a",
			required(parameter("a", inQuery, `{"type":"string","default":"x y"}`)), parameter("b&c", inQuery, `{"type":["null","integer"]}`),
			parameter("d", inQuery, `{"type":"array","items":{"type":"string"}}`, `["1","2"]`), parameter("e", inQuery, `{"type":"string","enum":["p","q"]}`),
			parameter("f", inQuery, `{"type":"string","format":"date-time"}`), parameter("g", inQuery, `{"$ref":"#/$defs/Kind"}`)), map[string]string{
			"/request/url/query": `[{"key":"a","value":"x%20y","description":"About it"},{"key":"b%26c","value":"<string>","disabled":true},{"key":"d","value":"1,2","disabled":true},{"key":"e","value":"p","disabled":true},{"key":"f","value":"<dateTime>","disabled":true},{"key":"g","value":"<boolean>","disabled":true}]`,
			"/request/url/raw":   `"{{baseUrl}}/a?a=x%20y"`,
		}},
		{"headers and cookies", operation("GET", "/a", required(parameter("X-A", inHeader, `{"const":5}`)), parameter("s", inCookie, `{}`), parameter("t", inCookie, `{"default":{"a":1}}`)), map[string]string{
			"/request/header": `[{"key":"X-A","value":"5","description":"About it"},{"key":"Cookie","value":"s=<string>; t={\"a\":1}"}]`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := definition(row.op)
			def.Schemas = []*connectorv1.Schema{{Name: "Kind", Json: []byte(`{"type":"boolean"}`)}}
			isAt(t, root(t, def).At("/item/0"), row.want)
			comesBack(t, row.name, def)
		})
	}
}

func TestBodies(t *testing.T) {
	const schema = `{"type":"object","properties":{"n":{"type":"integer"},"f":{"type":"string","format":"binary","description":"File"}},"required":["f"]}`
	for _, row := range []struct {
		name, method string
		body         *connectorv1.MediaType
		want         map[string]string
	}{
		{"JSON of a schema", "POST", &connectorv1.MediaType{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"$ref":"#/$defs/Pet"}`)}, map[string]string{
			"/request/body":   `{"mode":"raw","raw":"{\"name\":\"text\"}","options":{"raw":{"language":"json"}}}`,
			"/request/header": `[{"key":"Content-Type","value":"application/json","system":true}]`,
		}},
		{"JSON of an example", "POST", &connectorv1.MediaType{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Examples: [][]byte{[]byte(`{"a":"<b>"}`)}}, map[string]string{
			"/request/body/raw": `"{\"a\":\"<b>\"}"`,
		}},
		{"text", "POST", &connectorv1.MediaType{MediaType: "text/plain", Kind: connectorv1.BodyKind_BODY_KIND_TEXT, Examples: [][]byte{[]byte(`"hello"`)}}, map[string]string{
			"/request/body": `{"mode":"raw","raw":"hello","options":{"raw":{"language":"text"}}}`,
		}},
		{"XML", "POST", &connectorv1.MediaType{MediaType: "application/xml", Kind: connectorv1.BodyKind_BODY_KIND_XML, Schema: []byte(`{"type":"string"}`)}, map[string]string{
			"/request/body": `{"mode":"raw","raw":"text","options":{"raw":{"language":"xml"}}}`,
		}},
		{"a form", "POST", &connectorv1.MediaType{MediaType: "application/x-www-form-urlencoded", Kind: connectorv1.BodyKind_BODY_KIND_FORM, Schema: []byte(`{"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}`), Examples: [][]byte{[]byte(`{"b":"x"}`)}}, map[string]string{
			"/request/body": `{"mode":"urlencoded","urlencoded":[{"key":"a","value":"<integer>","type":"text"},{"key":"b","value":"x","type":"text"}]}`,
		}},
		{"a form with a file", "POST", &connectorv1.MediaType{MediaType: "multipart/form-data", Kind: connectorv1.BodyKind_BODY_KIND_MULTIPART, Schema: []byte(schema), Encodings: []*connectorv1.PropertyEncoding{{Property: "f", File: true, ContentType: "image/png"}}}, map[string]string{
			"/request/body":   `{"mode":"formdata","formdata":[{"key":"n","value":"<integer>","type":"text","disabled":true},{"key":"f","value":"","type":"file","src":[],"contentType":"image/png","description":"File"}]}`,
			"/request/header": `[]`,
		}},
		{"bytes", "PUT", &connectorv1.MediaType{MediaType: "image/png", Kind: connectorv1.BodyKind_BODY_KIND_BINARY}, map[string]string{
			"/request/body": `{"mode":"file","file":{"src":""}}`,
		}},
		{"a body of GET", "GET", &connectorv1.MediaType{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}, map[string]string{
			"/protocolProfileBehavior": `{"disableBodyPruning":true}`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := operation(row.method, "/a")
			op.RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{row.body}}
			def := definition(op)
			def.Schemas = []*connectorv1.Schema{{Name: "Pet", Json: []byte(`{"type":"object","properties":{"id":{"type":"integer","readOnly":true},"name":{"type":"string"}}}`)}}
			isAt(t, root(t, def).At("/item/0"), row.want)
			again := imported(t, importing.Importer{}, exported(t, def).Files...)
			m := again.GetOperations()[0].GetRequestBody().GetContents()
			if len(m) != 1 || m[0].GetMediaType() != row.body.GetMediaType() || m[0].GetKind() != row.body.GetKind() {
				t.Errorf("the body comes back as %v", m)
			}
		})
	}
}

func TestResponsesAreSaved(t *testing.T) {
	op := operation("GET", "/a")
	json := func(schema string, examples ...string) []*connectorv1.MediaType {
		m := &connectorv1.MediaType{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(schema)}
		for _, e := range examples {
			m.Examples = append(m.Examples, []byte(e))
		}
		return []*connectorv1.MediaType{m}
	}
	op.Responses = []*connectorv1.Response{
		{Status: "200", Description: "Good", Contents: json(`{}`, `{"a":1}`, `{"a":2}`), Headers: []*connectorv1.ResponseHeader{{Name: "X-B", Description: "B"}}},
		{Status: "4XX", Contents: json(`{"properties":{"id":{"type":"integer","readOnly":true}}}`)},
		{Status: "default", Contents: []*connectorv1.MediaType{{MediaType: "text/html", Kind: connectorv1.BodyKind_BODY_KIND_TEXT, Examples: [][]byte{[]byte(`"<p>"`)}}}},
		{Status: "204"},
	}
	isAt(t, root(t, definition(op)).At("/item/0/response"), map[string]string{
		"/0": `{"name":"Good","code":200,"_postman_previewlanguage":"json","header":[{"key":"Content-Type","value":"application/json"},{"key":"X-B","value":"","description":"B"}],"body":"{\"a\":1}"}`,
		"/1": `{"name":"Good","code":200,"_postman_previewlanguage":"json","header":[{"key":"Content-Type","value":"application/json"},{"key":"X-B","value":"","description":"B"}],"body":"{\"a\":2}"}`,
		"/2": `{"name":"4XX","code":400,"_postman_previewlanguage":"json","header":[{"key":"Content-Type","value":"application/json"}],"body":"{\"id\":0}"}`,
		"/3": `{"name":"default","_postman_previewlanguage":"text","header":[{"key":"Content-Type","value":"text/html"}],"body":"<p>"}`,
		"/4": `{"name":"204","code":204,"header":[],"body":""}`,
	})
}

func TestServersAreVariables(t *testing.T) {
	def := definition(operation("GET", "/a"), operation("GET", "/b"), operation("GET", "/c"))
	for i, op := range def.GetOperations() {
		op.OperationId = fmt.Sprintf("Op%d", i)
	}
	def.Servers = []*connectorv1.Server{
		{UrlTemplate: "https://{tenant}.example.com/v1", Variables: []*connectorv1.ServerVariable{{Name: "tenant", DefaultValue: "acme", Description: "Who"}}},
		{UrlTemplate: "https://test.example.com"},
	}
	def.Operations[1].Servers = []*connectorv1.Server{{UrlTemplate: "https://other.example.com"}}
	def.Operations[2].Servers = []*connectorv1.Server{{UrlTemplate: "https://other.example.com"}}
	isAt(t, root(t, def), map[string]string{
		"/variable":               `[{"key":"baseUrl","value":"https://{{tenant}}.example.com/v1","type":"string"},{"key":"tenant","value":"acme","type":"string","description":"Who"},{"key":"baseUrl2","value":"https://other.example.com","type":"string"}]`,
		"/item/0/request/url/raw": `"{{baseUrl}}/a"`,
		"/item/1/request/url/raw": `"{{baseUrl2}}/b"`,
		"/item/2/request/url/raw": `"{{baseUrl2}}/c"`,
	})
	def.Servers, def.Operations = nil, def.Operations[:1]
	isAt(t, root(t, def), map[string]string{"/variable": `[{"key":"baseUrl","value":"","type":"string"}]`})
	comesBack(t, "no server", def)
}

func TestTagsAreFolders(t *testing.T) {
	var operations []*connectorv1.Operation
	for _, tags := range [][]string{{"Child"}, {"Parent", "Child"}, {"Unknown"}, nil, {"Loop"}} {
		op := operation("GET", "/a")
		op.OperationId, op.Tags = fmt.Sprintf("Op%d", len(operations)), tags
		operations = append(operations, op)
	}
	def := definition(operations...)
	def.Tags = []*connectorv1.Tag{
		{Name: "Child", Parent: "Parent"}, {Name: "Parent", Description: "All"}, {Name: "Loop", Parent: "Pool"}, {Name: "Pool", Parent: "Loop"}, {Name: "Lost", Parent: "Nowhere"},
	}
	var list []string
	var walk func(n *document.Node, above string)
	walk = func(n *document.Node, above string) {
		for _, c := range n.Children() {
			list = append(list, above+c.Str("name"))
			walk(c.Get("item"), above+c.Str("name")+"/")
		}
	}
	collection := root(t, def)
	walk(collection.Get("item"), "")
	want := []string{"Parent", "Parent/Child", "Parent/Child/Op0", "Parent/Op1", "Loop", "Loop/Op4", "Pool", "Lost", "Unknown", "Unknown/Op2", "Op3"}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	isAt(t, collection, map[string]string{"/item/0/description": `"All"`})
	comesBack(t, "tags", def)
}

func TestEveryKindOfLossIsSaid(t *testing.T) {
	one := []byte(`{"type":"string"}`)
	for _, row := range []struct {
		name, pointer string
		change        func(*connectorv1.Definition)
	}{
		{"named schemas", "/schemas", func(d *connectorv1.Definition) { d.Schemas = []*connectorv1.Schema{{Name: "A", Json: one}} }},
		{"servers", "/servers/1", func(d *connectorv1.Definition) {
			d.Servers = append(d.Servers, &connectorv1.Server{UrlTemplate: "https://b.example.com"})
		}},
		{"parameter sets", "/parameterSets/1", func(d *connectorv1.Definition) {
			d.ParameterSets = append(d.ParameterSets, &connectorv1.ParameterSet{Name: "b"})
		}},
		{"a way to authenticate that is not supported", "/parameterSets", func(d *connectorv1.Definition) {
			d.ParameterSets = []*connectorv1.ParameterSet{{Name: "default", Unsupported: &connectorv1.UnsupportedAuthentication{Kind: "NTLM", Remedy: "use a proxy"}}}
		}},
		{"policies", "/policies", func(d *connectorv1.Definition) { d.Policies = []*connectorv1.Policy{{TemplateId: "x"}} }},
		{"scripts", "/scripts", func(d *connectorv1.Definition) { d.Scripts = []*connectorv1.Script{{Path: "x"}} }},
		{"the test of a connection", "/connectionTest", func(d *connectorv1.Definition) { d.ConnectionTest = &connectorv1.ConnectionTest{} }},
		{"file pickers", "/filePicker", func(d *connectorv1.Definition) { d.FilePicker = &connectorv1.FilePicker{} }},
		{"extensions", "/extensions", func(d *connectorv1.Definition) { d.Extensions = []*connectorv1.Extension{{Name: "x-a"}} }},
		{"who publishes it", "/info", func(d *connectorv1.Definition) { d.Info.Publisher = "Me" }},
		{"triggers", "/operations/0/trigger", func(d *connectorv1.Definition) { d.Operations[0].Trigger = &connectorv1.Trigger{} }},
		{"what the API calls", "/operations/0", func(d *connectorv1.Definition) { d.Operations[0].Path = "" }},
		{"dynamic values", "/operations/0/dynamics", func(d *connectorv1.Definition) {
			d.Operations[0].Dynamics = []*connectorv1.DynamicFeature{{}}
		}},
		{"code", "/operations/0/requiresScript", func(d *connectorv1.Definition) { d.Operations[0].RequiresScript = true }},
		{"tags after the first", "/operations/0/tags/1", func(d *connectorv1.Definition) { d.Operations[0].Tags = []string{"a", "b"} }},
		{"servers of an operation", "/operations/0/servers/1", func(d *connectorv1.Definition) {
			d.Operations[0].Servers = []*connectorv1.Server{{UrlTemplate: "https://a.example.com"}, {UrlTemplate: "https://b.example.com"}}
		}},
		{"pagination", "/operations/0/pagination", func(d *connectorv1.Definition) { d.Operations[0].Pagination = &connectorv1.Pagination{} }},
		{"chunks", "/operations/0/chunkTransfer", func(d *connectorv1.Definition) {
			d.Operations[0].ChunkTransfer = &connectorv1.ChunkTransfer{}
		}},
		{"deprecation", "/operations/0", func(d *connectorv1.Definition) { d.Operations[0].Deprecated = true }},
		{"visibility", "/operations/0/visibility", func(d *connectorv1.Definition) {
			d.Operations[0].Visibility = connectorv1.Visibility_VISIBILITY_ADVANCED
		}},
		{"confirmation", "/operations/0/safety", func(d *connectorv1.Definition) {
			d.Operations[0].Safety = &connectorv1.Safety{NeedsConfirmation: true}
		}},
		{"names for language models", "/operations/0", func(d *connectorv1.Definition) { d.Operations[0].ModelName = "x" }},
		{"documentation", "/operations/0/documentationUrl", func(d *connectorv1.Definition) { d.Operations[0].DocumentationUrl = "https://x" }},
		{"links", "/operations/0/responses", func(d *connectorv1.Definition) {
			d.Operations[0].Responses = []*connectorv1.Response{{Status: "200", Links: []*connectorv1.ResponseLink{{}}}}
		}},
		{"ranges of statuses", "/operations/0/responses", func(d *connectorv1.Definition) {
			d.Operations[0].Responses = []*connectorv1.Response{{Status: "5XX"}}
		}},
		{"representations after the first", "/operations/0/requestBody/contents/1", func(d *connectorv1.Definition) {
			d.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{MediaType: "a/b"}, {MediaType: "c/d"}}}
		}},
		{"styles", "/operations/0/parameters/0/style", func(d *connectorv1.Definition) {
			d.Operations[0].Parameters = []*connectorv1.Parameter{{Name: "a", Location: inQuery, Schema: one, Style: connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT}}
		}},
		{"schemas of parameters", "/operations/0/parameters/0/schema", func(d *connectorv1.Definition) {
			d.Operations[0].Parameters = []*connectorv1.Parameter{parameter("a", inQuery, `{"type":"string","maxLength":3}`)}
		}},
		{"titles of parameters", "/operations/0/parameters/0/summary", func(d *connectorv1.Definition) {
			d.Operations[0].Parameters = []*connectorv1.Parameter{{Name: "a", Location: inQuery, Schema: one, Summary: "A"}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := definition(operation("GET", "/a"))
			if found := exported(t, def).Findings; len(found) != 0 {
				t.Fatalf("a plain definition has the findings %+v", found)
			}
			row.change(def)
			before := proto.CloneOf(def)
			found := exported(t, def).Findings
			if !slices.ContainsFunc(found, func(f format.Finding) bool {
				return f.Pointer == row.pointer && f.Severity == format.Warning && (f.Code == target.CodeLost || f.Code == target.CodeApproximated)
			}) {
				t.Errorf("findings %+v, want one at %s", found, row.pointer)
			}
			if !proto.Equal(before, def) {
				t.Errorf("the definition was changed: %s", protojson.Format(def))
			}
		})
	}
}

func TestExportsAreDeterministicAndStop(t *testing.T) {
	def := definition(operation("GET", "/a", parameter("a", inQuery, `{}`)))
	if first, second := exported(t, def), exported(t, def); !bytes.Equal(first.Files[0].Content, second.Files[0].Content) || first.Files[0].Path != "postman_collection.json" {
		t.Error("two exports differ")
	}
	if (postman.Exporter{}).Format() != target.Postman {
		t.Error("the format is another")
	}
	isAt(t, root(t, def), map[string]string{
		"/info/schema": `"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"`,
		"/info/name":   `"Test"`, "/info/_postman_id": `"532eaabd-9574-880d-bf76-b9b8cc00832c"`,
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (postman.Exporter{}).Export(ctx, target.Input{Definition: def}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestBodiesThatAreMadeUpAreBounded(t *testing.T) {
	var properties []string
	for i := range 100 {
		properties = append(properties, fmt.Sprintf(`"%s%d":{"$ref":"#/$defs/Bomb"}`, strings.Repeat("p", 1000), i))
	}
	var operations []*connectorv1.Operation
	for i := range 200 {
		op := operation("POST", "/a")
		op.OperationId = fmt.Sprintf("Op%d", i)
		op.RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"$ref":"#/$defs/Bomb"}`)}}}
		operations = append(operations, op)
	}
	def := definition(operations...)
	def.Schemas = []*connectorv1.Schema{{Name: "Bomb", Json: []byte(`{"type":"object","properties":{` + strings.Join(properties, ",") + `}}`)}}
	out := exported(t, def)
	if size := len(out.Files[0].Content); size > 64<<20 {
		t.Errorf("%d bytes", size)
	}
	if !slices.ContainsFunc(out.Findings, func(f format.Finding) bool { return f.Code == target.CodeLost && f.Pointer == "/schemas" }) {
		t.Errorf("findings %+v", out.Findings)
	}
}
