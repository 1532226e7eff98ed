package postman_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

func TestParametersOfRequests(t *testing.T) {
	const text, url = `{"type":"string"}`, `"url":"https://example.com/a"`
	for _, row := range []struct {
		name, request string
		parameters    []string
		codes         []string
	}{
		{"types by value", `"url":"https://example.com/a?n=1&f=1.5&b=true&d=2024-02-29&s=x"`, []string{
			`query n {"type":"integer"} e.g. 1`, `query f {"type":"number"} e.g. 1.5`, `query b {"type":"boolean"} e.g. true`,
			`query d {"type":"string","format":"date"} e.g. "2024-02-29"`, `query s ` + text + ` e.g. "x"`,
		}, nil},
		{"a name without a value", `"url":"https://example.com/a?flag&empty="`, []string{"query flag " + text, "query empty " + text}, nil},
		{"a name twice is a list", `"url":"https://example.com/a?id=1&id=2"`, []string{`query id {"type":"array","items":{"type":"integer"}}`}, nil},
		{"of different types", `"url":"https://example.com/a?id=1&id=b&id=2"`, []string{`query id {"type":"array","items":{"type":"string"}}`}, nil},
		{"a variable without a value is required", `"url":"https://example.com/a?id={{id}}"`, []string{"query id " + text + " required"}, []string{"VariableUnknown"}},
		{"one with a value is an example", `"url":"https://example.com/a?id={{known}}"`, []string{`query id {"type":"integer"} e.g. 7`}, nil},
		{"text around a variable", `"url":"https://example.com/a?id=x-{{known}}&o=x-{{id}}"`, []string{`query id ` + text + ` e.g. "x-7"`, "query o " + text}, nil},
		{"a variable in a name", `"url":"https://example.com/a?f[{{known}}]=1&g[{{x}}]=2"`, []string{`query f[7] {"type":"integer"} e.g. 1`, `query g[x] {"type":"integer"} e.g. 2`}, []string{"NameVariable"}},
		{
			"what is disabled can be given", `"url":{"host":["https://example.com"],"query":[{"key":"a","value":"1","disabled":true},{"key":"b","value":null,"description":"B"},{"key":null,"value":null}]}`,
			[]string{`query a {"type":"integer"}`, "query b " + text},
			[]string{"DisabledParameter"},
		},
		{"a value that Postman makes up", `"url":"https://example.com/a?t={{$timestamp}}&r={{$randomCity}}"`, []string{`query t {"type":"integer"}`, "query r " + text}, []string{"DynamicVariable", "DynamicVariable"}},
		{"the names of types", `"url":"https://example.com/a?n=<integer>&d=<dateTime>&s=<string>"`, []string{`query n {"type":"integer"}`, `query d {"type":"string","format":"date-time"}`, "query s " + text}, nil},
		{"a password is no example", `"url":"https://example.com/login?user=me&password=pw"`, []string{`query user ` + text + ` e.g. "me"`, "query password " + text}, []string{"SecretInSource"}},
		{"headers have defaults", url + `,"header":[{"key":"X-Version","value":"2"},{"key":"X-Tenant","value":"{{tenant}}"},{"key":"X-Known","value":"{{known}}"}]`, []string{
			`header X-Version {"type":"integer","default":2}`, "header X-Tenant " + text + " required", `header X-Known {"type":"integer","default":7}`,
		}, []string{"VariableUnknown"}},
		{"headers as lines of text", url + `,"header":"A: b\n//C: d\nnonsense\n"`, []string{`header A {"type":"string","default":"b"}`, "header C " + text}, []string{"DisabledParameter"}},
		{"headers under another name", url + `,"headers":[{"key":"A","value":"b"}]`, []string{`header A {"type":"string","default":"b"}`}, nil},
		{"headers twice count once", url + `,"header":[{"key":"A","value":"b"},{"key":"a","value":"c"}]`, []string{`header A {"type":"string","default":"b"}`}, nil},
		{"headers that a client sends by itself", url + `,"header":[{"key":"content-type","value":"x"},{"key":"Accept","value":"*/*"},{"key":"User-Agent","value":"P"},{"key":"Host","value":"h"},{"key":"Postman-Token","value":"t"}]`, []string{}, nil},
		{"a header that cannot be", url + `,"header":[{"key":"A B","value":"c"}]`, []string{}, []string{"HeaderInvalid"}},
		{"cookies", url + `,"header":[{"key":"Cookie","value":"lang=en; sid={{s}}; bad name=1"}]`, []string{"cookie lang " + text, "cookie sid " + text}, []string{"SecretInSource"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, result := one(t, `"method":"GET",`+row.request, `,"variable":[{"key":"known","value":"7"}]`)
			if diff := cmp.Diff(row.parameters, parameters(op)); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, row.codes...), codes(result)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// body writes a representation on one line.
func body(m *connectorv1.MediaType) string {
	text := m.GetMediaType() + " " + strings.TrimPrefix(m.GetKind().String(), "BODY_KIND_") + " " + string(m.GetSchema())
	for _, e := range m.GetExamples() {
		text += " e.g. " + string(e)
	}
	for _, e := range m.GetEncodings() {
		text += " [" + e.GetProperty() + " " + e.GetContentType()
		if e.GetFile() {
			text += " file"
		}
		text += "]"
	}
	return text
}

func TestBodies(t *testing.T) {
	raw := func(text, more string) string {
		return `"body":{"mode":"raw","raw":` + quote(text) + more + `}`
	}
	for _, row := range []struct {
		name, request, want string
		codes               []string
	}{
		{"none", `"body":null`, "", nil},
		{"an empty one", `"body":{}`, "", nil},
		{"an empty form", `"body":{"mode":"formdata","formdata":[]}`, "", nil},
		{"a disabled one", `"body":{"mode":"raw","raw":"x","disabled":true}`, "", nil},
		{"blank text", raw(" \n", ""), "", nil},
		{"JSON", raw(`{"a": 1, "b": [true]}`, ""), `application/json JSON {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"array","items":{"type":"boolean"}}}} e.g. {"a":1,"b":[true]}`, nil},
		{"JSON with variables", raw(`{"a": {{n}}, "b": "{{s}} {{known}}", "c": {{known}}, "d": {"e":{}}}`, ""), `application/json JSON {"type":"object","properties":{"a":{},"b":{"type":"string"},"c":{"type":"integer"},"d":{"type":"object","properties":{"e":{"type":"object"}}}}} e.g. {"a":null,"b":"<s> 7","c":7,"d":{"e":{}}}`, nil},
		{"JSON with comments and commas", raw("{\n// one\n\"a\": \"//no\", /* two */ \"b\": [1,],\n}", `,"options":{"raw":{"language":"json"}}`), `application/json JSON {"type":"object","properties":{"a":{"type":"string"},"b":{"type":"array","items":{"type":"integer"}}}} e.g. {"a":"//no","b":[1]}`, nil},
		{"JSON with the names of types", raw(`{"a":"<integer>","b":"<boolean>","c":"<string>"}`, ""), `application/json JSON {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"boolean"},"c":{"type":"string"}}} e.g. {"a":0,"b":true,"c":"<string>"}`, nil},
		{"JSON with a secret", raw(`{"user":"me","password":"pw","next":{"apiKey":"{{k}}","max_tokens":5}}`, ""), `application/json JSON {"type":"object","properties":{"user":{"type":"string"},"password":{"type":"string"},"next":{"type":"object","properties":{"apiKey":{"type":"string"},"max_tokens":{"type":"integer"}}}}} e.g. {"user":"me","password":"","next":{"apiKey":"","max_tokens":5}}`, []string{"SecretInSource"}},
		{"JSON with a token in it", raw(`["eyJhbGciOiJI.eyJzdWIiOiIx.abc"]`, ""), `application/json JSON {"type":"array","items":{"type":"string"}} e.g. [""]`, []string{"SecretInSource"}},
		{"JSON that is none", raw(`{"a": }`, `,"options":{"raw":{"language":"json"}}`), "application/json JSON ", []string{"BodyInvalid"}},
		{"text", raw("hello {{known}}", ""), `text/plain TEXT {"type":"string"} e.g. "hello 7"`, nil},
		{"text with a secret", raw("password=pw", ""), `text/plain TEXT {"type":"string"}`, []string{"SecretInSource"}},
		{"a comment without end", raw("{} /* and", ""), "application/json JSON {\"type\":\"object\"} e.g. {}", nil},
		{"a variable that is JSON", raw(`{"a":{{json}},"b":{{word}}}`, ""), `application/json JSON {"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{}}} e.g. {"a":[1,2],"b":null}`, nil},
		{"a type that nobody knows", `"header":[{"key":"Content-Type","value":"application/x-thing"}],` + raw("x", ""), `application/x-thing BINARY {"type":"string"} e.g. "x"`, nil},
		{"XML by language", raw("<a/>", `,"options":{"raw":{"language":"xml"}}`), `application/xml XML {"type":"string"} e.g. "<a/>"`, nil},
		{"the type that the header says", `"header":[{"key":"Content-Type","value":"text/csv; charset=utf-8"}],` + raw("a,b", ""), `text/csv; charset=utf-8 TEXT {"type":"string"} e.g. "a,b"`, nil},
		{"a header that is no type", `"header":[{"key":"Content-Type","value":"{{t}}"}],` + raw("[]", ""), `application/json JSON {"type":"array","items":{}} e.g. []`, nil},
		{"a form", `"body":{"mode":"urlencoded","urlencoded":[{"key":"a","value":"1","description":"A"},{"key":"b","value":"{{b}}"},{"key":"c","value":"x","disabled":true},{"key":"password","value":"pw"}]}`, `application/x-www-form-urlencoded FORM {"type":"object","properties":{"a":{"type":"integer","description":"A","examples":[1]},"b":{"type":"string"},"c":{"type":"string"},"password":{"type":"string"}},"required":["b"]}`, []string{"DisabledParameter", "SecretInSource", "VariableUnknown"}},
		{"a form with files", `"body":{"mode":"formdata","formdata":[{"key":"f","type":"file","src":"/home/me/x"},{"key":"j","value":"{}","contentType":"application/json"},{"key":"l","value":"a"},{"key":"l","value":"b"}]}`, `multipart/form-data MULTIPART {"type":"object","properties":{"f":{"type":"string","format":"binary"},"j":{"type":"string","examples":["{}"]},"l":{"type":"array","items":{"type":"string"}}}} [f  file] [j application/json] [l ]`, nil},
		{"a file", `"header":[{"key":"Content-Type","value":"image/png"}],"body":{"mode":"file","file":{"src":"/home/me/x.png"}}`, `image/png BINARY {"type":"string","format":"binary"}`, nil},
		{"GraphQL", `"body":{"mode":"graphql","graphql":{"query":"query Q($id: ID) { x }","operationName":"Q","variables":"{\"id\": {{known}}}"}}`, `application/json JSON {"type":"object","properties":{"query":{"type":"string","default":"query Q($id: ID) { x }"},"operationName":{"type":"string","default":"Q"},"variables":{"type":"object","properties":{"id":{"type":"integer"}}}},"required":["query"]} e.g. {"query":"query Q($id: ID) { x }","operationName":"Q","variables":{"id":7}}`, nil},
		{"GraphQL without variables", `"body":{"mode":"graphql","graphql":{"query":"{ x }","variables":""}}`, `application/json JSON {"type":"object","properties":{"query":{"type":"string","default":"{ x }"},"variables":{"type":"object"}},"required":["query"]} e.g. {"query":"{ x }"}`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, result := one(t, `"method":"POST","url":"https://example.com/a",`+row.request,
				`,"variable":[{"key":"known","value":"7"},{"key":"json","value":"[1,2]"},{"key":"word","value":"plain words"}]`)
			got := ""
			if b := op.GetRequestBody(); b != nil {
				got = body(b.GetContents()[0])
			}
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if diff := cmp.Diff(append([]string{}, row.codes...), codes(result)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodiesOfGetAreIgnoredAsPostmanDoes(t *testing.T) {
	const item = `{"name":"G","request":{"method":"GET","url":"https://example.com/a","body":{"mode":"raw","raw":"{}"}}`
	result := load(t, file("c.json", collection(item+`}`)))
	if result.Definition.GetOperations()[0].GetRequestBody() != nil || codes(result)[0] != "BodyIgnored" {
		t.Errorf("findings %v", codes(result))
	}
	result = load(t, file("c.json", collection(item+`,"protocolProfileBehavior":{"disableBodyPruning":true}}`)))
	if result.Definition.GetOperations()[0].GetRequestBody() == nil || codes(result)[0] != "BehaviorIgnored" {
		t.Errorf("the body that is meant is not there: findings %v", codes(result))
	}
}

func TestFormsWithOnlyDisabledFieldsAreNotRequired(t *testing.T) {
	op, _ := one(t, `"method":"POST","url":"https://example.com/a","body":{"mode":"urlencoded","urlencoded":[{"key":"a","value":"1","disabled":true}]}`)
	if b := op.GetRequestBody(); b == nil || b.GetRequired() {
		t.Errorf("body %v", b)
	}
}

func TestSavedResponses(t *testing.T) {
	result := load(t, file("c.json", collection(`{"name":"One","request":{"url":"https://example.com/a"},"response":[
		{"name":"Good","code":200,"header":[{"key":"Content-Type","value":"application/json"},{"key":"X-Rate-Limit","value":"5","description":"How many"},{"key":"Date","value":"today"}],"body":"{\"id\":1,\"access_token\":\"abc\"}"},
		{"name":"Also","code":200,"header":"Content-Type: application/json\nx-rate-limit: 6","body":"{\"id\":null,\"name\":\"n\"}"},
		{"name":"As text","code":200,"_postman_previewlanguage":"text","body":"fine"},
		{"name":"Page","code":200,"_postman_previewlanguage":"html","body":"<p>"},
		{"name":"Picture","code":200,"header":[{"key":"Content-Type","value":"image/png"}],"body":"\u0089PNG"},
		{"name":"Broken","code":500,"header":[{"key":"Content-Type","value":"application/json"}],"body":"{"},
		{"name":"Nothing","code":204,"body":null},
		{"name":"Unknown","body":"[1]"}
	]}`)))
	var got []string
	for _, r := range result.Definition.GetOperations()[0].GetResponses() {
		got = append(got, r.GetStatus()+" "+r.GetDescription())
		for _, h := range r.GetHeaders() {
			got = append(got, "  "+h.GetName()+" "+h.GetDescription())
		}
		for _, m := range r.GetContents() {
			got = append(got, "  "+body(m))
		}
	}
	want := []string{
		"200 Good",
		"  X-Rate-Limit How many",
		`  application/json JSON {"type":"object","properties":{"id":{"type":["integer","null"]},"access_token":{"type":"string"},"name":{"type":"string"}},"required":["id"]} e.g. {"id":1,"access_token":""} e.g. {"id":null,"name":"n"}`,
		`  text/plain TEXT {"type":"string"} e.g. "fine"`,
		`  text/html TEXT {"type":"string"} e.g. "<p>"`,
		`  image/png BINARY {"type":"string","format":"binary"}`,
		"500 Broken",
		`  application/json JSON `,
		"204 Nothing",
		"default Unknown",
		`  application/json JSON {"type":"array","items":{"type":"integer"}} e.g. [1]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ExampleInvalid", "SecretInSource"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestExamplesAreBounded(t *testing.T) {
	var responses []string
	for i := range 2 * 8 {
		responses = append(responses, `{"code":200,"body":"[`+strings.Repeat("1,", i)+`1]"}`,
			`{"code":201,"header":[{"key":"Content-Type","value":"text/x-`+strings.Repeat("a", i+1)+`"}],"body":"x"}`)
	}
	responses = append(responses, `{"code":202,"body":"[\"`+strings.Repeat("x", postman.MaxExampleBytes)+`\"]"}`, `{"code":200,"body":"[1]"}`)
	result := load(t, file("c.json", collection(`{"request":"https://example.com","response":[`+strings.Join(responses, ",")+`]}`)))
	list := result.Definition.GetOperations()[0].GetResponses()
	if n := len(list[0].GetContents()[0].GetExamples()); n != postman.MaxExamples {
		t.Errorf("%d examples of one representation, want %d", n, postman.MaxExamples)
	}
	if n := len(list[1].GetContents()); n != postman.MaxExamples {
		t.Errorf("%d representations, want %d", n, postman.MaxExamples)
	}
	if m := list[2].GetContents()[0]; len(m.GetExamples()) != 0 || string(m.GetSchema()) != `{"type":"array","items":{"type":"string"}}` {
		t.Errorf("an example that is too large is kept, or does not count: %s", m.GetSchema())
	}
}
