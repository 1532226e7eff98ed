package importer_test

import (
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func file(path, content string) format.File {
	return format.File{Path: path, Content: []byte(content)}
}

const swagger = `{"swagger":"2.0","info":{"title":"T"},"host":"h.example","paths":{"/x":{"get":{"operationId":"X"}}}}`

func TestFormatsAreDetected(t *testing.T) {
	for _, row := range []struct {
		name  string
		files []format.File
		want  format.ID
	}{
		{"a Swagger document", []format.File{file("petstore.json", swagger)}, format.OpenAPI2},
		{"without an extension", []format.File{file("petstore", swagger)}, format.OpenAPI2},
		{"an OpenAPI 3 document", []format.File{file("petstore.json", `{"openapi":"3.0.3","paths":{}}`)}, format.OpenAPI3},
		{"one in YAML, of several files", []format.File{file("openapi.yaml", "openapi: 3.1.0\npaths: {/x: {$ref: x.yaml}}\n"), file("x.yaml", "get: {}\n")}, format.OpenAPI3},
		{"an older document that the newer one came with", []format.File{file("a.json", swagger), file("b.json", `{"openapi":"3.2.0","webhooks":{}}`)}, format.OpenAPI3},
		{"in YAML", []format.File{file("petstore.yml", "swagger: '2.0'\npaths: {}\n")}, format.OpenAPI2},
		{"with a byte order mark", []format.File{file("petstore.json", "\ufeff"+swagger)}, format.OpenAPI2},
		{"among other files", []format.File{file("a.json", "{}"), file("icon.png", "\x89PNG\xff"), file("p.json", swagger)}, format.OpenAPI2},
		{"a connector package", []format.File{file("apiDefinition.swagger.json", swagger), file("apiProperties.json", `{"properties":{}}`)}, format.ConnectorPackage},
		{"half a connector package", []format.File{file("apiDefinition.swagger.json", swagger)}, format.OpenAPI2},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource(row.files)
			if err != nil {
				t.Fatal(err)
			}
			result, err := importer.All().Import(t.Context(), src, "")
			if err != nil || result.Format != row.want {
				t.Errorf("Import = %v, %v; want %s", result, err, row.want)
			}
		})
	}
}

func TestWhatIsNoDescriptionIsRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		files  []format.File
		want   format.ID
		reason fault.Reason
	}{
		{"other JSON", []format.File{file("a.json", `{"a":1}`)}, "", fault.ReasonDocumentFormatUnknown},
		{"a list", []format.File{file("a.json", `[]`)}, "", fault.ReasonDocumentFormatUnknown},
		{"prose", []format.File{file("README", "Hello, world.")}, "", fault.ReasonDocumentFormatUnknown},
		{"another version", []format.File{file("a.json", `{"swagger":"1.2","paths":{}}`)}, "", fault.ReasonDocumentFormatUnknown},
		{"another major version", []format.File{file("a.json", `{"openapi":"4.0.0","paths":{}}`)}, "", fault.ReasonDocumentFormatUnknown},
		{"only an icon", []format.File{file("icon.png", "\x89PNG"), file("b.png", "\x89PNG")}, "", fault.ReasonDocumentFormatUnknown},
		{"a broken file says why", []format.File{file("a.yaml", "swagger: [2.0\n")}, "", fault.ReasonDocumentSyntax},
		{"an empty file says why", []format.File{file("a.json", "")}, "", fault.ReasonDocumentSyntax},
		{"a broken file of the format that was asked for", []format.File{file("a.yaml", "a: [\n")}, format.OpenAPI2, fault.ReasonDocumentSyntax},
		{"a file that is not of the format that was asked for", []format.File{file("a.json", `{}`)}, format.OpenAPI2, fault.ReasonDocumentInvalid},
		{"a document that is no package", []format.File{file("a.json", swagger)}, format.ConnectorPackage, fault.ReasonDocumentInvalid},
		{"two documents at once", []format.File{file("a.json", swagger), file("b.json", swagger)}, format.OpenAPI2, fault.ReasonDocumentInvalid},
		{"a format that does not exist", []format.File{file("a.json", swagger)}, "wsdl", fault.ReasonDocumentFormatUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource(row.files)
			if err != nil {
				t.Fatal(err)
			}
			result, err := importer.All().Import(t.Context(), src, row.want)
			if fault.ReasonOf(err) != row.reason || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Errorf("Import = %v, %v; want %s", result, err, row.reason)
			}
		})
	}
}

func TestEveryFormatIsListedOnce(t *testing.T) {
	seen := map[format.ID]bool{}
	for _, imp := range importer.All() {
		if imp.Format() == "" || seen[imp.Format()] {
			t.Errorf("the format %q is listed wrongly", imp.Format())
		}
		seen[imp.Format()] = true
	}
}

func TestFormatsThatAreKnownElsewhereAreNamed(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"a.json", `{"openapi": "4.0.0", "paths": {}}`, "OpenAPI 4.0.0"},
		{"a.yaml", "asyncapi: 3.0.0\nchannels: {}\n", "AsyncAPI 3.0.0"},
		{"a.json", `{"swaggerVersion": "1.2"}`, "Swagger 1.2"},
	} {
		src, err := format.NewSource([]format.File{file(row.name, row.content)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = importer.All().Import(t.Context(), src, "")
		if err == nil || !strings.Contains(fault.From(err).Message(), row.want) {
			t.Errorf("%s: %v, want it named %q", row.content, err, row.want)
		}
	}
}
