package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

func TestRevisionsHaveALimit(t *testing.T) {
	r := newRig(t)
	s := store.New(r.raw, r.announce)
	err := s.Update(t.Context(), func(tx core.Tx) error {
		return tx.PutConnector(core.Connector{Ownership: core.Ownership{Owner: "ann"}, Name: crm, Sequence: core.MaxRevisions - 1, Latest: "x", Created: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	before := r.connector(crm)
	_, err = r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 2)})
	if fault.ReasonOf(err) != fault.ReasonLimitReached || fault.From(err).Meta()["limit"] != "1000" {
		t.Errorf("past the limit: %v", err)
	}
	if diff := cmp.Diff(before, r.connector(crm)); diff != "" {
		t.Errorf("connector (-before +after):\n%s", diff)
	}
	r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)}) // what is there already is still fine
}

func TestSourcesHaveALimit(t *testing.T) {
	for name, row := range map[string]struct {
		more   int
		reason fault.Reason
	}{
		"as much as there may be": {0, ""},
		"one byte more":           {1, fault.ReasonDocumentTooLarge},
	} {
		files := swagger("CRM", 1)
		left := core.MaxSourceBytes - len(files[0].Content) + row.more
		for i := range 2 {
			files = append(files, format.File{Path: fmt.Sprint("notes", i), Content: make([]byte, (left+i)/2)})
		}
		r := newRig(t)
		_, err := r.Import(t.Context(), core.ImportRequest{Environment: env, Files: files})
		_, dry := r.Validate(t.Context(), core.ValidateRequest{Environment: env, Files: files})
		if fault.ReasonOf(err) != row.reason || fault.ReasonOf(dry) != row.reason {
			t.Errorf("%s: imported %v, validated %v", name, err, dry)
		}
	}
}

func TestACallerWhoGivesUpWhileOthersImport(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Import(ctx, core.ImportRequest{Environment: env, Files: swagger("CRM", 1)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Import: %v", err)
	}
	r.wantNothingStored()
}

func TestLongDescriptionsAreCutInListsOnly(t *testing.T) {
	r := newRig(t)
	files := swagger(strings.Repeat("ä", 3000), 1)
	out := r.mustImport(core.ImportRequest{ID: "crm", Files: files})
	description := r.connector(crm).Description
	if len(description) > core.MaxSummary || len(description) < core.MaxSummary-3 || !strings.HasPrefix("About "+strings.Repeat("ä", 3000), description) {
		t.Errorf("the description has %d bytes", len(description))
	}
	d, err := r.GetRevision(t.Context(), out.Revision.Name, core.Connection)
	if err != nil || len(d.Definition.GetInfo().GetDescription()) != 6006 {
		t.Errorf("the definition's has %d, %v", len(d.Definition.GetInfo().GetDescription()), err)
	}
}
