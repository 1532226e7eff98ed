package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// swagger is a document with n actions and a trigger.
func swagger(title string, n int) string {
	var paths strings.Builder
	for i := range n {
		fmt.Fprintf(&paths, "  /p%d: {get: {operationId: o%d, responses: {200: {description: OK}}}}\n", i, i)
	}
	return "swagger: '2.0'\ninfo: {title: " + title + ", version: '1'}\nhost: api.example.com\nschemes: [https]\n" +
		"securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}\nsecurity: [{key: []}]\npaths:\n" + paths.String() +
		"  /t: {get: {operationId: t, x-ms-trigger: batch, x-ms-visibilty: internal, responses: {}}}\n"
}

func TestAnImportIsReadBack(t *testing.T) {
	r := newRig(t, memory(t))
	source := file("api/swagger.yaml", swagger("My API", 2))
	icon := file("api/icon.png", "\x89PNG\x00\xff")
	before := time.Now()
	resp := r.importFiles("", source, icon)
	c, rev := resp.GetConnector(), resp.GetRevision()

	want := &registryv1.Connector{
		Name: parent + "/connectors/my-api", Title: "My API", Format: registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2,
		PublishedRevision: rev.GetName(), LatestRevision: rev.GetName(), ActionCount: 2, TriggerCount: 1,
		Authentication: []string{"api_key"}, Owner: "ann",
	}
	ignore := protocmp.IgnoreFields(&registryv1.Connector{}, "create_time", "update_time", "etag")
	if diff := cmp.Diff(want, c, protocmp.Transform(), ignore); diff != "" || !resp.GetCreated() || c.GetEtag() == "" {
		t.Errorf("connector (-want +got):\n%s", diff)
	}
	if made := c.GetCreateTime().AsTime(); made.Before(before.Add(-time.Second)) || made.After(time.Now().Add(time.Second)) {
		t.Errorf("created %s", made)
	}
	wantFinding := &registryv1.Finding{
		Severity: registryv1.Severity_SEVERITY_WARNING, Code: "ExtensionUnknown", Message: `"x-ms-visibilty" is no known extension and has no effect`,
		Remedy: `write "x-ms-visibility"`, Path: "api/swagger.yaml", Pointer: "/paths/~1t/get/x-ms-visibilty", Line: 10, Column: 67,
	}
	if diff := cmp.Diff([]*registryv1.Finding{wantFinding}, rev.GetFindings(), protocmp.Transform()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	got, err := r.GetConnector(r.as(authn.RoleUser), &registryv1.GetConnectorRequest{Name: c.GetName()})
	if diff := cmp.Diff(c, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("read back: %v (-imported +read):\n%s", err, diff)
	}
	src, err := r.GetSource(r.maker(), &registryv1.GetSourceRequest{Name: rev.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	wantSource := &registryv1.Source{Format: registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2, Files: []*registryv1.SourceFile{icon, source}}
	if diff := cmp.Diff(wantSource, src, protocmp.Transform()); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
}

func TestViewsReturnWhatTheySay(t *testing.T) {
	r := newRig(t, memory(t))
	name := r.importFiles("", file("a.yaml", swagger("API", 3))).GetConnector().GetName() + "/revisions/published"
	for _, row := range []struct {
		view             registryv1.RevisionView
		sets, operations int
		definition       bool
	}{
		{registryv1.RevisionView_REVISION_VIEW_UNSPECIFIED, 0, 0, false},
		{registryv1.RevisionView_REVISION_VIEW_BASIC, 0, 0, false},
		{registryv1.RevisionView_REVISION_VIEW_CONNECTION, 1, 0, true},
		{registryv1.RevisionView_REVISION_VIEW_FULL, 1, 4, true},
	} {
		rev, err := r.GetRevision(r.as(authn.RoleUser), &registryv1.GetRevisionRequest{Name: name, View: row.view})
		if err != nil {
			t.Fatal(err)
		}
		def := rev.GetDefinition()
		if (def != nil) != row.definition || len(def.GetParameterSets()) != row.sets || len(def.GetOperations()) != row.operations || len(rev.GetFindings()) != 1 {
			t.Errorf("%s returns %d sets, %d operations, %d findings", row.view, len(def.GetParameterSets()), len(def.GetOperations()), len(rev.GetFindings()))
		}
		if rev.GetState() != registryv1.RevisionState_REVISION_STATE_PUBLISHED || rev.GetActionCount() != 3 || rev.GetSourceBytes() == 0 || strings.HasSuffix(rev.GetName(), "published") {
			t.Errorf("%s: %v", row.view, rev)
		}
	}
}

func TestImportingTheSameAgainIsNoNews(t *testing.T) {
	r := newRig(t, memory(t))
	first := r.importFiles("api", file("a.yaml", swagger("API", 1)))
	again := r.importFiles("api", file("a.yaml", swagger("API", 1)))
	if diff := cmp.Diff(first.GetConnector(), again.GetConnector(), protocmp.Transform()); diff != "" || again.GetCreated() {
		t.Errorf("created %t (-first +again):\n%s", again.GetCreated(), diff)
	}
	if first.GetRevision().GetName() != again.GetRevision().GetName() {
		t.Error("another revision was made")
	}
}

func TestPublishingChangesWhatCallersGet(t *testing.T) {
	r := newRig(t, memory(t))
	changes := r.changes()
	first := r.importFiles("api", file("a.yaml", swagger("One", 1)))
	second := r.importFiles("api", file("a.yaml", swagger("Two", 2)))
	if s := second.GetRevision().GetState(); s != registryv1.RevisionState_REVISION_STATE_DRAFT || second.GetConnector().GetTitle() != "One" {
		t.Errorf("the second revision is %s, the connector %q", s, second.GetConnector().GetTitle())
	}
	rev, err := r.PublishRevision(r.maker(), &registryv1.PublishRevisionRequest{Name: parent + "/connectors/api/revisions/latest"})
	if err != nil || rev.GetName() != second.GetRevision().GetName() || rev.GetState() != registryv1.RevisionState_REVISION_STATE_PUBLISHED {
		t.Errorf("published %v, %v", rev, err)
	}
	c, err := r.GetConnector(r.maker(), &registryv1.GetConnectorRequest{Name: parent + "/connectors/api"})
	if err != nil || c.GetTitle() != "Two" || c.GetPublishedRevision() != rev.GetName() || c.GetEtag() == first.GetConnector().GetEtag() {
		t.Errorf("connector %v, %v", c, err)
	}
	if _, err := r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: c.GetName(), Etag: c.GetEtag()}); err != nil {
		t.Fatal(err)
	}
	id := func(rev *registryv1.Revision) string {
		return rev.GetName()[strings.LastIndexByte(rev.GetName(), '/')+1:]
	}
	// Each change is announced, in order, with what is published afterwards.
	for i, want := range []string{id(first.GetRevision()), id(first.GetRevision()), id(second.GetRevision()), ""} {
		change := testkit.Receive(t, fmt.Sprintf("announcement %d", i), changes)
		if change.Environment != "default" || change.ID != "api" || string(change.Data) != want {
			t.Errorf("announcement %d is %+v, want %q", i, change, want)
		}
	}
}

func TestListsArePagedAndFiltered(t *testing.T) {
	r := newRig(t, memory(t))
	for i := range 7 {
		r.importFiles(fmt.Sprintf("api-%d", i), file("a.yaml", swagger([]string{"Sales", "Weather"}[i%2], 1)))
	}
	var ids []string
	req := &registryv1.ListConnectorsRequest{Parent: parent, PageSize: 2, Filter: "SALES"}
	for pages := 1; ; pages++ {
		resp, err := r.ListConnectors(r.as(authn.RoleUser), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range resp.GetConnectors() {
			ids = append(ids, c.GetName()[len(parent+"/connectors/"):])
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			if pages != 2 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if diff := cmp.Diff([]string{"api-0", "api-2", "api-4", "api-6"}, ids); diff != "" {
		t.Errorf("connectors (-want +got):\n%s", diff)
	}
	resp, err := r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: parent, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: parent, Filter: "sales", PageToken: resp.GetNextPageToken()})
	wantReason(t, "a token of another filter", err, fault.ReasonInvalidPageToken)
	_, err = r.ListRevisions(r.maker(), &registryv1.ListRevisionsRequest{Parent: parent + "/connectors/api-0", PageToken: resp.GetNextPageToken()})
	wantReason(t, "a token of another list", err, fault.ReasonInvalidPageToken)
	_, err = r.ListOperations(r.maker(), &registryv1.ListOperationsRequest{Parent: parent + "/connectors/api-0/revisions/latest", PageToken: "x"})
	wantReason(t, "no token", err, fault.ReasonInvalidPageToken)
}

func TestRevisionsAreListedNewestFirst(t *testing.T) {
	r := newRig(t, memory(t))
	var names []string
	for i := range 5 {
		names = append([]string{r.importFiles("api", file("a.yaml", swagger("API", i+1))).GetRevision().GetName()}, names...)
	}
	var got []string
	req := &registryv1.ListRevisionsRequest{Parent: parent + "/connectors/api", PageSize: 2}
	for {
		resp, err := r.ListRevisions(r.as(authn.RoleUser), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, rev := range resp.GetRevisions() {
			got = append(got, rev.GetName())
			if rev.GetDefinition() != nil || rev.GetFindings() != nil {
				t.Errorf("%s comes with more than a list has", rev.GetName())
			}
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}

func TestPagesOfOperationsAreOfOneRevision(t *testing.T) {
	r := newRig(t, memory(t))
	r.importFiles("api", file("a.yaml", swagger("API", 5)))
	req := &registryv1.ListOperationsRequest{Parent: parent + "/connectors/api/revisions/latest", PageSize: 4}
	resp, err := r.ListOperations(r.as(authn.RoleUser), req)
	if err != nil || len(resp.GetOperations()) != 4 || resp.GetOperations()[0].GetOperationId() != "o0" {
		t.Fatalf("first page %v, %v", resp, err)
	}
	r.importFiles("api", file("a.yaml", swagger("API", 50))) // "latest" is another one now
	req.PageToken = resp.GetNextPageToken()
	resp, err = r.ListOperations(r.as(authn.RoleUser), req)
	if err != nil || len(resp.GetOperations()) != 2 || resp.GetOperations()[1].GetOperationId() != "t" || resp.GetNextPageToken() != "" {
		t.Errorf("last page %v, %v", resp, err)
	}
}

func TestImportByURL(t *testing.T) {
	r := newRig(t, memory(t))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1/swagger.yaml" {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write([]byte(swagger("Fetched", 1)))
	}))
	t.Cleanup(srv.Close)
	byURL := func(url string) (*registryv1.ImportConnectorResponse, error) {
		return r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{Parent: parent, Source: &registryv1.ImportConnectorRequest_Url{Url: url}})
	}
	resp, err := byURL(srv.URL + "/v1/swagger.yaml?key=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	src, err := r.GetSource(r.maker(), &registryv1.GetSourceRequest{Name: resp.GetRevision().GetName()})
	if err != nil || src.GetUrl() != srv.URL+"/v1/swagger.yaml" || string(src.GetFiles()[0].GetContent()) != swagger("Fetched", 1) || src.GetFiles()[0].GetPath() != "swagger.yaml" {
		t.Errorf("source %v, %v", src, err)
	}
	_, err = byURL(srv.URL + "/v2")
	wantReason(t, "nothing there", err, fault.ReasonDocumentUnreachable)
	_, err = byURL("http://169.254.169.254/latest")
	wantReason(t, "an address that is off limits", err, fault.ReasonEgressRefused)
	_, err = byURL("ftp://h.example/a.json")
	wantReason(t, "another scheme", err, fault.ReasonInvalidArgument)
}

func TestValidateChangesNothing(t *testing.T) {
	r := newRig(t, memory(t))
	validate := func(files ...*registryv1.SourceFile) (*registryv1.ValidateDefinitionResponse, error) {
		return r.ValidateDefinition(r.maker(), &registryv1.ValidateDefinitionRequest{Parent: parent, Files: &registryv1.SourceFiles{Files: files}})
	}
	resp, err := validate(file("a.yaml", swagger("API", 2)))
	if err != nil || resp.GetTitle() != "API" || resp.GetActionCount() != 2 || resp.GetTriggerCount() != 1 || resp.GetFindings()[0].GetCode() != "ExtensionUnknown" || resp.GetFormat() != registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2 {
		t.Errorf("validated %v, %v", resp, err)
	}
	_, err = validate(file("a.json", "}"))
	wantReason(t, "a broken file", err, fault.ReasonDocumentSyntax)
	list, err := r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: parent})
	if err != nil || len(list.GetConnectors()) != 0 {
		t.Errorf("connectors %v, %v", list, err)
	}
}

