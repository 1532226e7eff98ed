package registry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const prod = "environments/prod"

// createProd makes the environment prod.
func (r *rig) createProd() *registryv1.Environment {
	r.t.Helper()
	e, err := r.CreateEnvironment(r.as(authn.RoleAdmin), &registryv1.CreateEnvironmentRequest{
		EnvironmentId: "prod", Environment: &registryv1.Environment{Title: "Production", Description: "For real"},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

func TestEnvironmentsThroughTheirLife(t *testing.T) {
	r := newRig(t, memory(t))
	admin := r.as(authn.RoleAdmin)
	made := r.createProd()
	want := &registryv1.Environment{Name: prod, Title: "Production", Description: "For real"}
	ignored := protocmp.IgnoreFields(&registryv1.Environment{}, "create_time", "update_time", "etag")
	if diff := cmp.Diff(want, made, protocmp.Transform(), ignored); diff != "" || made.GetCreateTime() == nil || made.GetEtag() == "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	got, err := r.GetEnvironment(r.as(authn.RoleUser), &registryv1.GetEnvironmentRequest{Name: prod})
	if diff := cmp.Diff(made, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("read: %v (-made +read):\n%s", err, diff)
	}
	changed, err := r.UpdateEnvironment(admin, &registryv1.UpdateEnvironmentRequest{
		Environment: &registryv1.Environment{Name: prod, Title: "Live", Etag: made.GetEtag()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
	})
	if err != nil || changed.GetTitle() != "Live" || changed.GetDescription() != "For real" || changed.GetEtag() == made.GetEtag() {
		t.Errorf("changed %v, %v", changed, err)
	}
	changed, err = r.UpdateEnvironment(admin, &registryv1.UpdateEnvironmentRequest{Environment: &registryv1.Environment{Name: prod, Title: "All"}})
	if err != nil || changed.GetTitle() != "All" || changed.GetDescription() != "" {
		t.Errorf("changed without a mask: %v, %v", changed, err)
	}
	_, err = r.UpdateEnvironment(admin, &registryv1.UpdateEnvironmentRequest{Environment: &registryv1.Environment{Name: prod, Etag: made.GetEtag()}})
	wantReason(t, "an old etag", err, fault.ReasonEtagMismatch)
	_, err = r.UpdateEnvironment(admin, &registryv1.UpdateEnvironmentRequest{
		Environment: &registryv1.Environment{Name: prod}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
	})
	wantReason(t, "a field that stays", err, fault.ReasonInvalidArgument)
	_, err = r.CreateEnvironment(admin, &registryv1.CreateEnvironmentRequest{EnvironmentId: "prod"})
	wantReason(t, "the id again", err, fault.ReasonEnvironmentExists)
	_, err = r.CreateEnvironment(admin, &registryv1.CreateEnvironmentRequest{EnvironmentId: "Prod"})
	wantReason(t, "a bad id", err, fault.ReasonInvalidName)
	_, err = r.CreateEnvironment(admin, &registryv1.CreateEnvironmentRequest{EnvironmentId: "x", Environment: &registryv1.Environment{Title: strings.Repeat("x", 129)}})
	wantReason(t, "a title that is too long", err, fault.ReasonInvalidArgument)

	files := &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file("a.yaml", swagger("API", 1))}}
	there, err := r.ImportConnector(r.maker(), &registryv1.ImportConnectorRequest{Parent: prod, Source: &registryv1.ImportConnectorRequest_Files{Files: files}})
	if err != nil || there.GetConnector().GetName() != prod+"/connectors/api" {
		t.Fatalf("imported %v, %v", there, err)
	}
	_, err = r.DeleteEnvironment(admin, &registryv1.DeleteEnvironmentRequest{Name: prod})
	wantReason(t, "while it holds a connector", err, fault.ReasonEnvironmentInUse)
	if _, err := r.DeleteConnector(r.maker(), &registryv1.DeleteConnectorRequest{Name: there.GetConnector().GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = r.DeleteEnvironment(admin, &registryv1.DeleteEnvironmentRequest{Name: prod, Etag: made.GetEtag()})
	wantReason(t, "with an old etag", err, fault.ReasonEtagMismatch)
	if _, err := r.DeleteEnvironment(admin, &registryv1.DeleteEnvironmentRequest{Name: prod}); err != nil {
		t.Errorf("deleting: %v", err)
	}
	_, err = r.ListConnectors(r.maker(), &registryv1.ListConnectorsRequest{Parent: prod})
	wantReason(t, "after it is gone", err, fault.ReasonEnvironmentNotFound)
}

func TestEnvironmentsArePaged(t *testing.T) {
	r := newRig(t, memory(t))
	for _, id := range []string{"b", "x", "a", "y"} {
		if _, err := r.CreateEnvironment(r.as(authn.RoleAdmin), &registryv1.CreateEnvironmentRequest{EnvironmentId: id}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	req := &registryv1.ListEnvironmentsRequest{PageSize: 2}
	for {
		resp, err := r.ListEnvironments(r.as(authn.RoleUser), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range resp.GetEnvironments() {
			names = append(names, strings.TrimPrefix(e.GetName(), "environments/"))
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "default", "x", "y"}, names); diff != "" {
		t.Errorf("environments (-want +got):\n%s", diff)
	}
	_, err := r.ListEnvironments(r.as(), &registryv1.ListEnvironmentsRequest{PageToken: "x"})
	wantReason(t, "no token", err, fault.ReasonInvalidPageToken)
}

func TestOnlyAdminsChangeEnvironments(t *testing.T) {
	r := newRig(t, memory(t))
	r.createProd()
	for method, call := range map[string]func(ctx context.Context) error{
		"CreateEnvironment": func(ctx context.Context) error {
			_, err := r.CreateEnvironment(ctx, &registryv1.CreateEnvironmentRequest{EnvironmentId: "x"})
			return err
		},
		"UpdateEnvironment": func(ctx context.Context) error {
			_, err := r.UpdateEnvironment(ctx, &registryv1.UpdateEnvironmentRequest{Environment: &registryv1.Environment{Name: prod}})
			return err
		},
		"DeleteEnvironment": func(ctx context.Context) error {
			_, err := r.DeleteEnvironment(ctx, &registryv1.DeleteEnvironmentRequest{Name: prod})
			return err
		},
	} {
		wantReason(t, method+" by a maker", call(r.maker()), fault.ReasonPermissionDenied)
		wantReason(t, method+" by nobody", call(t.Context()), fault.ReasonUnauthenticated)
		if err := call(r.as(authn.RoleAdmin)); err != nil {
			t.Errorf("%s by an admin: %v", method, err)
		}
		if method == "DeleteEnvironment" {
			r.createProd()
		}
	}
}

func TestEnvironmentsBoundTheirEvents(t *testing.T) {
	r := newRig(t, memory(t))
	admin := r.as(authn.RoleAdmin)
	made := r.createProd()
	if made.GetEventMaxAge() != nil || made.GetEventMaxBytes() != 0 {
		t.Errorf("made with bounds: %v", made)
	}
	update := func(e *registryv1.Environment, paths ...string) (*registryv1.Environment, error) {
		e.Name = prod
		return r.UpdateEnvironment(admin, &registryv1.UpdateEnvironmentRequest{Environment: e, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	day := durationpb.New(24 * time.Hour)
	if _, err := update(&registryv1.Environment{EventMaxAge: day}, "event_max_age"); err != nil {
		t.Fatal(err)
	}
	if _, err := update(&registryv1.Environment{EventMaxBytes: 1 << 20}, "event_max_bytes"); err != nil {
		t.Fatal(err)
	}
	got, err := r.GetEnvironment(admin, &registryv1.GetEnvironmentRequest{Name: prod})
	if err != nil || got.GetEventMaxAge().AsDuration() != 24*time.Hour || got.GetEventMaxBytes() != 1<<20 || got.GetTitle() != "Production" {
		t.Errorf("read %v, %v", got, err)
	}
	for name, e := range map[string]*registryv1.Environment{
		"too short": {EventMaxAge: durationpb.New(time.Second)}, "too long": {EventMaxAge: durationpb.New(11 * 365 * 24 * time.Hour)},
		"negative": {EventMaxBytes: -1},
	} {
		_, err := update(e, "event_max_age", "event_max_bytes")
		wantReason(t, name, err, fault.ReasonInvalidArgument)
	}
	got, err = update(&registryv1.Environment{Title: "T"}) // without a mask, everything
	if err != nil || got.GetEventMaxAge() != nil || got.GetEventMaxBytes() != 0 {
		t.Errorf("without bounds: %v, %v", got, err)
	}
	got, err = r.CreateEnvironment(admin, &registryv1.CreateEnvironmentRequest{
		EnvironmentId: "short", Environment: &registryv1.Environment{EventMaxAge: day, EventMaxBytes: 5},
	})
	if err != nil || got.GetEventMaxAge().AsDuration() != 24*time.Hour || got.GetEventMaxBytes() != 5 {
		t.Errorf("made %v, %v", got, err)
	}
}
