package core_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

func TestCreatingFromBlank(t *testing.T) {
	r := newRig(t)
	def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "My API", Publisher: "Us", Categories: []string{"Data"}}}
	out, err := r.Create(t.Context(), core.CreateRequest{Environment: env, Definition: def, Intent: core.Intent{Publish: core.PublishNever}})
	if err != nil {
		t.Fatal(err)
	}
	c := r.connector(out.Connector.Name)
	if c.Name.ID != "my-api" || c.Published != "" || c.Latest != out.Revision.Name.ID || c.Title != "My API" || c.Publisher != "Us" || c.Format != "ferrule" || out.Revision.State != core.Draft {
		t.Errorf("created %+v", c)
	}
	if len(def.GetParameterSets()) != 0 {
		t.Error("the caller's definition was changed")
	}
	files, rev, err := r.GetSource(t.Context(), out.Revision.Name)
	if err != nil || len(files) != 1 || files[0].Path != "connector.ferrule.json" || rev.Edited {
		t.Errorf("source %v of %+v, %v", files, rev, err)
	}
	for name, row := range map[string]struct {
		req    core.CreateRequest
		reason fault.Reason
	}{
		"a second time":          {core.CreateRequest{Environment: env, Definition: def}, fault.ReasonConnectorExists},
		"without a title":        {core.CreateRequest{Environment: env, ID: "x", Definition: &connectorv1.Definition{}}, fault.ReasonDefinitionInvalid},
		"with a bad id":          {core.CreateRequest{Environment: env, ID: "X", Definition: def}, fault.ReasonInvalidName},
		"where nothing is":       {core.CreateRequest{Environment: prod, Definition: def}, fault.ReasonEnvironmentNotFound},
		"larger than the limit":  {core.CreateRequest{Environment: env, ID: "x", Definition: sized(core.MaxDefinitionBytes + 1)}, fault.ReasonDocumentTooLarge},
		"as large as it may be":  {core.CreateRequest{Environment: env, ID: "x", Definition: sized(core.MaxDefinitionBytes)}, ""},
		"a second time, dry run": {core.CreateRequest{Environment: env, Definition: def, Intent: core.Intent{ValidateOnly: true}}, fault.ReasonConnectorExists},
	} {
		if _, err := r.Create(t.Context(), row.req); fault.ReasonOf(err) != row.reason {
			t.Errorf("%s: %v, want %q", name, err, row.reason)
		}
	}
}

// sized returns a definition of exactly n bytes.
func sized(n int) *connectorv1.Definition {
	def := &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "T"}, ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
		Schemas: []*connectorv1.Schema{{Name: "A", Json: make([]byte, n)}},
	}
	encoded, err := encodeBinary(def)
	if err != nil {
		panic(err)
	}
	def.Schemas[0].Json = def.Schemas[0].Json[:n-(len(encoded)-n)]
	return def
}

func TestEditsAreDraftsOfTheSameSource(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 2)})
	titled := func(title, etag string) (core.Outcome, error) {
		return r.Update(t.Context(), core.UpdateRequest{
			Name: crm, Patch: &connectorv1.Definition{Info: &connectorv1.Info{Title: title}}, Paths: []string{"info.title"},
			Etag: etag, Intent: core.Intent{Publish: core.PublishNever},
		})
	}
	out, err := titled("Edited", r.connector(crm).Etag())
	if err != nil {
		t.Fatal(err)
	}
	c := r.connector(crm)
	if !out.Created || !out.Revision.Edited || out.Revision.State != core.Draft || out.Revision.Title != "Edited" || c.Title != "CRM" || c.Latest != out.Revision.Name.ID || c.Published != first.Revision.Name.ID {
		t.Errorf("edited %+v of %+v", out.Revision, c)
	}
	d, err := r.GetRevision(t.Context(), out.Revision.Name, core.Basic)
	if err != nil || len(d.Findings) != len(first.Findings) {
		t.Errorf("%d findings, %v", len(d.Findings), err)
	}
	files, _, err := r.GetSource(t.Context(), out.Revision.Name)
	if err != nil || string(files[0].Content) != string(swagger("CRM", 2)[0].Content) {
		t.Errorf("the source changed: %v", err)
	}
	if out, err = titled("Edited", ""); err != nil || out.Created || r.connector(crm).Etag() != c.Etag() {
		t.Errorf("an edit that changes nothing: %+v, %v", out, err)
	}
	if _, err = titled("Other", "old"); fault.ReasonOf(err) != fault.ReasonEtagMismatch {
		t.Errorf("with an old etag: %v", err)
	}
	// Back to what it was: no third revision, and later edits start from there.
	if out, err = titled("CRM", ""); err != nil || out.Created || r.connector(crm).Latest != first.Revision.Name.ID || r.connector(crm).Sequence != 2 {
		t.Errorf("back again: %+v, %v", out, err)
	}
	for name, row := range map[string]struct {
		req    core.UpdateRequest
		reason fault.Reason
	}{
		"of nothing":           {core.UpdateRequest{Name: resource.Connector{Environment: "default", ID: "x"}}, fault.ReasonConnectorNotFound},
		"elsewhere":            {core.UpdateRequest{Name: inProd("").Parent()}, fault.ReasonEnvironmentNotFound},
		"of an unknown path":   {core.UpdateRequest{Name: crm, Paths: []string{"x"}}, fault.ReasonInvalidArgument},
		"that makes it faulty": {core.UpdateRequest{Name: crm, Patch: &connectorv1.Definition{}, Paths: []string{"info.title"}}, fault.ReasonDefinitionInvalid},
	} {
		if _, err := r.Update(t.Context(), row.req); fault.ReasonOf(err) != row.reason {
			t.Errorf("an edit %s: %v, want %s", name, err, row.reason)
		}
	}
}

func TestInferring(t *testing.T) {
	r := newRig(t)
	out, err := r.Infer(t.Context(), env, infer.Sample{Curl: "curl x", OperationID: "x"})
	if err != nil || out.Operation.GetOperationId() != "x" {
		t.Errorf("inferred %+v, %v", out, err)
	}
	if _, err := r.Infer(t.Context(), env, infer.Sample{}); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := r.Infer(t.Context(), prod, infer.Sample{Curl: "x"}); fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("elsewhere: %v", err)
	}
}
