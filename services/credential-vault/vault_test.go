package vault_test

import (
	gocmp "cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

const (
	parent    = "environments/default"
	connector = parent + "/connectors/crm"
	crm1      = parent + "/connections/crm-1"
)

// create makes crm-1, which belongs to ann.
func (r *rig) create(change ...func(*vaultv1.CreateConnectionRequest)) *vaultv1.Connection {
	r.t.Helper()
	conn, err := r.as("gateway").CreateConnection(r.user("ann"), request(change...))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func request(change ...func(*vaultv1.CreateConnectionRequest)) *vaultv1.CreateConnectionRequest {
	req := &vaultv1.CreateConnectionRequest{
		Parent: parent, ConnectionId: "crm-1",
		Connection: &vaultv1.Connection{Connector: connector, DisplayName: "CRM"},
		Secrets:    map[string]string{"api_key": "s3cret"},
	}
	for _, f := range change {
		f(req)
	}
	return req
}

func TestTheLifeOfAConnection(t *testing.T) {
	r := newRig(t)
	gateway := r.as("gateway")
	created := r.create()
	want := &vaultv1.Connection{
		Name: crm1, Connector: connector, ParameterSet: "key", Parameters: map[string]string{"tenant": "main"},
		SecretNames: []string{"api_key"}, DisplayName: "CRM", Owner: "ann", State: vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED,
		ApiOrigins: []string{"https://api.crm.example"},
	}
	times := protocmp.IgnoreFields(&vaultv1.Connection{}, "etag", "state_time", "create_time", "update_time")
	if diff := cmp.Diff(want, created, protocmp.Transform(), times); diff != "" {
		t.Error(diff)
	}
	if created.GetEtag() == "" || created.GetCreateTime() == nil || created.GetStateTime() == nil || created.GetUpdateTime() == nil {
		t.Errorf("etag or times are missing: %v", created)
	}

	got, err := gateway.GetConnection(r.user("ann"), &vaultv1.GetConnectionRequest{Name: crm1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, got, protocmp.Transform()); diff != "" {
		t.Errorf("Get differs from Create: %s", diff)
	}
	list, err := gateway.ListConnections(r.user("ann"), &vaultv1.ListConnectionsRequest{Parent: parent, Connector: connector})
	if err != nil || len(list.GetConnections()) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	updated, err := gateway.UpdateConnection(r.user("ann"), &vaultv1.UpdateConnectionRequest{
		Connection: &vaultv1.Connection{Name: crm1, DisplayName: "renamed", Etag: created.GetEtag()},
	})
	if err != nil || updated.GetDisplayName() != "renamed" || updated.GetEtag() == created.GetEtag() {
		t.Fatalf("got %v, %v", updated, err)
	}
	if _, err := gateway.DeleteConnection(r.user("ann"), &vaultv1.DeleteConnectionRequest{Name: crm1, Etag: updated.GetEtag()}); err != nil {
		t.Fatal(err)
	}
	_, err = gateway.GetConnection(r.user("ann"), &vaultv1.GetConnectionRequest{Name: crm1})
	wantReason(t, err, fault.ReasonConnectionNotFound)
	if m := fault.From(err).Meta()["connection"]; m != crm1 {
		t.Errorf("metadata names %q", m)
	}
}

func TestTheRuntimeBorrowsACredential(t *testing.T) {
	r := newRig(t)
	created := r.create(func(req *vaultv1.CreateConnectionRequest) { req.Connection.ServerUrl = "https://EU.Sandbox.example/v1" })
	got, err := r.as(service.Runtime).ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1, Principal: "ann", OperationId: "ListItems"})
	if err != nil {
		t.Fatal(err)
	}
	want := &vaultv1.Credential{
		Connection: crm1, Connector: connector, ParameterSet: "key", Parameters: map[string]string{"tenant": "main"},
		Secrets:   []*vaultv1.SecretValue{{Name: "api_key", Value: []byte("s3cret")}},
		ServerUrl: "https://EU.Sandbox.example/v1", AllowedHosts: []string{"https://eu.sandbox.example"}, Owner: "ann", Etag: created.GetEtag(),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&vaultv1.Credential{}, "expire_time", "link_key")); diff != "" {
		t.Error(diff)
	}
	if got.GetExpireTime() == nil || len(got.GetLinkKey()) != 32 {
		t.Errorf("the lease ends %v and has a link key of %d bytes", got.GetExpireTime(), len(got.GetLinkKey()))
	}
	if got := r.registry.askedAs(); got.Kind != authn.KindService || got.Name != service.Vault {
		t.Errorf("the registry was asked as %v: its answers are shared by all callers", got)
	}
	record := r.trail()[0]
	if !strings.HasPrefix(record.GetName(), parent+"/auditRecords/") || record.GetTime() == nil {
		t.Errorf("the record has no name or no time: %v", record)
	}
	wantRecord := &vaultv1.AuditRecord{
		Action: vaultv1.AuditAction_AUDIT_ACTION_RESOLVED, Connection: crm1, Principal: "ann", Service: "runtime-proxy",
		OperationId: "ListItems", SecretNames: []string{"api_key"},
	}
	if diff := cmp.Diff(wantRecord, record, protocmp.Transform(), protocmp.IgnoreFields(&vaultv1.AuditRecord{}, "name", "time", "sequence", "proof")); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyElseBorrowsACredentialAndWhoTriesIsOnRecord(t *testing.T) {
	for title, c := range map[string]struct {
		user   string
		role   authn.Role
		from   string
		want   fault.Reason
		record string // principal and service, empty if there is none
	}{
		"the owner, through the gateway":     {"ann", authn.RoleUser, "gateway", fault.ReasonServiceOnly, "ann gateway"},
		"an administrator, from outside":     {"root", authn.RoleAdmin, "", fault.ReasonServiceOnly, "root "},
		"another service":                    {"", "", "trigger", fault.ReasonServiceOnly, "trigger trigger"},
		"a user whose name is the runtime's": {service.Runtime, authn.RoleUser, "gateway", fault.ReasonServiceOnly, "runtime-proxy gateway"},
		"the runtime, for somebody else":     {"bob", authn.RoleUser, service.Runtime, fault.ReasonConnectionNotFound, "bob runtime-proxy"},
		"a process without name and token":   {"", "", "", fault.ReasonUnauthenticated, ""},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create()
			before := len(r.trail())
			ctx := t.Context()
			if c.user != "" {
				ctx = r.user(c.user, c.role)
			}
			got, err := r.as(c.from).ResolveCredential(ctx, &vaultv1.ResolveCredentialRequest{Name: crm1, OperationId: "op"})
			wantReason(t, err, c.want)
			if got != nil {
				t.Errorf("got %v", got)
			}
			trail := r.trail()
			if c.record == "" {
				if len(trail) != before {
					t.Errorf("the trail begins with %v", trail[0])
				}
				return
			}
			if record := trail[0]; record.GetAction() != vaultv1.AuditAction_AUDIT_ACTION_REFUSED ||
				record.GetPrincipal()+" "+record.GetService() != c.record || record.GetConnection() != crm1 || record.GetOperationId() != "op" {
				t.Errorf("the trail begins with %v, want the refusal of %q", record, c.record)
			}
		})
	}
}

