package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// trial is a suite with one good and one bad API, on which bad input is tried.
type trial struct {
	*suite
	shop  *inventory
	rogue *rogue
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	b := &trial{suite: up(t, suiteOptions{data: t.TempDir()}), shop: startInventory(t, apiKey), rogue: startRogue(t)}
	c := b.overREST()
	c.connect(t, "shop", b.shop.url, b.shop.key)
	c.connect(t, "rogue", b.rogue.url, apiKey)
	return b
}

// state is everything that bad input must leave as it is.
func (b *trial) state(t *testing.T) []string {
	t.Helper()
	c, ctx := b.overREST(), t.Context()
	var state []string
	for _, m := range []proto.Message{
		must[*registryv1.ListConnectorsResponse](t, "list")(c.registry.ListConnectors(ctx, &registryv1.ListConnectorsRequest{Parent: environment})),
		must[*vaultv1.ListConnectionsResponse](t, "list")(c.vault.ListConnections(ctx, &vaultv1.ListConnectionsRequest{Parent: environment})),
		must[*triggerv1.ListSubscriptionsResponse](t, "list")(c.trigger.ListSubscriptions(ctx, &triggerv1.ListSubscriptionsRequest{Parent: environment})),
	} {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		state = append(state, fmt.Sprintf("%q", text))
	}
	return append(state, fmt.Sprint("items: ", b.shop.items(t)), fmt.Sprint("webhooks: ", b.shop.webhooks(t)))
}

// attempt is one request that must fail.
type attempt struct {
	name, method, path, body string
	token                    string // that of the admin if empty; "none" sends none
	status                   int
	reason                   fault.Reason
	says                     string // a part of the sentence or of the details
}

// refuse makes each attempt and checks that it fails as it should, changes
// nothing and tells no secret.
func (b *trial) refuse(t *testing.T, attempts []attempt) {
	t.Helper()
	before := b.state(t)
	for _, row := range attempts {
		t.Run(row.name, func(t *testing.T) {
			token := row.token
			switch token {
			case "":
				token = b.suite.token
			case "none":
				token = ""
			}
			got := b.request(t, row.method, row.path, token, row.body)
			if got.status != row.status || got.reason() != string(row.reason) || !strings.Contains(got.body, row.says) {
				t.Errorf("answer = %d %.600s\nwant %d %s with %q", got.status, got.body, row.status, row.reason, row.says)
			}
			for _, secret := range []string{apiKey, b.suite.token} {
				if strings.Contains(got.body+fmt.Sprint(got.header), secret) {
					t.Errorf("the answer tells a secret: %v %s", got.header, got.body)
				}
			}
			if diff := cmp.Diff(before, b.state(t)); diff != "" {
				t.Errorf("something changed (-before +after):\n%s", diff)
			}
		})
	}
}

// descriptionOf is the body of an import of one file.
func descriptionOf(name, content string) string {
	return fmt.Sprintf(`{"connectorId": "made-by-mistake", "files": {"files": [{"path": %q, "content": %q}]}}`,
		name, base64.StdEncoding.EncodeToString([]byte(content)))
}

