package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestInfoIsRead(t *testing.T) {
	got := importDocument(t, `
swagger: '2.0'
info:
  title: ' Inventory '
  description: "Keeps *things*."
  version: 1.10
  termsOfService: https://example.com/terms
  contact: {name: Ann, url: https://example.com, email: ann@example.com}
  license: {name: MIT, url: https://example.com/mit}
  x-logo: {url: logo.png}
host: api.example.com
schemes: [https]
externalDocs: {url: https://example.com/docs, description: Docs}
x-ms-docs: [{url: https://example.com/more, description: More}]
x-ms-connector-metadata:
- {propertyName: Website, propertyValue: https://example.com}
- {propertyName: Privacy policy, propertyValue: https://example.com/privacy}
- {propertyName: Categories, propertyValue: "AI; Data ;"}
tags: [{name: items, description: Things}, {description: nameless}]
x-generator: hand
paths: {/x: {get: {operationId: X, responses: {}}}}
`)
	want := &connectorv1.Info{
		Title: "Inventory", Description: "Keeps *things*.", Version: "1.10", TermsOfService: "https://example.com/terms",
		Contact: &connectorv1.Contact{Name: "Ann", Url: "https://example.com", Email: "ann@example.com"},
		License: &connectorv1.License{Name: "MIT", Url: "https://example.com/mit"},
		Links: []*connectorv1.Link{
			{Url: "https://example.com/docs", Description: "Docs"},
			{Url: "https://example.com/more", Description: "More"},
			{Url: "https://example.com", Description: "Website"},
			{Url: "https://example.com/privacy", Description: "Privacy policy"},
		},
		Categories: []string{"AI", "Data"},
		Extensions: []*connectorv1.Extension{{Name: "x-logo", Json: []byte(`{"url":"logo.png"}`)}},
	}
	if diff := cmp.Diff(want, got.GetInfo(), protocmp.Transform()); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]*connectorv1.Tag{{Name: "items", Description: "Things"}}, got.GetTags(), protocmp.Transform()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]*connectorv1.Extension{{Name: "x-generator", Json: []byte(`"hand"`)}}, got.GetExtensions(), protocmp.Transform()); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	if len(got.findings) != 0 {
		t.Errorf("findings %v", got.codes())
	}
}

func TestTitlesAreMadeUpWhereTheyAreMissing(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"from the host", "swagger: '2.0'\nhost: api.example.com\npaths: {}\n", "api.example.com"},
		{"from nothing", "swagger: '2.0'\npaths: {}\n", "API"},
		{"from white space", "swagger: '2.0'\ninfo: {title: '  '}\nhost: a.example\npaths: {}\n", "a.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, row.content)
			if got.GetInfo().GetTitle() != row.want || got.codes()[0] != "TitleMissing" {
				t.Errorf("title %q, findings %v", got.GetInfo().GetTitle(), got.codes())
			}
		})
	}
}

func TestMetadataWithoutAPlaceInTheModelIsKept(t *testing.T) {
	got := importDocument(t, head+`
x-ms-connector-metadata: [{propertyName: Website, propertyValue: https://x.example}, {propertyName: Colour, propertyValue: red}]
paths: {}
`)
	if len(got.GetExtensions()) != 1 || got.GetExtensions()[0].GetName() != "x-ms-connector-metadata" {
		t.Errorf("extensions %v", got.GetExtensions())
	}
}

