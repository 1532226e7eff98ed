package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

func TestBreakingRevisionsAreNotPublishedByAccident(t *testing.T) {
	publish := func(allow bool) core.Intent { return core.Intent{Publish: core.PublishAlways, AllowBreaking: allow} }
	ways := map[string]func(r *rig, allow bool) error{
		"importing": func(r *rig, allow bool) error {
			_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 1), Intent: publish(allow)})
			return err
		},
		"publishing": func(r *rig, allow bool) error {
			out := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
			_, err := r.Publish(t.Context(), out.Revision.Name, allow)
			return err
		},
		"editing": func(r *rig, allow bool) error {
			_, err := r.Update(t.Context(), core.UpdateRequest{
				Name: crm, Patch: &connectorv1.Definition{}, Paths: []string{"operations"}, Intent: publish(allow),
			})
			return err
		},
		"promoting": func(r *rig, allow bool) error {
			_, _ = r.CreateEnvironment(t.Context(), core.Environment{Name: resource.Environment{ID: "dev"}}) // there the second time
			r.mustImport(core.ImportRequest{Environment: resource.Environment{ID: "dev"}, ID: "crm", Files: swagger("CRM", 1)})
			_, err := r.Promote(t.Context(), core.PromoteRequest{
				Name: resource.Revision{Environment: "dev", Connector: "crm", ID: "published"}, Environment: env, Intent: publish(allow),
			})
			return err
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3)})
			before := r.connector(crm).Published
			err := way(r, false)
			f := fault.From(err)
			published := resource.Revision{Environment: "default", Connector: "crm", ID: before}.String()
			if f.Reason() != fault.ReasonRevisionBreaking || f.Code() != fault.CodeFailedPrecondition || f.Meta()["published"] != published {
				t.Fatalf("refused with %v, %v", err, f.Meta())
			}
			if len(f.Violations()) == 0 || fmt.Sprint(len(f.Violations())) != f.Meta()["breaking"] || !strings.HasPrefix(f.Violations()[0].Field, "operations.") {
				t.Errorf("violations %v, meta %v", f.Violations(), f.Meta())
			}
			if now := r.connector(crm).Published; now != before {
				t.Errorf("it was published all the same: %s", now)
			}
			if err := way(r, true); err != nil {
				t.Errorf("when it is allowed: %v", err)
			}
			if now := r.connector(crm).Published; now == before {
				t.Error("it was not published though it was allowed")
			}
		})
	}
}

func TestOnlyTheFirstBreakingChangesAreListed(t *testing.T) {
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 80)})
	_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 1), Intent: core.Intent{Publish: core.PublishAlways}})
	if f := fault.From(err); len(f.Violations()) != 50 || f.Meta()["breaking"] != "79" {
		t.Errorf("%d violations of %s", len(f.Violations()), f.Meta()["breaking"])
	}
}

func TestAnImportSaysWhatChangesForCallers(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
	if first.Diff != nil {
		t.Errorf("the first import has the diff %+v", first.Diff)
	}
	second := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3)})
	want := &core.Diff{Base: first.Revision.Name, Revision: second.Revision.Name, Diff: &diff.Diff{
		Changes: []diff.Change{{Impact: diff.Compatible, Code: "operation-added", Message: "o2 is new", OperationID: "o2"}}, Total: 1,
	}}
	if diff := cmp.Diff(want, second.Diff); diff != "" {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
	if again := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)}); again.Diff != nil {
		t.Errorf("the published one again has the diff %+v", again.Diff)
	}
}

// TestADryRunSaysWhatTheRealOneDoes compares what each use case says it would do
// with what it then does, and sees that it did nothing before.
func TestADryRunSaysWhatTheRealOneDoes(t *testing.T) {
	for name, do := range map[string]func(r *rig, dry bool) (core.Outcome, error){
		"a first import": func(r *rig, dry bool) (core.Outcome, error) {
			out, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "new", Files: swagger("New", 1), Intent: core.Intent{ValidateOnly: dry}})
			return out, err
		},
		"an import": func(r *rig, dry bool) (core.Outcome, error) {
			out, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 1), Intent: core.Intent{ValidateOnly: dry}})
			return out, err
		},
		"an import that changes nothing": func(r *rig, dry bool) (core.Outcome, error) {
			out, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 2), Intent: core.Intent{ValidateOnly: dry}})
			return out, err
		},
		"creating": func(r *rig, dry bool) (core.Outcome, error) {
			def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Blank"}}
			return r.Create(t.Context(), core.CreateRequest{Environment: env, Definition: def, Intent: core.Intent{Publish: core.PublishNever, ValidateOnly: dry}})
		},
		"editing": func(r *rig, dry bool) (core.Outcome, error) {
			patch := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Edited"}}
			return r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: patch, Paths: []string{"info.title"}, Intent: core.Intent{Publish: core.PublishAlways, ValidateOnly: dry}})
		},
		"promoting": func(r *rig, dry bool) (core.Outcome, error) {
			out, err := r.Promote(t.Context(), core.PromoteRequest{Name: latest, Environment: prod, Intent: core.Intent{Publish: core.PublishAlways, ValidateOnly: dry}})
			return out.Outcome, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.mustCreateEnvironment("prod")
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
			before, announced := everything(t, r.raw), len(r.announced)
			would, err := do(r, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, everything(t, r.raw)); diff != "" || len(r.announced) != announced {
				t.Errorf("the dry run changed the store (-before +after):\n%s", diff)
			}
			did, err := do(r, false)
			if err != nil {
				t.Fatal(err)
			}
			if would.Diff != nil && would.Created {
				if would.Diff.Revision != (resource.Revision{}) {
					t.Errorf("the dry run names the revision %s, which does not exist", would.Diff.Revision)
				}
				would.Diff.Revision = did.Diff.Revision
			}
			if diff := cmp.Diff(did, would); diff != "" {
				t.Errorf("outcome (-did +would):\n%s", diff)
			}
		})
	}
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 3)})
	_, err := r.Import(t.Context(), core.ImportRequest{
		Environment: env, ID: "crm", Files: swagger("CRM", 1), Intent: core.Intent{Publish: core.PublishAlways, ValidateOnly: true},
	})
	if fault.ReasonOf(err) != fault.ReasonRevisionBreaking {
		t.Errorf("a dry run of what would be refused: %v", err)
	}
}
