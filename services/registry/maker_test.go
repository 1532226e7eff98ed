package registry_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestWritingIsForMakers sees that every method that makes or reads descriptions
// asks for the role, and that the others do not.
func TestWritingIsForMakers(t *testing.T) {
	r := newRig(t, memory(t))
	r.createProd()
	r.mustImport(nil, swagger("API", 1))
	r.mustImport(nil, swagger("API", 2))
	files := &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 2))}}
	for method, call := range map[string]func(ctx context.Context) error{
		"CreateConnector": func(ctx context.Context) error {
			_, err := r.CreateConnector(ctx, &registryv1.CreateConnectorRequest{Parent: parent, Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "T"}}})
			return err
		},
		"UpdateConnector": func(ctx context.Context) error {
			_, err := r.UpdateConnector(ctx, &registryv1.UpdateConnectorRequest{
				Name: parent + "/connectors/api", Definition: &connectorv1.Definition{}, UpdateMask: []string{"info.description"},
			})
			return err
		},
		"DeprecateRevision": func(ctx context.Context) error {
			_, err := r.DeprecateRevision(ctx, &registryv1.DeprecateRevisionRequest{Name: revisionName("latest")})
			return err
		},
		"PromoteConnector": func(ctx context.Context) error {
			_, err := r.PromoteConnector(ctx, &registryv1.PromoteConnectorRequest{Name: revisionName("latest"), Environment: prod})
			return err
		},
		"ExportConnector": func(ctx context.Context) error {
			_, err := r.ExportConnector(ctx, &registryv1.ExportConnectorRequest{Name: revisionName("published")})
			return err
		},
		"GetSource": func(ctx context.Context) error {
			_, err := r.GetSource(ctx, &registryv1.GetSourceRequest{Name: revisionName("published")})
			return err
		},
		"DiffRevisions of files": func(ctx context.Context) error {
			_, err := r.DiffRevisions(ctx, &registryv1.DiffRevisionsRequest{Base: revisionName("latest"), Target: &registryv1.DiffRevisionsRequest_Files{Files: files}})
			return err
		},
	} {
		wantReason(t, method+" by a user", call(r.as(authn.RoleUser)), fault.ReasonPermissionDenied)
		wantReason(t, method+" by nobody", call(t.Context()), fault.ReasonUnauthenticated)
		if err := call(r.maker()); err != nil {
			t.Errorf("%s by a maker: %v", method, err)
		}
	}
	for method, call := range map[string]func(ctx context.Context) error{
		"GetEnvironment": func(ctx context.Context) error {
			_, err := r.GetEnvironment(ctx, &registryv1.GetEnvironmentRequest{Name: parent})
			return err
		},
		"ListEnvironments": func(ctx context.Context) error {
			_, err := r.ListEnvironments(ctx, &registryv1.ListEnvironmentsRequest{})
			return err
		},
		"DiffRevisions": func(ctx context.Context) error {
			_, err := r.DiffRevisions(ctx, &registryv1.DiffRevisionsRequest{Base: revisionName("latest"), Target: &registryv1.DiffRevisionsRequest_Revision{Revision: revisionName("published")}})
			return err
		},
		"SearchConnectors": func(ctx context.Context) error {
			_, err := r.SearchConnectors(ctx, &registryv1.SearchConnectorsRequest{Parent: parent})
			return err
		},
		"SearchOperations": func(ctx context.Context) error {
			_, err := r.SearchOperations(ctx, &registryv1.SearchOperationsRequest{Parent: parent})
			return err
		},
	} {
		wantReason(t, method+" by nobody", call(t.Context()), fault.ReasonUnauthenticated)
		if err := call(r.as()); err != nil {
			t.Errorf("%s by somebody without roles: %v", method, err)
		}
	}
}

func TestAnOperationIsInferredOfASample(t *testing.T) {
	r := newRig(t, memory(t))
	const secret = "hunter2hunter2"
	requests := map[string]*registryv1.InferOperationRequest{
		"a command": {Request: &registryv1.InferOperationRequest_Curl{
			Curl: `curl -X POST 'https://h.example/v1/items?limit=5' -H 'Authorization: Bearer ` + secret + `' -H 'Content-Type: application/json' -d '{"name":"x"}'`,
		}},
		"a request": {Request: &registryv1.InferOperationRequest_Sample{Sample: &registryv1.SampleRequest{
			Method: "POST", Url: "https://h.example/v1/items?limit=5", Body: []byte(`{"name":"x"}`),
			Headers: []string{"Authorization: Bearer " + secret, "Content-Type: application/json"},
		}}},
	}
	for name, req := range requests {
		t.Run(name, func(t *testing.T) {
			req.Parent, req.OperationId = parent, "AddItem"
			req.Response = &registryv1.SampleResponse{Status: 201, Headers: []string{"Content-Type: application/json"}, Body: []byte(`{"id":7}`)}
			out, err := r.InferOperation(r.maker(), req)
			if err != nil {
				t.Fatal(err)
			}
			op := out.GetOperation()
			if op.GetOperationId() != "AddItem" || op.GetMethod() != "POST" || len(op.GetParameters()) != 1 || op.GetRequestBody() == nil || op.GetResponses()[0].GetStatus() != "201" {
				t.Errorf("operation %v", op)
			}
			if len(out.GetSecuritySchemes()) != 1 || out.GetServer().GetUrlTemplate() == "" || len(out.GetFindings()) == 0 {
				t.Errorf("inferred %v", out)
			}
			if strings.Contains(out.String(), secret) {
				t.Error("the answer holds the secret")
			}
			// What was inferred fits into a connector.
			def := &connectorv1.Definition{
				Info: &connectorv1.Info{Title: "Inferred"}, Servers: []*connectorv1.Server{out.GetServer()},
				Operations: []*connectorv1.Operation{op}, SecuritySchemes: out.GetSecuritySchemes(),
			}
			if _, err := r.CreateConnector(r.maker(), &registryv1.CreateConnectorRequest{Parent: parent, Definition: def, ValidateOnly: true}); err != nil {
				t.Errorf("it fits into no connector: %v, %v", err, fault.From(err).Violations())
			}
		})
	}
	_, err := r.InferOperation(r.maker(), &registryv1.InferOperationRequest{Parent: parent, Request: &registryv1.InferOperationRequest_Curl{Curl: "echo hello"}})
	wantReason(t, "no curl command", err, fault.ReasonInvalidArgument)
	_, err = r.InferOperation(r.maker(), &registryv1.InferOperationRequest{Parent: parent})
	wantReason(t, "no request", err, fault.ReasonInvalidArgument)
	_, err = r.InferOperation(r.maker(), &registryv1.InferOperationRequest{Parent: prod, Request: &registryv1.InferOperationRequest_Curl{Curl: "curl h.example"}})
	wantReason(t, "nowhere", err, fault.ReasonEnvironmentNotFound)
	_, err = r.InferOperation(r.as(authn.RoleUser), requests["a command"])
	wantReason(t, "by a user", err, fault.ReasonPermissionDenied)
}