func TestBadInputHasItsReasonAndChangesNothing(t *testing.T) {
	r := newRig(t, memory(t))
	good := swagger("API", 1)
	for _, row := range []struct {
		name    string
		file    *registryv1.SourceFile
		reason  fault.Reason
		details string // line and column
	}{
		{"broken JSON", file("a.json", "\n }"), fault.ReasonDocumentSyntax, "2:2"},
		{"broken YAML", file("a.yaml", "a: [1\nb: 2\n"), fault.ReasonDocumentSyntax, "1:1"},
		{"an empty file", file("a.json", ""), fault.ReasonDocumentSyntax, "1:1"},
		{"nested too deep", file("a.json", strings.Repeat("[", 1000)), fault.ReasonDocumentTooDeep, "1:513"},
		{"nothing that anybody knows", file("a.json", "{}"), fault.ReasonDocumentFormatUnknown, ""},
		{"an alias bomb", file("a.yaml", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"), fault.ReasonDocumentTooLarge, ""},
		{"a path out of the directory", file("../a.json", good), fault.ReasonInvalidArgument, ""},
		{"more than a file may have", &registryv1.SourceFile{Path: "a.json", Content: bytes.Repeat([]byte(" "), 64<<20+1)}, fault.ReasonDocumentTooLarge, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{
				Parent: parent, Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{row.file}}},
			})
			wantReason(t, row.name, err, row.reason)
			if meta := fault.From(err).Meta(); row.details != "" && meta["line"]+":"+meta["column"] != row.details {
				t.Errorf("the place is %s:%s, want %s", meta["line"], meta["column"], row.details)
			}
		})
	}
	list, err := r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: parent})
	if err != nil || len(list.GetConnectors()) != 0 {
		t.Errorf("connectors %v, %v", list, err)
	}
}

