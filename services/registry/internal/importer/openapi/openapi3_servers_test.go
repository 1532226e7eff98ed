package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestServersOfOpenAPI3(t *testing.T) {
	for _, row := range []struct {
		name, servers, url string
		want, codes        []string
	}{
		{"several", "[{url: 'https://a.example/v1/'}, {url: 'http://b.example'}]", "", []string{"https://a.example/v1", "http://b.example"}, nil},
		{"variables", "[{url: 'https://{r}.a.example:{port}/{v}', variables: {r: {default: eu}, port: {default: '443'}, v: {default: v1}}}]", "", []string{"https://{r}.a.example:{port}/{v}"}, nil},
		{"a variable that nobody defines", "[{url: 'https://{r}.a.example'}]", "", []string{"https://{r}.a.example"}, []string{"ServerVariableUndefined /servers/0"}},
		{"a scheme to choose", "[{url: '{scheme}://a.example', variables: {scheme: {default: http, enum: [http, https]}}}]", "", []string{"http://a.example"}, nil},
		{"a scheme that nobody defines", "[{url: '{scheme}://a.example'}]", "", []string{"https://a.example"}, nil},
		{"a URL to choose", "[{url: '{base}/v1', variables: {base: {default: 'https://a.example'}}}]", "", []string{"https://a.example/v1"}, nil},
		{"a host without a scheme", "[{url: api.example.com/v1}]", "", []string{"https://api.example.com/v1"}, []string{"ServerInvalid /servers/0"}},
		{"a host with slashes", "[{url: //api.example.com}]", "", []string{"https://api.example.com"}, nil},
		{"upper case", "[{url: HTTPS://api.example.com}]", "", []string{"https://api.example.com"}, nil},
		{"a query", "[{url: 'https://a.example/v1?key=1#x'}]", "", []string{"https://a.example/v1"}, []string{"ServerInvalid /servers/0"}},
		{"another scheme", "[{url: 'ws://a.example'}, {url: 'https://a.example'}]", "", []string{"https://a.example"}, []string{"SchemeUnsupported /servers/0"}},
		{"relative, and nobody knows to what", "[{url: /v1}]", "", nil, []string{"ServerRelative /servers/0"}},
		{"relative to the host", "[{url: /v1}]", "https://a.example:8443/docs/openapi.yaml", []string{"https://a.example:8443/v1"}, nil},
		{"relative to the directory", "[{url: ../v2/}]", "https://a.example/docs/openapi.yaml", []string{"https://a.example/v2"}, nil},
		{"relative, outside", "[{url: ../../../v2}]", "https://a.example/docs/openapi.yaml", []string{"https://a.example/v2"}, nil},
		{"relative, with variables", "[{url: '/{v}', variables: {v: {default: v1}}}]", "https://a.example/openapi.yaml", []string{"https://a.example/{v}"}, nil},
		{"none", "[]", "", nil, []string{"HostMissing"}},
		{"none, but where the document is", "[]", "https://a.example/docs/openapi.yaml", []string{"https://a.example"}, nil},
		{"braces that are no variables", "[{url: 'https://{a.example'}, {url: 'https://a.example/{}'}, {url: 'https://a.example/b}'}]", "", nil, []string{"ServerInvalid /servers/0", "ServerInvalid /servers/1", "ServerInvalid /servers/2"}},
		{"not a URL", "[{url: 'https://a b%zz'}, {url: ''}, text, {description: D}, {url: 5}]", "", nil, []string{"ServerInvalid /servers/0", "ServerRelative /servers/1", "ServerInvalid /servers/2", "ServerInvalid /servers/3", "ServerRelative /servers/4"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := text("openapi.yaml", "openapi: 3.1.0\ninfo: {title: T}\nservers: "+row.servers+onePath)
			f.URL = row.url
			got := importFiles(t, f)
			var servers []string
			for _, s := range got.GetServers() {
				servers = append(servers, s.GetUrlTemplate())
			}
			if diff := cmp.Diff(row.want, servers); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariablesOfServers(t *testing.T) {
	got := import3(t, `
openapi: 3.1.0
info: {title: T}
servers:
- url: https://{r}.a.example/{p}
  description: D
  variables: {p: {default: 1, enum: [2, 3]}, r: {default: eu, enum: [eu, us], description: Region}, unused: {default: x}}
paths: {}
`)
	want := []*connectorv1.Server{{
		UrlTemplate: "https://{r}.a.example/{p}", Description: "D",
		Variables: []*connectorv1.ServerVariable{
			{Name: "p", DefaultValue: "2", AllowedValues: []string{"2", "3"}},
			{Name: "r", DefaultValue: "eu", AllowedValues: []string{"eu", "us"}, Description: "Region"},
		},
	}}
	if diff := cmp.Diff(want, got.GetServers(), protocmp.Transform()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ServerVariableInvalid /servers/0/variables/p", "NoOperations /paths"}, got.codes()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestServersOfOperations(t *testing.T) {
	got := import3(t, head3+`
paths:
  /x:
    servers: [{url: https://path.example}]
    get: {operationId: A}
    put: {operationId: B, servers: [{url: https://operation.example/v1/, name: N}]}
    post: {operationId: C, servers: []}
  /y: {get: {operationId: D}}
`)
	list := ""
	for _, op := range got.GetOperations() {
		list += op.GetOperationId()
		for _, s := range op.GetServers() {
			list += " " + s.GetUrlTemplate() + " " + s.GetDescription()
		}
		list += ";"
	}
	if diff := cmp.Diff("A https://path.example ;B https://operation.example/v1 N;C https://path.example ;D;", list); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}

func TestADocumentMaySayWhereItIs(t *testing.T) {
	got := import3(t, "openapi: 3.2.0\n$self: https://a.example/api/openapi.yaml\ninfo: {title: T}\nservers: [{url: v1}]"+onePath)
	if s := got.GetServers()[0].GetUrlTemplate(); s != "https://a.example/api/v1" {
		t.Errorf("server %q", s)
	}
}

func TestHostsWithParameters(t *testing.T) {
	const parameters = "parameters: [{$ref: '#/x-p/Account'}, {name: suffix, in: path, default: example.com, enum: [example.com, example.org]}, text]"
	for _, row := range []struct{ name, content, want string }{
		{"2.0", "swagger: '2.0'\nbasePath: /v1\nschemes: [https]\nx-ms-parameterized-host: {hostTemplate: '{account}.{suffix}', " + strings.Replace(parameters, "text]", "text, {name: account}, {name: unused}]", 1) + "}", "https://{account}.{suffix}/v1"},
		{"3.1", "openapi: 3.1.0\nx-ms-parameterized-host: {hostTemplate: '{account}.{suffix}', " + parameters + "}", "https://{account}.{suffix}"},
		{"with its own scheme", "swagger: '2.0'\nx-ms-parameterized-host: {hostTemplate: 'http://{account}.{suffix}', useSchemePrefix: false, " + parameters + "}", "http://{account}.{suffix}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, row.content+"\ninfo: {title: T}\nx-p: {Account: {name: account, in: path, description: D}}"+onePath)
			want := []*connectorv1.Server{{UrlTemplate: row.want, Variables: []*connectorv1.ServerVariable{
				{Name: "account", Description: "D"},
				{Name: "suffix", DefaultValue: "example.com", AllowedValues: []string{"example.com", "example.org"}},
			}}}
			if diff := cmp.Diff(want, got.GetServers(), protocmp.Transform()); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostsOfSwaggerThatAreOdd(t *testing.T) {
	for _, row := range []struct{ name, host, want, code string }{
		{"a number", "5", "", "HostInvalid"},
		{"a list", "[a.example]", "", "HostInvalid"},
		{"null", "null", "", "HostInvalid"},
		{"empty", "''", "", "HostMissing"},
		{"with a user", "user@a.example", "https://user@a.example", ""},
		{"with spaces around", "' a.example '", "https://a.example", ""},
		{"an IPv6 address", "'[::1]:8080'", "https://[::1]:8080", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, "swagger: '2.0'\ninfo: {title: T}\nschemes: [https]\nhost: "+row.host+onePath)
			server, code := "", ""
			for _, s := range got.GetServers() {
				server = s.GetUrlTemplate()
			}
			for _, f := range got.findings {
				code = f.Code
			}
			if server != row.want || code != row.code {
				t.Errorf("server %q, finding %q", server, code)
			}
		})
	}
}

func TestSwaggerWithoutAHostIsWhereItWasFetched(t *testing.T) {
	f := text("swagger.yaml", "swagger: '2.0'\ninfo: {title: T}\nbasePath: /v1\nschemes: [https]"+onePath)
	f.URL = "https://a.example/docs/swagger.yaml"
	src, err := format.NewSource([]format.File{f})
	if err != nil {
		t.Fatal(err)
	}
	result, err := openapi.V2{}.Import(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(result.Definition.GetServers()); s != `[url_template:"https://a.example/v1"]` {
		t.Errorf("servers %s", s)
	}
}
