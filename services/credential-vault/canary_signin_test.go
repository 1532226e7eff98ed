package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// canaryRun is a run with secrets of every kind, and what was answered in it.
type canaryRun struct {
	*rig

	secrets  *planted
	provider *parrot
	seen     bytes.Buffer
	lent     int      // how many secrets the runtime got
	signIn   string   // the name of the last one
	once     []string // states and confirmations, which those may read who asked

	gateway, runtime vaultv1.VaultServiceClient
	ann, mia         context.Context
}

func newCanaryRun(t *testing.T) *canaryRun {
	t.Helper()
	c := &canaryRun{rig: newRig(t), secrets: plant(t), provider: newParrot(t)}
	c.registry.publish(everyKind(c.provider.url))
	c.gateway, c.runtime = c.as(service.Gateway), c.as(service.Runtime)
	c.ann, c.mia = c.user("ann"), c.user("mia", authn.RoleMaker)
	return c
}

// note writes down an answer, or all that an error shows.
func (c *canaryRun) note(m proto.Message, err error) {
	if err != nil {
		f := grpcx.FromStatus(err)
		fmt.Fprintf(&c.seen, "%v %+v %v %v %v\n", err, fault.From(err), f.Message(), f.Meta(), f.Violations())
		return
	}
	fmt.Fprintf(&c.seen, "%s %v\n", protojson.Format(m), m)
}

// connect makes a connection.
func (c *canaryRun) connect(id, set string, plain, secrets map[string]string) {
	c.t.Helper()
	conn, err := c.gateway.CreateConnection(c.ann, &vaultv1.CreateConnectionRequest{
		Parent: parent, ConnectionId: id, Secrets: secrets,
		Connection: &vaultv1.Connection{Connector: connector, ParameterSet: set, Parameters: plain},
	})
	c.note(conn, err)
	if err != nil {
		c.t.Fatalf("%s: %v %v", id, err, grpcx.FromStatus(err).Violations())
	}
}

// resolve asks as the runtime does. What it is lent is all that may be shown of a
// secret, and is not noted; the rest of the answer is.
func (c *canaryRun) resolve(id, subject string) *vaultv1.Credential {
	lent, err := c.runtime.ResolveCredential(c.ann, &vaultv1.ResolveCredentialRequest{Name: parent + "/connections/" + id, OperationId: "op", SubjectToken: subject})
	return c.loan(lent, err)
}

func (c *canaryRun) loan(lent *vaultv1.Credential, err error) *vaultv1.Credential {
	if err == nil {
		c.lent += len(lent.GetSecrets())
		shown := proto.CloneOf(lent)
		for _, s := range shown.GetSecrets() {
			s.Value = nil
		}
		c.note(shown, nil)
		return lent
	}
	c.note(nil, err)
	return nil
}

// reject says that an API refused a token.
func (c *canaryRun) reject(id, subject string, lent *vaultv1.Credential) {
	c.loan(c.runtime.RejectCredential(c.ann, &vaultv1.RejectCredentialRequest{
		Name: parent + "/connections/" + id, OperationId: "op", SubjectToken: subject, TokenVersion: lent.GetTokenVersion(), StatusCode: 401,
	}))
}

// parts stores secrets that no sign-in is made of, well and badly.
func (c *canaryRun) parts() {
	text := c.secrets.text
	secrets := func() map[string]string {
		return map[string]string{
			"api_key": text["API key"], "password": text["password of basic"], "hmac": text["key of HMAC"], "secret_access_key": text["secret of AWS"],
			"session_token": text["session token of AWS"], "pem": c.secrets.pem, "p12": c.secrets.p12, "p12:password": text["password of PKCS#12"],
		}
	}
	plain := map[string]string{"username": "ann", "access_key_id": "AKID"}
	c.connect("parts", "parts", plain, secrets())
	if lent := c.resolve("parts", ""); len(lent.GetSecrets()) != 7 {
		c.t.Errorf("the runtime was lent %d secrets, want 7", len(lent.GetSecrets()))
	}
	for _, spoil := range []func(map[string]string){
		func(s map[string]string) { s["p12:password"] = text["secret in a wrong place"] },
		func(s map[string]string) { s["pem"] = c.secrets.pem[:len(c.secrets.pem)/2] },
		func(s map[string]string) { s["p12"] = text["secret in a wrong place"] },
		func(s map[string]string) { s["unknown"] = text["secret in a wrong place"] },
	} {
		bad := secrets()
		spoil(bad)
		_, err := c.gateway.UpdateConnection(c.ann, &vaultv1.UpdateConnectionRequest{Connection: &vaultv1.Connection{Name: parent + "/connections/parts"}, Secrets: bad})
		if err == nil {
			c.t.Error("secrets that are wrong were accepted")
		}
		c.note(nil, err)
	}
}

