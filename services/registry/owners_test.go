package registry_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

const apiName = parent + "/connectors/api"

// changing is every method that changes the connector api, which has a published
// revision and a draft, or its copy in the environment prod.
func (r *rig) changing() map[string]func(ctx context.Context) error {
	update := func(dry bool) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.UpdateConnector(ctx, &registryv1.UpdateConnectorRequest{
				Name: apiName, Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "Mine"}}, UpdateMask: []string{"info.title"}, ValidateOnly: dry,
			})
			return err
		}
	}
	bring := func(change func(*registryv1.ImportConnectorRequest)) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.ImportConnector(ctx, importing(change, swagger("API", 3)))
			return err
		}
	}
	promote := func(dry bool) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.PromoteConnector(ctx, &registryv1.PromoteConnectorRequest{Name: revisionName("published"), Environment: prod, ValidateOnly: dry})
			return err
		}
	}
	return map[string]func(ctx context.Context) error{
		"ImportConnector":                 bring(nil),
		"ImportConnector without an id":   bring(func(req *registryv1.ImportConnectorRequest) { req.ConnectorId = "" }),
		"ImportConnector, validate_only":  bring(func(req *registryv1.ImportConnectorRequest) { req.ValidateOnly = true }),
		"UpdateConnector":                 update(false),
		"UpdateConnector, validate_only":  update(true),
		"PromoteConnector":                promote(false),
		"PromoteConnector, validate_only": promote(true),
		"PublishRevision": func(ctx context.Context) error {
			_, err := r.PublishRevision(ctx, &registryv1.PublishRevisionRequest{Name: revisionName("latest")})
			return err
		},
		"DeprecateRevision": func(ctx context.Context) error {
			_, err := r.DeprecateRevision(ctx, &registryv1.DeprecateRevisionRequest{Name: revisionName("latest")})
			return err
		},
		"DeleteConnector": func(ctx context.Context) error {
			_, err := r.DeleteConnector(ctx, &registryv1.DeleteConnectorRequest{Name: apiName})
			return err
		},
	}
}

// TestWhoMayChangeAConnector asks every method for everybody, over gRPC.
func TestWhoMayChangeAConnector(t *testing.T) {
	r := newRig(t, memory(t))
	r.createProd()
	share := func(ctx context.Context) error {
		_, err := r.ShareConnector(ctx, &registryv1.ShareConnectorRequest{Name: apiName, AddEditors: []string{"eva"}})
		return err
	}
	for _, who := range []struct {
		name              string
		ctx               context.Context
		mayEdit, mayShare bool
	}{
		{"the owner", r.maker(), true, true},
		{"an editor", r.who("eva", authn.RoleMaker), true, false},
		{"an editor who is no maker", r.who("eva", authn.RoleUser), false, false},
		{"the owner, who is a maker no more", r.as(authn.RoleUser), false, false},
		{"another maker", r.who("mallory", authn.RoleMaker), false, false},
		{"a user", r.who("ulla", authn.RoleUser), false, false},
		{"an administrator", r.who("root", authn.RoleAdmin), true, true},
	} {
		methods := r.changing()
		methods["ShareConnector"] = share
		for method, call := range methods {
			r.fresh()
			may := who.mayEdit
			if method == "ShareConnector" {
				may = who.mayShare
			}
			err := call(who.ctx)
			if (err == nil) != may || err != nil && fault.ReasonOf(err) != fault.ReasonPermissionDenied {
				t.Errorf("%s by %s: %v", method, who.name, err)
			}
		}
		for method, call := range map[string]func(ctx context.Context) error{
			"GetConnector": func(ctx context.Context) error {
				_, err := r.GetConnector(ctx, &registryv1.GetConnectorRequest{Name: apiName})
				return err
			},
			"GetRevision": func(ctx context.Context) error {
				_, err := r.GetRevision(ctx, &registryv1.GetRevisionRequest{Name: revisionName("latest")})
				return err
			},
		} {
			r.fresh()
			if err := call(who.ctx); err != nil {
				t.Errorf("%s by %s: %v", method, who.name, err)
			}
		}
	}
}

// fresh makes the connector api anew, and its copy in prod: ann's, shared with eva.
func (r *rig) fresh() {
	r.t.Helper()
	root := r.who("root", authn.RoleAdmin)
	for _, name := range []string{apiName, prod + "/connectors/api"} {
		if _, err := r.DeleteConnector(root, &registryv1.DeleteConnectorRequest{Name: name}); err != nil && fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
			r.t.Fatal(err)
		}
	}
	r.mustImport(nil, swagger("API", 1))
	r.mustImport(nil, swagger("API", 2))
	if _, err := r.PromoteConnector(r.maker(), &registryv1.PromoteConnectorRequest{Name: revisionName("latest"), Environment: prod}); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []string{apiName, prod + "/connectors/api"} {
		if _, err := r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: name, Owner: "ann", RemoveEditors: []string{"*"}, AddEditors: []string{"eva"}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestSharingIsSeenAndAnnounced(t *testing.T) {
	r := newRig(t, memory(t))
	made := r.mustImport(nil, swagger("API", 1)).GetConnector()
	if made.GetOwner() != "ann" || len(made.GetEditors()) != 0 {
		t.Errorf("made %v", made)
	}
	changes := r.changes()
	shared, err := r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: apiName, AddEditors: []string{"zoe", "eva"}, Etag: made.GetEtag()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"eva", "zoe"}, shared.GetEditors()); diff != "" || shared.GetOwner() != "ann" || shared.GetEtag() == made.GetEtag() {
		t.Errorf("shared %v (-want +got):\n%s", shared, diff)
	}
	if c := testkit.Receive(t, "the change", changes); c.Kind != bus.ChangeConnector || c.ID != "api" {
		t.Errorf("announced %v", c)
	}
	_, err = r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: apiName, Owner: "eva", Etag: made.GetEtag()})
	wantReason(t, "an old etag", err, fault.ReasonEtagMismatch)
	if _, err := r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: apiName, Owner: "eva", RemoveEditors: []string{"zoe"}}); err != nil {
		t.Fatal(err)
	}
	list, err := r.ListConnectors(r.as(), &registryv1.ListConnectorsRequest{Parent: parent})
	if err != nil || list.GetConnectors()[0].GetOwner() != "eva" || !cmp.Equal(list.GetConnectors()[0].GetEditors(), []string{"ann"}) {
		t.Errorf("listed %v, %v", list, err)
	}
	_, err = r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: apiName, Owner: "ann"})
	wantReason(t, "the former owner takes it back", err, fault.ReasonPermissionDenied)
	for field, req := range map[string]*registryv1.ShareConnectorRequest{
		"add_editors":    {Name: apiName, AddEditors: []string{"*"}},
		"remove_editors": {Name: apiName, RemoveEditors: []string{" eva"}},
		"owner":          {Name: apiName, Owner: "a\nb"},
	} {
		_, err := r.ShareConnector(r.who("root", authn.RoleAdmin), req)
		wantReason(t, field, err, fault.ReasonInvalidArgument)
	}
	_, err = r.ShareConnector(r.maker(), &registryv1.ShareConnectorRequest{Name: parent + "/connectors/none", Owner: "ann"})
	wantReason(t, "a connector that does not exist", err, fault.ReasonConnectorNotFound)
}
