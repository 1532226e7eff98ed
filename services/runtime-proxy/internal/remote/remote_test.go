package remote_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/remote"
)

var (
	crm      = resource.Connection{Environment: "default", ID: "crm"}
	ada      = authn.Principal{Kind: authn.KindUser, Name: "ada"}
	revision = resource.Revision{Environment: "default", Connector: "crm", ID: "a1"}
)

// peer is a service at the other end: it notes what it is asked and answers with
// a message or an error.
type peer struct {
	method string
	asked  proto.Message
	answer proto.Message
	err    error
	given  proto.Message // the message that the client got, to see what becomes of it
}

func (p *peer) Invoke(_ context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	p.method = method[strings.LastIndexByte(method, '/')+1:]
	p.asked = proto.Clone(args.(proto.Message))
	if p.err != nil {
		return p.err
	}
	proto.Merge(reply.(proto.Message), p.answer)
	p.given = reply.(proto.Message)
	return nil
}

func (p *peer) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("nobody streams here")
}

func TestALeaseIsWhatTheVaultSays(t *testing.T) {
	expires := time.Unix(1_000_000, 5).UTC()
	tests := []struct {
		name   string
		answer *vaultv1.Credential
		check  func(t *testing.T, l leaseView)
	}{
		{"everything", &vaultv1.Credential{
			Connector: "environments/default/connectors/crm", PinnedRevision: "environments/default/connectors/crm/revisions/b2", ParameterSet: "basic",
			Parameters: map[string]string{"region": "eu"}, ServerUrl: "https://x", AllowedHosts: []string{"x:443"}, ExpireTime: timestamppb.New(expires),
			Secrets: []*vaultv1.SecretValue{{Name: "k", Value: []byte("v")}, {Name: "empty"}},
		}, func(t *testing.T, l leaseView) {
			want := leaseView{"crm", "b2", "basic", "https://x", map[string]string{"region": "eu"}, []string{"x:443"}, []string{"empty", "k"}, expires}
			if diff := cmp.Diff(want, l, cmp.AllowUnexported(leaseView{})); diff != "" {
				t.Errorf("lease (-want +got):\n%s", diff)
			}
		}},
		{"a revision by its last part alone", &vaultv1.Credential{Connector: "environments/default/connectors/crm", PinnedRevision: "b2"}, func(t *testing.T, l leaseView) {
			if l.revision != "b2" {
				t.Errorf("revision = %q", l.revision)
			}
		}},
		{"as little as possible", &vaultv1.Credential{Connector: "environments/default/connectors/crm"}, func(t *testing.T, l leaseView) {
			if l.revision != "" || !l.expires.IsZero() || len(l.secrets) != 0 {
				t.Errorf("lease = %+v", l)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vault := &peer{answer: tt.answer}
			l, err := remote.New(vault, nil).Lease(t.Context(), binding.Ask{Connection: crm, Principal: ada, Operation: "ListItems"})
			if err != nil {
				t.Fatal(err)
			}
			want := &vaultv1.ResolveCredentialRequest{Name: crm.String(), Principal: "ada", OperationId: "ListItems"}
			if diff := cmp.Diff(proto.Message(want), vault.asked, protocmp.Transform()); diff != "" || vault.method != "ResolveCredential" {
				t.Errorf("%s, question (-want +got):\n%s", vault.method, diff)
			}
			tt.check(t, leaseView{l.Connector.ID, l.Revision, l.ParameterSet, l.ServerURL, l.Parameters, l.AllowedHosts, slices.Sorted(maps.Keys(l.Secrets)), l.Expires})
		})
	}
}

// leaseView is a lease without its secrets.
type leaseView struct {
	connector, revision, set, server string
	parameters                       map[string]string
	hosts, secrets                   []string
	expires                          time.Time
}

// TestSecretsLiveInOnePlaceOnly: the message that brought them forgets them.
func TestSecretsLiveInOnePlaceOnly(t *testing.T) {
	vault := &peer{answer: &vaultv1.Credential{
		Connector: "environments/default/connectors/crm", Secrets: []*vaultv1.SecretValue{{Name: "k", Value: []byte("s3cret")}},
	}}
	l, err := remote.New(vault, nil).Lease(t.Context(), binding.Ask{Connection: crm, Principal: ada})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Secrets["k"]; !got.Equal(secret.FromString("s3cret")) {
		t.Error("the lease does not hold the secret")
	}
	if left := vault.given.(*vaultv1.Credential).GetSecrets()[0].GetValue(); strings.Contains(string(left), "s3cret") {
		t.Errorf("the message still holds %q", left)
	}
}

func TestRevisionsOfTheRegistry(t *testing.T) {
	definition := &connectorv1.Definition{Info: &connectorv1.Info{Title: "CRM"}}
	registry := &peer{answer: &registryv1.Revision{Name: revision.String(), Definition: definition}}
	r := remote.New(nil, registry)
	id, err := r.RevisionID(t.Context(), resource.Connector{Environment: "default", ID: "crm"})
	want := &registryv1.GetRevisionRequest{Name: "environments/default/connectors/crm/revisions/published"}
	if diff := cmp.Diff(proto.Message(want), registry.asked, protocmp.Transform()); diff != "" || err != nil || id != "a1" {
		t.Errorf("id %q, %v, question (-want +got):\n%s", id, err, diff)
	}
	got, err := r.Definition(t.Context(), revision)
	want = &registryv1.GetRevisionRequest{Name: revision.String(), View: registryv1.RevisionView_REVISION_VIEW_FULL}
	if diff := cmp.Diff(proto.Message(want), registry.asked, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v, question (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(definition, got, protocmp.Transform()); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

// TestOutcomesOfTestsFitTheVault: reasons can be as long as APIs are talkative.
func TestOutcomesOfTestsFitTheVault(t *testing.T) {
	for _, row := range []struct {
		name, reason string
		succeeded    bool
		want         string
	}{
		{"a success", "", true, ""},
		{"a failure", "the API refused it", false, "the API refused it"},
		{"a long one", strings.Repeat("x", 5000), false, strings.Repeat("x", 1024)},
		{"one that would be cut in a character", strings.Repeat("x", 1023) + "é", false, strings.Repeat("x", 1023)},
		{"one that is no text", "a\xffb", false, "ab"},
	} {
		t.Run(row.name, func(t *testing.T) {
			vault := &peer{answer: &vaultv1.Connection{}}
			if err := remote.New(vault, nil).ReportTest(t.Context(), crm, row.succeeded, row.reason); err != nil {
				t.Fatal(err)
			}
			got := vault.asked.(*vaultv1.ReportConnectionTestRequest)
			if got.GetName() != crm.String() || got.GetSucceeded() != row.succeeded || got.GetReason() != row.want || !utf8.ValidString(got.GetReason()) {
				t.Errorf("report = %v", got)
			}
		})
	}
}

// TestFailuresOfOthers: a fault of the vault is passed on as it is; everything
// else says no more than that something behind us failed.
func TestFailuresOfOthers(t *testing.T) {
	source := fault.NotFound(fault.ReasonConnectionNotFound, "connection %q does not exist", "crm").With("connection", "crm")
	tests := []struct {
		name   string
		err    error
		answer proto.Message
		code   fault.Code
		reason fault.Reason
	}{
		{"a fault", grpcx.ToStatus(source).Err(), nil, fault.CodeNotFound, fault.ReasonConnectionNotFound},
		{"nobody there", status.Error(codes.Unavailable, "dial tcp 10.0.0.7:443: connection refused"), nil, fault.CodeUnavailable, fault.ReasonServiceUnavailable},
		{"not allowed", status.Error(codes.PermissionDenied, "10.0.0.7 says no"), nil, fault.CodePermissionDenied, fault.ReasonPermissionDenied},
		{"too slow", context.DeadlineExceeded, nil, fault.CodeDeadlineExceeded, fault.From(context.DeadlineExceeded).Reason()},
		{"given up", context.Canceled, nil, fault.CodeCanceled, fault.ReasonCanceled},
		{"no error of grpc", errors.New("10.0.0.7 broke"), nil, fault.CodeInternal, fault.ReasonInternal},
	}
	calls := map[string]func(r *remote.Remote) error{
		"Lease": func(r *remote.Remote) error {
			return second(r.Lease(t.Context(), binding.Ask{Connection: crm, Principal: ada}))
		},
		"Reject": func(r *remote.Remote) error {
			return second(r.Reject(t.Context(), binding.Ask{Connection: crm, Principal: ada}, binding.Refusal{}))
		},
		"RevisionID": func(r *remote.Remote) error { _, err := r.RevisionID(t.Context(), resource.Connector{}); return err },
		"Definition": func(r *remote.Remote) error { _, err := r.Definition(t.Context(), revision); return err },
		"ReportTest": func(r *remote.Remote) error { return r.ReportTest(t.Context(), crm, true, "") },
	}
	for _, tt := range tests {
		for name, call := range calls {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				p := &peer{err: tt.err}
				f := fault.From(call(remote.New(p, p)))
				if f == nil || f.Code() != tt.code || f.Reason() != tt.reason || strings.Contains(f.Message(), "10.0.0.7") {
					t.Errorf("error = %v (%v)", f, f.Reason())
				}
			})
		}
	}
	for name, answer := range map[string]proto.Message{
		"Lease": &vaultv1.Credential{Connector: "crm"}, "Reject": &vaultv1.Credential{}, "RevisionID": &registryv1.Revision{Name: "a1"}, "Definition": &registryv1.Revision{Name: revision.String()},
	} {
		t.Run(name+"/an answer that cannot be used", func(t *testing.T) {
			p := &peer{answer: answer}
			f := fault.From(calls[name](remote.New(p, p)))
			if f == nil || f.Code() != fault.CodeInternal || f.Reason() != fault.ReasonInternal {
				t.Errorf("error = %v", f)
			}
		})
	}
}

func second[A any](_ A, err error) error { return err }

// TestATokenIsRejectedByItsVersion: with what the vault needs to lend another one
// to the same caller.
func TestATokenIsRejectedByItsVersion(t *testing.T) {
	vault := &peer{answer: &vaultv1.Credential{
		Connector: "environments/default/connectors/crm", TokenVersion: "v2", TokenPlacement: &vaultv1.TokenPlacement{Header: "X-Token", Prefix: "T "},
		Secrets: []*vaultv1.SecretValue{{Name: "token", Value: []byte("obviously-fake")}},
	}}
	subject, err := binding.NewSubject([]string{"obviously-fake-subject"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := remote.New(vault, nil).Reject(t.Context(), binding.Ask{Connection: crm, Principal: ada, Operation: "ListItems", Subject: subject}, binding.Refusal{TokenVersion: "v1", Status: 403})
	if err != nil {
		t.Fatal(err)
	}
	want := &vaultv1.RejectCredentialRequest{
		Name: crm.String(), Principal: "ada", OperationId: "ListItems", SubjectToken: "obviously-fake-subject", TokenVersion: "v1", StatusCode: 403,
	}
	if diff := cmp.Diff(proto.Message(want), vault.asked, protocmp.Transform()); diff != "" || vault.method != "RejectCredential" {
		t.Errorf("%s, question (-want +got):\n%s", vault.method, diff)
	}
	if got := l.Secrets["token"]; l.TokenVersion != "v2" || *l.Token != (inject.TokenPlacement{Header: "X-Token", Prefix: "T "}) || !got.Equal(secret.FromString("obviously-fake")) {
		t.Errorf("lease = %+v", l)
	}
}