func TestOnlyMakersChangeConnectors(t *testing.T) {
	r := newRig(t, memory(t))
	name := r.importFiles("api", file("a.yaml", swagger("API", 1))).GetRevision().GetName()
	files := &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 2))}}
	calls := map[string]func(ctx context.Context) error{
		"ImportConnector": func(ctx context.Context) error {
			_, err := r.ImportConnector(ctx, &registryv1.ImportConnectorRequest{Parent: parent, Source: &registryv1.ImportConnectorRequest_Files{Files: files}})
			return err
		},
		"ValidateDefinition": func(ctx context.Context) error {
			_, err := r.ValidateDefinition(ctx, &registryv1.ValidateDefinitionRequest{Parent: parent, Files: files})
			return err
		},
		"PublishRevision": func(ctx context.Context) error {
			_, err := r.PublishRevision(ctx, &registryv1.PublishRevisionRequest{Name: name})
			return err
		},
		"DeleteConnector": func(ctx context.Context) error {
			_, err := r.DeleteConnector(ctx, &registryv1.DeleteConnectorRequest{Name: parent + "/connectors/api"})
			return err
		},
	}
	for method, call := range calls {
		wantReason(t, method+" by a user", call(r.as(authn.RoleUser)), fault.ReasonPermissionDenied)
		wantReason(t, method+" by somebody without roles", call(r.as()), fault.ReasonPermissionDenied)
		wantReason(t, method+" by nobody", call(t.Context()), fault.ReasonUnauthenticated)
	}
	if err := calls["PublishRevision"](r.as(authn.RoleAdmin)); err != nil {
		t.Errorf("PublishRevision by an admin: %v", err)
	}
	_, err := r.GetConnector(t.Context(), &registryv1.GetConnectorRequest{Name: parent + "/connectors/api"})
	wantReason(t, "reading by nobody", err, fault.ReasonUnauthenticated)
}