func TestOnlyTheTriggerServiceIsTrustedWithConnectionsOfOthers(t *testing.T) {
	r := newRig(t)
	r.create()
	for principal, want := range map[string]fault.Reason{
		service.Trigger:  "",
		service.Gateway:  fault.ReasonConnectionNotFound,
		service.Registry: fault.ReasonConnectionNotFound,
		service.Vault:    fault.ReasonConnectionNotFound,
		service.Runtime:  fault.ReasonConnectionNotFound,
		"":               fault.ReasonConnectionNotFound,
		"ann":            "",
		"bob":            fault.ReasonConnectionNotFound,
	} {
		_, err := r.as(service.Runtime).ResolveCredential(t.Context(), &vaultv1.ResolveCredentialRequest{Name: crm1, Principal: principal})
		if fault.ReasonOf(err) != want {
			t.Errorf("for %q: got %v, want %q", principal, err, want)
		}
		wantAction := vaultv1.AuditAction_AUDIT_ACTION_RESOLVED
		if want != "" {
			wantAction = vaultv1.AuditAction_AUDIT_ACTION_REFUSED
		}
		if record := r.trail()[0]; record.GetAction() != wantAction || record.GetPrincipal() != gocmp.Or(principal, service.Runtime) {
			t.Errorf("for %q: the trail begins with %v", principal, record)
		}
	}
}

func TestOnlyRequestsForSecretsLeaveARecordAtTheDoor(t *testing.T) {
	r := newRig(t)
	r.create()
	before := len(r.trail())
	trigger := r.as("trigger")
	_, err := trigger.ResolveCredential(t.Context(), &vaultv1.ResolveCredentialRequest{Name: "nonsense"})
	wantReason(t, err, fault.ReasonServiceOnly)
	_, err = trigger.ReportConnectionTest(t.Context(), &vaultv1.ReportConnectionTestRequest{Name: crm1})
	wantReason(t, err, fault.ReasonServiceOnly)
	if trail := r.trail(); len(trail) != before {
		t.Errorf("the trail begins with %v", trail[0])
	}
}

func TestATestIsReportedByTheRuntimeOnly(t *testing.T) {
	r := newRig(t)
	r.create()
	req := &vaultv1.ReportConnectionTestRequest{Name: crm1, Reason: "the API said 401"}
	_, err := r.as("gateway").ReportConnectionTest(r.user("ann"), req)
	wantReason(t, err, fault.ReasonServiceOnly)
	got, err := r.as(service.Runtime).ReportConnectionTest(t.Context(), req)
	if err != nil || got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_ERROR || got.GetStateReason() != "the API said 401" || got.GetTestTime() == nil {
		t.Errorf("got %v, %v", got, err)
	}
	got, err = r.as(service.Runtime).ReportConnectionTest(t.Context(), &vaultv1.ReportConnectionTestRequest{Name: crm1, Succeeded: true})
	if err != nil || got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED || got.GetStateReason() != "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAnAnnouncedRevisionIsUsedAtOnce(t *testing.T) {
	r := newRig(t)
	both := crm()
	both.Servers = append(both.Servers, &connectorv1.Server{UrlTemplate: "https://new.crm.example"})
	r.registry.publish(both)
	r.create()
	runtime := r.as(service.Runtime)
	hosts := func() string {
		got, err := runtime.ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(got.GetAllowedHosts(), " ")
	}
	if got := hosts(); got != "https://api.crm.example https://new.crm.example" {
		t.Fatalf("got %s", got)
	}
	moved := crm()
	moved.Servers[0].UrlTemplate = "https://new.crm.example"
	r.registry.publish(moved)
	n := 0
	testkit.Await(t, "the other host to be gone", func() bool {
		n++ // announced again and again: the vault may not be listening yet
		m := bus.Change{Kind: bus.ChangeConnector, Environment: "default", ID: "crm"}.Message(fmt.Sprint("crm@", n))
		if err := r.bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		return hosts() == "https://new.crm.example"
	})
}

func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if fault.ReasonOf(err) != want {
		t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), want)
	}
}
