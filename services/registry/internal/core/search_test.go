package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/search"
)

// finds returns the ids of the connectors that a registry finds.
func finds(t *testing.T, g owned, environment, words string) string {
	t.Helper()
	found, err := g.SearchConnectors(t.Context(), search.ConnectorQuery{Environment: environment, Words: words, Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range found.Results {
		ids = append(ids, c.Name.ID)
	}
	return strings.Join(ids, " ")
}

// operations returns the ids of the operations that a registry finds.
func operations(t *testing.T, g owned, words string) string {
	t.Helper()
	found, err := g.SearchOperations(t.Context(), search.OperationQuery{Environment: "default", Words: words, Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range found.Results {
		ids = append(ids, o.Connector.ID+":"+o.Operation.GetOperationId())
	}
	return strings.Join(ids, " ")
}

func TestTheCatalogueFollowsEveryChange(t *testing.T) {
	r := newRig(t)
	r.mustCreateEnvironment("prod")
	want := func(step, all, ops string) {
		t.Helper()
		if got := finds(t, r.owned, "default", ""); got != all {
			t.Errorf("%s: connectors %q, want %q", step, got, all)
		}
		if got := operations(t, r.owned, "o"); got != ops {
			t.Errorf("%s: operations %q, want %q", step, got, ops)
		}
	}
	want("nothing yet", "", "")
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	want("a first import", "crm", "crm:o0")
	second := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
	want("a draft", "crm", "crm:o0")
	if _, err := r.Publish(t.Context(), second.Revision.Name, false); err != nil {
		t.Fatal(err)
	}
	want("publishing", "crm", "crm:o0 crm:o1")
	patch := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Edited"}}
	_, err := r.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: patch, Paths: []string{"info.title"}, Intent: core.Intent{Publish: core.PublishAlways}})
	if err != nil || finds(t, r.owned, "default", "edited") != "crm" || finds(t, r.owned, "default", "crm") != "crm" {
		t.Errorf("an edit: %v", err)
	}
	if _, err := r.Create(t.Context(), core.CreateRequest{Environment: env, Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "Blank"}}, Intent: core.Intent{Publish: core.PublishNever}}); err != nil {
		t.Fatal(err)
	}
	want("creating a draft", "blank crm", "crm:o0 crm:o1")
	if _, err := r.Promote(t.Context(), core.PromoteRequest{Name: latest, Environment: prod, Intent: core.Intent{Publish: core.PublishAlways}}); err != nil {
		t.Fatal(err)
	}
	if got := finds(t, r.owned, "prod", ""); got != "crm" {
		t.Errorf("in prod: %q", got)
	}
	if err := r.Delete(t.Context(), crm, ""); err != nil {
		t.Fatal(err)
	}
	want("deleting", "blank", "")
	if got := finds(t, r.owned, "prod", ""); got != "crm" {
		t.Errorf("in prod after deleting the other: %q", got)
	}
}

func TestTheCatalogueIsLoadedPageByPage(t *testing.T) {
	r := newRig(t)
	const many = 205 // more than two pages
	for i := range many {
		r.mustImport(core.ImportRequest{ID: fmt.Sprintf("c-%03d", i), Files: swagger("Same", 1)})
	}
	g := r.on(r.raw)
	if err := g.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := g.SearchConnectors(t.Context(), search.ConnectorQuery{Environment: "default", Words: "same", Size: 10})
	if err != nil || found.Total != many || len(found.Results) != 10 {
		t.Errorf("found %d of %d, %v", len(found.Results), found.Total, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.on(r.raw).Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("loaded after the end: %v", err)
	}
}

func TestChangesElsewhereAreAnnounced(t *testing.T) {
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	here := r.on(r.raw)
	if finds(t, here, "default", "") != "crm" {
		t.Fatal("not loaded")
	}
	r.mustImport(core.ImportRequest{ID: "other", Files: swagger("Other", 1)})
	if got := finds(t, here, "default", ""); got != "crm" {
		t.Fatalf("found %q before anybody said so", got)
	}
	other := resource.Connector{Environment: "default", ID: "other"}
	for range 2 { // announcements come at least once
		if err := here.Changed(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if got := finds(t, here, "default", ""); got != "crm other" {
			t.Errorf("found %q", got)
		}
	}
	if err := r.Delete(t.Context(), other, ""); err != nil {
		t.Fatal(err)
	}
	if got := finds(t, here, "default", ""); got != "crm" {
		t.Errorf("what is gone is shown until it is announced: %q", got)
	}
	if err := here.Changed(t.Context(), other); err != nil || finds(t, here, "default", "") != "crm" {
		t.Errorf("after a deletion: %v", err)
	}
	r.mustImport(core.ImportRequest{ID: "missed", Files: swagger("Missed", 1)})
	here.Resync()
	if got := finds(t, here, "default", ""); got != "crm missed" {
		t.Errorf("after announcements were missed: %q", got)
	}
}

func TestACatalogueThatCannotBeReadIsReadAgain(t *testing.T) {
	r := newRig(t)
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	broken := faultkv.New(r.raw)
	g := r.on(broken)
	broken.Fail(faultkv.Any, 3, errBroken)
	if err := g.Load(t.Context()); !errors.Is(err, errBroken) || fault.ReasonOf(err) != fault.ReasonInternal {
		t.Fatalf("loaded: %v", err)
	}
	if got := finds(t, g, "default", ""); got != "crm" {
		t.Errorf("the next search finds %q", got)
	}
	r.mustImport(core.ImportRequest{ID: "other", Files: swagger("Other", 1)})
	broken.Fail(faultkv.Any, 2, errBroken)
	other := resource.Connector{Environment: "default", ID: "other"}
	if err := g.Changed(t.Context(), other); !errors.Is(err, errBroken) {
		t.Fatalf("changed: %v", err)
	}
	if err := g.Changed(t.Context(), other); err != nil || finds(t, g, "default", "") != "crm other" {
		t.Errorf("the next announcement: %v", err)
	}
}