// clients makes and changes what makers have.
func (c *canaryRun) clients() {
	text := c.secrets.text
	for _, row := range []struct {
		id, set string
		secrets map[string]string
	}{
		{"code", "authorizationCode", map[string]string{"client_secret": text["client secret"]}},
		{"device", "deviceAuthorization", map[string]string{"client_secret": text["client secret"]}},
		{"keyed", "jwtBearer", map[string]string{"private_key": c.secrets.key}},
		{"certified", "password", map[string]string{"certificate": c.secrets.p12, "certificate_password": text["password of PKCS#12"]}},
		{"wrong", "refreshToken", map[string]string{"certificate": c.secrets.p12, "certificate_password": text["password of the client's PKCS#12"]}},
		{"unknown", "refreshToken", map[string]string{text["secret in a wrong place"]: text["secret in a wrong place"]}},
	} {
		made, err := c.gateway.CreateOAuthClient(c.mia, &vaultv1.CreateOAuthClientRequest{
			Parent: parent, OauthClientId: row.id, Secrets: row.secrets,
			OauthClient: &vaultv1.OAuthClient{Connector: connector, ParameterSet: row.set, ClientId: "makers"},
		})
		if row.id == "unknown" { // the name of a secret is none
			err = nil
			made = &vaultv1.OAuthClient{}
		}
		c.note(made, err)
	}
	c.note(c.gateway.UpdateOAuthClient(c.mia, &vaultv1.UpdateOAuthClientRequest{
		OauthClient: &vaultv1.OAuthClient{Name: parent + "/oauthClients/code"}, Secrets: map[string]string{"client_secret": text["changed client secret"]},
	}))
	c.note(c.gateway.ListOAuthClients(c.mia, &vaultv1.ListOAuthClientsRequest{Parent: parent}))
}

// machines gets tokens without a person, and has them renewed, from a provider that
// says no in one of its ways or does not.
func (c *canaryRun) machines(n int) {
	text := c.secrets.text
	owner := map[string]string{"token:clientId": "own"}
	for set, row := range map[string]struct {
		plain, secrets map[string]string
		subject        string
	}{
		"password": {
			map[string]string{"token:clientId": "own", "token:username": "ann"},
			map[string]string{"token:password": text["password of the owner"], "token:clientSecret": text["client secret of the owner"]},
			"",
		},
		"clientCredentials": {owner, map[string]string{"token:clientKey": c.secrets.key}, ""},
		"tokenExchange":     {owner, map[string]string{"token:clientSecret": text["client secret of the owner"]}, text["token of the caller"]},
		"refreshToken": {
			owner, map[string]string{"token:clientSecret": text["client secret of the owner"], "token:refreshToken": text["refresh token of the owner"]}, "",
		},
		"jwtBearer": {
			map[string]string{"token:clientId": "own", "token:subject": "ann"},
			map[string]string{"token:privateKey": c.secrets.key, "token:clientSecret": text["client secret of the owner"]},
			"",
		},
	} {
		id := strings.ToLower(fmt.Sprint(set, "-", n))
		c.connect(id, set, row.plain, row.secrets)
		lent := c.resolve(id, row.subject)
		c.reject(id, row.subject, lent)
		c.note(c.gateway.GetConnection(c.ann, &vaultv1.GetConnectionRequest{Name: parent + "/connections/" + id}))
	}
}

// callback begins a sign-in and is the browser that comes back.
func (c *canaryRun) callback(name string) *vaultv1.ReceiveAuthorizationResponse {
	c.t.Helper()
	a, err := c.gateway.StartAuthorization(c.ann, &vaultv1.StartAuthorizationRequest{Parent: name})
	c.note(a, err)
	u, fail := url.Parse(a.GetAuthorizationUrl())
	if err != nil || fail != nil {
		c.t.Fatal(err, fail)
	}
	c.signIn = a.GetName()
	c.once = append(c.once, u.Query().Get("state"))
	r, err := c.gateway.ReceiveAuthorization(c.t.Context(), &vaultv1.ReceiveAuthorizationRequest{
		State: u.Query().Get("state"), Code: c.secrets.text["authorization code"],
		Callback: strings.TrimPrefix(u.Query().Get("redirect_uri"), "https://ferrule.example/v1/oauth/callback/"),
	})
	c.note(r, err)
	if confirmation := r.GetConfirmation(); confirmation != "" {
		c.once = append(c.once, confirmation)
	}
	return r
}

