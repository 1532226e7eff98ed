package core_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func TestARelativeServerIsWhereTheDocumentWasFound(t *testing.T) {
	const content = `{"openapi":"3.1.0","info":{"title":"CRM","version":"1"},"servers":[{"url":"../api"}],"paths":{"/x":{"get":{"operationId":"x","responses":{}}}}}`
	r := newRig(t)
	file := format.File{Path: "openapi.json", Content: []byte(content), URL: "https://h.example/docs/openapi.json"}
	out := r.mustImport(core.ImportRequest{ID: "crm", Files: []format.File{file}})
	detail, err := r.GetRevision(t.Context(), out.Revision.Name, core.Full)
	if err != nil {
		t.Fatal(err)
	}
	if servers := detail.Definition.GetServers(); len(servers) != 1 || servers[0].GetUrlTemplate() != "https://h.example/api" {
		t.Errorf("servers %v", servers)
	}
	files, _, err := r.GetSource(t.Context(), out.Revision.Name)
	if err != nil || len(files) != 1 || files[0].URL != file.URL {
		t.Errorf("source %v, %v", files, err)
	}
	if again := r.mustImport(core.ImportRequest{ID: "crm", Files: files}); again.Created {
		t.Error("the same files are another revision")
	}
}
