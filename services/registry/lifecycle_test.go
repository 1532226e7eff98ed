package registry_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// importing returns a request to import one Swagger document as the connector api.
func importing(change func(*registryv1.ImportConnectorRequest), content string) *registryv1.ImportConnectorRequest {
	req := &registryv1.ImportConnectorRequest{
		Parent: parent, ConnectorId: "api",
		Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", content)}}},
	}
	if change != nil {
		change(req)
	}
	return req
}

func (r *rig) mustImport(change func(*registryv1.ImportConnectorRequest), content string) *registryv1.ImportConnectorResponse {
	r.t.Helper()
	resp, err := r.ImportConnector(r.maker(), importing(change, content))
	if err != nil {
		r.t.Fatal(err)
	}
	return resp
}

// name returns a name of a revision of the connector api.
func revisionName(id string) string { return parent + "/connectors/api/revisions/" + id }

func TestBreakingCallersNeedsToBeAllowed(t *testing.T) {
	r := newRig(t, memory(t))
	first := r.mustImport(nil, swagger("API", 3))
	publish := func(allow bool) func(*registryv1.ImportConnectorRequest) {
		return func(req *registryv1.ImportConnectorRequest) { req.Publish, req.AllowBreaking = true, allow }
	}
	_, err := r.ImportConnector(r.maker(), importing(publish(false), swagger("API", 1)))
	wantReason(t, "importing", err, fault.ReasonRevisionBreaking)
	f := fault.From(err)
	if f.Meta()["published"] != first.GetRevision().GetName() || f.Meta()["breaking"] != "2" || len(f.Violations()) != 2 {
		t.Errorf("refused with %v, %v", f.Meta(), f.Violations())
	}
	draft := r.mustImport(nil, swagger("API", 1))
	if d := draft.GetDiff(); d.GetBase() != first.GetRevision().GetName() || d.GetRevision() != draft.GetRevision().GetName() || d.GetBreakingCount() != 2 || d.GetChanges()[0].GetImpact() != registryv1.ChangeImpact_CHANGE_IMPACT_BREAKING {
		t.Errorf("diff %v", d)
	}
	_, err = r.PublishRevision(r.maker(), &registryv1.PublishRevisionRequest{Name: revisionName("latest")})
	wantReason(t, "publishing", err, fault.ReasonRevisionBreaking)
	_, err = r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: parent + "/connectors/api", Definition: &connectorv1.Definition{}, Publish: true,
		UpdateMask: []string{"operations.o0"},
	})
	wantReason(t, "editing", err, fault.ReasonRevisionBreaking)
	if _, err := r.PublishRevision(r.maker(), &registryv1.PublishRevisionRequest{Name: revisionName("latest"), AllowBreaking: true}); err != nil {
		t.Errorf("when it is allowed: %v", err)
	}
	if r.mustImport(publish(true), swagger("API", 3)).GetRevision().GetState() != registryv1.RevisionState_REVISION_STATE_PUBLISHED {
		t.Error("going back is not published")
	}
}

func TestDryRunsChangeNothing(t *testing.T) {
	r := newRig(t, memory(t))
	r.createProd()
	first := r.mustImport(nil, swagger("API", 1))
	resp := r.mustImport(func(req *registryv1.ImportConnectorRequest) { req.ValidateOnly = true }, swagger("API", 2))
	if !resp.GetCreated() || resp.GetDiff().GetChangeCount() == 0 || resp.GetDiff().GetRevision() != "" || resp.GetRevision().GetActionCount() != 2 {
		t.Errorf("an import: %v", resp)
	}
	created, err := r.CreateConnector(r.maker(), &registryv1.CreateConnectorRequest{
		Parent: parent, Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "Blank"}}, ValidateOnly: true,
	})
	if err != nil || created.GetConnector().GetName() != parent+"/connectors/blank" {
		t.Errorf("creating: %v, %v", created, err)
	}
	edited, err := r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: parent + "/connectors/api", Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "New"}},
		UpdateMask: []string{"info.title"}, ValidateOnly: true, Publish: true,
	})
	if err != nil || edited.GetConnector().GetTitle() != "New" || !edited.GetRevision().GetEdited() {
		t.Errorf("editing: %v, %v", edited, err)
	}
	promoted, err := r.PromoteConnector(r.maker(), &registryv1.PromoteConnectorRequest{Name: revisionName("latest"), Environment: prod, ValidateOnly: true})
	if err != nil || !promoted.GetCreated() || len(promoted.GetRequirements()) == 0 {
		t.Errorf("promoting: %v, %v", promoted, err)
	}
	for _, in := range []string{parent, prod} {
		list, err := r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: in})
		if err != nil || len(list.GetConnectors()) != map[string]int{parent: 1, prod: 0}[in] {
			t.Fatalf("%s has %v, %v", in, list, err)
		}
		if in == parent {
			if diff := cmp.Diff(first.GetConnector(), list.GetConnectors()[0], protocmp.Transform()); diff != "" {
				t.Errorf("the connector changed:\n%s", diff)
			}
		}
	}
}

