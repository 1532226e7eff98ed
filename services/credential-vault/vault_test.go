package vault_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
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
		ServerUrl: "https://EU.Sandbox.example/v1", AllowedHosts: []string{"eu.sandbox.example:443"}, Owner: "ann", Etag: created.GetEtag(),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&vaultv1.Credential{}, "expire_time")); diff != "" {
		t.Error(diff)
	}
	if got.GetExpireTime() == nil {
		t.Error("the lease has no end")
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
	if diff := cmp.Diff(wantRecord, record, protocmp.Transform(), protocmp.IgnoreFields(&vaultv1.AuditRecord{}, "name", "time")); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyElseBorrowsACredential(t *testing.T) {
	r := newRig(t)
	r.create()
	req := &vaultv1.ResolveCredentialRequest{Name: crm1}
	for title, c := range map[string]struct {
		ctx  context.Context
		from string
		want fault.Reason
	}{
		"the owner, through the gateway":     {r.user("ann"), "gateway", fault.ReasonServiceOnly},
		"an administrator, from outside":     {r.user("root", authn.RoleAdmin), "", fault.ReasonServiceOnly},
		"another service":                    {t.Context(), "trigger", fault.ReasonServiceOnly},
		"a process without name and token":   {t.Context(), "", fault.ReasonUnauthenticated},
		"the runtime, for somebody else":     {r.user("bob"), service.Runtime, fault.ReasonConnectionNotFound},
		"a user whose name is the runtime's": {r.user(service.Runtime), "gateway", fault.ReasonServiceOnly},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := r.as(c.from).ResolveCredential(c.ctx, req)
			wantReason(t, err, c.want)
			if got != nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWhoIsTurnedAwayAtTheDoorLeavesARecord(t *testing.T) {
	r := newRig(t)
	ctx := authn.NewContext(authn.NewPeerContext(t.Context(), "trigger"), authn.Principal{Kind: authn.KindService, Name: "trigger"})
	r.service.Refused(ctx, &vaultv1.ResolveCredentialRequest{Name: crm1, OperationId: "op"})
	r.service.Refused(ctx, &vaultv1.ResolveCredentialRequest{Name: "nonsense"})
	r.service.Refused(ctx, &vaultv1.ReportConnectionTestRequest{Name: crm1})
	trail := r.trail()
	if len(trail) != 1 || trail[0].GetAction() != vaultv1.AuditAction_AUDIT_ACTION_REFUSED || trail[0].GetService() != "trigger" {
		t.Errorf("the trail is %v", trail)
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

func TestUpdateMasks(t *testing.T) {
	for title, c := range map[string]struct {
		mask   []string
		change *vaultv1.Connection
		want   string // tenant, display name and server URL afterwards
	}{
		"no mask changes what has a value":     {nil, &vaultv1.Connection{DisplayName: "new"}, "other new https://api.crm.example"},
		"no mask and nothing changes nothing":  {nil, &vaultv1.Connection{}, "other CRM https://api.crm.example"},
		"a mask changes what it names":         {[]string{"display_name"}, &vaultv1.Connection{DisplayName: "new", ServerUrl: "https://x.sandbox.example"}, "other new https://api.crm.example"},
		"a mask empties what has no value":     {[]string{"server_url", "display_name"}, &vaultv1.Connection{}, "other  "},
		"parameters are replaced as a whole":   {[]string{"parameters"}, &vaultv1.Connection{}, "main CRM https://api.crm.example"},
		"a star replaces everything":           {[]string{"*"}, &vaultv1.Connection{DisplayName: "new"}, "main new "},
		"output-only fields are not looked at": {nil, &vaultv1.Connection{Owner: "bob", State: vaultv1.ConnectionState_CONNECTION_STATE_ERROR, DisplayName: "new"}, "other new https://api.crm.example"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(func(req *vaultv1.CreateConnectionRequest) {
				req.Connection.Parameters = map[string]string{"tenant": "other"}
				req.Connection.ServerUrl = "https://api.crm.example"
			})
			c.change.Name = crm1
			got, err := r.as("gateway").UpdateConnection(r.user("ann"), &vaultv1.UpdateConnectionRequest{
				Connection: c.change, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.mask},
			})
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(got.GetParameters()["tenant"], " ", got.GetDisplayName(), " ", got.GetServerUrl()); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
			if got.GetOwner() != "ann" || got.GetState() != vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestRequestsThatAreWrong(t *testing.T) {
	r := newRig(t)
	r.create()
	gateway, ann := r.as("gateway"), r.user("ann")
	create := func(change func(*vaultv1.CreateConnectionRequest)) func() error {
		return func() error {
			_, err := gateway.CreateConnection(ann, request(func(req *vaultv1.CreateConnectionRequest) { req.ConnectionId = "new" }, change))
			return err
		}
	}
	update := func(mask string, in *vaultv1.Connection) func() error {
		return func() error {
			in.Name = crm1
			_, err := gateway.UpdateConnection(ann, &vaultv1.UpdateConnectionRequest{Connection: in, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{mask}}})
			return err
		}
	}
	long := strings.Repeat("x", 64<<10)
	for title, c := range map[string]struct {
		try   func() error
		want  fault.Reason
		field string
	}{
		"an id that is taken":                           {create(func(req *vaultv1.CreateConnectionRequest) { req.ConnectionId = "crm-1" }), fault.ReasonConnectionExists, ""},
		"an id that is not one":                         {create(func(req *vaultv1.CreateConnectionRequest) { req.ConnectionId = "Crm" }), fault.ReasonInvalidName, "connection_id"},
		"a parent that is no name":                      {create(func(req *vaultv1.CreateConnectionRequest) { req.Parent = "default" }), fault.ReasonInvalidName, "name"},
		"an unknown environment":                        {create(func(req *vaultv1.CreateConnectionRequest) { req.Parent = "environments/prod" }), fault.ReasonEnvironmentNotFound, ""},
		"no connection":                                 {create(func(req *vaultv1.CreateConnectionRequest) { req.Connection = nil }), fault.ReasonInvalidArgument, "connection"},
		"no connector":                                  {create(func(req *vaultv1.CreateConnectionRequest) { req.Connection.Connector = "" }), fault.ReasonInvalidName, "name"},
		"a connector that is gone":                      {create(func(req *vaultv1.CreateConnectionRequest) { req.Connection.Connector = parent + "/connectors/gone" }), fault.ReasonConnectorNotFound, ""},
		"a missing secret":                              {create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets = nil }), fault.ReasonConnectionParametersInvalid, `secrets["api_key"]`},
		"a host that nobody allows":                     {create(func(req *vaultv1.CreateConnectionRequest) { req.Connection.ServerUrl = "https://evil.example" }), fault.ReasonHostNotAllowed, ""},
		"a secret of more than 64 KiB":                  {create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets["api_key"] = long + "x" }), fault.ReasonInvalidArgument, `secrets["api_key"]`},
		"a secret of more than 64 KiB in fewer letters": {create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets["api_key"] = strings.Repeat("ж", 33<<10) }), fault.ReasonInvalidArgument, `secrets["api_key"]`},
		"a value that is too long": {create(func(req *vaultv1.CreateConnectionRequest) {
			req.Connection.Parameters = map[string]string{"tenant": long}
		}), fault.ReasonInvalidArgument, `connection.parameters["tenant"]`},
		"a mask for what is computed": {update("owner", &vaultv1.Connection{Owner: "bob"}), fault.ReasonInvalidArgument, "update_mask"},
		"a mask for secrets":          {update("secrets", &vaultv1.Connection{}), fault.ReasonInvalidArgument, "update_mask"},
		"another connector":           {update("*", &vaultv1.Connection{Connector: parent + "/connectors/erp"}), fault.ReasonInvalidArgument, "connection.connector"},
		"an old etag":                 {update("*", &vaultv1.Connection{Etag: "old"}), fault.ReasonEtagMismatch, ""},
		"a list by an alien connector": {func() error {
			_, err := gateway.ListConnections(ann, &vaultv1.ListConnectionsRequest{Parent: parent, Connector: "environments/prod/connectors/crm"})
			return err
		}, fault.ReasonInvalidArgument, "connector"},
		"a negative page": {func() error {
			_, err := gateway.ListConnections(ann, &vaultv1.ListConnectionsRequest{Parent: parent, PageSize: -1})
			return err
		}, fault.ReasonInvalidArgument, "page_size"},
		"a made-up page token": {func() error {
			_, err := gateway.ListConnections(ann, &vaultv1.ListConnectionsRequest{Parent: parent, PageToken: "made-up"})
			return err
		}, fault.ReasonInvalidPageToken, "page_token"},
		"the trail, for a user": {func() error {
			_, err := gateway.ListAuditRecords(ann, &vaultv1.ListAuditRecordsRequest{Parent: parent})
			return err
		}, fault.ReasonPermissionDenied, ""},
		"the trail of an alien connection": {func() error {
			_, err := gateway.ListAuditRecords(r.user("root", authn.RoleAdmin), &vaultv1.ListAuditRecordsRequest{Parent: parent, Connection: "environments/prod/connections/x"})
			return err
		}, fault.ReasonInvalidArgument, "connection"},
	} {
		t.Run(title, func(t *testing.T) {
			err := c.try()
			wantReason(t, err, c.want)
			violations := fault.From(err).Violations()
			if c.field != "" && (len(violations) != 1 || violations[0].Field != c.field) {
				t.Errorf("violations are %v, want one of %s", violations, c.field)
			}
		})
	}
}

