package core_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/search"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

// on returns a registry on another store, at a fixed time.
func (r *rig) on(s kv.Store) owned {
	return owned{core.New(core.Deps{
		Store: store.New(s, r.announce), Fetcher: r, Importers: importer.All(), Tools: simple(), Clock: clocktest.New(now),
		Committed: func() {}, Imports: 1,
	})}
}

// everything returns all keys and values of a store.
func everything(t *testing.T, s kv.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 1000) {
			if err != nil {
				return err
			}
			all[string(p.Key)] = string(p.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// changes are the use cases that write, on a connector that has a revision.
var changes = map[string]func(t *testing.T, g owned) error{
	"an import": func(t *testing.T, g owned) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("Two", 3), Intent: core.Intent{Publish: core.PublishAlways}})
		return err
	},
	"a first import": func(t *testing.T, g owned) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "other", Files: swagger("Other", 1)})
		return err
	},
	"publishing": func(t *testing.T, g owned) error {
		d, err := g.GetRevision(t.Context(), latest, core.Basic)
		if err != nil {
			return err
		}
		_, err = g.Publish(t.Context(), d.Name, false)
		return err
	},
	"sharing": func(t *testing.T, g owned) error {
		_, err := g.Share(t.Context(), ann, core.Sharing{Name: crm, Owner: "bob", Add: []string{"eva"}})
		if fault.ReasonOf(err) == fault.ReasonPermissionDenied {
			return nil // it is bob's already
		}
		return err
	},
	"deleting": func(t *testing.T, g owned) error { return g.Delete(t.Context(), crm, "") },
	"creating": func(t *testing.T, g owned) error {
		def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Blank"}}
		_, err := g.Create(t.Context(), core.CreateRequest{Environment: env, Definition: def})
		return err
	},
	"editing": func(t *testing.T, g owned) error {
		patch := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Edited"}}
		_, err := g.Update(t.Context(), core.UpdateRequest{
			Name: crm, Patch: patch, Paths: []string{"info.title"}, Intent: core.Intent{Publish: core.PublishAlways},
		})
		return err
	},
	"editing back to what was": func(t *testing.T, g owned) error {
		patch := &connectorv1.Definition{Operations: []*connectorv1.Operation{
			{OperationId: "o0", Method: "GET", Path: "/p0"},
		}}
		_, err := g.Update(t.Context(), core.UpdateRequest{
			Name: crm, Patch: patch, Paths: []string{"operations"}, Intent: core.Intent{Publish: core.PublishNever},
		})
		return err
	},
	"deprecating": func(t *testing.T, g owned) error {
		_, err := g.Deprecate(t.Context(), latest, "use the other")
		return err
	},
	"promoting": func(t *testing.T, g owned) error {
		_, err := g.Promote(t.Context(), core.PromoteRequest{Name: latest, Environment: staging, Intent: core.Intent{Publish: core.PublishAlways}})
		return err
	},
	"creating an environment": func(t *testing.T, g owned) error {
		_, err := g.CreateEnvironment(t.Context(), core.Environment{Name: prod, Title: "Production"})
		return err
	},
	"changing an environment": func(t *testing.T, g owned) error {
		e, err := g.GetEnvironment(t.Context(), staging)
		if err != nil || e.Title == "Changed" {
			return err
		}
		title := "Changed"
		_, err = g.UpdateEnvironment(t.Context(), staging, core.EnvironmentUpdate{Title: &title})
		return err
	},
	"deleting an environment": func(t *testing.T, g owned) error { return g.DeleteEnvironment(t.Context(), staging, "") },
}

// staging is an environment that exists.
var staging = resource.Environment{ID: "staging"}

// prepared returns a store with a connector of two revisions, of which the
// second is a draft.
func prepared(t *testing.T, r *rig) *memkv.Store {
	t.Helper()
	inner := memkv.New()
	t.Cleanup(func() { _ = inner.Close() })
	g := r.on(inner)
	if _, err := g.CreateEnvironment(t.Context(), core.Environment{Name: staging}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if _, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("One", n+1)}); err != nil {
			t.Fatal(err)
		}
	}
	return inner
}

