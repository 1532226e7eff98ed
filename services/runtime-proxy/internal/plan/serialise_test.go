package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// sample is one row of a table: what the parameter "p" looks like for each kind
// of value.
type sample struct {
	style   connectorv1.ParameterStyle
	explode bool
	// empty is "", text is "ä b", list is ["blue","bl&ck"], one is ["x"], object
	// is {"R":100,"g h":"a=b"}.
	empty, text, list, one, object string
}

// values are the inputs of a sample, in the order of its fields.
var values = [...]string{`""`, `"ä b"`, `["blue","bl&ck"]`, `["x"]`, `{"R":100,"g h":"a=b"}`}

func (s *sample) want() []string { return []string{s.empty, s.text, s.list, s.one, s.object} }

// written builds a request with one parameter and returns the part that holds it.
func written(t *testing.T, p *parameter, value string) (string, error) {
	t.Helper()
	p.Name = "p"
	path := "/x"
	if p.GetLocation() == inPath {
		path = "/{p}"
	}
	req, err := build(t, operation(path, p), `{"p":`+value+`}`)
	if err != nil {
		return "", err
	}
	switch p.GetLocation() {
	case inPath:
		return strings.TrimPrefix(req.Path, "/"), nil
	case inHeader:
		return strings.Join(req.Header["P"], "|"), nil
	case inCookie:
		return strings.Join(req.Header["Cookie"], "|"), nil
	default:
		return req.Query, nil
	}
}

