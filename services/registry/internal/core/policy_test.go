package core_test

import (
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// withPolicy is a description with a policy of a template.
func withPolicy(template string) []format.File {
	files := swagger("CRM", 1)
	text := strings.TrimSpace(string(files[0].Content))
	files[0].Content = []byte(strings.TrimSuffix(text, "}") + `,"x-ferrule-policies":[{"templateId":"` + template + `"}]}`)
	return files
}

func policies(template string) *connectorv1.Definition {
	return &connectorv1.Definition{Info: &connectorv1.Info{Title: "CRM"}, Policies: []*connectorv1.Policy{{TemplateId: template}}}
}

func TestAFirstRevisionThatRefusesCallsIsPublishedOnlyIfThatIsMeant(t *testing.T) {
	for _, row := range []struct {
		name, template string
		allow          bool
		want           core.State
	}{
		{"policies that can be applied", "right", false, core.Published},
		{"policies that cannot be applied", "wrong", false, core.Draft},
		{"policies that cannot be applied, as is meant", "wrong", true, core.Published},
		{"policies that cannot be read", `","x":"`, false, core.Draft},
		{"policies that nobody here has", "foreign", false, core.Published},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			out := r.mustImport(core.ImportRequest{ID: "crm", Files: withPolicy(row.template), Intent: core.Intent{AllowBreaking: row.allow}})
			if out.Revision.State != row.want {
				t.Errorf("the revision is %v, want %v; findings %v", out.Revision.State, row.want, out.Findings)
			}
		})
	}
}

func TestPublishingWhatRefusesCallsHasToBeMeant(t *testing.T) {
	intent := func(allow bool) core.Intent { return core.Intent{Publish: core.PublishAlways, AllowBreaking: allow} }
	for _, row := range []struct {
		name string
		way  func(r *rig, allow bool) error
	}{
		{"importing", func(r *rig, allow bool) error {
			_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: withPolicy("wrong"), Intent: intent(allow)})
			return err
		}},
		{"importing, as a dry run", func(r *rig, allow bool) error {
			dry := intent(allow)
			dry.ValidateOnly = true
			_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: withPolicy("wrong"), Intent: dry})
			return err
		}},
		{"publishing", func(r *rig, allow bool) error {
			out := r.mustImport(core.ImportRequest{ID: "crm", Files: withPolicy("wrong")})
			_, err := r.Publish(t.Context(), out.Revision.Name, allow)
			return err
		}},
		{"promoting", func(r *rig, allow bool) error {
			dev := resource.Environment{ID: "dev"}
			if _, err := r.CreateEnvironment(t.Context(), core.Environment{Name: dev}); err != nil {
				t.Fatal(err)
			}
			out := r.mustImport(core.ImportRequest{Environment: dev, ID: "crm", Files: withPolicy("wrong")})
			_, err := r.Promote(t.Context(), core.PromoteRequest{Name: out.Revision.Name, Environment: env, Intent: intent(allow)})
			return err
		}},
		{"editing", func(r *rig, allow bool) error {
			r.mustImport(core.ImportRequest{ID: "crm", Files: withPolicy("right")})
			_, err := r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: policies("wrong"), Paths: []string{"policies"}, Intent: intent(allow)})
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.way(newRig(t), false)
			if f := fault.From(err); f.Reason() != fault.ReasonRevisionBreaking || !strings.Contains(f.Message(), "calls of 1 of 1 operations will be refused; correct the policies, or publish with allow_breaking") {
				t.Errorf("refused with %v", err)
			}
			if err := row.way(newRig(t), true); err != nil {
				t.Errorf("although it is meant: %v", err)
			}
		})
	}
}

func TestAnEditKnowsWhatItsPoliciesMean(t *testing.T) {
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: withPolicy("wrong")})
	edit := func(patch *connectorv1.Definition, path string) []format.Finding {
		t.Helper()
		out, err := r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: patch, Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		detail, err := r.GetRevision(t.Context(), out.Revision.Name, core.Basic)
		if err != nil {
			t.Fatal(err)
		}
		return detail.Findings
	}
	count := func(list []format.Finding, code string) int {
		return len(slices.DeleteFunc(slices.Clone(list), func(f format.Finding) bool { return f.Code != code }))
	}
	for _, row := range []struct {
		name  string
		patch *connectorv1.Definition
		path  string
		want  int
	}{
		{"of something else", &connectorv1.Definition{Info: &connectorv1.Info{Title: "Other"}}, "info.title", 1},
		{"of what policies refer to", &connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "Other"}}}, "operations", 1},
		{"that corrects them", policies("right"), "policies", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			found := edit(row.patch, row.path)
			if count(found, format.PolicyInvalid) != row.want || count(found, format.CallsRefused) != row.want {
				t.Errorf("findings %v", found)
			}
		})
	}
}
