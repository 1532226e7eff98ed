package vault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

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

func TestAnAgentIsRefusedInASentence(t *testing.T) {
	r := newRig(t)
	r.registry.publish(&connectorv1.Definition{Servers: crm().GetServers(), ParameterSets: []*connectorv1.ParameterSet{{
		Name: "gateway", Parameters: []*connectorv1.ConnectionParameter{{
			Name: "gateway", Required: true, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT,
		}},
	}}})
	_, err := r.as("gateway").CreateConnection(r.user("ann"), request())
	wantReason(t, err, fault.ReasonAuthKindNotSupported)
	if fault.From(err).Meta()["kind"] != "agent" {
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