func (s *sample) run(t *testing.T, at connectorv1.ParameterLocation) {
	for i, want := range s.want() {
		t.Run(fmt.Sprintf("%v %v explode=%v %s", at, s.style, s.explode, values[i]), func(t *testing.T) {
			got, err := written(t, &parameter{Location: at, Style: s.style, Explode: s.explode}, values[i])
			if want == "-" {
				if fault.ReasonOf(err) != fault.ReasonInputInvalid {
					t.Errorf("got %q, %v; it has to be refused", got, err)
				}
				return
			}
			if err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

// TestEveryStyleInEveryPlace is the table of OpenAPI's "Style Examples", by
// location. Where a style is not made for a place, what comes out is that of the
// nearest one that is; it must still be well formed.
func TestEveryStyleInEveryPlace(t *testing.T) {
	const unspecified = connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED
	tables := map[connectorv1.ParameterLocation][]sample{
		inPath: {
			{unspecified, false, "-", "%C3%A4%20b", "blue,bl%26ck", "x", "R,100,g%20h,a%3Db"},
			{simple, false, "-", "%C3%A4%20b", "blue,bl%26ck", "x", "R,100,g%20h,a%3Db"},
			{simple, true, "-", "%C3%A4%20b", "blue,bl%26ck", "x", "R=100,g%20h=a%3Db"},
			{label, false, "-", ".%C3%A4%20b", ".blue,bl%26ck", ".x", ".R,100,g%20h,a%3Db"},
			{label, true, "-", ".%C3%A4%20b", ".blue.bl%26ck", ".x", ".R=100.g%20h=a%3Db"},
			{matrix, false, ";p", ";p=%C3%A4%20b", ";p=blue,bl%26ck", ";p=x", ";p=R,100,g%20h,a%3Db"},
			{matrix, true, ";p", ";p=%C3%A4%20b", ";p=blue;p=bl%26ck", ";p=x", ";R=100;g%20h=a%3Db"},
			{space, false, "-", "%C3%A4%20b", "blue%20bl%26ck", "x", "R%20100%20g%20h%20a%3Db"},
			{pipe, false, "-", "%C3%A4%20b", "blue%7Cbl%26ck", "x", "R%7C100%7Cg%20h%7Ca%3Db"},
			{tab, false, "-", "%C3%A4%20b", "blue%09bl%26ck", "x", "R%09100%09g%20h%09a%3Db"},
		},
		inQuery: {
			{unspecified, false, "p=", "p=%C3%A4%20b", "p=blue,bl%26ck", "p=x", "p=R,100,g%20h,a%3Db"},
			{unspecified, true, "p=", "p=%C3%A4%20b", "p=blue&p=bl%26ck", "p=x", "R=100&g%20h=a%3Db"},
			{form, false, "p=", "p=%C3%A4%20b", "p=blue,bl%26ck", "p=x", "p=R,100,g%20h,a%3Db"},
			{form, true, "p=", "p=%C3%A4%20b", "p=blue&p=bl%26ck", "p=x", "R=100&g%20h=a%3Db"},
			{simple, false, "p=", "p=%C3%A4%20b", "p=blue,bl%26ck", "p=x", "p=R,100,g%20h,a%3Db"},
			{space, false, "p=", "p=%C3%A4%20b", "p=blue%20bl%26ck", "p=x", "p=R%20100%20g%20h%20a%3Db"},
			{space, true, "p=", "p=%C3%A4%20b", "p=blue&p=bl%26ck", "p=x", "R=100&g%20h=a%3Db"},
			{pipe, false, "p=", "p=%C3%A4%20b", "p=blue%7Cbl%26ck", "p=x", "p=R%7C100%7Cg%20h%7Ca%3Db"},
			{pipe, true, "p=", "p=%C3%A4%20b", "p=blue&p=bl%26ck", "p=x", "R=100&g%20h=a%3Db"},
			{tab, false, "p=", "p=%C3%A4%20b", "p=blue%09bl%26ck", "p=x", "p=R%09100%09g%20h%09a%3Db"},
			{deep, true, "p=", "p=%C3%A4%20b", "p%5B%5D=blue&p%5B%5D=bl%26ck", "p%5B%5D=x", "p%5BR%5D=100&p%5Bg%20h%5D=a%3Db"},
		},
		inHeader: {
			{unspecified, false, "", "ä b", "blue,bl&ck", "x", "R,100,g h,a=b"},
			{simple, false, "", "ä b", "blue,bl&ck", "x", "R,100,g h,a=b"},
			{simple, true, "", "ä b", "blue,bl&ck", "x", "R=100,g h=a=b"},
			{pipe, false, "", "ä b", "blue|bl&ck", "x", "R|100|g h|a=b"},
		},
		inCookie: {
			{unspecified, false, "p=", "p=%C3%A4%20b", "p=blue,bl%26ck", "p=x", "p=R,100,g%20h,a%3Db"},
			{form, false, "p=", "p=%C3%A4%20b", "p=blue,bl%26ck", "p=x", "p=R,100,g%20h,a%3Db"},
			{form, true, "p=", "p=%C3%A4%20b", "p=blue; p=bl%26ck", "p=x", "R=100; g%20h=a%3Db"},
		},
	}
	for at, rows := range tables {
		for _, row := range rows {
			row.run(t, at)
		}
	}
}

// TestValuesThatAreNothing: no empty field, pair or segment comes of them, and
// never a path that means something else.
func TestValuesThatAreNothing(t *testing.T) {
	const every = `{"type":["array","object","string"]}`
	tests := []struct {
		name  string
		p     *parameter
		value string
		want  string // "-" if it must be refused
	}{
		{"an empty list in the query", &parameter{Location: inQuery}, `[]`, ""},
		{"an empty object in the query", &parameter{Location: inQuery, Explode: true}, `{}`, ""},
		{"an empty object with brackets", &parameter{Location: inQuery, Style: deep, Explode: true}, `{}`, ""},
		{"an empty list in a header", &parameter{Location: inHeader}, `[]`, "absent"},
		{"an empty object in a header", &parameter{Location: inHeader}, `{}`, "absent"},
		{"an empty text in a header is a value", &parameter{Location: inHeader}, `""`, ""},
		{"an empty list in a cookie", &parameter{Location: inCookie}, `[]`, "absent"},
		{"an empty text in the path", &parameter{Location: inPath}, `""`, "-"},
		{"an empty list in the path", &parameter{Location: inPath}, `[]`, "-"},
		{"an empty object in the path", &parameter{Location: inPath}, `{}`, "-"},
		{"a list of nothing in the path", &parameter{Location: inPath}, `[""]`, "-"},
		{"a dot in the path", &parameter{Location: inPath}, `"."`, "-"},
		{"a list of a dot in the path", &parameter{Location: inPath}, `["."]`, "-"},
		{"an empty label, which is a dot", &parameter{Location: inPath, Style: label}, `""`, "-"},
		{"a label of a dot, which is two", &parameter{Location: inPath, Style: label}, `"."`, "-"},
		{"two dots in a list", &parameter{Location: inPath}, `[".."]`, "-"},
		{"two dots with a label", &parameter{Location: inPath, Style: label}, `".."`, "..."},
		{"two dots as text among others", &parameter{Location: inPath}, `"a..b"`, "a..b"},
		{"two dots behind an encoded slash", &parameter{Location: inPath}, `"a/.."`, "-"},
		{"two dots, encoded by the caller", &parameter{Location: inPath}, `"%2e%2e"`, "-"},
		{"two dots between real slashes", &parameter{Location: inPath, AllowReserved: true}, `"a/../b"`, "-"},
		{"two dots, encoded twice", &parameter{Location: inPath, UrlEncoding: connectorv1.UrlEncoding_URL_ENCODING_DOUBLE}, `"../x"`, "-"},
		{"null means not given", &parameter{Location: inQuery}, `null`, ""},
		{"null is not enough for the path", &parameter{Location: inPath}, `null`, "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.Schema = []byte(every)
			got, err := written(t, tt.p, tt.value)
			switch {
			case tt.want == "-":
				if f := fault.From(err); f == nil || f.Reason() != fault.ReasonInputInvalid || len(f.Violations()) != 1 || f.Violations()[0].Field != "p" {
					t.Errorf("got %q, %v; it has to be refused", got, err)
				}
			case tt.want == "absent":
				req, err := build(t, operation("/", &parameter{Name: "p", Location: tt.p.GetLocation(), Explode: tt.p.GetExplode()}), `{"p":`+tt.value+`}`)
				if err != nil || req.HasHeader("P") || req.HasHeader("Cookie") {
					t.Errorf("header = %v, %v", req, err)
				}
			case err != nil || got != tt.want:
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestReservedCharacters goes through all of ASCII and a few beyond.
func TestReservedCharacters(t *testing.T) {
	const all = ` !"#$%&'()*+,-./0:;<=>?@A[\]^_` + "`a{|}~\x7f" + `é€😀`
	quoted := `" !\"#$%&'()*+,-./0:;<=>?@A[\\]^_` + "`a{|}~\x7f" + `é€😀"`
	const tail = "%C3%A9%E2%82%AC%F0%9F%98%80"
	tests := []struct {
		name string
		p    *parameter
		want string
	}{
		{"the query", &parameter{Location: inQuery}, "p=%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0%3A%3B%3C%3D%3E%3F%40A%5B%5C%5D%5E_%60a%7B%7C%7D~%7F" + tail},
		{"the path", &parameter{Location: inPath}, "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0%3A%3B%3C%3D%3E%3F%40A%5B%5C%5D%5E_%60a%7B%7C%7D~%7F" + tail},
		{"the query, reserved allowed", &parameter{Location: inQuery, AllowReserved: true}, "p=%20!%22%23$%25%26'()*%2B,-./0:;%3C=%3E?@A%5B%5C%5D%5E_%60a%7B%7C%7D~%7F" + tail},
		{"the path, reserved allowed", &parameter{Location: inPath, AllowReserved: true}, "%20!%22%23$%25&'()*+,-./0:;%3C=%3E%3F@A%5B%5C%5D%5E_%60a%7B%7C%7D~%7F" + tail},
		{"a cookie", &parameter{Location: inCookie}, "p=%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0%3A%3B%3C%3D%3E%3F%40A%5B%5C%5D%5E_%60a%7B%7C%7D~%7F" + tail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := written(t, tt.p, quoted)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	t.Run("a header keeps its bytes", func(t *testing.T) {
		if _, err := written(t, &parameter{Location: inHeader}, quoted); fault.ReasonOf(err) != fault.ReasonInputInvalid {
			t.Errorf("a control character was sent: %v", err)
		}
		text := strings.ReplaceAll(all, "\x7f", "")
		got, err := written(t, &parameter{Location: inHeader}, strings.ReplaceAll(quoted, "\x7f", ""))
		if got != text || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// TestTextsOnTheWire: numbers, flags and nested values are sent as the caller
// wrote them, and escapes of JSON are undone.
func TestTextsOnTheWire(t *testing.T) {
	for value, want := range map[string]string{
		`0`: "0", `-0`: "-0", `1.50`: "1.50", `1E+2`: "1E%2B2", `12345678901234567890123`: "12345678901234567890123", `true`: "true", `false`: "false",
		`"\u00e9\n\t\"\\\/"`: "%C3%A9%0A%09%22%5C%2F", `"\ud83d\ude00"`: "%F0%9F%98%80", `"null"`: "null", `"a%20b"`: "a%2520b", `"a+b"`: "a%2Bb",
		`[[1, 2],{"a" : 1}]`: "%5B1%2C2%5D,%7B%22a%22%3A1%7D", `[1,null,"x"]`: "1,null,x", `{"a":[1, 2],"b":{"c":null}}`: "a,%5B1%2C2%5D,b,%7B%22c%22%3Anull%7D",
	} {
		got, err := written(t, &parameter{Location: inQuery}, value)
		if err != nil || got != "p="+want {
			t.Errorf("%s: got %q, %v; want %q", value, got, err, want)
		}
	}
}

// TestNamesOnTheWire: sources write names of parameters as they please.
func TestNamesOnTheWire(t *testing.T) {
	for name, want := range map[string]string{
		"$filter": "$filter=x", "filter[a]": "filter[a]=x", "a b": "a%20b=x", "a&b": "a%26b=x", "a=b": "a%3Db=x", "a#b": "a%23b=x", "a+b": "a%2Bb=x", "é": "%C3%A9=x", "a%b": "a%25b=x",
	} {
		req, err := build(t, operation("/", &parameter{Name: name, Location: inQuery}), `{"`+name+`":"x"}`)
		if err != nil || req.Query != want {
			t.Errorf("%s: got %v, %v; want %q", name, req, err, want)
		}
	}
}

// TestPathsOfOperations: literal parts, placeholders and fixed queries.
func TestPathsOfOperations(t *testing.T) {
	id := &parameter{Name: "id", Location: inPath}
	tests := []struct{ name, path, want string }{
		{"a plain path", "/items/{id}", "/items/a%2Fb"},
		{"without a slash in front", "items/{id}", "/items/a%2Fb"},
		{"with one behind", "/items/{id}/", "/items/a%2Fb/"},
		{"several placeholders in a segment", "/x({id},{id})", "/x(a%2Fb,a%2Fb)"},
		{"a fixed query", "/items/{id}?view=full", "/items/a%2Fb?view=full"},
		{"a placeholder in the query", "/items?id={id}&x", "/items?id=a%2Fb&x"},
		{"a fragment that tells operations apart", "/items/{id}#v2", "/items/a%2Fb"},
		{"literals that are encoded stay so", "/a%2Fb/{id}", "/a%2Fb/a%2Fb"},
		{"literals that need it are encoded", "/a b/é/{id}", "/a%20b/%C3%A9/a%2Fb"},
		{"double slashes stay", "//a//{id}", "//a//a%2Fb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := build(t, operation(tt.path, id), `{"id":"a/b"}`)
			if err != nil || req.Target() != tt.want {
				t.Errorf("got %v, %v; want %q", req, err, tt.want)
			}
		})
	}
	for name, path := range map[string]string{"a placeholder without a parameter": "/{other}", "one that is not closed": "/{id", "one without a name": "/{}"} {
		t.Run(name, func(t *testing.T) {
			if _, err := build(t, operation(path, id), `{"id":"a"}`); fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// TestParametersThatOnlyTheTransportWrites are not inputs at all.
func TestParametersThatOnlyTheTransportWrites(t *testing.T) {
	for _, name := range []string{"Host", "content-length", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "connection", "Keep-Alive", "Proxy-Authorization", "Expect", "a b", "a\r\nb", ""} {
		op := operation("/", &parameter{Name: name, Location: inHeader})
		req, err := build(t, op, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string][]string{"User-Agent": {"Ferrule"}}, req.Header); diff != "" {
			t.Errorf("%q: header (-want +got):\n%s", name, diff)
		}
		if name != "" && !strings.ContainsAny(name, "\r\n") {
			if _, err := build(t, op, `{"`+name+`":"x"}`); fault.ReasonOf(err) != fault.ReasonInputInvalid {
				t.Errorf("%q is taken as an input: %v", name, err)
			}
		}
	}
}

// TestDefaultsThatAreWrittenCarelessly: real descriptions write numbers and flags
// as texts. A caller who says nothing must not be told off for it.
func TestDefaultsThatAreWrittenCarelessly(t *testing.T) {
	tests := []struct{ name, schema, query, body string }{
		{"a number as text", `{"type":"integer","default":"20"}`, "p=20", `{"v":20}`},
		{"a flag as text", `{"type":"boolean","default":"false"}`, "p=false", `{"v":false}`},
		{"a fraction as text", `{"type":"number","default":"1.50"}`, "p=1.50", `{"v":1.50}`},
		{"a number for a text", `{"type":"string","default":5}`, "p=5", `{"v":"5"}`},
		{"a flag for a text", `{"type":"string","default":true}`, "p=true", `{"v":"true"}`},
		{"a list as text", `{"type":"array","items":{"type":"string"},"default":"[\"a\",\"b\"]"}`, "p=a,b", `{"v":["a","b"]}`},
		{"a text that is right", `{"type":"string","default":"20"}`, "p=20", `{"v":"20"}`},
		{"nothing that could be mended is no default", `{"type":"integer","default":"many"}`, "", ""},
		{"null is no default", `{"type":"integer","default":null}`, "", ""},
		{"one that is not in its own list", `{"type":"string","enum":["a"],"default":"b"}`, "p=b", `{"v":"b"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := build(t, operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(tt.schema)}), `{}`)
			if err != nil || req.Query != tt.query {
				t.Errorf("query of %v, %v; want %q", req, err, tt.query)
			}
			if tt.name == "one that is not in its own list" {
				return // in a body the validator has the last word
			}
			def := operation("/")
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
				Schema: []byte(`{"type":"object","required":["v"],"properties":{"v":` + tt.schema + `}}`),
			}}}
			req, err = build(t, def, `{"body":{}}`)
			if tt.body == "" {
				if fault.ReasonOf(err) != fault.ReasonInputInvalid {
					t.Errorf("body of %v, %v; the property is required", req, err)
				}
				return
			}
			if err != nil || string(req.Body) != tt.body {
				t.Errorf("body of %v, %v; want %s", req, err, tt.body)
			}
		})
	}
}

// FuzzStyles: whatever the value, what is written is one well-formed part of a
// request.
func FuzzStyles(f *testing.F) {
	for _, seed := range values {
		f.Add(seed, uint8(0), uint8(0), false)
		f.Add(seed, uint8(3), uint8(7), true)
	}
	locations := []connectorv1.ParameterLocation{inPath, inQuery, inHeader, inCookie}
	f.Fuzz(func(t *testing.T, value string, at, style uint8, explode bool) {
		p := &parameter{Location: locations[int(at)%len(locations)], Style: connectorv1.ParameterStyle(int(style) % 9), Explode: explode}
		got, err := written(t, p, value)
		if err != nil {
			return
		}
		bad := "\r\n\x00"
		switch p.GetLocation() {
		case inPath:
			bad += "?# "
			if request.Climbs("/"+got) || got == "" || got == "." {
				t.Errorf("path %q of %q", got, value)
			}
		case inQuery:
			bad += "# "
		default:
		}
		if strings.ContainsAny(got, bad) {
			t.Errorf("%q of %q", got, value)
		}
	})
}
