package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

func TestTheDefaultEnvironmentIsAlwaysThere(t *testing.T) {
	r := newRig(t)
	e, err := r.GetEnvironment(t.Context(), env)
	if err != nil || e.Name != env || e.Title == "" || !e.Created.IsZero() {
		t.Errorf("the default environment: %+v, %v", e, err)
	}
	if _, err := r.CreateEnvironment(t.Context(), core.Environment{Name: env}); fault.ReasonOf(err) != fault.ReasonEnvironmentExists {
		t.Errorf("creating it: %v", err)
	}
	if err := r.DeleteEnvironment(t.Context(), env, ""); fault.ReasonOf(err) != fault.ReasonEnvironmentInUse {
		t.Errorf("deleting it: %v", err)
	}
	r.wantNothingStored()
	title := "Ours"
	changed, err := r.UpdateEnvironment(t.Context(), env, core.EnvironmentUpdate{Title: &title, Etag: e.Etag()})
	if err != nil || changed.Title != "Ours" || changed.Etag() == e.Etag() {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	if e, err = r.GetEnvironment(t.Context(), env); err != nil || e.Title != "Ours" {
		t.Errorf("read again: %+v, %v", e, err)
	}
}

func TestEnvironmentsAreMadeChangedAndDeleted(t *testing.T) {
	r := newRig(t)
	made := r.mustCreateEnvironment("prod")
	if !made.Created.Equal(now) || made.Title != "Title of prod" {
		t.Errorf("made %+v", made)
	}
	r.clock.Advance(time.Minute)
	text := "Text"
	changed, err := r.UpdateEnvironment(t.Context(), prod, core.EnvironmentUpdate{Description: &text})
	want := core.Environment{Name: prod, Title: "Title of prod", Description: "Text", Created: now, Updated: now.Add(time.Minute), Generation: 2}
	if diff := cmp.Diff(want, changed); diff != "" || err != nil {
		t.Errorf("changed (-want +got): %v\n%s", err, diff)
	}
	for name, row := range map[string]struct {
		call   func() error
		reason fault.Reason
	}{
		"creating it again":    {func() error { _, err := r.CreateEnvironment(t.Context(), core.Environment{Name: prod}); return err }, fault.ReasonEnvironmentExists},
		"creating under no id": {func() error { _, err := r.CreateEnvironment(t.Context(), core.Environment{}); return err }, fault.ReasonInvalidName},
		"changing an old one": {func() error {
			_, err := r.UpdateEnvironment(t.Context(), prod, core.EnvironmentUpdate{Etag: made.Etag()})
			return err
		}, fault.ReasonEtagMismatch},
		"changing one not here": {func() error {
			_, err := r.UpdateEnvironment(t.Context(), resource.Environment{ID: "x"}, core.EnvironmentUpdate{})
			return err
		}, fault.ReasonEnvironmentNotFound},
		"deleting an old one":   {func() error { return r.DeleteEnvironment(t.Context(), prod, made.Etag()) }, fault.ReasonEtagMismatch},
		"deleting one not here": {func() error { return r.DeleteEnvironment(t.Context(), resource.Environment{ID: "x"}, "") }, fault.ReasonEnvironmentNotFound},
	} {
		if err := row.call(); fault.ReasonOf(err) != row.reason {
			t.Errorf("%s: %v, want %s", name, err, row.reason)
		}
	}
	if err := r.DeleteEnvironment(t.Context(), prod, changed.Etag()); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if _, err := r.GetEnvironment(t.Context(), prod); fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("after deleting: %v", err)
	}
	if again := r.mustCreateEnvironment("prod"); again.Etag() == made.Etag() {
		t.Error("made anew, it has its old etag")
	}
}

func TestTextsOfEnvironmentsHaveLimits(t *testing.T) {
	r := newRig(t)
	for _, row := range []struct {
		name        string
		title, text int
		field       string
	}{
		{"as long as they may be", core.MaxEnvironmentTitle, core.MaxEnvironmentDescription, ""},
		{"a title that is too long", core.MaxEnvironmentTitle + 1, 0, "environment.title"},
		{"a text that is too long", 0, core.MaxEnvironmentDescription + 1, "environment.description"},
	} {
		e := core.Environment{Name: prod, Title: strings.Repeat("x", row.title), Description: strings.Repeat("x", row.text)}
		_, err := r.CreateEnvironment(t.Context(), e)
		_, changing := r.UpdateEnvironment(t.Context(), env, core.EnvironmentUpdate{Title: &e.Title, Description: &e.Description})
		for _, err := range []error{err, changing} {
			if row.field == "" && err != nil || row.field != "" && (fault.ReasonOf(err) != fault.ReasonInvalidArgument || fault.From(err).Violations()[0].Field != row.field) {
				t.Errorf("%s: %v", row.name, err)
			}
		}
	}
}

