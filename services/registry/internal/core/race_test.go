package core_test

import (
	"context"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// racing is a store in which something else happens before each update.
type racing struct {
	kv.Store

	before func()
}

func (s *racing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.before != nil {
		s.before()
	}
	return s.Store.Update(ctx, fn)
}

// TestNothingIsDecidedOnWhatIsNoLongerTrue changes a connector between what a use
// case read and what it writes.
func TestNothingIsDecidedOnWhatIsNoLongerTrue(t *testing.T) {
	t.Run("an edit is made again", func(t *testing.T) {
		r := newRig(t)
		r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
		s := &racing{Store: r.raw}
		g := r.on(s)
		s.before = func() {
			s.before = nil
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 5)})
		}
		patch := &connectorv1.Definition{Info: &connectorv1.Info{Title: "Edited"}}
		out, err := g.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: patch, Paths: []string{"info.title"}, Intent: core.Intent{Publish: core.PublishNever}})
		if err != nil || out.Revision.Actions != 5 || out.Revision.Title != "Edited" {
			t.Errorf("the edit lost what came in between: %+v, %v", out.Revision, err)
		}
	})
	t.Run("what breaks is asked again", func(t *testing.T) {
		r := newRig(t)
		r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
		draft := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
		s := &racing{Store: r.raw}
		g := r.on(s)
		s.before = func() {
			s.before = nil
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 5), Intent: core.Intent{Publish: core.PublishAlways}})
		}
		if _, err := g.Publish(t.Context(), draft.Revision.Name, false); fault.ReasonOf(err) != fault.ReasonRevisionBreaking {
			t.Errorf("published over what nobody compared it with: %v", err)
		}
	})
	t.Run("a connector that never rests", func(t *testing.T) {
		r := newRig(t)
		r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
		n := 1
		g := r.on(&racing{Store: r.raw, before: func() {
			n++
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", n), Intent: core.Intent{Publish: core.PublishAlways}})
		}})
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("Mine", 1)})
		if fault.ReasonOf(err) != fault.ReasonEtagMismatch || fault.CodeOf(err) != fault.CodeAborted || n != 6 {
			t.Errorf("after %d changes: %v", n, err)
		}
	})
	t.Run("a connector that is deleted while it is published", func(t *testing.T) {
		r := newRig(t)
		r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
		draft := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
		s := &racing{Store: r.raw}
		g := r.on(s)
		s.before = func() {
			s.before = nil
			if err := r.Delete(t.Context(), crm, ""); err != nil {
				t.Error(err)
			}
		}
		if _, err := g.Publish(t.Context(), draft.Revision.Name, true); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
			t.Errorf("published: %v", err)
		}
		if _, err := r.GetConnector(t.Context(), crm); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
			t.Errorf("it came back: %v", err)
		}
	})
}
