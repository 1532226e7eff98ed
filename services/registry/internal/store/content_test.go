package store_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

func TestEnvironmentsAreKept(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		want := map[string]core.Environment{}
		for _, id := range []string{"a", "a-b", "prod"} {
			e := core.Environment{Name: resource.Environment{ID: id}, Title: "T" + id, Description: "D", Created: created, Updated: created, Generation: 3}
			want[id] = e
			update(t, s, func(tx core.Tx) error { return tx.PutEnvironment(e) })
		}
		add(t, s, crm, 1, "r1", 1) // is no environment
		view(t, s, func(r core.Reader) {
			for id, e := range want {
				if diff := cmp.Diff(e, must[core.Environment](t)(r.Environment(resource.Environment{ID: id}))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", id, diff)
				}
			}
			if _, err := r.Environment(env); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("the default environment is stored: %v", err)
			}
			for after, want := range map[string][]string{"": {"a", "a-b"}, "a": {"a-b", "prod"}, "a-b": {"prod"}, "prod": nil, "m": {"prod"}} {
				var ids []string
				for _, e := range must[[]core.Environment](t)(r.Environments(after, 2)) {
					ids = append(ids, e.Name.ID)
				}
				if diff := cmp.Diff(want, ids); diff != "" {
					t.Errorf("after %q (-want +got):\n%s", after, diff)
				}
			}
		})
		update(t, s, func(tx core.Tx) error { return tx.DeleteEnvironment(resource.Environment{ID: "a"}) })
		view(t, s, func(r core.Reader) {
			if _, err := r.Environment(resource.Environment{ID: "a"}); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("after deleting: %v", err)
			}
			if list := must[[]core.Environment](t)(r.Environments("", 9)); len(list) != 2 {
				t.Errorf("left %v", list)
			}
		})
	})
}

func TestOneFileOfASource(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		r := add(t, s, crm, 1, "r1", 1)
		view(t, s, func(reader core.Reader) {
			for _, f := range content(1).Files {
				if got := must[[]byte](t)(reader.File(r, f.Path)); !bytes.Equal(got, f.Content) {
					t.Errorf("%s has %d bytes", f.Path, len(got))
				}
			}
			for _, path := range []string{"", "a.json", "dir/a.jso", "icon.png2"} {
				if _, err := reader.File(r, path); !errors.Is(err, core.ErrNotFound) {
					t.Errorf("%q: %v", path, err)
				}
			}
		})
	})
}

func TestPackedContentIsACopy(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		r := add(t, s, crm, 1, "r1", 3)
		there := resource.Connector{Environment: "prod", ID: "copy"}
		update(t, s, func(tx core.Tx) error {
			packed, err := tx.Packed(r)
			if err != nil {
				return err
			}
			moved := r
			moved.Name = revisionOf(there, "r1")
			return tx.PutRevision(moved, packed)
		})
		view(t, s, func(reader core.Reader) {
			moved := must[core.Revision](t)(reader.Revision(revisionOf(there, "r1")))
			def := must[*connectorv1.Definition](t)(reader.Definition(moved))
			if diff := cmp.Diff(content(3).Definition, def, protocmp.Transform()); diff != "" {
				t.Errorf("definition (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(content(3).Files, must[[]format.File](t)(reader.Source(moved))); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
			missing := moved
			missing.Files++
			if _, err := reader.Packed(missing); err == nil {
				t.Error("a part is missing and nobody noticed")
			}
		})
	})
}

// TestRecordsOfEarlierVersionsAreRead holds records as they were written before
// connectors had publishers, pictures and selections.
func TestRecordsOfEarlierVersionsAreRead(t *testing.T) {
	raw := memkv.New()
	t.Cleanup(func() { _ = raw.Close() })
	err := raw.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(
			tx.Put([]byte("c/default/crm"), []byte("\x01"+`{"Name":{"Environment":"default","ID":"crm"},"Title":"CRM","Description":"D","Format":"openapi2","Actions":2,"Triggers":1,"Published":"r1","Latest":"r2","Created":"2026-03-01T12:00:00.000000123Z","Updated":"2026-03-01T12:00:00.000000123Z","Generation":3,"Sequence":2}`)),
			tx.Put([]byte("r/default/crm/r1"), []byte("\x01"+`{"Name":{"Environment":"default","Connector":"crm","ID":"r1"},"Sequence":1,"State":"published","Format":"openapi2","Title":"CRM","Description":"D","Actions":2,"Triggers":1,"Files":1,"Created":"2026-03-01T12:00:00.000000123Z","SourceBytes":9,"URL":"https://u.example"}`)))
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, store.New(raw, announce), func(r core.Reader) {
		wantConnector := core.Connector{
			Name: crm, Title: "CRM", Description: "D", Format: format.OpenAPI2, Actions: 2, Triggers: 1, Published: "r1", Latest: "r2",
			Created: created, Updated: created, Generation: 3, Sequence: 2,
		}
		if diff := cmp.Diff(wantConnector, must[core.Connector](t)(r.Connector(crm))); diff != "" {
			t.Errorf("connector (-want +got):\n%s", diff)
		}
		wantRevision := core.Revision{
			Name: revisionOf(crm, "r1"), Sequence: 1, State: core.Published, Format: format.OpenAPI2, Title: "CRM", Description: "D",
			Actions: 2, Triggers: 1, Files: 1, Created: created, SourceBytes: 9, URL: "https://u.example",
		}
		if diff := cmp.Diff(wantRevision, must[core.Revision](t)(r.Revision(revisionOf(crm, "r1")))); diff != "" {
			t.Errorf("revision (-want +got):\n%s", diff)
		}
	})
}
