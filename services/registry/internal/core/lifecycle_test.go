package core_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

var prod = resource.Environment{ID: "prod"}

// inProd is the connector crm, or one of its revisions, in the environment prod.
func inProd(id string) resource.Revision {
	return resource.Revision{Environment: "prod", Connector: "crm", ID: id}
}

func (r *rig) mustCreateEnvironment(id string) core.Environment {
	r.t.Helper()
	e, err := r.CreateEnvironment(r.t.Context(), core.Environment{Name: resource.Environment{ID: id}, Title: "Title of " + id})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

func TestSelectedOperationsOnly(t *testing.T) {
	r := newRig(t)
	all := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3)})
	some := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3), Selection: core.Selection{Only: []string{"o0", "o1"}, Except: []string{"o1"}}})
	if some.Revision.Actions != 1 || some.Revision.Triggers != 0 || some.Revision.Name.ID == all.Revision.Name.ID {
		t.Errorf("selected %+v", some.Revision)
	}
	if f := some.Findings; f[0].Code != "Selected" || len(f) != len(all.Findings)+1 {
		t.Errorf("findings %v", f)
	}
	files, rev, err := r.GetSource(t.Context(), some.Revision.Name)
	if err != nil || len(rev.Selection.Only) != 2 || len(rev.Selection.Except) != 1 || string(files[0].Content) != string(swagger("CRM", 3)[0].Content) {
		t.Errorf("source %v of %+v, %v", files, rev, err)
	}
	// The same operations, chosen differently, are another revision: later
	// documents are read with its selection.
	other := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3), Selection: core.Selection{Only: []string{"o0"}}})
	if !other.Created || other.Revision.Name.ID == some.Revision.Name.ID {
		t.Error("another selection is the same revision")
	}
	_, err = r.Import(t.Context(), core.ImportRequest{Environment: env, Files: swagger("CRM", 1), Selection: core.Selection{Only: []string{"nothing"}}})
	if fault.ReasonOf(err) != fault.ReasonSelectionEmpty {
		t.Errorf("an empty selection: %v", err)
	}
	report, err := r.Validate(t.Context(), core.ValidateRequest{
		Environment: env, Files: swagger("CRM", 3), Selection: core.Selection{Only: []string{"o0"}}, Rules: []core.RuleSet{core.CertificationRules},
	})
	if err != nil || report.Actions != 1 || report.Findings[len(report.Findings)-1].Code != "Rule" {
		t.Errorf("validated %+v, %v", report, err)
	}
}

func TestDeprecating(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	second := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
	if _, err := r.Deprecate(t.Context(), first.Revision.Name, "x"); fault.ReasonOf(err) != fault.ReasonRevisionInUse {
		t.Errorf("the published one: %v", err)
	}
	if _, err := r.Deprecate(t.Context(), latest, strings.Repeat("x", core.MaxNote+1)); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("a note that is too long: %v", err)
	}
	if _, err := r.Deprecate(t.Context(), inProd("latest"), ""); fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("elsewhere: %v", err)
	}
	note := strings.Repeat("x", core.MaxNote)
	if out, err := r.Deprecate(t.Context(), latest, note); err != nil || out.Name != second.Revision.Name || out.State != core.Deprecated {
		t.Fatalf("deprecated %+v, %v", out, err)
	}
	d, err := r.GetRevision(t.Context(), second.Revision.Name, core.Full)
	if err != nil || d.State != core.Deprecated || d.Note != note || len(d.Definition.GetOperations()) != 3 {
		t.Errorf("it does not work any more: %+v, %v", d.Revision, err)
	}
	if out, err := r.Publish(t.Context(), second.Revision.Name, false); err != nil || out.State != core.Published || out.Note != "" {
		t.Errorf("published again: %+v, %v", out, err)
	}
}

func TestDiffs(t *testing.T) {
	r := newRig(t)
	r.mustCreateEnvironment("prod")
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3), Selection: core.Selection{Except: []string{"t"}}})
	other := r.mustImport(core.ImportRequest{Environment: prod, ID: "crm", Files: swagger("CRM", 1)})
	r.urls["https://h.example"] = string(swagger("CRM", 4)[0].Content)
	for _, row := range []struct {
		name            string
		target          core.DiffTarget
		breaking, total int
		revision        resource.Revision
		reason          fault.Reason
	}{
		{"itself", core.DiffTarget{Revision: latest}, 0, 0, first.Revision.Name, ""},
		{"one of another environment", core.DiffTarget{Revision: inProd("latest")}, 2, 3, other.Revision.Name, ""},
		{"what a URL holds, without what was left out", core.DiffTarget{URL: "https://h.example"}, 0, 1, resource.Revision{}, ""},
		{"files", core.DiffTarget{Files: swagger("CRM", 2)}, 1, 1, resource.Revision{}, ""},
		{"nothing at a URL", core.DiffTarget{URL: "https://x.example"}, 0, 0, resource.Revision{}, fault.ReasonDocumentUnreachable},
		{"broken files", core.DiffTarget{Files: []format.File{{Path: "a.json"}}}, 0, 0, resource.Revision{}, fault.ReasonDocumentSyntax},
		{"a revision that is not there", core.DiffTarget{Revision: inProd("0123")}, 0, 0, resource.Revision{}, fault.ReasonRevisionNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := r.Diff(t.Context(), latest, row.target)
			if fault.ReasonOf(err) != row.reason {
				t.Fatalf("%v, want %q", err, row.reason)
			}
			if err == nil && (d.Breaking != row.breaking || d.Total != row.total || d.Base != first.Revision.Name || d.Revision != row.revision) {
				t.Errorf("%+v", d)
			}
		})
	}
	if _, err := r.Diff(t.Context(), inProd("0123"), core.DiffTarget{Revision: latest}); fault.ReasonOf(err) != fault.ReasonRevisionNotFound {
		t.Errorf("a base that is not there: %v", err)
	}
}

