package core_test

import (
	"slices"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// scripted is a description with custom code beside it.
func scripted(code string) []format.File {
	return append(swagger("CRM", 1), format.File{Path: "script.js", Content: []byte(code)})
}

func script(code string) *connectorv1.Definition {
	return &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "CRM"}, Scripts: []*connectorv1.Script{{Language: "javascript", Path: "script.js", Source: code}},
	}
}

func hasScriptFinding(list []format.Finding) bool {
	return slices.ContainsFunc(list, func(f format.Finding) bool { return f.Code == format.ScriptInvalid })
}

func TestAFirstRevisionWithBrokenCodeStaysADraft(t *testing.T) {
	r := newRig(t)
	out := r.mustImport(core.ImportRequest{ID: "crm", Files: scripted("broken")})
	if out.Revision.State != core.Draft || out.Connector.Published != "" {
		t.Errorf("the revision is %v", out.Revision.State)
	}
	if !hasScriptFinding(out.Findings) {
		t.Errorf("findings %v", out.Findings)
	}
	works := r.mustImport(core.ImportRequest{ID: "ok", Files: scripted("works")})
	if works.Revision.State != core.Published || hasScriptFinding(works.Findings) {
		t.Errorf("code that works: %v, %v", works.Revision.State, works.Findings)
	}
}

func TestBrokenCodeIsNeverPublished(t *testing.T) {
	always := core.Intent{Publish: core.PublishAlways, AllowBreaking: true}
	for _, row := range []struct {
		name string
		way  func(r *rig) error
	}{
		{"importing", func(r *rig) error {
			_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: scripted("broken"), Intent: always})
			return err
		}},
		{"importing, as a dry run", func(r *rig) error {
			dry := always
			dry.ValidateOnly = true
			_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: scripted("broken"), Intent: dry})
			return err
		}},
		{"publishing", func(r *rig) error {
			out := r.mustImport(core.ImportRequest{ID: "crm", Files: scripted("broken")})
			_, err := r.Publish(t.Context(), out.Revision.Name, true)
			return err
		}},
		{"publishing without what breaks", func(r *rig) error {
			out := r.mustImport(core.ImportRequest{ID: "crm", Files: scripted("broken")})
			_, err := r.Publish(t.Context(), out.Revision.Name, false)
			return err
		}},
		{"promoting", func(r *rig) error {
			dev := resource.Environment{ID: "dev"}
			if _, err := r.CreateEnvironment(t.Context(), core.Environment{Name: dev}); err != nil {
				t.Fatal(err)
			}
			out := r.mustImport(core.ImportRequest{Environment: dev, ID: "crm", Files: scripted("broken")})
			_, err := r.Promote(t.Context(), core.PromoteRequest{Name: out.Revision.Name, Environment: env, Intent: always})
			return err
		}},
		{"editing something else", func(r *rig) error {
			r.mustImport(core.ImportRequest{ID: "crm", Files: scripted("broken")})
			_, err := r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: script(""), Paths: []string{"info.title"}, Intent: always})
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			err := row.way(r)
			if f := fault.From(err); f.Reason() != fault.ReasonScriptInvalid || f.Code() != fault.CodeFailedPrecondition {
				t.Errorf("refused with %v", err)
			}
			if c, err := r.GetConnector(t.Context(), crm); err == nil && c.Published != "" {
				t.Error("it was published all the same")
			}
		})
	}
}

func TestBrokenCodeThatIsWrittenIsRefused(t *testing.T) {
	r := newRig(t)
	_, err := r.Create(t.Context(), core.CreateRequest{Environment: env, ID: "crm", Definition: script("broken")})
	if f := fault.From(err); f.Reason() != fault.ReasonScriptInvalid || f.Code() != fault.CodeInvalidArgument || f.Meta()["pointer"] != "/scripts/0/source" {
		t.Errorf("created with %v", err)
	}
	if _, err := r.Create(t.Context(), core.CreateRequest{Environment: env, ID: "crm", Definition: script("works")}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: script("broken"), Paths: []string{"scripts"}})
	if f := fault.From(err); f.Reason() != fault.ReasonScriptInvalid || f.Code() != fault.CodeInvalidArgument {
		t.Errorf("edited with %v", err)
	}
}

func TestCodeThatIsCorrectedCanBePublished(t *testing.T) {
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: scripted("broken")})
	// What is wrong with the code stays known for as long as it is the same.
	if _, err := r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: script(""), Paths: []string{"info.title"}}); err != nil {
		t.Fatal(err)
	}
	out, err := r.Update(t.Context(), core.UpdateRequest{
		Name: crm, Patch: script("works"), Paths: []string{"scripts"}, Intent: core.Intent{Publish: core.PublishAlways},
	})
	if err != nil || out.Revision.State != core.Published {
		t.Fatalf("published %v, %v", out.Revision.State, err)
	}
}

func TestAValidationTriesTheCode(t *testing.T) {
	r := newRig(t)
	report, err := r.Validate(t.Context(), core.ValidateRequest{Environment: env, Files: scripted("broken")})
	if err != nil || !hasScriptFinding(report.Findings) || report.Findings[0].Code != format.ScriptInvalid {
		t.Errorf("findings %v, %v", report.Findings, err)
	}
}