func TestOAuthIsRefusedInASentence(t *testing.T) {
	r := newRig(t)
	r.registry.publish(&connectorv1.Definition{Servers: crm().GetServers(), ParameterSets: []*connectorv1.ParameterSet{{
		Name: "signin", Parameters: []*connectorv1.ConnectionParameter{{Name: "token", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}},
	}}})
	_, err := r.as("gateway").CreateConnection(r.user("ann"), request())
	wantReason(t, err, fault.ReasonAuthKindNotSupported)
	if fault.From(err).Meta()["kind"] != "oauth2" {
		t.Errorf("metadata is %v", fault.From(err).Meta())
	}
}

func TestPagesOfConnectionsAndOfTheTrail(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.create(func(req *vaultv1.CreateConnectionRequest) { req.ConnectionId = fmt.Sprint("crm-", i) })
	}
	gateway := r.as("gateway")
	var ids []string
	for token := ""; ; {
		resp, err := gateway.ListConnections(r.user("ann"), &vaultv1.ListConnectionsRequest{Parent: parent, PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range resp.GetConnections() {
			ids = append(ids, c.GetName())
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{parent + "/connections/crm-0", crm1, parent + "/connections/crm-2"}, ids); diff != "" {
		t.Error(diff)
	}
	admin := r.user("root", authn.RoleAdmin)
	resp, err := gateway.ListAuditRecords(admin, &vaultv1.ListAuditRecordsRequest{Parent: parent, PageSize: 2})
	if err != nil || len(resp.GetAuditRecords()) != 2 || resp.GetAuditRecords()[0].GetConnection() != ids[2] {
		t.Fatalf("got %v, %v", resp, err)
	}
	rest, err := gateway.ListAuditRecords(admin, &vaultv1.ListAuditRecordsRequest{Parent: parent, PageToken: resp.GetNextPageToken()})
	if err != nil || len(rest.GetAuditRecords()) != 1 || rest.GetNextPageToken() != "" {
		t.Errorf("got %v, %v", rest, err)
	}
	one, err := gateway.ListAuditRecords(admin, &vaultv1.ListAuditRecordsRequest{Parent: parent, Connection: crm1})
	if err != nil || len(one.GetAuditRecords()) != 1 {
		t.Errorf("got %v, %v", one, err)
	}
}

func TestARestartKeepsEverything(t *testing.T) {
	r := newRig(t)
	r.create()
	key := r.read("kek.json")
	r.stop()
	r.start()
	if string(key) != string(r.read("kek.json")) {
		t.Error("the key file was rewritten")
	}
	got, err := r.as(service.Runtime).ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1})
	if err != nil || string(got.GetSecrets()[0].GetValue()) != "s3cret" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAnAnnouncedRevisionIsUsedAtOnce(t *testing.T) {
	r := newRig(t)
	r.create()
	runtime := r.as(service.Runtime)
	hosts := func() string {
		got, err := runtime.ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(got.GetAllowedHosts(), " ")
	}
	if got := hosts(); got != "api.crm.example:443" {
		t.Fatalf("got %s", got)
	}
	moved := crm()
	moved.Servers[0].UrlTemplate = "https://new.crm.example"
	r.registry.publish(moved)
	n := 0
	testkit.Await(t, "the new host", func() bool {
		n++ // announced again and again: the vault may not be listening yet
		m := bus.Change{Kind: bus.ChangeConnector, Environment: "default", ID: "crm"}.Message(fmt.Sprint("crm@", n))
		if err := r.bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		return hosts() == "new.crm.example:443"
	})
}

func TestTheVaultIsReadyWhenItRuns(t *testing.T) {
	r := newRig(t)
	testkit.Await(t, "the vault to be ready", func() bool { return r.health.Report().Ready })
}

func TestAVaultThatCannotReadItsSecretsDoesNotStart(t *testing.T) {
	for title, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"the key file is missing":      {os.Remove, "is missing"},
		"others can read the key file": {func(path string) error { return os.Chmod(path, 0o644) }, "chmod 600"},
		"the key file is damaged":      {func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) }, "does not hold a key"},
		"the key file is another one": {func(path string) error {
			other := newRig(t).read("kek.json")
			return os.WriteFile(path, other, 0o600)
		}, "not the one"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create()
			r.stop()
			if err := c.spoil(r.file("kek.json")); err != nil {
				t.Fatal(err)
			}
			store, err := boltkv.Open(r.file("vault.db"), boltkv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			_, err = vault.New(service.Env{
				Log: testkit.Logger(t), Store: store, Bus: r.bus, Health: health.New(testkit.Logger(t)), DataDir: r.dir,
			}, config())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "kek.json") {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if fault.ReasonOf(err) != want {
		t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), want)
	}
}