func TestServers(t *testing.T) {
	for _, row := range []struct {
		name, content string
		want          []string
		codes         []string
	}{
		{"host, base path and scheme", "host: a.example:8443\nbasePath: /v1/\nschemes: [https]", []string{"https://a.example:8443/v1"}, nil},
		{"https comes first", "host: a.example\nschemes: [http, https, http]", []string{"https://a.example", "http://a.example"}, nil},
		{"http alone stays http", "host: a.example\nbasePath: /\nschemes: [http]", []string{"http://a.example"}, nil},
		{"no scheme is https", "host: a.example\nbasePath: v1", []string{"https://a.example/v1"}, []string{"SchemeMissing"}},
		{"other schemes are ignored", "host: a.example\nschemes: [ws, HTTPS]", []string{"https://a.example"}, []string{"SchemeUnsupported /schemes/0"}},
		{"no host is no server", "schemes: [https]", nil, []string{"HostMissing"}},
		{"a host with scheme and path", "host: https://a.example/v2\nschemes: [https]", []string{"https://a.example"}, []string{"HostInvalid /host"}},
		{"a host that is none", "host: 'a b%zz'\nschemes: [https]", nil, []string{"HostInvalid /host"}},
		{"a host with variables", "host: '{region}.a.example'\nbasePath: '/{version}'\nschemes: [https]", []string{"https://{region}.a.example/{version}"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, "swagger: '2.0'\ninfo: {title: T}\n"+row.content+"\npaths: {/x: {get: {operationId: X, responses: {}}}}\n")
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

func TestServerVariablesAreListed(t *testing.T) {
	got := importDocument(t, "swagger: '2.0'\ninfo: {title: T}\nhost: '{region}.a.example'\nschemes: [https]\npaths: {}\n")
	if v := got.GetServers()[0].GetVariables(); len(v) != 1 || v[0].GetName() != "region" {
		t.Errorf("variables %v", v)
	}
}

func TestTestOperations(t *testing.T) {
	const paths = "paths: {/me: {get: {operationId: Me, responses: {}}}}\n"
	for _, row := range []struct {
		name, content string
		want          *connectorv1.ConnectionTest
		codes         []string
		extensions    int
	}{
		{"with parameters", "x-ms-capabilities: {testConnection: {operationId: Me, parameters: {a: 1}}}\n", &connectorv1.ConnectionTest{OperationId: "Me", Input: []byte(`{"a":1}`)}, nil, 0},
		{"without parameters", "x-ms-capabilities: {testConnection: {operationId: Me}}\n", &connectorv1.ConnectionTest{OperationId: "Me", Input: []byte(`{}`)}, nil, 0},
		{"that does not exist", "x-ms-capabilities: {testConnection: {operationId: You}}\n", nil, []string{"TestOperationUnknown /x-ms-capabilities/testConnection"}, 1},
		{"beside other capabilities", "x-ms-capabilities: {chat: {}, testConnection: {operationId: Me}}\n", &connectorv1.ConnectionTest{OperationId: "Me", Input: []byte(`{}`)}, nil, 1},
		{"only other capabilities", "x-ms-capabilities: {chat: {}}\n", nil, nil, 1},
		{"none", "", nil, nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importDocument(t, head+row.content+paths)
			if diff := cmp.Diff(row.want, got.GetConnectionTest(), protocmp.Transform()); diff != "" {
				t.Errorf("test (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" || len(got.GetExtensions()) != row.extensions {
				t.Errorf("%d extensions, findings (-want +got):\n%s", len(got.GetExtensions()), diff)
			}
		})
	}
}

func TestDocumentsWithNothingToImportAreRefused(t *testing.T) {
	for _, row := range []struct{ name, content, pointer string }{
		{"no paths", "swagger: '2.0'\n", "/paths"},
		{"paths that are a list", "swagger: '2.0'\npaths: []\n", "/paths"},
		{"another version", "swagger: '1.2'\npaths: {}\n", "/swagger"},
		{"another format", "openapi: 3.0.0\npaths: {}\n", "/swagger"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := tryImport(t, row.content)
			if fault.ReasonOf(err) != fault.ReasonDocumentInvalid || fault.From(err).Meta()["pointer"] != row.pointer {
				t.Errorf("Import: %v (%v)", err, fault.From(err).Meta())
			}
		})
	}
}

func TestVersionsAreWrittenInManyWays(t *testing.T) {
	for _, version := range []string{"'2.0'", "2.0", "\"2.0\"", "2"} {
		importDocument(t, "swagger: "+version+"\npaths: {}\n")
	}
}