func TestNamesThatAreWrong(t *testing.T) {
	r := newRig(t, memory(t))
	files := &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 1))}}
	for name, row := range map[string]struct {
		call   func(ctx context.Context) error
		reason fault.Reason
	}{
		"no environment": {func(ctx context.Context) error {
			_, err := r.ListConnectors(ctx, &registryv1.ListConnectorsRequest{Parent: "default"})
			return err
		}, fault.ReasonInvalidName},
		"another environment": {func(ctx context.Context) error {
			_, err := r.ListConnectors(ctx, &registryv1.ListConnectorsRequest{Parent: "environments/prod"})
			return err
		}, fault.ReasonEnvironmentNotFound},
		"a connector of another environment": {func(ctx context.Context) error {
			_, err := r.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: "environments/prod/connectors/a"})
			return err
		}, fault.ReasonEnvironmentNotFound},
		"a connector that does not exist": {func(ctx context.Context) error {
			_, err := r.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: parent + "/connectors/a"})
			return err
		}, fault.ReasonConnectorNotFound},
		"a connector in capitals": {func(ctx context.Context) error {
			_, err := r.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: parent + "/connectors/A"})
			return err
		}, fault.ReasonInvalidName},
		"a revision of nothing": {func(ctx context.Context) error {
			_, err := r.GetRevision(ctx, &registryv1.GetRevisionRequest{Name: parent + "/connectors/a/revisions/latest"})
			return err
		}, fault.ReasonConnectorNotFound},
		"a source of nothing": {func(ctx context.Context) error {
			_, err := r.GetSource(ctx, &registryv1.GetSourceRequest{Name: parent + "/connectors/a/revisions/latest"})
			return err
		}, fault.ReasonConnectorNotFound},
		"an id in capitals": {func(ctx context.Context) error {
			_, err := r.ImportConnector(ctx, &registryv1.ImportConnectorRequest{Parent: parent, ConnectorId: "API", Source: &registryv1.ImportConnectorRequest_Files{Files: files}})
			return err
		}, fault.ReasonInvalidName},
		"an empty name": {func(ctx context.Context) error {
			_, err := r.GetConnector(ctx, &registryv1.GetConnectorRequest{})
			return err
		}, fault.ReasonInvalidArgument},
		"no source": {func(ctx context.Context) error {
			_, err := r.ImportConnector(ctx, &registryv1.ImportConnectorRequest{Parent: parent})
			return err
		}, fault.ReasonInvalidArgument},
	} {
		wantReason(t, name, row.call(r.as(authn.RoleAdmin)), row.reason)
	}
}