// TestAChangeHappensAsAWholeOrNotAtAll fails and crashes the store at every step
// of every change, and looks at what is left.
func TestAChangeHappensAsAWholeOrNotAtAll(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			inner := prepared(t, r)
			before := everything(t, inner)
			counting := faultkv.New(inner)
			if err := change(t, r.on(counting)); err != nil {
				t.Fatal(err)
			}
			after := everything(t, inner)
			for step := 1; step <= counting.Passed(faultkv.Any); step++ {
				for how, plan := range map[string]func(*faultkv.Store){
					"fails":   func(s *faultkv.Store) { s.Fail(faultkv.Any, step, errBroken) },
					"crashes": func(s *faultkv.Store) { s.Crash(faultkv.Any, step) },
				} {
					inner := prepared(t, r)
					broken := faultkv.New(inner)
					plan(broken)
					err := change(t, r.on(broken))
					if err == nil || fault.ReasonOf(err) != fault.ReasonInternal {
						t.Errorf("step %d %s: %v, want an internal error", step, how, err)
					}
					left := everything(t, inner)
					if !cmp.Equal(left, before) && !cmp.Equal(left, after) {
						t.Errorf("step %d %s: half of the change is left", step, how)
					}
					// Trying again ends where it would have ended at once.
					if err := change(t, r.on(inner)); err != nil && !gone(err) {
						t.Errorf("step %d %s: trying again: %v", step, how, err)
					}
					if diff := cmp.Diff(after, everything(t, inner)); diff != "" {
						t.Errorf("step %d %s: after trying again (-want +got):\n%s", step, how, diff)
					}
				}
			}
		})
	}
}

var errBroken = errors.New("the disk is broken")

// gone is what deleting or creating a second time answers.
func gone(err error) bool {
	again := []fault.Reason{
		fault.ReasonConnectorNotFound, fault.ReasonConnectorExists, fault.ReasonEnvironmentNotFound, fault.ReasonEnvironmentExists,
	}
	return slices.Contains(again, fault.ReasonOf(err))
}

func TestReadingFromABrokenStoreIsAnInternalError(t *testing.T) {
	r := newRig(t)
	inner := prepared(t, r)
	for name, read := range map[string]func(g owned) error{
		"GetConnector":   func(g owned) error { _, err := g.GetConnector(t.Context(), crm); return err },
		"ListConnectors": func(g owned) error { _, _, err := g.ListConnectors(t.Context(), env, "", "", 9); return err },
		"GetRevision":    func(g owned) error { _, err := g.GetRevision(t.Context(), latest, core.Full); return err },
		"a connection": func(g owned) error {
			_, err := g.GetRevision(t.Context(), latest, core.Connection)
			return err
		},
		"ListRevisions":  func(g owned) error { _, _, err := g.ListRevisions(t.Context(), crm, 0, 9); return err },
		"ListOperations": func(g owned) error { _, _, _, err := g.ListOperations(t.Context(), latest, 0, 9); return err },
		"Export":         func(g owned) error { _, err := g.Export(t.Context(), latest, core.ExportFerrule); return err },
		"Diff": func(g owned) error {
			_, err := g.Diff(t.Context(), latest, core.DiffTarget{Revision: latest})
			return err
		},
		"GetEnvironment":   func(g owned) error { _, err := g.GetEnvironment(t.Context(), env); return err },
		"ListEnvironments": func(g owned) error { _, _, err := g.ListEnvironments(t.Context(), "", 9); return err },
		"SearchConnectors": func(g owned) error {
			_, err := g.SearchConnectors(t.Context(), search.ConnectorQuery{Environment: env.ID, Size: 9})
			return err
		},
		"SearchOperations": func(g owned) error {
			_, err := g.SearchOperations(t.Context(), search.OperationQuery{Environment: env.ID, Size: 9})
			return err
		},
		"GetSource": func(g owned) error { _, _, err := g.GetSource(t.Context(), latest); return err },
	} {
		counting := faultkv.New(inner)
		if err := read(r.on(counting)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for step := 1; step <= counting.Passed(faultkv.Any); step++ {
			t.Run(fmt.Sprintf("%s, step %d", name, step), func(t *testing.T) {
				broken := faultkv.New(inner)
				broken.Fail(faultkv.Any, step, errBroken)
				err := read(r.on(broken))
				if !errors.Is(err, errBroken) || fault.ReasonOf(err) != fault.ReasonInternal {
					t.Errorf("read: %v", err)
				}
			})
		}
	}
}
