package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

const (
	typeString = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	typeSecret = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
)

// rig is a vault on memory, with everything around it in the hands of the test.
type rig struct {
	t            *testing.T
	vault        *core.Vault
	clock        *clocktest.Fake
	sealer       *sealer
	connectors   *connectors
	owners       *owners
	environments environments
	records      *store.Store
	faults       *faultkv.Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		t: t, clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		sealer: &sealer{}, connectors: &connectors{definitions: map[string]*connectorv1.Definition{"crm": crm()}},
		owners: miasConnectors(),
		faults: faultkv.New(memkv.New()),
	}
	r.records = proved(r.faults)
	hosts, err := core.ParseHostRules([]string{"*.sandbox.example"})
	if err != nil {
		t.Fatal(err)
	}
	var ids atomic.Int64
	r.vault = core.New(core.Config{
		Lease: time.Minute, AllowHosts: hosts, Runtime: "runtime-proxy", Trusted: []string{"trigger"},
	}, core.Ports{
		Store: r.records, Sealer: r.sealer, Connectors: r.connectors, Owners: r.owners, Environments: &r.environments, Clock: r.clock,
		NewID: func() string { n := ids.Add(1); return fmt.Sprintf("%08x%08x%016x", n, n, n) },
	})
	return r
}

// environments is the double: there are "default" and "staging". While lost is
// set, nobody can tell of any other than "default".
type environments struct{ lost atomic.Bool }

func (e *environments) Exists(_ context.Context, environment string) error {
	switch {
	case environment == "default":
		return nil
	case e.lost.Load():
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the registry cannot be reached")
	case environment == "staging":
		return nil
	}
	return fault.NotFound(fault.ReasonEnvironmentNotFound, "environment %q does not exist", environment).With("environment", environment)
}

// crm is a connector with user name, password and an optional token.
func crm() *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{UrlTemplate: "https://api.crm.example/v1"}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "basic",
			Parameters: []*connectorv1.ConnectionParameter{
				{Name: "user", Type: typeString, Required: true},
				{Name: "password", Type: typeSecret, Required: true},
				{Name: "token", Type: typeSecret},
				{Name: "locale", Type: typeString, DefaultValue: "en"},
			},
		}},
	}
}

// connectors knows definitions by connector id, and by revision name.
type connectors struct {
	definitions map[string]*connectorv1.Definition
	asked       int
}

func (c *connectors) Definition(_ context.Context, connector resource.Connector, revision string) (*connectorv1.Definition, error) {
	c.asked++
	key := connector.ID
	if revision != "" {
		key = revision
	}
	def, ok := c.definitions[key]
	if !ok {
		return nil, fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", key)
	}
	return def, nil
}

// owners is the double: all connectors have the same owner and editors.
type owners struct {
	of   core.Ownership
	lost error           // what the registry answers instead
	then *core.Ownership // what it answers after the first question
}

// miasConnectors belong to the maker of the tests, who shares them with mallory: what
// she is refused is not because of the connector.
func miasConnectors() *owners {
	return &owners{of: core.Ownership{Owner: "mia", Editors: []string{"mallory"}}}
}

// Ownership makes it a registry.
func (o *owners) Ownership(context.Context, resource.Connector) (core.Ownership, error) {
	now := o.of
	if o.then != nil {
		o.of = *o.then
	}
	return now, o.lost
}

// sealer hides nothing and counts: its blobs hold the place and the value. It
// remembers what it opened, so that tests can see that it was cleared.
type sealer struct {
	sealed, opened int
	failAt         int // the nth Open fails, if not 0
	lent           []secret.Text
}

func (s *sealer) NewKey(_ context.Context, _, resource string) ([]byte, error) {
	return []byte("key of " + resource), nil
}

func (s *sealer) LinkKey(_ context.Context, _, resource string, key []byte) ([]byte, error) {
	return fmt.Appendf(nil, "links of %s with %s", resource, key), nil
}