// person signs in. The provider begins to refuse after the sign-in, if at all.
func (c *canaryRun) person(n int, refusal string) {
	id := fmt.Sprint("code-", n)
	name := parent + "/connections/" + id
	c.connect(id, "authorizationCode", nil, nil)
	c.provider.say(refusal)
	failed := c.callback(name)
	if refusal != "" && failed.GetConfirmation() != "" {
		c.t.Errorf("a sign-in that was refused %s succeeds", refusal)
	}
	c.provider.say("")
	received := c.callback(name)
	c.note(c.gateway.CompleteAuthorization(c.ann, &vaultv1.CompleteAuthorizationRequest{Name: c.signIn, Confirmation: "wrong"}))
	done, err := c.gateway.CompleteAuthorization(c.ann, &vaultv1.CompleteAuthorizationRequest{Name: c.signIn, Confirmation: received.GetConfirmation()})
	c.note(done, err)
	lent := c.resolve(id, "")
	if done.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED || lent == nil {
		c.t.Errorf("the sign-in ended as %v, %v", done, err)
	}
	c.provider.say(refusal)
	c.reject(id, "", lent)
	c.note(c.gateway.RevokeAuthorization(c.ann, &vaultv1.RevokeAuthorizationRequest{Name: name}))
	c.note(c.gateway.GetConnection(c.ann, &vaultv1.GetConnectionRequest{Name: name}))
	c.note(c.gateway.DeleteConnection(c.ann, &vaultv1.DeleteConnectionRequest{Name: name}))
}

// device signs in on another device.
func (c *canaryRun) device() {
	c.connect("device", "deviceAuthorization", nil, nil)
	c.provider.say("as the standard says")
	c.note(c.gateway.StartAuthorization(c.ann, &vaultv1.StartAuthorizationRequest{Parent: parent + "/connections/device"}))
	c.provider.say("")
	a, err := c.gateway.StartAuthorization(c.ann, &vaultv1.StartAuthorizationRequest{Parent: parent + "/connections/device"})
	c.note(a, err)
	testkit.Await(c.t, "the device's sign-in", func() bool {
		a, err := c.gateway.CompleteAuthorization(c.ann, &vaultv1.CompleteAuthorizationRequest{Name: a.GetName()})
		return err != nil || a.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING
	})
	c.resolve("device", "")
}

// TestNoSecretOfAnyKindIsFoundWhereItDoesNotBelong is failure mode 10 for the whole
// service: every kind of secret, tokens that a provider gave, and a provider that
// shows in its refusals all that it was sent.
func TestNoSecretOfAnyKindIsFoundWhereItDoesNotBelong(t *testing.T) {
	c := newCanaryRun(t)
	messages := make(chan *nats.Msg, 1000)
	sub, err := c.bus.Conn().ChanSubscribe("ferrule.>", messages)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()

	c.parts()
	c.clients()
	c.device()
	for n, refusal := range append([]string{""}, refusals...) {
		c.provider.say(refusal)
		c.machines(n)
		c.person(n, refusal)
	}
	c.note(c.gateway.ListConnections(c.ann, &vaultv1.ListConnectionsRequest{Parent: parent}))
	root := c.user("root", authn.RoleAdmin)
	c.note(c.gateway.ListAuditRecords(root, &vaultv1.ListAuditRecordsRequest{Parent: parent}))
	c.note(c.gateway.RotateKeys(root, &vaultv1.RotateKeysRequest{}))
	testkit.Await(t, "the announcements", func() bool { return len(messages) >= 50 })
	c.stop()
	close(messages)

	places := c.places(c.seen.Bytes(), messages)
	secrets := c.provider.secrets()
	maps.Copy(secrets, c.secrets.text)
	search(t, places, secrets)
	if !bytes.Contains(c.seen.Bytes(), []byte("127.0.0.1")) {
		t.Error("the answers do not tell of the provider: the test does not look where things are")
	}
	delete(places, "the answers")
	for place, content := range places {
		for _, text := range c.once {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("a state or a confirmation is in %s", place)
			}
		}
	}
	t.Logf("%d secrets were looked for; the runtime was lent %d", len(secrets), c.lent)
	c.provesItself(places)
}

// provesItself makes sure that the run did what it is about.
func (c *canaryRun) provesItself(places map[string][]byte) {
	c.t.Helper()
	for grant, least := range map[string]int{
		"authorization_code": 2 * len(refusals), "refresh_token": len(refusals), "password": len(refusals), "client_credentials": len(refusals),
		"urn:ietf:params:oauth:grant-type:jwt-bearer": len(refusals), "urn:ietf:params:oauth:grant-type:token-exchange": len(refusals),
		"urn:ietf:params:oauth:grant-type:device_code": 1,
	} {
		if got := c.provider.asked(grant); got < least {
			c.t.Errorf("the provider was asked %d times for %s, want %d at least", got, grant, least)
		}
	}
	for place, text := range map[string]string{
		"the log": "ReceiveAuthorization", "the bus": "needs-authorization", "the traces": "ResolveCredential",
		"the metrics": "rpc.", "the database": "code-",
	} {
		if !bytes.Contains(places[place], []byte(text)) {
			c.t.Errorf("%s do not hold %q: the test does not look where things are", place, text)
		}
	}
	if c.lent < 20 {
		c.t.Errorf("the runtime was lent %d secrets only", c.lent)
	}
}