func TestSelectionsAreKeptWithTheRevision(t *testing.T) {
	r := newRig(t, memory(t))
	chosen := &registryv1.OperationSelection{Only: []string{"o*"}, Except: []string{"o1"}}
	resp := r.mustImport(func(req *registryv1.ImportConnectorRequest) { req.Selection = chosen }, swagger("API", 3))
	if resp.GetRevision().GetActionCount() != 2 || resp.GetRevision().GetTriggerCount() != 0 {
		t.Errorf("selected %v", resp.GetRevision())
	}
	rev, err := r.GetRevision(r.as(), &registryv1.GetRevisionRequest{Name: resp.GetRevision().GetName()})
	if diff := cmp.Diff(chosen, rev.GetSelection(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("selection: %v (-want +got):\n%s", err, diff)
	}
	d, err := r.DiffRevisions(r.maker(), &registryv1.DiffRevisionsRequest{
		Base:   revisionName("latest"),
		Target: &registryv1.DiffRevisionsRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 4))}}},
	})
	if err != nil || d.GetDiff().GetBreakingCount() != 0 || d.GetDiff().GetChangeCount() != 1 {
		t.Errorf("diff %v, %v", d, err)
	}
	_, err = r.ImportConnector(r.maker(), importing(func(req *registryv1.ImportConnectorRequest) {
		req.Selection = &registryv1.OperationSelection{Only: []string{"nothing"}}
	}, swagger("API", 3)))
	wantReason(t, "nothing is selected", err, fault.ReasonSelectionEmpty)
	valid, err := r.ValidateDefinition(r.maker(), &registryv1.ValidateDefinitionRequest{
		Parent: parent, Selection: chosen, RuleSets: []registryv1.RuleSet{registryv1.RuleSet_RULE_SET_CERTIFICATION},
		Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 3))}},
	})
	if err != nil || valid.GetActionCount() != 2 {
		t.Errorf("validated %v, %v", valid, err)
	}
}

func TestArchivesAreUnpacked(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	f, err := w.Create("api/swagger.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(swagger("Zipped", 1)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, memory(t))
	resp := r.importFiles("", file("api.zip", archive.String()))
	if resp.GetConnector().GetTitle() != "Zipped" {
		t.Errorf("imported %v", resp)
	}
	_, err = r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{Parent: parent, Source: &registryv1.ImportConnectorRequest_Files{
		Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("api.zip", archive.String()[:archive.Len()-30])}},
	}})
	wantReason(t, "a broken archive", err, fault.ReasonArchiveInvalid)
}

