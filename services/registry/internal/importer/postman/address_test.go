package postman_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// servers are written as URL, then name=default of each variable.
func servers(list []*connectorv1.Server) []string {
	var all []string
	for _, s := range list {
		text := s.GetUrlTemplate()
		for _, v := range s.GetVariables() {
			text += " " + v.GetName() + "=" + v.GetDefaultValue()
		}
		if s.GetDescription() != "" {
			text += " (" + s.GetDescription() + ")"
		}
		all = append(all, text)
	}
	return all
}

func TestURLs(t *testing.T) {
	const text = `{"type":"string"}`
	for _, row := range []struct {
		name, url, variables string
		servers              []string
		path                 string
		parameters           []string
		codes                []string
	}{
		{
			"a plain URL", `"https://api.example.com/v1/users?page=2#top"`, ``,
			[]string{"https://api.example.com"},
			"/v1/users",
			[]string{`query page {"type":"integer"} e.g. 2`},
			nil,
		},
		{
			"a URL in pieces", `{"raw":"wrong","protocol":"http","host":["api","example","com"],"port":"8080","path":["a",{"type":"string","value":"b"}],"query":[{"key":"q","value":"x%20y"}]}`, ``,
			[]string{"http://api.example.com:8080"},
			"/a/b",
			[]string{`query q ` + text + ` e.g. "x y"`},
			nil,
		},
		{"only the raw text of an object", `{"raw":"https://example.com/a"}`, ``, []string{"https://example.com"}, "/a", nil, nil},
		{"a host as text", `{"protocol":"https","host":"example.com","path":"a/b"}`, ``, []string{"https://example.com"}, "/a/b", nil, nil},
		{"no path", `"https://example.com"`, ``, []string{"https://example.com"}, "/", nil, nil},
		{"an end that matters", `"https://example.com/a/"`, ``, []string{"https://example.com"}, "/a/", nil, nil},
		{"no scheme", `"example.com/a"`, ``, []string{"https://example.com"}, "/a", nil, []string{"SchemeMissing"}},
		{"no scheme, this machine", `"localhost:3000/a"`, ``, []string{"http://localhost:3000"}, "/a", nil, []string{"SchemeMissing"}},
		{"no scheme, an address", `"10.0.0.1/a"`, ``, []string{"http://10.0.0.1"}, "/a", nil, []string{"SchemeMissing"}},
		{"slashes without a scheme", `"//example.com/a"`, ``, []string{"https://example.com"}, "/a", nil, []string{"SchemeMissing"}},
		{"a scheme that nobody can use", `"wss://example.com/a"`, ``, []string{"https://example.com"}, "/a", nil, []string{"SchemeUnsupported"}},
		{"a base in a variable", `"{{baseUrl}}/a"`, `{"key":"baseUrl","value":"https://example.com/v1/"}`, []string{"https://example.com/v1"}, "/a", nil, nil},
		{"a base in a variable in a variable", `"{{url}}/a"`, `{"key":"url","value":"https://{{host}}/v1"},{"key":"host","value":"example.com"}`, []string{"https://example.com/v1"}, "/a", nil, nil},
		{"a base that ends with a slash", `"{{url}}a/b"`, `{"key":"url","value":"https://example.com/v1/"}`, []string{"https://example.com/v1"}, "/a/b", nil, nil},
		{"a base and a port", `"{{url}}:81/b"`, `{"key":"url","value":"https://example.com"}`, []string{"https://example.com:81"}, "/b", nil, nil},
		{"a base without a scheme", `"{{host}}/a"`, `{"key":"host","value":"example.com"}`, []string{"https://example.com"}, "/a", nil, []string{"SchemeMissing"}},
		{"a base that nobody knows", `"{{baseUrl}}/a"`, ``, nil, "/a", nil, []string{"HostMissing"}},
		{"a host that starts with an unknown variable", `"{{tenant}}.example.com/a"`, ``, []string{"https://{tenant}.example.com tenant="}, "/a", nil, []string{"SchemeMissing", "VariableUnknown"}},
		{"a base whose end is the start of a name", `"{{url}}x/b"`, `{"key":"url","value":"https://example.com/v1"}`, []string{"https://example.com/v1x"}, "/b", nil, nil},
		{"a base with a variable in its path", `"{{url}}/b"`, `{"key":"url","value":"https://example.com/{{area}}?x=1#y"}`, []string{"https://example.com/{area} area="}, "/b", nil, []string{"VariableUnknown"}},
		{"a base that is only a path", `"{{url}}/b"`, `{"key":"url","value":"/v1"}`, nil, "/v1/b", nil, []string{"HostMissing", "SchemeMissing", "UrlInvalid"}},
		{"a host variable with a path and no scheme", `"https://{{host}}/a"`, `{"key":"host","value":"example.com/v2/"}`, []string{"https://example.com"}, "/v2/a", nil, nil},
		{"text as a query", `{"host":["https://example.com"],"path":["a"],"query":"x=1"}`, ``, []string{"https://example.com"}, "/a", []string{`query x {"type":"integer"} e.g. 1`}, nil},
		{"a user in pieces", `{"raw":"https://example.com","auth":{"user":"me","password":"{{pw}}"}}`, ``, []string{"https://example.com"}, "/", nil, nil},
		{"half an escape in a query", `"https://example.com/a?x=100%"`, ``, []string{"https://example.com"}, "/a", []string{`query x ` + text + ` e.g. "100%"`}, nil},
		{"braces with nothing in them", `"https://example.com/{{}}/:/{}"`, ``, []string{"https://example.com"}, "/{value}/:/{value}", []string{"path value " + text + " required"}, nil},
		{"a circle of variables", `"{{a}}/x"`, `{"key":"a","value":"{{b}}"},{"key":"b","value":"{{a}}"}`, nil, "/x", nil, []string{"HostMissing"}},
		{"a larger circle of variables", `"{{a}}/x"`, `{"key":"a","value":"{{b}}"},{"key":"b","value":"{{c}}"},{"key":"c","value":"{{a}}"}`, nil, "/x", nil, []string{"HostMissing"}},
		{"a variable in a host", `"https://{{tenant}}.example.com/a"`, `{"key":"tenant","value":"acme"}`, []string{"https://{tenant}.example.com tenant=acme"}, "/a", nil, nil},
		{"a host that is a variable", `"https://{{host}}/a"`, `{"key":"host","value":"example.com"}`, []string{"https://{host} host=example.com"}, "/a", nil, nil},
		{"a host variable with a whole URL", `"https://{{host}}/a"`, `{"key":"host","value":"http://example.com/v2"}`, []string{"https://example.com"}, "/v2/a", nil, nil},
		{"host and port in variables", `"http://{{host}}:{{port}}/a"`, `{"key":"host","value":"example.com"},{"key":"port","value":"81"}`, []string{"http://{host}:{port} host=example.com port=81"}, "/a", nil, nil},
		{"a scheme in a variable", `"{{protocol}}://example.com/a"`, `{"key":"protocol","value":"http"}`, []string{"http://example.com"}, "/a", nil, nil},
		{"a name in single braces", `"https://{tenant}.example.com/a/{id}"`, ``, []string{"https://{tenant}.example.com tenant="}, "/a/{id}", []string{"path id " + text + " required"}, []string{"VariableUnknown"}},
		{"a user in the URL", `"https://me:{{pw}}@example.com/a"`, ``, []string{"https://example.com"}, "/a", nil, nil},
		{"only a path", `"/a/b"`, ``, nil, "/a/b", nil, []string{"HostMissing"}},
		{"nothing at all", `""`, ``, nil, "/", nil, []string{"HostMissing"}},
		{"no host", `"https:///a"`, ``, nil, "/a", nil, []string{"HostMissing", "UrlInvalid"}},
		{"a host that is none", `"https://exa mple.com/a"`, ``, nil, "/a", nil, []string{"HostMissing", "UrlInvalid"}},
		{"not a URL", `[1]`, ``, nil, "/", nil, []string{"HostMissing"}},
		{
			"values in the path", `"https://example.com/{{area}}/:id/x-{{no}}.json"`, `{"key":"area","value":"north"}`,
			[]string{"https://example.com"},
			"/{area}/{id}/x-{no}.json",
			[]string{`path area {"type":"string","default":"north"} required`, "path id " + text + " required", "path no " + text + " required"},
			[]string{"VariableUnknown"},
		},
		{
			"values beside the path", `{"host":["https://example.com"],"path":[":id.json",":name"],"variable":[{"key":"id","value":"12","description":{"content":"Which"}},{"id":"name","value":"x"}]}`, ``,
			[]string{"https://example.com"},
			"/{id}.json/{name}",
			[]string{`path id {"type":"integer"} required e.g. 12`, `path name ` + text + ` required e.g. "x"`},
			nil,
		},
		{"a value that Postman makes up", `"https://example.com/{{$guid}}"`, ``, []string{"https://example.com"}, "/{guid}", []string{`path guid {"type":"string","format":"uuid"} required`}, []string{"DynamicVariable"}},
		{"a secret in the path", `"https://example.com/bot{{botToken}}/send"`, `{"key":"botToken","value":"123:abc"}`, []string{"https://example.com"}, "/bot{botToken}/send", []string{"path botToken " + text + " required"}, []string{"SecretInSource"}},
		{"what is not allowed in a path", `"https://example.com/a b/<x>/}"`, ``, []string{"https://example.com"}, "/a%20b/%3Cx%3E/%7D", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, result := one(t, `"method":"GET","url":`+row.url, `,"variable":[`+row.variables+`]`)
			if diff := cmp.Diff(row.servers, servers(result.Definition.GetServers())); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if op.GetPath() != row.path {
				t.Errorf("path %q, want %q", op.GetPath(), row.path)
			}
			if diff := cmp.Diff(append([]string{}, row.parameters...), parameters(op)); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, row.codes...), codes(result)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsToOtherHostsHaveTheirOwnServers(t *testing.T) {
	result := load(t, file("c.json", collection(
		request("Login", `"url":"https://login.example.com/token"`)+","+
			request("A", `"url":"https://api.example.com/a"`)+","+
			request("B", `"url":"https://api.example.com/b"`)+","+
			request("C", `"url":"{{other}}/c"`)+","+
			request("D", `"url":"/d"`))))
	if diff := cmp.Diff([]string{"https://api.example.com"}, servers(result.Definition.GetServers())); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	got := map[string][]string{}
	for _, op := range result.Definition.GetOperations() {
		got[op.GetOperationId()] = servers(op.GetServers())
	}
	want := map[string][]string{"Login": {"https://login.example.com"}, "A": nil, "B": nil, "C": {"https://{other} other="}, "D": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("servers of operations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HostMissing", "OtherServer", "OtherServer"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestEnvironmentsAreServers(t *testing.T) {
	result := load(t,
		file("api.json", collection(request("A", `"url":"{{baseUrl}}/a/{{region}}"`), `,"variable":[{"key":"baseUrl","value":"https://unused.example.com"}]`)),
		file("live.json", `{"name":"Live","values":[{"key":"baseUrl","value":"https://api.example.com","enabled":true},{"key":"region","value":"eu"}],"_postman_variable_scope":"environment"}`),
		file("test.json", `{"name":"Test","values":[{"key":"baseUrl","value":"https://test.example.com"},{"key":"region","value":"us","enabled":false}]}`),
		file("globals.json", `{"values":[{"key":"region","value":"everywhere"},{"key":"globalSecret","value":"s3cr3t"}],"_postman_variable_scope":"globals"}`),
		file("other.json", `{"hello":1}`), file("broken.json", ""),
	)
	want := []string{"https://api.example.com (Live)", "https://test.example.com (Test)"}
	if diff := cmp.Diff(want, servers(result.Definition.GetServers())); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`path region {"type":"string","default":"eu"} required`}, parameters(result.Definition.GetOperations()[0])); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"FileUnreadable", "SecretInSource", "SeveralEnvironments"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if f := result.Findings[0]; f.Code != "SecretInSource" || f.Path != "globals.json" || f.Pointer != "/values/1" {
		t.Errorf("finding %+v, want the secret of the globals", f)
	}
}

func TestVariablesCloserToARequestCount(t *testing.T) {
	result := load(t, file("c.json", collection(
		`{"name":"F","variable":[{"key":"host","value":"folder.example.com"}],"item":[`+
			`{"name":"In","request":{"url":"https://{{host}}/a"}},`+
			`{"name":"Own","variable":[{"key":"host","value":"own.example.com"}],"request":{"url":"https://{{host}}/b"}}]},`+
			request("Out", `"url":"https://{{host}}/c"`), `,"variable":[{"key":"host","value":"collection.example.com"}]`)))
	var got []string
	for _, op := range result.Definition.GetOperations() {
		got = append(got, servers(op.GetServers())...)
	}
	want := []string{"https://{host} host=own.example.com", "https://{host} host=collection.example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("servers of operations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"https://{host} host=folder.example.com"}, servers(result.Definition.GetServers())); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}