func TestExports(t *testing.T) {
	r := newRig(t)
	source := append(swagger("CRM", 1), format.File{Path: "readme.md", Content: []byte("hello")})
	plain := r.mustImport(core.ImportRequest{ID: "plain", Files: source}).Revision.Name
	selected := r.mustImport(core.ImportRequest{ID: "selected", Files: source, Selection: core.Selection{Only: []string{"o0"}}}).Revision.Name
	edited := plain
	edited.ID = "latest"
	patch := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Edited"}}
	if _, err := r.Update(t.Context(), core.UpdateRequest{Name: plain.Parent(), Patch: patch, Paths: []string{"info.title"}, Intent: core.Intent{Publish: core.PublishNever}}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		of   resource.Revision
		to   core.ExportFormat
		text string // of the first file; "" for the source
	}{
		{"as it came", plain, "", ""},
		{"in the format in which it came", plain, core.ExportOpenAPI2, ""},
		{"in another format", plain, core.ExportOpenAPI31, "CRM of 2 files as openapi3.1"},
		{"a selection, as it came", selected, "", "CRM of 2 files as openapi2"},
		{"an edit, as it came", edited, "", "Edited of 2 files as openapi2"},
		{"an edit in our own format", edited, core.ExportFerrule, "Edited of 2 files as ferrule"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := r.Export(t.Context(), row.of, row.to)
			if err != nil {
				t.Fatal(err)
			}
			if row.text != "" && (out.Verbatim || string(out.Files[0].Content) != row.text || len(out.Findings) != 1) {
				t.Errorf("exported %q", out.Files[0].Content)
			}
			if diff := cmp.Diff(source, out.Files); row.text == "" && (diff != "" || !out.Verbatim) {
				t.Errorf("verbatim %t (-source +exported):\n%s", out.Verbatim, diff)
			}
		})
	}
	if _, err := r.Export(t.Context(), inProd("latest"), ""); fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("elsewhere: %v", err)
	}
}

func TestSourcesAreExportedAsTheyAreInTheirVersion(t *testing.T) {
	const rest = `"info":{"title":"T","version":"1"},"servers":[{"url":"https://h.example"}],"paths":{"/a":{"get":{"operationId":"A","responses":{}}}}`
	for _, row := range []struct {
		name, file, content string
		verbatim            core.ExportFormat // besides the source's own
	}{
		{"3.0 in JSON", "a.json", `{"openapi":"3.0.3",` + rest + `}`, core.ExportOpenAPI30},
		{"3.1 in JSON", "a.json", `{"openapi":"3.1.0",` + rest + `}`, core.ExportOpenAPI31},
		{"3.0 in JSON, said last", "a.json", `{` + rest + `,"openapi":"3.0.0"}`, core.ExportOpenAPI30},
		{"a text that looks like a version", "a.json", `{"x-a":{"openapi":"3.0.3"},"openapi":"3.1.0",` + rest + `}`, core.ExportOpenAPI31},
		{"3.1 in YAML", "a.yaml", "info: {title: T, version: '1', description: \"openapi: 3.0.0\"}\nopenapi: 3.1.0\nservers: [{url: 'https://h.example'}]\npaths: {/a: {get: {operationId: A, responses: {}}}}\n", core.ExportOpenAPI31},
		{"3.0 in YAML, quoted", "a.yaml", "\"openapi\": '3.0.1'\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://h.example'}]\npaths: {/a: {get: {operationId: A, responses: {}}}}\n", core.ExportOpenAPI30},
		{"Swagger", "a.json", string(swagger("T", 1)[0].Content), core.ExportOpenAPI2},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			r.mustImport(core.ImportRequest{ID: "crm", Files: []format.File{{Path: row.file, Content: []byte(row.content)}}})
			for _, to := range []core.ExportFormat{"", core.ExportOpenAPI2, core.ExportOpenAPI30, core.ExportOpenAPI31, core.ExportPostman, core.ExportFerrule, core.ExportConnectorPackage} {
				out, err := r.Export(t.Context(), latest, to)
				want := to == "" || to == row.verbatim
				if err != nil || out.Verbatim != want || want && string(out.Files[0].Content) != row.content {
					t.Errorf("as %q: verbatim %t, %v", to, out.Verbatim, err)
				}
			}
		})
	}
}