func TestDocumentsInSeveralPartsByURL(t *testing.T) {
	r := newRig(t, memory(t))
	documents := map[string]string{
		"/v3/openapi.json":        `{"openapi":"3.0.3","info":{"title":"Parts","version":"1"},"paths":{"/a":{"$ref":"paths/a.json"}}}`,
		"/v3/paths/a.json":        `{"get":{"operationId":"GetA","responses":{"200":{"description":"OK","content":{"application/json":{"schema":{"$ref":"../schemas.json#/A"}}}}}}}`,
		"/v3/schemas.json":        `{"A":{"type":"object","properties":{"id":{"type":"string"}}}}`,
		"/v3/never-referred.json": `{}`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		content, ok := documents[req.URL.Path]
		if !ok {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(srv.Close)
	resp, err := r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{Parent: parent, ConnectorId: "api", Source: &registryv1.ImportConnectorRequest_Url{Url: srv.URL + "/v3/openapi.json?key=hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetConnector().GetFormat() != registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI3 || resp.GetConnector().GetSourceUrl() != srv.URL+"/v3/openapi.json" || resp.GetConnector().GetActionCount() != 1 {
		t.Errorf("imported %v", resp)
	}
	src, err := r.GetSource(r.maker(), &registryv1.GetSourceRequest{Name: resp.GetRevision().GetName()})
	if err != nil || len(src.GetFiles()) != 3 {
		t.Fatalf("source %v, %v", src, err)
	}
	for _, f := range src.GetFiles() {
		if string(f.GetContent()) != documents["/v3/"+f.GetPath()] || f.GetUrl() != srv.URL+"/v3/"+f.GetPath() {
			t.Errorf("%s from %s is %q", f.GetPath(), f.GetUrl(), f.GetContent())
		}
	}
	documents["/v3/paths/a.json"] = `{"get":{"operationId":"GetA","responses":{"200":{"description":"OK"}}},"post":{"operationId":"PostA","responses":{"200":{"description":"OK"}}}}`
	d, err := r.DiffRevisions(r.maker(), &registryv1.DiffRevisionsRequest{Base: revisionName("published"), Target: &registryv1.DiffRevisionsRequest_Url{Url: srv.URL + "/v3/openapi.json"}})
	if err != nil || d.GetDiff().GetChangeCount() < 2 || d.GetDiff().GetBase() != resp.GetRevision().GetName() || d.GetDiff().GetRevision() != "" {
		t.Errorf("drift %v, %v", d, err)
	}
	if strings.Contains(d.String()+resp.String(), "hunter2") {
		t.Error("an answer tells the key in the URL")
	}
}

func TestRevisionsAreDeprecated(t *testing.T) {
	r := newRig(t, memory(t))
	first := r.mustImport(nil, swagger("API", 1))
	r.mustImport(nil, swagger("API", 2))
	_, err := r.DeprecateRevision(r.maker(), &registryv1.DeprecateRevisionRequest{Name: first.GetRevision().GetName()})
	wantReason(t, "the published one", err, fault.ReasonRevisionInUse)
	rev, err := r.DeprecateRevision(r.maker(), &registryv1.DeprecateRevisionRequest{Name: revisionName("latest"), Note: "use the first"})
	if err != nil || rev.GetState() != registryv1.RevisionState_REVISION_STATE_DEPRECATED || rev.GetDeprecationNote() != "use the first" {
		t.Errorf("deprecated %v, %v", rev, err)
	}
	_, err = r.DeprecateRevision(r.maker(), &registryv1.DeprecateRevisionRequest{Name: revisionName("latest"), Note: strings.Repeat("x", 4097)})
	wantReason(t, "a note that is too long", err, fault.ReasonInvalidArgument)
}

func TestExportsInTheirOwnFormatAreTheSource(t *testing.T) {
	r := newRig(t, memory(t))
	source := []*registryv1.SourceFile{file("api/swagger.yaml", swagger("API", 1)), file("readme.md", "# hello\r\n")}
	r.importFiles("api", source...)
	for _, row := range []struct {
		format   registryv1.ExportFormat
		verbatim bool
	}{
		{registryv1.ExportFormat_EXPORT_FORMAT_UNSPECIFIED, true},
		{registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI2, true},
		{registryv1.ExportFormat_EXPORT_FORMAT_FERRULE, false},
		{registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI31, false},
		{registryv1.ExportFormat_EXPORT_FORMAT_CONNECTOR_PACKAGE, false},
		{registryv1.ExportFormat_EXPORT_FORMAT_POSTMAN, false},
		{registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI30, false},
	} {
		t.Run(row.format.String(), func(t *testing.T) {
			out, err := r.ExportConnector(r.maker(), &registryv1.ExportConnectorRequest{Name: revisionName("published"), Format: row.format})
			if err != nil || out.GetVerbatim() != row.verbatim || len(out.GetFiles()) == 0 {
				t.Fatalf("exported %v, %v", out, err)
			}
			if diff := cmp.Diff(source, out.GetFiles(), protocmp.Transform()); row.verbatim && diff != "" {
				t.Errorf("(-source +exported):\n%s", diff)
			}
			if row.verbatim {
				return
			}
			if again := r.importFiles("again", out.GetFiles()...); again.GetRevision().GetActionCount()+again.GetRevision().GetTriggerCount() != 2 {
				t.Errorf("what was written is not what is read: %v", again)
			}
		})
	}
}

func TestAPromotionSaysWhatItNeeds(t *testing.T) {
	r := newRig(t, memory(t))
	r.createProd()
	changes := r.changes()
	here := r.mustImport(nil, swagger("API", 2))
	promote := func(change func(*registryv1.PromoteConnectorRequest)) (*registryv1.PromoteConnectorResponse, error) {
		req := &registryv1.PromoteConnectorRequest{Name: revisionName("published"), Environment: prod, Publish: true}
		if change != nil {
			change(req)
		}
		return r.PromoteConnector(r.maker(), req)
	}
	out, err := promote(nil)
	if err != nil {
		t.Fatal(err)
	}
	id := here.GetRevision().GetName()[strings.LastIndexByte(here.GetRevision().GetName(), '/'):]
	if want := prod + "/connectors/api/revisions" + id; out.GetRevision().GetName() != want || out.GetConnector().GetPublishedRevision() != want || !out.GetCreated() || out.GetDiff() != nil {
		t.Errorf("promoted %v", out)
	}
	if q := out.GetRequirements(); len(q) != 1 || q[0].GetParameterSet() == "" || q[0].GetParameter() == "" || q[0].GetMessage() == "" {
		t.Errorf("requirements %v", q)
	}
	for _, want := range []string{"default", "prod"} {
		if c := testkit.Receive(t, "the announcement of "+want, changes); c.Environment != want || c.ID != "api" {
			t.Errorf("announced %+v", c)
		}
	}
	var definitions []*connectorv1.Definition
	for _, name := range []string{here.GetRevision().GetName(), out.GetRevision().GetName()} {
		rev, err := r.GetRevision(r.as(), &registryv1.GetRevisionRequest{Name: name, View: registryv1.RevisionView_REVISION_VIEW_FULL})
		if err != nil {
			t.Fatal(err)
		}
		definitions = append(definitions, rev.GetDefinition())
	}
	if !proto.Equal(definitions[0], definitions[1]) {
		t.Error("the definition changed on its way")
	}
	if out, err = promote(nil); err != nil || out.GetCreated() {
		t.Errorf("again: %v, %v", out, err)
	}
	_, err = promote(func(req *registryv1.PromoteConnectorRequest) { req.Environment = "environments/nowhere" })
	wantReason(t, "to nowhere", err, fault.ReasonEnvironmentNotFound)
	r.mustImport(func(req *registryv1.ImportConnectorRequest) { req.Publish, req.AllowBreaking = true, true }, swagger("API", 1))
	_, err = promote(nil)
	wantReason(t, "what breaks callers there", err, fault.ReasonRevisionBreaking)
}

func TestPicturesOfConnectors(t *testing.T) {
	r := newRig(t, memory(t))
	const png = "\x89PNG\r\n\x1a\n"
	resp := r.importFiles("api",
		file("apiDefinition.swagger.json", `{"swagger":"2.0","info":{"title":"T","version":"1"},"host":"h.example","paths":{"/a":{"get":{"operationId":"A","responses":{}}}}}`),
		file("apiProperties.json", `{"properties":{"iconBrandColor":"#123456","publisher":"Us","capabilities":[],"connectionParameters":{}}}`),
		file("icon.png", png))
	if !resp.GetConnector().GetHasIcon() || resp.GetConnector().GetPublisher() != "Us" || resp.GetConnector().GetFormat() != registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE {
		t.Errorf("imported %v", resp.GetConnector())
	}
	icon, err := r.GetIcon(r.as(authn.RoleUser), &registryv1.GetIconRequest{Name: revisionName("published")})
	if err != nil || icon.GetContentType() != "image/png" || string(icon.GetData()) != png {
		t.Errorf("icon %v, %v", icon, err)
	}
	r.importFiles("plain", file("a.yaml", swagger("API", 1)))
	_, err = r.GetIcon(r.as(), &registryv1.GetIconRequest{Name: parent + "/connectors/plain/revisions/latest"})
	wantReason(t, "no picture", err, fault.ReasonIconNotFound)
}
