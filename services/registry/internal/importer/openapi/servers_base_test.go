package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// valid checks a definition as those are that people write.
func valid(t *testing.T, got imported) {
	t.Helper()
	if err := definition.Validate(got.Definition); err != nil {
		t.Errorf("the definition is not valid: %v", err)
	}
}

func TestRelativeServersOfPathsAndOperations(t *testing.T) {
	const paths = `
paths:
  /x:
    servers: [{url: /path}]
    get: {operationId: A}
    put: {operationId: B, servers: [{url: 'operation'}]}
`
	const region = "servers: [{url: 'https://{r}.a.example/api/v1', variables: {r: {default: eu}}}]"
	for _, row := range []struct {
		name, root, url string
		want, codes     []string
	}{
		{
			"the document was fetched", "servers: [{url: v1}]", "https://d.example/docs/openapi.yaml",
			[]string{"https://d.example/docs/v1", "https://d.example/path", "https://d.example/docs/operation"},
			nil,
		},
		{
			"it was fetched, and its server is elsewhere", region, "https://d.example/docs/openapi.yaml",
			[]string{"https://{r}.a.example/api/v1 r=eu", "https://d.example/path", "https://d.example/docs/operation"},
			nil,
		},
		{
			"nobody knows where it is, but its server is absolute", region, "",
			[]string{"https://{r}.a.example/api/v1 r=eu", "https://{r}.a.example/path r=eu", "https://{r}.a.example/api/operation r=eu"},
			[]string{"ServerRelative /paths/~1x/put/servers/0", "ServerRelative /paths/~1x/servers/0"},
		},
		{
			"nobody knows anything", "servers: [{url: /v1}]", "",
			[]string{"", "", ""},
			[]string{"ServerRelative /paths/~1x/put/servers/0", "ServerRelative /paths/~1x/servers/0", "ServerRelative /servers/0"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := text("openapi.yaml", "openapi: 3.1.0\ninfo: {title: T}\n"+row.root+paths)
			f.URL = row.url
			got := importFiles(t, f)
			servers := []string{""}
			if list := got.GetServers(); len(list) > 0 {
				servers[0] = list[0].GetUrlTemplate()
				for _, v := range list[0].GetVariables() {
					servers[0] += " " + v.GetName() + "=" + v.GetDefaultValue()
				}
			}
			for _, op := range got.GetOperations() {
				one := ""
				for _, s := range op.GetServers() {
					one += s.GetUrlTemplate()
					for _, v := range s.GetVariables() {
						one += " " + v.GetName() + "=" + v.GetDefaultValue()
					}
				}
				servers = append(servers, one)
			}
			if diff := cmp.Diff(row.want, servers); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, sorted(got.codes())); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range got.findings {
				if info := f.Severity == format.Info; info != (row.root == region) {
					t.Errorf("finding %+v", f)
				}
			}
		})
	}
}

func TestSwaggerWithoutASchemeIsReadAsItWasFetched(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"neither host nor scheme", "basePath: /v1", "http://d.example:8080/v1"},
		{"a host of its own", "host: a.example", "https://a.example"},
		{"a scheme of its own", "schemes: [https]", "https://d.example:8080"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := text("swagger.yaml", "swagger: '2.0'\ninfo: {title: T}\n"+row.content+onePath)
			f.URL = "http://d.example:8080/docs/swagger.yaml"
			src, err := format.NewSource([]format.File{f})
			if err != nil {
				t.Fatal(err)
			}
			result, err := openapi.V2{}.Import(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			if s := result.Definition.GetServers(); len(s) != 1 || s[0].GetUrlTemplate() != row.want {
				t.Errorf("servers %v", s)
			}
		})
	}
}