func TestAConnectorFromBlank(t *testing.T) {
	r := newRig(t, memory(t))
	created, err := r.CreateConnector(r.maker(), &registryv1.CreateConnectorRequest{Parent: parent, ConnectorId: "api", Definition: &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "Ours", Publisher: "Us", Categories: []string{"Data"}}, Servers: []*connectorv1.Server{{UrlTemplate: "https://h.example"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := created.GetConnector()
	if c.GetFormat() != registryv1.SourceFormat_SOURCE_FORMAT_FERRULE || c.GetPublishedRevision() != "" || c.GetPublisher() != "Us" || c.GetCategories()[0] != "Data" || c.GetAuthentication()[0] != "none" ||
		created.GetRevision().GetState() != registryv1.RevisionState_REVISION_STATE_DRAFT || created.GetRevision().GetTitle() != "Ours" {
		t.Errorf("created %v", created)
	}
	_, err = r.GetRevision(r.as(), &registryv1.GetRevisionRequest{Name: revisionName("published")})
	wantReason(t, "nothing is published", err, fault.ReasonConnectorNotPublished)
	_, err = r.CreateConnector(r.maker(), &registryv1.CreateConnectorRequest{Parent: parent, ConnectorId: "api", Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "X"}}})
	wantReason(t, "the id again", err, fault.ReasonConnectorExists)
	_, err = r.CreateConnector(r.maker(), &registryv1.CreateConnectorRequest{Parent: parent, ConnectorId: "x", Definition: &connectorv1.Definition{}})
	wantReason(t, "no title", err, fault.ReasonDefinitionInvalid)

	// Its source is a description like any other: importing it is no news.
	src, err := r.GetSource(r.maker(), &registryv1.GetSourceRequest{Name: created.GetRevision().GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if again := r.importFiles("api", src.GetFiles()...); again.GetCreated() || again.GetRevision().GetName() != created.GetRevision().GetName() {
		t.Errorf("the source of the connector is another revision: %v", again)
	}
	operation := &connectorv1.Operation{
		OperationId: "GetItem", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/items",
		Responses: []*connectorv1.Response{{Status: "200"}},
	}
	edited, err := r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: c.GetName(), Definition: &connectorv1.Definition{Operations: []*connectorv1.Operation{operation}}, Etag: c.GetEtag(),
		UpdateMask: []string{"operations.GetItem"}, Publish: true,
	})
	if err != nil || !edited.GetRevision().GetEdited() || edited.GetConnector().GetPublishedRevision() != edited.GetRevision().GetName() || edited.GetConnector().GetActionCount() != 1 || edited.GetDiff() != nil {
		t.Fatalf("edited %v, %v", edited, err)
	}
	_, err = r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: c.GetName(), Definition: &connectorv1.Definition{}, Etag: c.GetEtag(), UpdateMask: []string{"tags"},
	})
	wantReason(t, "an old etag", err, fault.ReasonEtagMismatch)
	_, err = r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: c.GetName(), Definition: &connectorv1.Definition{}, UpdateMask: []string{"nothing.like.it"},
	})
	wantReason(t, "a path that leads nowhere", err, fault.ReasonInvalidArgument)
	rev, err := r.GetRevision(r.as(), &registryv1.GetRevisionRequest{Name: revisionName("published"), View: registryv1.RevisionView_REVISION_VIEW_FULL})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*connectorv1.Operation{operation}, rev.GetDefinition().GetOperations(), protocmp.Transform()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	// What is written in our own format is read again as what it was.
	exported, err := r.ExportConnector(r.maker(), &registryv1.ExportConnectorRequest{Name: revisionName("latest"), Format: registryv1.ExportFormat_EXPORT_FORMAT_FERRULE})
	if err != nil || exported.GetVerbatim() {
		t.Fatalf("exported %v, %v", exported, err)
	}
	copied := r.importFiles("copy", exported.GetFiles()...)
	again, err := r.GetRevision(r.as(), &registryv1.GetRevisionRequest{Name: copied.GetRevision().GetName(), View: registryv1.RevisionView_REVISION_VIEW_FULL})
	if diff := cmp.Diff(rev.GetDefinition(), again.GetDefinition(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
}