func TestDeletingNeedsTheRightEtag(t *testing.T) {
	r := newRig(t, memory(t))
	c := r.importFiles("api", file("a.yaml", swagger("API", 1))).GetConnector()
	_, err := r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: c.GetName(), Etag: "old"})
	wantReason(t, "an old etag", err, fault.ReasonEtagMismatch)
	if _, err := r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: c.GetName()}); err != nil {
		t.Errorf("without an etag: %v", err)
	}
	_, err = r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: c.GetName()})
	wantReason(t, "a second time", err, fault.ReasonConnectorNotFound)
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	var want *registryv1.Connector
	t.Run("before", func(t *testing.T) {
		store := onDisk(t, dir)
		t.Cleanup(func() { _ = store.Close() })
		want = newRig(t, store).importFiles("api", file("a.yaml", swagger("API", 20))).GetConnector()
	})
	t.Run("after", func(t *testing.T) {
		store := onDisk(t, dir)
		t.Cleanup(func() { _ = store.Close() })
		r := newRig(t, store)
		got, err := r.GetConnector(r.maker(), &registryv1.GetConnectorRequest{Name: want.GetName()})
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%v (-before +after):\n%s", err, diff)
		}
		rev, err := r.GetRevision(r.maker(), &registryv1.GetRevisionRequest{Name: want.GetPublishedRevision(), View: registryv1.RevisionView_REVISION_VIEW_FULL})
		if err != nil || len(rev.GetDefinition().GetOperations()) != 21 {
			t.Errorf("revision: %v", err)
		}
	})
}

func TestValidateNeedsNoServer(t *testing.T) {
	report, err := registry.Validate(t.Context(), []registry.File{{Path: "a.yaml", Content: []byte(swagger("API", 2))}})
	if err != nil || report.Title != "API" || report.Actions != 2 || report.Triggers != 1 || report.Format != "openapi2" || report.Findings[0].Code != "ExtensionUnknown" || report.Findings[0].Severity != registry.Warning {
		t.Errorf("Validate = %+v, %v", report, err)
	}
	_, err = registry.Validate(t.Context(), []registry.File{{Path: "a.json", Content: []byte("}")}})
	if fault.ReasonOf(err) != fault.ReasonDocumentSyntax || fault.From(err).Meta()["line"] != "1" {
		t.Errorf("a broken file: %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	cfg := defaults(t)
	if err := cfg.Validate(); err != nil || cfg.Imports != 2 || cfg.FetchTimeout != 30*time.Second {
		t.Errorf("defaults %+v, %v", cfg, err)
	}
	bad := registry.Config{Imports: 0, FetchTimeout: time.Hour}
	err := bad.Validate()
	if err == nil || !strings.Contains(err.Error(), "imports") || !strings.Contains(err.Error(), "fetch-timeout") {
		t.Errorf("all faults at once: %v", err)
	}
	if _, err := registry.New(newRig(t, memory(t)).env, bad); err == nil {
		t.Error("a service was built from a bad configuration")
	}
}

func TestReadinessFollowsRun(t *testing.T) {
	r := newRig(t, memory(t))
	testkit.Await(t, "the registry to be ready", func() bool { return r.env.Health.Report().Ready })
}

func wantReason(t *testing.T, what string, err error, want fault.Reason) {
	t.Helper()
	if _, ok := errors.AsType[*fault.Error](err); !ok || fault.ReasonOf(err) != want {
		t.Errorf("%s: %v (%s), want %s", what, err, fault.ReasonOf(err), want)
	}
}