//nolint:tparallel // the rows are tried on one suite, whose state is compared after each
func TestDescriptionsThatCannotBeImported(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	const importPath = "/v1/environments/default/connectors:import"
	send := func(name, file, content string, status int, reason fault.Reason, says string) attempt {
		return attempt{name: name, method: "POST", path: importPath, body: descriptionOf(file, content), status: status, reason: reason, says: says}
	}
	fetch := func(name, url string, status int, reason fault.Reason, says string) attempt {
		return attempt{
			name: name, method: "POST", path: importPath, status: status, reason: reason, says: says,
			body: fmt.Sprintf(`{"connectorId": "made-by-mistake", "url": %q}`, url),
		}
	}
	good := b.rogue.description()
	b.refuse(t, []attempt{
		send("JSON that ends too early", "a.json", good[:len(good)-40], 400, fault.ReasonDocumentSyntax, `"line"`),
		send("JSON that cannot be repaired", "a.json", "{\n  \"swagger\": \"2.0\", : }", 400, fault.ReasonDocumentSyntax, `"line":"2"`),
		send("YAML that is none", "a.yaml", "swagger: '2.0'\n  info: [", 400, fault.ReasonDocumentSyntax, `"line"`),
		send("an empty file", "a.json", "", 400, fault.ReasonDocumentSyntax, ""),
		send("nesting without end", "a.json", `{"swagger": "2.0", "x": `+strings.Repeat("[", 100_000), 400, fault.ReasonDocumentTooDeep, `"limit"`),
		send("deep nesting that ends", "a.json", `{"x": `+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`, 400, fault.ReasonDocumentTooDeep, `"limit"`),
		send("deep YAML", "a.yaml", "x: "+strings.Repeat("[", 5000)+strings.Repeat("]", 5000), 400, fault.ReasonDocumentTooDeep, `"limit"`),
		send("Latin-1", "a.json", "{\"swagger\": \"2.0\",\n \"info\": {\"title\": \"Caf\xe9\"}}", 400, fault.ReasonDocumentInvalid, ""),
		send("a picture", "a.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 400, fault.ReasonDocumentNotUTF8, ""),
		send("JSON that describes no API", "a.json", `{"hello": "world"}`, 400, fault.ReasonDocumentFormatUnknown, ""),
		send("a list", "a.json", `[1, 2, 3]`, 400, fault.ReasonDocumentFormatUnknown, ""),
		send("prose", "README.md", "# Inventory\n\nKeep track of items.\n", 400, fault.ReasonDocumentFormatUnknown, ""),
		send("a newer format", "a.json", `{"openapi": "4.0.0", "info": {"title": "New", "version": "1"}, "paths": {}}`, 400, fault.ReasonDocumentFormatUnknown, ""),
		send("Swagger without paths", "a.json", `{"swagger": "2.0", "info": {"title": "Empty", "version": "1"}}`, 400, fault.ReasonDocumentInvalid, ""),
		send("a document over 64 MiB", "a.json", `{"swagger": "2.0", "x": "`+strings.Repeat("x", 64<<20)+`"}`, 413, fault.ReasonDocumentTooLarge, "67108864"),
		send("a request over 96 MiB", "a.json", strings.Repeat("x", 76<<20), 413, fault.ReasonInputTooLarge, "100663296"),
		send("aliases that multiply", "a.yaml", bomb(), 413, fault.ReasonDocumentTooLarge, ""),
		send("a path that leaves the directory", "../../etc/passwd", good, 400, fault.ReasonInvalidArgument, "files.path"),
		fetch("a URL without a server", "http://"+nowhere(t)+"/swagger.json", 400, fault.ReasonDocumentUnreachable, "could not be fetched"),
		fetch("a URL that answers 404", b.shop.url+"/nothing", 400, fault.ReasonDocumentUnreachable, "status"),
		fetch("a URL without an end", b.rogue.url+"/endless.json", 413, fault.ReasonDocumentTooLarge, "67108864"),
		fetch("a URL of garbage", b.rogue.url+"/garbage", 400, fault.ReasonDocumentUnreachable, "could not be fetched"),
		fetch("a URL of the cloud's metadata", "http://169.254.169.254/latest/meta-data/", 403, fault.ReasonEgressRefused, "169.254.169.254"),
		fetch("a URL of a file", "file:///etc/passwd", 400, fault.ReasonInvalidArgument, "http"),
		{name: "neither files nor URL", method: "POST", path: importPath, body: `{}`, status: 400, reason: fault.ReasonInvalidArgument},
		{name: "an id that is none", method: "POST", path: importPath, body: fmt.Sprintf(`{"connectorId": "../x", "url": %q}`, b.rogue.url+"/swagger.json"), status: 400, reason: fault.ReasonInvalidName},
		{name: "an environment that does not exist", method: "POST", path: "/v1/environments/moon/connectors:import", body: fmt.Sprintf(`{"url": %q}`, b.rogue.url+"/swagger.json"), status: 404, reason: fault.ReasonEnvironmentNotFound},
		{name: "a request that is not JSON", method: "POST", path: importPath, body: `{"url": `, status: 400, reason: fault.ReasonInvalidArgument},
	})
}

// bomb is YAML of a few hundred bytes that stands for a billion.
func bomb() string {
	var b strings.Builder
	b.WriteString("swagger: '2.0'\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for n := 1; n < 10; n++ {
		_, _ = fmt.Fprintf(&b, "a%d: &a%d [%s]\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", n-1), 10), ", "))
	}
	return b.String()
}

//nolint:tparallel // the rows are tried on one suite, whose state is compared after each
func TestCallsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	const base = "/v1/environments/default"
	call := func(name, connection, operation, input string, status int, reason fault.Reason, says string) attempt {
		return attempt{
			name: name, method: "POST", path: base + "/connections/" + connection + "/operations/" + operation + ":invoke",
			body: input, status: status, reason: reason, says: says,
		}
	}
	get := func(name, path string, status int, reason fault.Reason) attempt {
		return attempt{name: name, method: "GET", path: base + path, status: status, reason: reason}
	}
	post := func(name, path, body string, status int, reason fault.Reason, says string) attempt {
		return attempt{name: name, method: "POST", path: base + path, body: body, status: status, reason: reason, says: says}
	}
	b.refuse(t, []attempt{
		get("a connector that does not exist", "/connectors/nobody", 404, fault.ReasonConnectorNotFound),
		get("a revision that does not exist", "/connectors/shop/revisions/00", 404, fault.ReasonRevisionNotFound),
		get("a connection that does not exist", "/connections/nobody", 404, fault.ReasonConnectionNotFound),
		get("a subscription that does not exist", "/subscriptions/nobody", 404, fault.ReasonSubscriptionNotFound),
		get("events of nobody", "/subscriptions/nobody/events", 404, fault.ReasonSubscriptionNotFound),
		get("a page token of somebody else", "/connectors?page_token=AAAA", 400, fault.ReasonInvalidPageToken),
		get("a negative page size", "/connectors?page_size=-1", 400, fault.ReasonInvalidArgument),
		get("a name that is none", "/connectors/UPPER", 400, fault.ReasonInvalidName),

		post("a connection to no connector", "/connections", `{"connection": {"connector": "environments/default/connectors/nobody"}}`, 404, fault.ReasonConnectorNotFound, ""),
		post("a connection without its secret", "/connections", `{"connection": {"connector": "environments/default/connectors/shop"}}`, 400, fault.ReasonConnectionParametersInvalid, "api_key"),
		post("a connection with a secret too many", "/connections", `{"connection": {"connector": "environments/default/connectors/shop"}, "secrets": {"api_key": "`+apiKey+`", "colour": "`+apiKey+`"}}`, 400, fault.ReasonConnectionParametersInvalid, "colour"),
		post("a connection that exists", "/connections", `{"connection_id": "shop", "connection": {"connector": "environments/default/connectors/shop"}, "secrets": {"api_key": "`+apiKey+`"}}`, 409, fault.ReasonConnectionExists, ""),
		post("a connection to another host", "/connections", `{"connection": {"connector": "environments/default/connectors/shop", "server_url": "http://evil.example"}, "secrets": {"api_key": "`+apiKey+`"}}`, 403, fault.ReasonHostNotAllowed, "evil.example"),

		call("through no connection", "nobody", "ListItems", `{}`, 404, fault.ReasonConnectionNotFound, "nobody"),
		call("an operation that does not exist", "shop", "ListItem", `{}`, 404, fault.ReasonOperationNotFound, "ListItems"),
		call("a path parameter missing", "shop", "GetItem", `{}`, 400, fault.ReasonInputInvalid, `"field":"id"`),
		call("the body missing", "shop", "CreateItem", `{}`, 400, fault.ReasonInputInvalid, `"field":"body"`),
		call("a member of the body missing", "shop", "CreateItem", `{"body": {}}`, 400, fault.ReasonInputInvalid, "name"),
		call("a member of the wrong type", "shop", "CreateItem", `{"body": {"name": "x", "quantity": "many"}}`, 400, fault.ReasonInputInvalid, "quantity"),
		call("a parameter of the wrong type", "shop", "ListItems", `{"limit": {"a": 1}}`, 400, fault.ReasonInputInvalid, "limit"),
		call("a parameter out of its bounds", "shop", "ListItems", `{"limit": 1000}`, 400, fault.ReasonInputInvalid, "limit"),
		call("a parameter that does not exist", "shop", "ListItems", `{"colour": "red"}`, 400, fault.ReasonInputInvalid, "colour"),
		call("an input that is not JSON", "shop", "ListItems", `{"limit": `, 400, fault.ReasonInputInvalid, ""),
		call("an input that is no object", "shop", "ListItems", `[1]`, 400, fault.ReasonInputInvalid, ""),
		call("an input over 10 MiB", "shop", "CreateItem", `{"body": {"name": "`+strings.Repeat("x", 10<<20)+`"}}`, 413, fault.ReasonInputTooLarge, "10485760"),
		post("a timeout that is none", "/connections/shop/operations/ListItems:invoke?timeout=soon", `{}`, 400, fault.ReasonInvalidArgument, "timeout"),
		post("a timeout that is too long", "/connections/shop/operations/ListItems:invoke?timeout=301s", `{}`, 400, fault.ReasonInvalidArgument, "timeout"),

		post("a subscription to an action", "/subscriptions", `{"connection": "environments/default/connections/shop", "operation_id": "ListItems"}`, 400, fault.ReasonTriggerNotSupported, "OnItemListed"),
		post("a subscription to nothing", "/subscriptions", `{"connection": "environments/default/connections/shop", "operation_id": "OnNothing"}`, 404, fault.ReasonOperationNotFound, "OnItemCreated"),
		post("a subscription through no connection", "/subscriptions", `{"connection": "environments/default/connections/nobody", "operation_id": "OnItemCreated"}`, 404, fault.ReasonConnectionNotFound, ""),
		post("polls that are too fast", "/subscriptions", `{"connection": "environments/default/connections/shop", "operation_id": "OnItemListed", "interval": "0.1s"}`, 400, fault.ReasonInvalidArgument, "interval"),
		post("a sink that is no URL", "/subscriptions", `{"connection": "environments/default/connections/shop", "operation_id": "OnItemListed", "sinks": [{"http": {"url": "somewhere"}}]}`, 400, fault.ReasonInvalidArgument, "url"),

		{name: "a callback for nobody", method: "POST", path: "/hooks/nobody", token: "none", body: `{}`, status: 404, reason: fault.ReasonWebhookUnknown},
		{name: "a callback that is too large", method: "POST", path: "/hooks/nobody", token: "none", body: strings.Repeat("x", 1<<20+1), status: 413, reason: fault.ReasonWebhookTooLarge},
		{name: "a pass-through of nobody", method: "GET", path: base + "/connections/nobody/proxy/items", status: 404, reason: fault.ReasonConnectionNotFound},
		{name: "a path that does not exist", method: "GET", path: "/v2/nothing", status: 404, reason: fault.ReasonInvalidArgument},
	})
}

//nolint:tparallel // the rows are tried on one suite, whose state is compared after each
func TestAPIsThatMisbehave(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	gone := strings.ReplaceAll(b.rogue.description(), strings.TrimPrefix(b.rogue.url, "http://"), nowhere(t))
	file := fmt.Sprintf(`{"connectorId": "gone", "files": {"files": [{"path": "a.json", "content": %q}]}}`, base64.StdEncoding.EncodeToString([]byte(gone)))
	if got := b.request(t, "POST", "/v1/environments/default/connectors:import", b.token, file); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := b.request(t, "POST", "/v1/environments/default/connections", b.token,
		`{"connection_id": "gone", "connection": {"connector": "environments/default/connectors/gone"}, "secrets": {"api_key": "`+apiKey+`"}}`); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	const base = "/v1/environments/default/connections/"
	rows := func(name, connection, operation, path string, status int, reason fault.Reason) []attempt {
		const patience = ":invoke?timeout=0.5s"
		return []attempt{
			{name: name, method: "POST", path: base + connection + "/operations/" + operation + patience, status: status, reason: reason},
			{name: name + ", passed through", method: "GET", path: base + connection + "/proxy" + path, status: status, reason: reason},
		}
	}
	var attempts []attempt
	attempts = append(attempts, rows("down", "gone", "Slow", "/slow", 502, fault.ReasonUpstreamUnreachable)...)
	attempts = append(attempts, rows("resetting", "rogue", "Reset", "/reset", 502, fault.ReasonUpstreamReset)...)
	attempts = append(attempts, rows("answering garbage", "rogue", "Garbage", "/garbage", 502, fault.ReasonUpstreamInvalidResponse)...)
	attempts = append(attempts, rows("answering a header without an end", "rogue", "EndlessHeader", "/header", 502, fault.ReasonUpstreamInvalidResponse)...)
	// Passed through, these stream to the caller for as long as it wants.
	attempts = append(attempts, rows("slow", "rogue", "Slow", "", 504, fault.ReasonUpstreamTimeout)[0])
	attempts = append(attempts, rows("dripping", "rogue", "Drip", "", 504, fault.ReasonUpstreamTimeout)[0])
	attempts = append(attempts, rows("breaking off in the middle", "rogue", "Cut", "", 502, fault.ReasonUpstreamReset)[0])
	endless := rows("answering a body without an end", "rogue", "Endless", "", 502, fault.ReasonUpstreamResponseTooLarge)[0]
	endless.path = strings.ReplaceAll(endless.path, "0.5s", "20s")
	endless.says = "67108864"
	attempts = append(attempts, endless)
	attempts = append(attempts, rows("resetting after it may have worked", "rogue", "ResetAfterWork", "", 504, fault.ReasonOutcomeUnknown)[0])
	b.refuse(t, attempts)
}

func TestAnAPISendingUsElsewhereIsNotFollowed(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	// The redirect is the answer; it is not followed. Of an invocation it is told
	// under another name, so that no client follows it with our token.
	for _, row := range []struct{ method, path, told string }{
		{"POST", "/operations/Away:invoke", "Ferrule-Upstream-Location"}, {"GET", "/proxy/away", "Location"},
	} {
		got := b.request(t, row.method, "/v1/environments/default/connections/rogue"+row.path, b.token, "")
		if got.status != http.StatusFound || got.header.Get(row.told) == "" || (row.told != "Location" && got.header.Get("Location") != "") {
			t.Errorf("%s answers %d %v %s", row.path, got.status, got.header, got.body)
		}
	}
}

func TestTheAPIsOwnWordsAreTakenWithoutOurSecrets(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	got, err := b.overGRPC(t, b.token).invoke(t, "rogue", "Echo", "")
	if err != nil {
		t.Fatal(err)
	}
	if e := got.GetError(); e.GetReason() != "UPSTREAM_UNAUTHENTICATED" || !strings.Contains(e.GetMessage(), "is not known here") || strings.Contains(e.GetMessage(), apiKey) {
		t.Errorf("error = %v, want the API's own words without the key", e)
	}
}

//nolint:tparallel // the rows are tried on one suite, whose state is compared after each
func TestTokensThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	admin := authn.Principal{Kind: authn.KindUser, Name: "admin", Roles: []authn.Role{authn.RoleAdmin}}
	issue := func(keyFile string, c clock.Clock, p authn.Principal) string {
		key, err := authn.LoadOrCreateKey(keyFile)
		if err != nil {
			t.Fatal(err)
		}
		return must[string](t, "issue")(authn.NewIssuer(key, c).Issue(p, time.Minute))
	}
	own, foreign := filepath.Join(b.data, "token.key"), filepath.Join(t.TempDir(), "token.key")
	yesterday := clocktest.New(time.Now().Add(-24 * time.Hour))
	user := issue(own, clock.System(), authn.Principal{Kind: authn.KindUser, Name: "uma", Roles: []authn.Role{authn.RoleUser}})
	unsigned := segment(`{"alg":"none","typ":"JWT"}`) + "." + segment(`{"iss":"ferrule","sub":"admin","roles":["admin"],"exp":4102444800,"iat":1}`) + "."
	tokens := map[string]string{
		"no token": "none", "nonsense": "nonsense", "a token of another suite": issue(foreign, clock.System(), admin),
		"a token of yesterday": issue(own, yesterday, admin), "a token that nobody signed": unsigned,
		"a token that was changed": b.token[:len(b.token)-4] + "AAAA", "a token without an end": strings.Repeat("x", 10<<10),
	}
	const base = "/v1/environments/default"
	var attempts []attempt
	for name, token := range tokens {
		for _, door := range []struct{ name, method, path string }{
			{"reading", "GET", base + "/connectors/shop"},
			{"importing", "POST", base + "/connectors:import"},
			{"calling", "POST", base + "/connections/shop/operations/ListItems:invoke"},
			{"passing through", "GET", base + "/connections/shop/proxy/items"},
			{"listening", "GET", base + "/subscriptions/any/events:stream"},
		} {
			attempts = append(attempts, attempt{
				name: name + ", " + door.name, method: door.method, path: door.path, token: token,
				status: 401, reason: fault.ReasonUnauthenticated,
			})
		}
	}
	for _, door := range []struct {
		name, method, path, body string
		status                   int
		reason                   fault.Reason
	}{
		{"importing", "POST", base + "/connectors:import", fmt.Sprintf(`{"connectorId": "mine", "url": %q}`, b.shop.url+"/swagger.json"), 403, fault.ReasonPermissionDenied},
		{"deleting a connector", "DELETE", base + "/connectors/shop", "", 403, fault.ReasonPermissionDenied},
		{"reading the audit", "GET", base + "/auditRecords", "", 403, fault.ReasonPermissionDenied},
		{"reading the connection of another", "GET", base + "/connections/shop", "", 404, fault.ReasonConnectionNotFound},
		{"deleting the connection of another", "DELETE", base + "/connections/shop", "", 404, fault.ReasonConnectionNotFound},
		{"calling through the connection of another", "POST", base + "/connections/shop/operations/ListItems:invoke", "{}", 404, fault.ReasonConnectionNotFound},
		{"passing through the connection of another", "GET", base + "/connections/shop/proxy/items", "", 404, fault.ReasonConnectionNotFound},
		{"testing the connection of another", "POST", base + "/connections/shop:test", "{}", 404, fault.ReasonConnectionNotFound},
	} {
		attempts = append(attempts, attempt{
			name: "a user without a role, " + door.name, method: door.method, path: door.path, body: door.body, token: user,
			status: door.status, reason: door.reason,
		})
	}
	b.refuse(t, attempts)

	for name, token := range tokens {
		if token == "none" {
			token = ""
		}
		_, err := b.overGRPC(t, token).invoke(t, "shop", "ListItems", "{}")
		if f := grpcx.FromStatus(err); f.Code() != fault.CodeUnauthenticated {
			t.Errorf("%s over grpc: %v", name, err)
		}
	}
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestMethodsForServicesAreClosedToUsers(t *testing.T) {
	t.Parallel()
	b := newTrial(t)
	c := b.overGRPC(t, b.token)
	_, resolve := c.vault.ResolveCredential(t.Context(), &vaultv1.ResolveCredentialRequest{Name: connectionName("shop")})
	_, report := c.vault.ReportConnectionTest(t.Context(), &vaultv1.ReportConnectionTestRequest{Name: connectionName("shop")})
	_, ingest := c.trigger.IngestWebhook(t.Context(), &triggerv1.IngestWebhookRequest{Token: "any"})
	for method, err := range map[string]error{"ResolveCredential": resolve, "ReportConnectionTest": report, "IngestWebhook": ingest} {
		if f := grpcx.FromStatus(err); f == nil || f.Code() != fault.CodePermissionDenied || f.Reason() != fault.ReasonServiceOnly {
			t.Errorf("%s: %v, want SERVICE_ONLY", method, err)
		}
	}
	records := must[*vaultv1.ListAuditRecordsResponse](t, "read the audit")(c.vault.ListAuditRecords(t.Context(),
		&vaultv1.ListAuditRecordsRequest{Parent: environment, Connection: connectionName("shop")}))
	refused := 0
	for _, r := range records.GetAuditRecords() {
		if r.GetAction() == vaultv1.AuditAction_AUDIT_ACTION_REFUSED && r.GetPrincipal() == "admin" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d records of the refusal, want 1: %v", refused, records)
	}
}

//nolint:tparallel // the rows are tried on one suite, whose state is compared after each
func TestPrivateNetworksAreClosedUnlessOpened(t *testing.T) {
	t.Parallel()
	rogue := startRogue(t)
	s := up(t, suiteOptions{data: t.TempDir(), private: true})
	b := &trial{suite: s, rogue: rogue, shop: startInventory(t, apiKey)}
	if got := s.request(t, "POST", "/v1/environments/default/connectors:import", s.token,
		strings.ReplaceAll(descriptionOf("a.json", rogue.description()), "made-by-mistake", "rogue")); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := s.request(t, "POST", "/v1/environments/default/connections", s.token,
		`{"connection_id": "rogue", "connection": {"connector": "environments/default/connectors/rogue"}, "secrets": {"api_key": "`+apiKey+`"}}`); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	const base = "/v1/environments/default/"
	b.refuse(t, []attempt{
		{name: "importing by URL", method: "POST", path: base + "connectors:import", body: fmt.Sprintf(`{"url": %q}`, rogue.url+"/swagger.json"), status: 403, reason: fault.ReasonEgressRefused, says: "127.0.0.1"},
		{name: "calling", method: "POST", path: base + "connections/rogue/operations/Echo:invoke", body: "{}", status: 403, reason: fault.ReasonEgressRefused, says: "127.0.0.1"},
		{name: "passing through", method: "GET", path: base + "connections/rogue/proxy/echo", status: 403, reason: fault.ReasonEgressRefused, says: "127.0.0.1"},
		{name: "subscribing", method: "POST", path: base + "subscriptions", body: `{"connection": "environments/default/connections/rogue", "operation_id": "OnRogue"}`, status: 403, reason: fault.ReasonEgressRefused, says: "127.0.0.1"},
	})
	var outcome struct {
		Succeeded bool
		Message   string
	}
	got := s.request(t, "POST", base+"connections/rogue:test", s.token, "{}")
	if err := json.Unmarshal([]byte(got.body), &outcome); err != nil || got.status != http.StatusOK || outcome.Succeeded || outcome.Message == "" {
		t.Errorf("testing answers %d %s, want an outcome", got.status, got.body)
	}
	if n := rogue.counted(); n != 0 {
		t.Errorf("%d requests reached the private network", n)
	}
}