func TestEnvironmentsInUseStay(t *testing.T) {
	r := newRig(t)
	r.mustCreateEnvironment("prod")
	r.mustImport(core.ImportRequest{Environment: prod, ID: "crm", Files: swagger("CRM", 1)})
	if err := r.DeleteEnvironment(t.Context(), prod, ""); fault.ReasonOf(err) != fault.ReasonEnvironmentInUse || fault.CodeOf(err) != fault.CodeFailedPrecondition {
		t.Errorf("with a connector: %v", err)
	}
	if err := r.Delete(t.Context(), inProd("").Parent(), ""); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteEnvironment(t.Context(), prod, ""); err != nil {
		t.Errorf("empty: %v", err)
	}
}

func TestEnvironmentsKeepTheirConnectorsApart(t *testing.T) {
	r := newRig(t)
	r.mustCreateEnvironment("prod")
	here := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("Here", 1)})
	there := r.mustImport(core.ImportRequest{Environment: prod, ID: "crm", Files: swagger("There", 2)})
	if r.connector(crm).Title != "Here" || r.connector(inProd("").Parent()).Title != "There" {
		t.Error("the connectors are mixed up")
	}
	name := there.Revision.Name
	name.Environment = "default"
	if _, err := r.GetRevision(t.Context(), name, core.Basic); fault.ReasonOf(err) != fault.ReasonRevisionNotFound {
		t.Errorf("a revision of the other environment: %v", err)
	}
	list, _, err := r.ListConnectors(t.Context(), prod, "", "", 9)
	if err != nil || len(list) != 1 || list[0].Published != there.Revision.Name.ID {
		t.Errorf("listed %+v, %v", list, err)
	}
	if err := r.Delete(t.Context(), inProd("").Parent(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.GetRevision(t.Context(), here.Revision.Name, core.Full); err != nil {
		t.Errorf("after the other was deleted: %v", err)
	}
}

func TestEnvironmentsAreListedWithTheDefaultAmongThem(t *testing.T) {
	for _, row := range []struct {
		name, after string
		stored      []string
		limit       int
		want        string
		more        bool
	}{
		{"nothing but the default", "", nil, 9, "default", false},
		{"around it", "", []string{"a", "z"}, 9, "a default z", false},
		{"before it only", "", []string{"a", "b"}, 9, "a b default", false},
		{"after it only", "", []string{"x", "y"}, 9, "default x y", false},
		{"a page that ends before it", "", []string{"a", "b", "z"}, 2, "a b", true},
		{"a page that ends with it", "", []string{"a", "z"}, 2, "a default", true},
		{"a page that begins with it", "b", []string{"a", "b", "z"}, 2, "default z", false},
		{"a page after it", "default", []string{"a", "x", "z"}, 9, "x z", false},
		{"a full page that begins with it", "a", []string{"a", "x", "y"}, 2, "default x", true},
		{"exactly all", "", []string{"a"}, 2, "a default", false},
	} {
		for _, changed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stored %t", row.name, changed), func(t *testing.T) {
				r := newRig(t)
				for _, id := range row.stored {
					r.mustCreateEnvironment(id)
				}
				if changed {
					if _, err := r.UpdateEnvironment(t.Context(), env, core.EnvironmentUpdate{}); err != nil {
						t.Fatal(err)
					}
				}
				list, more, err := r.ListEnvironments(t.Context(), row.after, row.limit)
				var ids []string
				for _, e := range list {
					ids = append(ids, e.Name.ID)
				}
				if got := strings.Join(ids, " "); err != nil || got != row.want || more != row.more {
					t.Errorf("listed %q, more %t, %v", got, more, err)
				}
			})
		}
	}
}

func TestEnvironmentsHaveALimit(t *testing.T) {
	r := newRig(t)
	err := store.New(r.raw, r.announce).Update(t.Context(), func(tx core.Tx) error {
		for i := range core.MaxEnvironments - 1 {
			if err := tx.PutEnvironment(core.Environment{Name: resource.Environment{ID: fmt.Sprintf("e%d", i)}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mustCreateEnvironment("last")
	if _, err := r.CreateEnvironment(t.Context(), core.Environment{Name: prod}); fault.ReasonOf(err) != fault.ReasonLimitReached {
		t.Errorf("past the limit: %v", err)
	}
}
