package plan_test

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

type parameter = connectorv1.Parameter

const (
	inPath   = connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
	inQuery  = connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	inHeader = connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER
	inCookie = connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE

	simple = connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE
	form   = connectorv1.ParameterStyle_PARAMETER_STYLE_FORM
	label  = connectorv1.ParameterStyle_PARAMETER_STYLE_LABEL
	matrix = connectorv1.ParameterStyle_PARAMETER_STYLE_MATRIX
	space  = connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED
	pipe   = connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED
	tab    = connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED
	deep   = connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT
)

// build plans one operation and builds a request of an input.
func build(t *testing.T, def *connectorv1.Definition, input string) (*request.Request, error) {
	t.Helper()
	op, err := plan.New(def).Operation(def.GetOperations()[0].GetOperationId())
	if err != nil {
		return nil, err
	}
	args, err := op.Read([]byte(input))
	if err != nil {
		return nil, err
	}
	req := &request.Request{}
	return req, op.Build(args, req)
}

func operation(path string, parameters ...*parameter) *connectorv1.Definition {
	return &connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "Op", Method: "post", Path: path, Parameters: parameters}}}
}

// TestStyles follows the tables of RFC 6570, section 3.2, and of OpenAPI 3.1.
func TestStyles(t *testing.T) {
	const list, object = `["a","b c"]`, `{"R":100,"G":"x&y"}`
	tests := []struct {
		name  string
		p     *parameter
		value string
		want  string
	}{
		{"path, default", &parameter{Location: inPath}, `"a/b c"`, "/a%2Fb%20c"},
		{"path, simple list", &parameter{Location: inPath, Style: simple}, list, "/a,b%20c"},
		{"path, simple object", &parameter{Location: inPath, Style: simple}, object, "/R,100,G,x%26y"},
		{"path, simple object, exploded", &parameter{Location: inPath, Style: simple, Explode: true}, object, "/R=100,G=x%26y"},
		{"path, label", &parameter{Location: inPath, Style: label}, `"a"`, "/.a"},
		{"path, label list", &parameter{Location: inPath, Style: label}, list, "/.a,b%20c"},
		{"path, label list, exploded", &parameter{Location: inPath, Style: label, Explode: true}, list, "/.a.b%20c"},
		{"path, label object, exploded", &parameter{Location: inPath, Style: label, Explode: true}, object, "/.R=100.G=x%26y"},
		{"path, matrix", &parameter{Location: inPath, Style: matrix}, `"a"`, "/;p=a"},
		{"path, matrix list", &parameter{Location: inPath, Style: matrix}, list, "/;p=a,b%20c"},
		{"path, matrix list, exploded", &parameter{Location: inPath, Style: matrix, Explode: true}, list, "/;p=a;p=b%20c"},
		{"path, matrix object", &parameter{Location: inPath, Style: matrix}, object, "/;p=R,100,G,x%26y"},
		{"path, matrix object, exploded", &parameter{Location: inPath, Style: matrix, Explode: true}, object, "/;R=100;G=x%26y"},
		{"path, encoded twice", &parameter{Location: inPath, UrlEncoding: connectorv1.UrlEncoding_URL_ENCODING_DOUBLE}, `"a/b c"`, "/a%252Fb%2520c"},
		{"path, reserved", &parameter{Location: inPath, AllowReserved: true}, `"a/b?c#d"`, "/a/b%3Fc%23d"},
		{"query, default", &parameter{Location: inQuery}, `"ä b+c"`, "/?p=%C3%A4%20b%2Bc"},
		{"query, number as written", &parameter{Location: inQuery}, `1.50e3`, "/?p=1.50e3"},
		{"query, big number as written", &parameter{Location: inQuery}, `12345678901234567890`, "/?p=12345678901234567890"},
		{"query, boolean", &parameter{Location: inQuery}, `true`, "/?p=true"},
		{"query, form list", &parameter{Location: inQuery, Style: form}, list, "/?p=a,b%20c"},
		{"query, form list, exploded", &parameter{Location: inQuery, Style: form, Explode: true}, list, "/?p=a&p=b%20c"},
		{"query, form object", &parameter{Location: inQuery, Style: form}, object, "/?p=R,100,G,x%26y"},
		{"query, form object, exploded", &parameter{Location: inQuery, Style: form, Explode: true}, object, "/?R=100&G=x%26y"},
		{"query, comma", &parameter{Location: inQuery, Style: simple}, list, "/?p=a,b%20c"},
		{"query, space", &parameter{Location: inQuery, Style: space}, list, "/?p=a%20b%20c"},
		{"query, pipe", &parameter{Location: inQuery, Style: pipe}, list, "/?p=a%7Cb%20c"},
		{"query, tab", &parameter{Location: inQuery, Style: tab}, list, "/?p=a%09b%20c"},
		{"query, deep object", &parameter{Location: inQuery, Style: deep, Explode: true}, `{"a":{"b":[1,2]},"c":"d"}`, "/?p%5Ba%5D%5Bb%5D%5B%5D=1&p%5Ba%5D%5Bb%5D%5B%5D=2&p%5Bc%5D=d"},
		{"query, empty list", &parameter{Location: inQuery, Explode: true}, `[]`, "/"},
		{"query, reserved", &parameter{Location: inQuery, AllowReserved: true}, `"a/b?c&d#e"`, "/?p=a/b?c%26d%23e"},
		{"query, document", &parameter{Location: inQuery, ContentType: "application/json"}, `{"a": 1}`, "/?p=%7B%22a%22%3A1%7D"},
		{"header", &parameter{Location: inHeader}, `"a b,c"`, "/ a b,c"},
		{"header, list", &parameter{Location: inHeader}, list, "/ a,b c"},
		{"header, object, exploded", &parameter{Location: inHeader, Explode: true}, object, "/ R=100,G=x&y"},
		{"cookie", &parameter{Location: inCookie}, `"a;b"`, "/ p=a%3Bb"},
		{"cookie, list, exploded", &parameter{Location: inCookie, Explode: true}, list, "/ p=a; p=b%20c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.Name = "p"
			path := "/"
			if tt.p.GetLocation() == inPath {
				path = "/{p}"
			}
			req, err := build(t, operation(path, tt.p), `{"p":`+tt.value+`}`)
			if err != nil {
				t.Fatal(err)
			}
			got := req.Target()
			switch tt.p.GetLocation() {
			case inHeader:
				got += " " + req.HeaderValue("P")
			case inCookie:
				got += " " + req.HeaderValue("Cookie")
			default:
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	id := &parameter{Name: "id", Location: inPath}
	tests := []struct {
		name, path, input, want string
	}{
		{"a fixed query", "/x/{id}?kind=a%20b", `{"id":"1"}`, "/x/1?kind=a%20b"},
		{"a fragment tells operations apart and is not sent", "/x/{id}#second", `{"id":"1"}`, "/x/1"},
		{"a placeholder in the fixed query", "/x?id={id}", `{"id":"a&b"}`, "/x?id=a%26b"},
		{"text around a placeholder", "/x('{id}')/y", `{"id":"1"}`, "/x('1')/y"},
		{"literal text that is not encoded", "/ä b/{id}", `{"id":"1"}`, "/%C3%A4%20b/1"},
		{"no slash in front", "x/{id}", `{"id":"1"}`, "/x/1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := build(t, operation(tt.path, id), tt.input)
			if err != nil {
				t.Fatal(err)
			}
			if req.Target() != tt.want || req.Method != "POST" {
				t.Errorf("%s %s, want %s", req.Method, req.Target(), tt.want)
			}
		})
	}
	t.Run("a placeholder without a parameter cannot be called", func(t *testing.T) {
		if _, err := build(t, operation("/{other}", id), "{}"); fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
			t.Errorf("error = %v", err)
		}
	})
}

func TestInputsAreCheckedAllAtOnce(t *testing.T) {
	schema := func(s string) []byte { return []byte(s) }
	def := operation("/{id}",
		&parameter{Name: "id", Location: inPath, Schema: schema(`{"type":"string"}`)},
		&parameter{Name: "id", Location: inQuery, Schema: schema(`{"type":"integer"}`)},
		&parameter{Name: "count", Location: inQuery, Schema: schema(`{"type":"integer","minimum":1,"exclusiveMinimum":true}`)},
		&parameter{Name: "color", Location: inQuery, Required: true, Schema: schema(`{"type":"string","enum":["red","green"]}`)},
		&parameter{Name: "filter", Location: inQuery, Schema: schema(`{"$ref":"#/$defs/Filter"}`)},
		&parameter{Name: "maybe", Location: inQuery, Schema: schema(`{"type":"string","x-nullable":true}`)},
		&parameter{Name: "body", Location: inQuery, Schema: schema(`{"type":"boolean"}`)},
		&parameter{Name: "note", Location: inHeader, Schema: schema(`{"type":"string","maxLength":5}`)},
		&parameter{Name: "Content-Length", Location: inHeader},
	)
	def.Schemas = []*connectorv1.Schema{
		{Name: "Filter", Json: schema(`{"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"type":"string"},"and":{"$ref":"#/$defs/Filter"},"list":{"type":"array","items":{"type":"integer"}}}}`)},
		{Name: "Thing", Json: schema(`{"type":"object","required":["id","name"],"properties":{"id":{"type":"string","readOnly":true},"name":{"type":"string"},"next":{"$ref":"#/$defs/Thing"},"price":{"type":"number","exclusiveMinimum":0},"tags":{"type":"array","uniqueItems":true,"items":{"type":"string"}}}}`)},
	}
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: schema(`{"$ref":"#/$defs/Thing"}`),
	}}}
	tests := []struct {
		name, input string
		want        []string // "field: description"
	}{
		{"all is well", `{"path.id":"a","query.id":7,"color":"red","filter":{"name":"x","and":{"name":"y"}},"body":{"name":"n","price":0.5}}`, nil},
		{"whole numbers may have a fraction of zero", `{"path.id":"a","query.id":7.0,"color":"red"}`, nil},
		{"null means not given", `{"path.id":"a","color":"red","count":null,"maybe":null}`, nil},
		{"nothing is given", ``, []string{"color: is required", "path.id: is required"}},
		{
			"types are wrong", `{"path.id":1,"query.id":1.5,"color":7,"body":{"name":3}}`,
			[]string{"body.name: must be a string, not a number", `color: must be one of "red", "green"`, "query.id: must be an integer, not a number"},
		},
		{
			"quotes are all that is wrong: nothing", `{"path.id":true,"query.id":"7","color":"red"}`, nil,
		},
		{
			"rules are broken", `{"path.id":"","count":1,"color":"blue","note":"too long","body":{"name":"n","price":0,"tags":["a","a"]}}`,
			[]string{
				"body.price: must be more than 0", "body.tags: must not hold the same item twice", `color: must be one of "red", "green"`,
				"count: must be more than 1", "note: must have at most 5 characters", "path.id: must not be empty: it is part of the path",
			},
		},
		{
			"things deep inside", `{"path.id":"a","color":"red","filter":{"name":"x","and":{"list":[1,"2"],"odd":1}},"body":{"name":"n","next":{"price":-1}}}`,
			[]string{
				"body.next.name: is required", "body.next.price: must be more than 0", "filter.and.list[1]: must be an integer, not a string",
				"filter.and.name: is required", "filter.and.odd: is not known to the operation",
			},
		},
		{
			"unknown names", `{"path.id":"a","id":"a","color":"red","colour":"red","zzzzzzzz":1,"Content-Length":"1"}`,
			[]string{
				"Content-Length: is no input of this operation; it takes body, color, count, filter, maybe, note, path.id, query.body, query.id",
				"colour: is no input of this operation; did you mean color?",
				"id: is no input of this operation; it takes body, color, count, filter, maybe, note, path.id, query.body, query.id",
				"zzzzzzzz: is no input of this operation; it takes body, color, count, filter, maybe, note, path.id, query.body, query.id",
			},
		},
		{"a header that would be two", `{"path.id":"a","color":"red","note":"a\r\nb"}`, []string{"note: must not hold control characters: it is sent as a header"}},
		{"a path that climbs", `{"path.id":"a/../b","color":"red"}`, []string{"path.id: must not hold '..' between slashes: it would leave the path of the API"}},
		{"a path that stays where it is", `{"path.id":".","color":"red"}`, []string{"path.id: must not be '.': it would name another path"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := build(t, def, tt.input)
			var got []string
			if err != nil {
				f := fault.From(err)
				if f.Reason() != fault.ReasonInputInvalid {
					t.Fatal(err)
				}
				for _, v := range f.Violations() {
					got = append(got, v.Field+": "+v.Description)
				}
			}
			if diff := cmp.Diff(tt.want, sorted(got)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsNeverRepeatValues(t *testing.T) {
	def := operation("/", &parameter{Name: "password", Location: inQuery, Schema: []byte(`{"type":"string","minLength":20,"pattern":"^x"}`)})
	_, err := build(t, def, `{"password":"s3cret-value"}`)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error = %v", err)
	}
}

// TestSloppySchemasRestrictNothing holds the mistakes of real descriptions: such
// a schema must not make its operation impossible to call.
func TestSloppySchemasRestrictNothing(t *testing.T) {
	for name, schema := range map[string]string{
		"not json":                      `{`,
		"no object":                     `[1]`,
		"an unknown type":               `{"type":"file"}`,
		"a type that is no name":        `{"type":7}`,
		"required as a flag":            `{"type":"object","required":true}`,
		"an empty list":                 `{"type":"object","required":[],"enum":[]}`,
		"a pattern of another language": `{"type":"object","properties":{"a":{"type":"string","pattern":"(?<=x)y"}}}`,
		"a reference to nothing":        `{"$ref":"#/$defs/Nothing"}`,
		"a reference to a file":         `{"$ref":"file:///etc/passwd"}`,
		"a reference in a circle":       `{"$ref":"#/$defs/Circle"}`,
		"a reference to the web":        `{"properties":{"a":{"$ref":"https://example.com/schema.json"}}}`,
		"a format":                      `{"type":"object","properties":{"a":{"type":"string","format":"date-time"}}}`,
		"an id":                         `{"id":"http://[broken","type":"object"}`,
		"numbers as texts":              `{"type":"object","properties":{"a":{"type":"string","maxLength":"9"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			def := operation("/")
			def.Schemas = []*connectorv1.Schema{{Name: "Circle", Json: []byte(`{"$ref":"#/$defs/Circle"}`)}}
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(schema),
			}}}
			req, err := build(t, def, `{"body":{"a":"b"}}`)
			if err != nil || string(req.Body) != `{"a":"b"}` {
				t.Errorf("request %v, error %v", req, err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	def := operation("/",
		&parameter{Name: "version", Location: inQuery, Required: true, Visibility: connectorv1.Visibility_VISIBILITY_INTERNAL, Schema: []byte(`{"type":"string","default":"2024-01"}`)},
		&parameter{Name: "size", Location: inQuery, Schema: []byte(`{"type":"integer","default":10}`)},
	)
	def.Schemas = []*connectorv1.Schema{{Name: "Tree", Json: []byte(`{"type":"object","required":["kind"],"properties":{"kind":{"type":"string","default":"node"},"shown":{"type":"string","default":"x"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}}}`)}}
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
		Schema: []byte(`{"type":"object","properties":{"tree":{"$ref":"#/$defs/Tree"},"meta":{"type":"object","x-ms-visibility":"internal","properties":{"source":{"type":"string","default":"us","x-ms-visibility":"internal"}}}}}`),
	}}}
	tests := []struct{ name, input, target, body string }{
		{"nothing given", `{}`, "/?version=2024-01&size=10", `{"meta":{"source":"us"}}`},
		{"what is given stays", `{"version":"1","size":2,"body":{"meta":{"source":"me"}}}`, "/?version=1&size=2", `{"meta":{"source":"me"}}`},
		{"deep inside", `{"body":{"tree":{"children":[{"kind":"leaf"},{"n":1.10}]}}}`, "/?version=2024-01&size=10", `{"tree":{"children":[{"kind":"leaf"},{"n":1.10,"kind":"node"}],"kind":"node"},"meta":{"source":"us"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := build(t, def, tt.input)
			if err != nil {
				t.Fatal(err)
			}
			if req.Target() != tt.target || string(req.Body) != tt.body {
				t.Errorf("%s %s\nwant %s %s", req.Target(), req.Body, tt.target, tt.body)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	content := func(kind connectorv1.BodyKind, mediaType string, encodings ...*connectorv1.PropertyEncoding) *connectorv1.RequestBody {
		return &connectorv1.RequestBody{Required: true, Contents: []*connectorv1.MediaType{{MediaType: mediaType, Kind: kind, Encodings: encodings}}}
	}
	tests := []struct {
		name, input    string
		body           *connectorv1.RequestBody
		want, kind     string
		wantViolations string
	}{
		{"json as it is", `{"body": [1.0, {"b":2,"a":1}] }`, content(connectorv1.BodyKind_BODY_KIND_JSON, "application/json; charset=utf-8"), `[1.0, {"b":2,"a":1}]`, "application/json; charset=utf-8", ""},
		{"no representation is json", `{"body":null}`, &connectorv1.RequestBody{}, `null`, "application/json", ""},
		{"a form", `{"body":{"a b":"c d","n":1.50,"list":["x","y"],"o":{"k":1},"nothing":null}}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded"), "a+b=c+d&n=1.50&list=x&list=y&o=%7B%22k%22%3A1%7D", "application/x-www-form-urlencoded", ""},
		{"a form with commas", `{"body":{"list":["x","y z"]}}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded", &connectorv1.PropertyEncoding{Property: "list", Style: form}), "list=x,y+z", "application/x-www-form-urlencoded", ""},
		{"a form with a JSON field", `{"body":{"o":{"k":[1]},"list":[1,2],"n":3}}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded", &connectorv1.PropertyEncoding{Property: "o", ContentType: "application/json"}, &connectorv1.PropertyEncoding{Property: "list", ContentType: "application/vnd.x+json; charset=utf-8", Explode: true}), "o=%7B%22k%22%3A%5B1%5D%7D&list=%5B1%2C2%5D&n=3", "application/x-www-form-urlencoded", ""},
		{"a form with a field that keeps reserved characters", `{"body":{"u":"http://a/?b=c&d+e"}}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded", &connectorv1.PropertyEncoding{Property: "u", AllowReserved: true, Explode: true}), "u=http://a/?b=c%26d%2Be", "application/x-www-form-urlencoded", ""},
		{"an empty form", `{"body":{}}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded"), "", "application/x-www-form-urlencoded", ""},
		{"a form that is no object", `{"body":[1]}`, content(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded"), "", "", "body: must be an object: it is sent as a form, one field per property"},
		{"a form that is content without its type", `{"body":{"$content":"YQ=="}}`, content(connectorv1.BodyKind_BODY_KIND_MULTIPART, "multipart/form-data"), "", "", "body: must be an object with a property for each field; a form that is written already has its $content-type beside its $content"},
		{"text", `{"body":"line\n\"two\""}`, content(connectorv1.BodyKind_BODY_KIND_TEXT, "text/plain"), "line\n\"two\"", "text/plain", ""},
		{"a number as text", `{"body":1.50}`, content(connectorv1.BodyKind_BODY_KIND_TEXT, "text/plain"), "1.50", "text/plain", ""},
		{"xml", `{"body":"<a/>"}`, content(connectorv1.BodyKind_BODY_KIND_XML, "application/xml"), "<a/>", "application/xml", ""},
		{"xml as an object", `{"body":{"a":1}}`, content(connectorv1.BodyKind_BODY_KIND_XML, "application/xml"), `<?xml version="1.0" encoding="UTF-8"?><body><a>1</a></body>`, "application/xml", ""},
		{"text as an object", `{"body":{"a":1}}`, content(connectorv1.BodyKind_BODY_KIND_TEXT, "text/plain"), "", "", `body: must be a string with the text, or {"$content": base64} for bytes`},
		{"bytes", `{"body":{"$content":"AAH/","$content-type":"image/png"}}`, content(connectorv1.BodyKind_BODY_KIND_BINARY, "application/octet-stream"), "\x00\x01\xff", "image/png", ""},
		{"bytes that are none", `{"body":{"$content":"%"}}`, content(connectorv1.BodyKind_BODY_KIND_BINARY, "application/octet-stream"), "", "", "body: has a $content that is not base64"},
		{"bytes of a type that is none", `{"body":{"$content":"","$content-type":"a\r\nb"}}`, content(connectorv1.BodyKind_BODY_KIND_BINARY, "application/octet-stream"), "", "", "body: has a $content-type that is no media type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/")
			def.Operations[0].RequestBody = tt.body
			req, err := build(t, def, tt.input)
			if tt.wantViolations != "" {
				v := fault.From(err).Violations()
				if len(v) != 1 || v[0].Field+": "+v[0].Description != tt.wantViolations {
					t.Errorf("error = %v, %v", err, v)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(req.Body) != tt.want || req.HeaderValue("Content-Type") != tt.kind {
				t.Errorf("body %q of %q\nwant %q of %q", req.Body, req.HeaderValue("Content-Type"), tt.want, tt.kind)
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	def := operation("/")
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "multipart/form-data", Kind: connectorv1.BodyKind_BODY_KIND_MULTIPART,
		Schema:    []byte(`{"type":"object","properties":{"file":{"type":"string"},"meta":{"type":"object"}}}`),
		Encodings: []*connectorv1.PropertyEncoding{{Property: "text", File: true, ContentType: "text/csv"}},
	}}}
	req, err := build(t, def, `{"body":{"name":"a b","list":[1,2],"meta":{"x":1},"text":"a,b","file":{"$content":"AP8=","$filename":"x\"\r\n.bin"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	_, parameters, err := mime.ParseMediaType(req.HeaderValue("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := multipart.NewReader(strings.NewReader(string(req.Body)), parameters["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(part)
		got = append(got, part.Header.Get("Content-Disposition")+"|"+part.Header.Get("Content-Type")+"|"+string(content))
	}
	want := []string{
		`form-data; name="name"||a b`, `form-data; name="list"||1`, `form-data; name="list"||2`, `form-data; name="meta"|application/json|{"x":1}`,
		`form-data; name="text"; filename="text"|text/csv|a,b`, `form-data; name="file"; filename="x%22%0D%0A.bin"|application/octet-stream|` + "\x00\xff",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestTheCallerChoosesARepresentation(t *testing.T) {
	def := operation("/", &parameter{Name: "Content-Type", Location: inHeader})
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{
		{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON},
		{MediaType: "text/plain", Kind: connectorv1.BodyKind_BODY_KIND_TEXT},
	}}
	def.Operations[0].Responses = []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{MediaType: "application/json; odata=x"}, {MediaType: "text/plain"}}}, {Status: "404", Contents: []*connectorv1.MediaType{{MediaType: "text/html"}}}}
	req, err := build(t, def, `{"Content-Type":"text/plain; charset=utf-8","body":"hi"}`)
	if err != nil {
		t.Fatal(err)
	}
	if string(req.Body) != "hi" || req.HeaderValue("Content-Type") != "text/plain; charset=utf-8" || req.HeaderValue("Accept") != "application/json, text/plain" {
		t.Errorf("body %q, header %v", req.Body, req.Header)
	}
}

func TestMatchFindsTheOperationOfARawRequest(t *testing.T) {
	def := &connectorv1.Definition{}
	for id, path := range map[string]string{"list": "/items", "get": "/items/{id}", "me": "/items/me", "odata": "/sets('{id}')/rows"} {
		def.Operations = append(def.Operations, &connectorv1.Operation{OperationId: id, Method: "GET", Path: path})
	}
	def.Operations = append(def.Operations, notification("GET"))
	r := plan.New(def)
	for path, want := range map[string]string{
		"/items": "list", "/items/": "list", "/Items/7": "get", "/items/a%2Fb": "get", "/items/me?x=1": "me", "/sets('7')/rows": "odata", "/sets()/rows": "", "/items/7/8": "", "/": "",
	} {
		if got, _ := r.Match("get", path); got != want {
			t.Errorf("Match(%q) = %q, want %q", path, got, want)
		}
	}
	if got, ok := r.Match("POST", "/items"); ok {
		t.Errorf("another method fits %q", got)
	}
}

// notification is what an API sends to a callback that a person registered.
func notification(method string) *connectorv1.Operation {
	return &connectorv1.Operation{
		OperationId: "OnPing", Method: method, Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
		Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			Registration: connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL,
		}}},
	}
}

func TestANotificationCannotBeCalled(t *testing.T) {
	def := &connectorv1.Definition{Operations: []*connectorv1.Operation{notification("POST")}}
	if _, err := build(t, def, "{}"); fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
		t.Errorf("error = %v", err)
	}
}

func TestUnknownOperationsNameSimilarOnes(t *testing.T) {
	def := operation("/")
	def.Operations[0].OperationId = "ListItems"
	r := plan.New(def)
	for id, similar := range map[string]string{"ListItem": "ListItems", "listitems": "ListItems", "Items": "ListItems", "Completely": "", strings.Repeat("x", 10_000): ""} {
		_, err := r.Operation(id)
		f := fault.From(err)
		if f.Reason() != fault.ReasonOperationNotFound || f.Meta()["similar"] != similar {
			t.Errorf("%.20s: %v %v", id, f, f.Meta())
		}
	}
}

func FuzzRead(f *testing.F) {
	def := operation("/{id}", &parameter{Name: "id", Location: inPath}, &parameter{Name: "q", Location: inQuery, Style: deep, Explode: true})
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{Kind: connectorv1.BodyKind_BODY_KIND_FORM}}}
	op, err := plan.New(def).Operation("Op")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"id":"a","q":{"a":[1]},"body":{"x":null}}`, `{"id":"..","q":[[[]]]}`, "{\"id\":\"\\ud800\"}", `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		args, err := op.Read(input)
		if err != nil {
			return
		}
		var req request.Request
		if op.Build(args, &req) == nil && (request.Climbs(req.Path) || strings.ContainsAny(req.Target(), " \r\n\x00#")) {
			t.Errorf("target %q of %q", req.Target(), input)
		}
	})
}

func sorted(list []string) []string {
	for i := range list {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

func BenchmarkPlan(b *testing.B) {
	def := operation("/{id}", &parameter{Name: "id", Location: inPath, Schema: []byte(`{"type":"string"}`)}, &parameter{Name: "n", Location: inQuery, Schema: []byte(`{"type":"integer"}`)})
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}`),
	}}}
	b.Run("compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := plan.New(def).Operation("Op"); err != nil {
				b.Fatal(err)
			}
		}
	})
	op, err := plan.New(def).Operation("Op")
	if err != nil {
		b.Fatal(err)
	}
	for name, input := range map[string]string{"parameters": `{"id":"7","n":1}`, "body": `{"id":"7","n":1,"body":{"name":"x"}}`} {
		b.Run("build/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				args, err := op.Read([]byte(input))
				if err != nil {
					b.Fatal(err)
				}
				var req request.Request
				if err := op.Build(args, &req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