func (s *sealer) Seal(_ context.Context, at core.Place, value secret.Text) (blob []byte, err error) {
	s.sealed++
	err = value.Use(reveal.Grant(), func(plain []byte) error {
		blob = fmt.Appendf(nil, "%v|%s", at, plain)
		return nil
	})
	return blob, err
}

var errOpen = errors.New("cannot be opened")

func (s *sealer) Open(_ context.Context, at core.Place, blob []byte) (secret.Text, error) {
	s.opened++
	prefix := fmt.Sprintf("%v|", at)
	if s.opened == s.failAt || len(blob) < len(prefix) || string(blob[:len(prefix)]) != prefix {
		return secret.Text{}, errOpen
	}
	value := secret.New(blob[len(prefix):])
	s.lent = append(s.lent, value)
	return value, nil
}

// The callers of the tests. Requests come through the gateway.
func user(name string, roles ...authn.Role) core.Caller {
	if len(roles) == 0 {
		roles = []authn.Role{authn.RoleUser}
	}
	return core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}, Service: "gateway"}
}

func ann() core.Caller   { return user("ann") }
func bob() core.Caller   { return user("bob") }
func admin() core.Caller { return user("root", authn.RoleAdmin) }

// through returns the same caller, served by another process.
func through(service string, c core.Caller) core.Caller {
	c.Service = service
	return c
}

// itself is a service that acts on its own behalf.
func itself(service string) core.Caller {
	return core.Caller{Principal: authn.Principal{Kind: authn.KindService, Name: service}, Service: service}
}

func name(id string) resource.Connection { return resource.Connection{Environment: "default", ID: id} }

func texts(pairs ...string) map[string]secret.Text {
	m := map[string]secret.Text{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = secret.FromString(pairs[i+1])
	}
	return m
}

// draft is a connection that fits.
func draft() core.Draft {
	return core.Draft{
		Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"},
		Parameters: map[string]string{"user": "ann"}, DisplayName: "CRM", Secrets: texts("password", "pw-one"),
	}
}

// create makes a connection of the caller.
func (r *rig) create(caller core.Caller, change ...func(*core.Draft)) core.Connection {
	r.t.Helper()
	d := draft()
	for _, f := range change {
		f(&d)
	}
	conn, err := r.vault.Create(r.t.Context(), caller, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// resolve lends a connection's secrets and returns them as text. Without a user
// they are for the trigger service.
func (r *rig) resolve(caller core.Caller, id string) (map[string]string, core.Credential, error) {
	r.t.Helper()
	req := core.Request{Name: name(id), OperationID: "ListItems"}
	if caller.Principal.Kind == authn.KindService {
		req.Principal = "trigger"
	}
	lent, err := r.vault.Resolve(r.t.Context(), caller, req)
	if err != nil {
		return nil, lent, err
	}
	values := map[string]string{}
	for _, s := range lent.Secrets {
		values[s.Name] = plain(r.t, s.Value)
	}
	return values, lent, nil
}

// trail returns the audit trail as lines, newest first.
func (r *rig) trail() (lines []string) {
	r.t.Helper()
	records, _, err := r.vault.ListAudit(r.t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, a := range records {
		lines = append(lines, fmt.Sprintf("%v %s %s/%s %v %s", a.Action, a.Connection.ID, a.Principal, a.Service, a.SecretNames, a.OperationID))
	}
	return lines
}

// stored returns everything in the store.
func (r *rig) stored() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	err := r.faults.View(r.t.Context(), func(tx kv.Reader) error {
		for p, err := range kv.All(tx, nil, 100) {
			if err != nil {
				return err
			}
			all[string(p.Key)] = string(p.Value)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func plain(t *testing.T, value secret.Text) (text string) {
	t.Helper()
	if err := value.Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return text
}

func wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if fault.ReasonOf(err) != want {
		t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), want)
	}
}
