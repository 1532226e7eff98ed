package diff_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

const base = `{"ferrule": "1",
  "info": {"title": "Items", "description": "All."},
  "servers": [{"urlTemplate": "https://{region}.example.com/v1", "variables": [{"name": "region", "defaultValue": "eu", "allowedValues": ["eu", "us"]}]},
    {"urlTemplate": "https://test.example.com/v1"}],
  "operations": [
    {"operationId": "List", "summary": "Lists", "kind": "ACTION", "method": "GET", "path": "/items", "tags": ["a"], "safety": {"safe": true, "idempotent": true},
     "parameters": [
       {"name": "limit", "location": "QUERY", "schema": {"type": "integer", "maximum": 100}},
       {"name": "status", "location": "QUERY", "schema": {"type": "string", "enum": ["open", "closed"]}},
       {"name": "tenant", "location": "HEADER", "required": true, "schema": {"type": "string", "default": "x"}}],
     "responses": [{"status": "200", "contents": [{"mediaType": "application/json", "kind": "JSON", "schema": {"type": "array", "items": {"$ref": "#/$defs/Item"}}}]}],
     "security": [{"schemes": [{"schemeId": "key"}]}, {"schemes": [{"schemeId": "oauth", "scopes": ["read"]}]}]},
    {"operationId": "Create", "kind": "ACTION", "method": "POST", "path": "/items",
     "requestBody": {"contents": [{"mediaType": "application/json", "kind": "JSON", "schema": {"$ref": "#/$defs/NewItem"}}]},
     "responses": [{"status": "201", "contents": [{"mediaType": "application/json", "kind": "JSON", "schema": {"$ref": "#/$defs/Item"}}]}],
     "dynamics": [{"side": "INPUT", "pointer": "/body/kind", "values": {"call": {"operationId": "List"}}}]},
    {"operationId": "Poll", "kind": "POLLING_TRIGGER", "method": "GET", "path": "/news", "trigger": {"batch": true, "polling": {"protocol": "LIST", "itemsPath": "items", "keyPath": "id"}}},
    {"operationId": "Hook", "kind": "WEBHOOK_TRIGGER", "method": "POST", "path": "/hooks",
     "trigger": {"webhook": {"callbackPointer": "/body/url", "unsubscribeOperationId": "Unhook",
       "notificationSchema": {"type": "object", "properties": {"id": {"type": "string"}, "what": {"$ref": "#/$defs/Item"}}, "required": ["id"]},
       "signature": {"scheme": "hmac-sha256", "header": "X-Signature", "encoding": "hex"}}}},
    {"operationId": "Unhook", "kind": "ACTION", "method": "DELETE", "path": "/hooks"}
  ],
  "schemas": [
    {"name": "Item", "json": {"type": "object", "description": "One.", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "part": {"$ref": "#/$defs/Item"}}, "required": ["id"]}},
    {"name": "NewItem", "json": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 80}, "kind": {"type": "string", "enum": ["a", "b"]}}}},
    {"name": "Alone", "json": {"type": "string"}}
  ],
  "securitySchemes": [{"id": "key", "apiKey": {"name": "X-Key", "location": "HEADER"}},
    {"id": "oauth", "oauth2": {"flows": [{"grant": "authorizationCode", "authorizationUrl": "https://a.example.com/auth", "tokenUrl": "https://a.example.com/token", "scopes": [{"name": "read"}]}]}}],
  "parameterSets": [
    {"name": "key", "parameters": [{"name": "api_key", "type": "SECRET", "required": true}, {"name": "zone", "type": "STRING", "allowedValues": [{"value": "1"}, {"value": "2"}]}],
     "placements": [{"schemeId": "key", "apiKey": {"parameter": "api_key", "location": "HEADER", "name": "X-Key"}}]},
    {"name": "oauth", "parameters": [{"name": "token", "type": "OAUTH", "oauth": {"identityProvider": "oauth2", "scopes": ["read"], "customParameters": {"TokenUrl": "https://a.example.com/token", "prompt": "x"}}}],
     "placements": [{"schemeId": "oauth", "bearer": {"parameter": "token"}}]}],
  "policies": [{"templateId": "setheader", "title": "One", "parameters": [{"name": "name", "json": "X-A"}]}, {"templateId": "convertarraytoobject", "operationIds": ["List"]}],
  "scripts": [{"path": "a.csx"}],
  "connectionTest": {"operationId": "List"},
  "tags": [{"name": "a"}]
}`

func parse(t testing.TB, text string) *connectorv1.Definition {
	t.Helper()
	def, err := definition.Unmarshal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func compare(t testing.TB, old, fresh *connectorv1.Definition) *diff.Diff {
	t.Helper()
	d, err := diff.Compare(t.Context(), old, fresh)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func impactName(i diff.Impact) string {
	return [...]string{diff.None: "none", diff.Compatible: "compatible", diff.Risky: "risky", diff.Breaking: "breaking"}[i]
}

// worst lists the changes of the greatest impact as "impact code operation".
func worst(d *diff.Diff) []string {
	var all []string
	for _, c := range d.Changes {
		if c.Impact == d.Changes[0].Impact {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", impactName(c.Impact), c.Code, c.OperationID)))
		}
	}
	return all
}

// Every kind of change has a row: what it replaces in the base, and what it
// means.
var kinds = []struct {
	name, from, to string
	want           string
}{
	// Operations.
	{"an operation is added", `{"operationId": "Unhook"`, `{"operationId": "Fresh", "kind": "ACTION", "method": "GET", "path": "/fresh"}, {"operationId": "Unhook"`, "compatible operation-added Fresh"},
	{"an operation gets another id", `"operationId": "Poll"`, `"operationId": "PollNews"`, "breaking operation-id-changed Poll"},
	{"an operation gets another path", `"path": "/news"`, `"path": "/latest"`, "breaking operation-path-changed Poll"},
	{"an operation gets another method", `"method": "GET", "path": "/news"`, `"method": "POST", "path": "/news"`, "breaking operation-method-changed Poll"},
	{"a trigger becomes an action", `"kind": "POLLING_TRIGGER", "method": "GET", "path": "/news", "trigger": {"batch": true, "polling": {"protocol": "LIST", "itemsPath": "items", "keyPath": "id"}}`, `"kind": "ACTION", "method": "GET", "path": "/news"`, "breaking operation-kind-changed Poll"},
	{"an operation is hidden", `"operationId": "Poll"`, `"operationId": "Poll", "visibility": "INTERNAL"`, "risky operation-hidden Poll"},
	{"an operation is deprecated", `"operationId": "Poll"`, `"operationId": "Poll", "deprecated": true`, "compatible operation-deprecated Poll"},
	{"an operation needs custom code", `"operationId": "Poll"`, `"operationId": "Poll", "requiresScript": true`, "breaking operation-script-required Poll"},
	{"an operation speaks another protocol", `"operationId": "Poll"`, `"operationId": "Poll", "agentProtocol": "mcp"`, "breaking operation-protocol-changed Poll"},
	{"an operation is less safe", `"safety": {"safe": true, "idempotent": true}`, `"safety": {"needsConfirmation": true}`, "risky operation-less-safe List"},
	{"a list is paged in another way", `"operationId": "Poll"`, `"operationId": "Poll", "pagination": {"nextLinkProperty": "next"}`, "risky operation-pagination-changed Poll"},
	{"a summary changes", `"summary": "Lists"`, `"summary": "Lists all"`, "none operation-texts-changed List"},
	{"tags change", `"tags": ["a"]`, `"tags": ["a", "b"]`, "none operation-details-changed List"},
	{"an operation gets a server", `"operationId": "Poll"`, `"operationId": "Poll", "servers": [{"urlTemplate": "https://news.example.com"}]`, "breaking server-added Poll"},

	// Inputs.
	{"a parameter is removed", `{"name": "limit", "location": "QUERY", "schema": {"type": "integer", "maximum": 100}},`, ``, "breaking request-parameter-removed List"},
	{"a parameter is renamed", `"name": "limit"`, `"name": "top"`, "breaking request-parameter-removed List"},
	{"a required parameter is added", `"parameters": [
       {`, `"parameters": [{"name": "q", "location": "QUERY", "required": true, "schema": {"type": "string"}}, {`, "breaking new-required-request-parameter List"},
	{"a required parameter with a default is added", `"parameters": [
       {`, `"parameters": [{"name": "q", "location": "QUERY", "required": true, "schema": {"type": "string", "default": "a"}}, {`, "compatible new-optional-request-parameter List"},
	{"an optional parameter is added", `"parameters": [
       {`, `"parameters": [{"name": "q", "location": "QUERY", "schema": {"type": "string"}}, {`, "compatible new-optional-request-parameter List"},
	{"an optional parameter becomes required", `{"name": "limit", "location": "QUERY",`, `{"name": "limit", "location": "QUERY", "required": true,`, "breaking request-parameter-became-required List"},
	{"a parameter gets another type", `{"type": "integer", "maximum": 100}`, `{"type": "boolean"}`, "breaking request-parameter-type-changed List"},
	{"a limit is narrowed", `"maximum": 100`, `"maximum": 50`, "breaking request-parameter-max-decreased List"},
	{"a limit is widened", `"maximum": 100`, `"maximum": 500`, "compatible request-parameter-max-increased List"},
	{"a value of a parameter is gone", `"enum": ["open", "closed"]`, `"enum": ["open"]`, "breaking request-parameter-enum-value-removed List"},
	{"a value of a parameter is new", `"enum": ["open", "closed"]`, `"enum": ["open", "closed", "lost"]`, "compatible request-parameter-enum-value-added List"},
	{"an input is made internal", `{"name": "limit", "location": "QUERY",`, `{"name": "limit", "location": "QUERY", "visibility": "INTERNAL",`, "breaking parameter-hidden List"},
	{"a parameter moves", `"name": "limit", "location": "QUERY"`, `"name": "limit", "location": "HEADER"`, "risky parameter-location-changed List"},
	{"a parameter is written in another way", `"name": "limit", "location": "QUERY",`, `"name": "limit", "location": "QUERY", "explode": true,`, "risky parameter-serialisation-changed List"},
	{"a body becomes required", `"requestBody": {`, `"requestBody": {"required": true, `, "breaking request-body-became-required Create"},
	{"a property of the body becomes required", `"kind": {"type": "string", "enum": ["a", "b"]}}`, `"kind": {"type": "string", "enum": ["a", "b"]}}, "required": ["kind"]`, "breaking request-property-became-required Create"},
	{"a required property of the body is added", `"kind": {"type": "string", "enum": ["a", "b"]}}`, `"kind": {"type": "string", "enum": ["a", "b"]}, "new": {"type": "string"}}, "required": ["new"]`, "breaking new-required-request-property Create"},
	{"a value of the body is gone", `"enum": ["a", "b"]`, `"enum": ["a"]`, "breaking request-property-enum-value-removed Create"},
	{"a limit of the body is narrowed", `"maxLength": 80`, `"maxLength": 8`, "breaking request-property-max-length-decreased Create"},
	{"a body is written in another way", `"schema": {"$ref": "#/$defs/NewItem"}`, `"schema": {"$ref": "#/$defs/NewItem"}, "encodings": [{"property": "name"}]`, "risky request-body-encoding-changed Create"},
	{"choices are not supplied any more", `"dynamics": [{"side": "INPUT", "pointer": "/body/kind", "values": {"call": {"operationId": "List"}}}]`, `"dynamics": []`, "risky dynamic-feature-removed Create"},
	{"choices are supplied by another operation", `"values": {"call": {"operationId": "List"}}`, `"values": {"call": {"operationId": "Poll"}}`, "risky dynamic-feature-changed Create"},
	{"choices are supplied for more", `"dynamics": [`, `"dynamics": [{"side": "INPUT", "pointer": "/body/name", "values": {"call": {"operationId": "List"}}},`, "compatible dynamic-feature-added Create"},

	// Answers.
	{"a required property of answers is gone", `"id": {"type": "integer"}, "name": {"type": "string"}, "part": {"$ref": "#/$defs/Item"}}, "required": ["id"]`, `"name": {"type": "string"}, "part": {"$ref": "#/$defs/Item"}}`, "breaking response-required-property-removed List"},
	{"an optional property of answers is gone", `"name": {"type": "string"}, "part"`, `"part"`, "risky response-optional-property-removed List"},
	{"a property of answers gets another type", `"id": {"type": "integer"}`, `"id": {"type": "string"}`, "breaking response-property-type-changed List"},
	{"a property of answers becomes optional", `"part": {"$ref": "#/$defs/Item"}}, "required": ["id"]`, `"part": {"$ref": "#/$defs/Item"}}`, "breaking response-property-became-optional List"},
	{"a property of answers is new", `"properties": {"id": {"type": "integer"}`, `"properties": {"new": {"type": "string"}, "id": {"type": "integer"}`, "compatible response-optional-property-added List"},
	{"a success is gone", `{"status": "201", "contents": [{"mediaType": "application/json", "kind": "JSON", "schema": {"$ref": "#/$defs/Item"}}]}`, `{"status": "202"}`, "breaking response-success-status-removed Create"},
	{"answers are read in another way", `{"status": "201", "contents": [{"mediaType": "application/json", "kind": "JSON"`, `{"status": "201", "contents": [{"mediaType": "application/json", "kind": "TEXT"`, "risky response-body-encoding-changed Create"},
	{"the text of a schema changes", `"description": "One."`, `"description": "One item."`, "none texts-changed"},
	{"a schema that nobody refers to changes", `"json": {"type": "string"}`, `"json": {"type": "integer"}`, "none texts-changed"},

	// Authentication of operations.
	{"an alternative of authentication is gone", `"security": [{"schemes": [{"schemeId": "key"}]}, `, `"security": [`, "breaking operation-security-removed List"},
	{"an alternative of authentication is new", `"security": [`, `"security": [{}, `, "compatible operation-security-alternative-added List"},
	{"a scope is demanded", `"scopes": ["read"]}]}]},`, `"scopes": ["read", "more"]}]}]},`, "breaking operation-security-removed List"},
	{"authentication is demanded", `"operationId": "Poll"`, `"operationId": "Poll", "security": [{"schemes": [{"schemeId": "key"}]}]`, "breaking operation-security-added Poll"},

	// Triggers.
	{"events come one by one", `"batch": true, `, ``, "breaking trigger-batch-changed Poll"},
	{"events are other parts of the answer", `"itemsPath": "items"`, `"itemsPath": "news"`, "breaking trigger-items-changed Poll"},
	{"events are told apart in another way", `"keyPath": "id"`, `"keyPath": "no"`, "risky trigger-polling-changed Poll"},
	{"the callback URL moves", `"/body/url"`, `"/body/target"`, "risky trigger-callback-changed Hook"},
	{"a webhook is registered by hand", `"method": "POST", "path": "/hooks",
     "trigger": {"webhook": {"callbackPointer": "/body/url",`, `"method": "POST", "trigger": {"webhook": {"registration": "MANUAL",`, "breaking operation-path-changed Hook"},
	{"notifications lack something", `"properties": {"id": {"type": "string"}, "what"`, `"properties": {"what"`, "breaking notification-required-property-removed Hook"},
	{"notifications hold something else", `"properties": {"id": {"type": "string"}, "what"`, `"properties": {"id": {"type": "integer"}, "what"`, "breaking notification-property-type-changed Hook"},
	{"notifications are signed in another way", `"X-Signature"`, `"X-Sign"`, "risky trigger-signature-changed Hook"},
	{"notifications are split in another way", `"unsubscribeOperationId": "Unhook",`, `"unsubscribeOperationId": "Unhook", "itemsPath": "value",`, "risky trigger-webhook-changed Hook"},
	{"registrations are removed in another way", `"unsubscribeOperationId": "Unhook",`, ``, "risky trigger-unsubscribe-changed Hook"},

	// Connections.
	{"a way to connect is gone", `{"name": "key", "parameters"`, `{"name": "new", "parameters"`, "breaking parameter-set-removed"},
	{"a way to connect is new", `"parameterSets": [`, `"parameterSets": [{"name": "none"},`, "compatible parameter-set-added"},
	{"a required parameter of connections is new", `{"name": "api_key",`, `{"name": "more", "type": "STRING", "required": true}, {"name": "api_key",`, "breaking connection-parameter-required-added"},
	{"a required parameter with a default is new", `{"name": "api_key",`, `{"name": "more", "type": "STRING", "required": true, "defaultValue": "x"}, {"name": "api_key",`, "compatible connection-parameter-added"},
	{"an optional parameter of connections is new", `{"name": "api_key",`, `{"name": "more", "type": "STRING"}, {"name": "api_key",`, "compatible connection-parameter-added"},
	{"a parameter of connections becomes required", `"name": "zone", `, `"name": "zone", "required": true, `, "breaking connection-parameter-became-required"},
	{"a parameter of connections becomes optional", `"type": "SECRET", "required": true`, `"type": "SECRET"`, "compatible connection-parameter-became-optional"},
	{"a parameter of connections is gone", `, {"name": "zone", "type": "STRING", "allowedValues": [{"value": "1"}, {"value": "2"}]}`, ``, "risky connection-parameter-removed"},
	{"a parameter of connections holds something else", `"name": "zone", "type": "STRING"`, `"name": "zone", "type": "SECRET"`, "breaking connection-parameter-type-changed"},
	{"a parameter of connections takes fewer values", `{"value": "1"}, `, ``, "breaking connection-parameter-narrowed"},
	{"a parameter of connections has another default", `"name": "zone", `, `"name": "zone", "defaultValue": "1", `, "risky connection-parameter-default-changed"},
	{"connections authenticate in another way", `"apiKey": {"parameter": "api_key", "location": "HEADER", "name": "X-Key"}`, `"bearer": {"parameter": "api_key"}`, "breaking connection-authentication-changed"},
	{"credentials move", `"parameter": "api_key", "location": "HEADER"`, `"parameter": "api_key", "location": "QUERY"`, "risky connection-placement-changed"},
	{"a scope is added", `"oauth2", "scopes": ["read"]`, `"oauth2", "scopes": ["read", "write"]`, "breaking oauth-scope-added"},
	{"a scope is not asked for", `"oauth2", "scopes": ["read"]`, `"oauth2", "scopes": []`, "compatible oauth-scope-removed"},
	{"the endpoint of a provider changes", `"TokenUrl": "https://a.example.com/token"`, `"tokenUrl": "https://b.example.com/token"`, "breaking oauth-endpoint-changed"},
	{"a setting of a provider changes", `"prompt": "x"`, `"prompt": "y"`, "risky oauth-settings-changed"},
	{"people sign in elsewhere", `"identityProvider": "oauth2"`, `"identityProvider": "aad"`, "breaking oauth-provider-changed"},
	{"no connection can be made any more", `{"name": "key", "parameters"`, `{"name": "key", "unsupported": {"kind": "NTLM", "remedy": "use a proxy"}, "parameters"`, "breaking parameter-set-unsupported"},
	{"connections must not be shared", `{"name": "key", "parameters"`, `{"name": "key", "sharingForbidden": true, "parameters"`, "breaking connection-sharing-forbidden"},
	{"a scheme is of another kind", `"apiKey": {"name": "X-Key", "location": "HEADER"}}`, `"http": {"scheme": "basic"}}`, "breaking security-scheme-kind-changed"},
	{"a scheme sends its key elsewhere", `"apiKey": {"name": "X-Key", "location": "HEADER"}}`, `"apiKey": {"name": "X-Key", "location": "QUERY"}}`, "risky security-scheme-changed"},
	{"a scheme becomes a signature", `"apiKey": {"name": "X-Key", "location": "HEADER"}}`, `"hmac": {"stringToSign": "{body}", "headers": [{"name": "X-Key", "template": "{signature}"}]}}`, "breaking security-scheme-kind-changed"},
	{"a scheme becomes a signature of AWS", `"apiKey": {"name": "X-Key", "location": "HEADER"}}`, `"awsSignature": {}}`, "breaking security-scheme-kind-changed"},
	{"text is sent around a key", `"apiKey": {"name": "X-Key", "location": "HEADER"}}`, `"apiKey": {"name": "X-Key", "location": "HEADER", "template": "Token {value}"}}`, "risky security-scheme-changed"},
	{"text is sent around the key of a connection", `"location": "HEADER", "name": "X-Key"}`, `"location": "HEADER", "name": "X-Key", "template": "Token {value}"}`, "risky connection-placement-changed"},
	{"connections sign their requests", `"apiKey": {"parameter": "api_key", "location": "HEADER", "name": "X-Key"}`, `"hmac": {"secretParameter": "api_key", "scheme": {"stringToSign": "{body}", "headers": [{"name": "X-Key", "template": "{signature}"}]}}`, "breaking connection-authentication-changed"},
	{"the endpoint of a flow changes", `"https://a.example.com/auth"`, `"https://b.example.com/auth"`, "breaking security-scheme-endpoint-changed"},
	{"a flow is gone", `"grant": "authorizationCode"`, `"grant": "implicit"`, "breaking security-scheme-flow-removed"},
	{"more scopes are offered", `"scopes": [{"name": "read"}]`, `"scopes": [{"name": "read"}, {"name": "write"}]`, "compatible security-scheme-scopes-changed"},

	// Servers.
	{"the host changes", `"https://test.example.com/v1"`, `"https://stage.example.com/v1"`, "breaking server-removed"},
	{"the base path changes", `"https://test.example.com/v1"`, `"https://test.example.com/v2"`, "risky server-path-changed"},
	{"a server is added", `"servers": [{"urlTemplate": "https://{region}`, `"servers": [{"urlTemplate": "https://x.example.com"}, {"urlTemplate": "https://{region}`, "risky server-default-changed"},
	{"a variable takes fewer values", `"allowedValues": ["eu", "us"]`, `"allowedValues": ["eu"]`, "breaking server-variable-narrowed"},
	{"a variable takes more values", `"allowedValues": ["eu", "us"]`, `"allowedValues": []`, "compatible server-variable-widened"},
	{"a variable has another default", `"defaultValue": "eu"`, `"defaultValue": "us"`, "risky server-variable-default-changed"},

	// The rest.
	{"a policy is added", `"policies": [`, `"policies": [{"templateId": "setqueryparameter"}, `, "risky policy-added"},
	{"a policy changes", `"json": "X-A"`, `"json": "X-B"`, "risky policy-changed"},
	{"a policy is gone", `{"templateId": "setheader", "title": "One", "parameters": [{"name": "name", "json": "X-A"}]}, `, ``, "risky policy-removed"},
	{"a policy that shapes bodies changes", `"operationIds": ["List"]`, `"operationIds": ["Poll"]`, "breaking policy-changed"},
	{"a policy that sends requests elsewhere is added", `"policies": [`, `"policies": [{"templateId": "dynamichosturl"}, `, "breaking policy-added"},
	{"a policy is called something else", `"title": "One"`, `"title": "Two"`, "none policies-renamed"},
	{"custom code comes that runs", `"scripts": [`, `"scripts": [{"path": "a.js", "language": "javascript", "source": "function before() {}"}, `, "risky script-added"},
	{"a rate limit comes", `"tags": [{"name": "a"}]`, `"rateLimits": [{"scope": "CONNECTION", "calls": 9, "periodSeconds": 1}], "tags": [{"name": "a"}]`, "risky rate-limits-tightened"},
	{"a rule about failures comes", `"tags": [{"name": "a"}]`, `"errorRules": [{"statuses": ["4XX"], "reason": "UPSTREAM_X"}], "tags": [{"name": "a"}]`, "risky error-rules-changed"},
	{"answers are kept", `"operationId": "Poll"`, `"operationId": "Poll", "cache": {"maxAgeSeconds": 60}`, "risky operation-cache-longer Poll"},
	{"answers are never kept", `"operationId": "Poll"`, `"operationId": "Poll", "cache": {}`, "compatible operation-cache-shorter Poll"},
	{"calls cost more", `"operationId": "Poll"`, `"operationId": "Poll", "cost": 2`, "risky operation-cost-changed Poll"},
	{"calls cost what they did", `"operationId": "Poll"`, `"operationId": "Poll", "cost": 1`, "compatible operation-cost-changed Poll"},
	{"a key makes repeating harmless", `"operationId": "Poll"`, `"operationId": "Poll", "idempotencyKeyHeader": "Idempotency-Key"`, "compatible operation-idempotency-key-changed Poll"},
	{"custom code changes", `"scripts": [{"path": "a.csx"}]`, `"scripts": [{"path": "b.csx"}]`, "risky scripts-changed"},
	{"connections are tested in another way", `"connectionTest": {"operationId": "List"}`, `"connectionTest": {"operationId": "Poll"}`, "risky connection-test-changed"},
	{"the title changes", `"title": "Items"`, `"title": "Things"`, "none info-changed"},
	{"a group changes", `"tags": [{"name": "a"}]`, `"tags": [{"name": "a", "summary": "A"}]`, "none tags-changed"},
}

func TestEveryKindOfChangeHasItsClass(t *testing.T) {
	for _, row := range kinds {
		t.Run(row.name, func(t *testing.T) {
			if strings.Count(base, row.from) != 1 {
				t.Fatalf("the base has %d times %q", strings.Count(base, row.from), row.from)
			}
			d := compare(t, parse(t, base), parse(t, strings.Replace(base, row.from, row.to, 1)))
			got := worst(d)
			if len(got) == 0 || got[0] != row.want {
				t.Errorf("changes %q, want %q", got, row.want)
			}
			for _, c := range d.Changes {
				if c.Code == "" || c.Message == "" || c.Subject == "" || c.Impact < diff.None || c.Impact > diff.Breaking {
					t.Errorf("the change %+v is incomplete", c)
				}
			}
		})
	}
}

// An automation that calls an operation stops working when a new version lacks
// it; whoever publishes has to be told.
func TestARemovedOperationBreaks(t *testing.T) {
	old := parse(t, base)
	fresh := parse(t, base)
	fresh.Operations = fresh.Operations[1:]
	d := compare(t, old, fresh)
	want := diff.Change{Impact: diff.Breaking, Code: "operation-removed", Message: "the operation was removed", OperationID: "List", Subject: "operation"}
	if d.Breaking != 1 || d.Total != 1 || d.Changes[0] != want {
		t.Errorf("diff %+v, want %+v", d, want)
	}
	back := compare(t, fresh, old)
	if back.Breaking != 0 || back.Total != 1 || back.Changes[0].Code != "operation-added" {
		t.Errorf("diff back %+v", back)
	}
}

func TestEqualDefinitionsHaveNoChanges(t *testing.T) {
	if d := compare(t, parse(t, base), parse(t, base)); d.Total != 0 || len(d.Changes) != 0 {
		t.Errorf("diff %+v", d)
	}
	moved := parse(t, base)
	for _, op := range moved.GetOperations() {
		op.SourcePointer = "/paths/elsewhere"
	}
	if d := compare(t, parse(t, base), moved); d.Breaking != 0 || d.Changes[0].Impact != diff.None {
		t.Errorf("diff %+v", d)
	}
}

func TestTheWorstChangesComeFirst(t *testing.T) {
	text := base
	for _, edit := range [][2]string{
		{`"title": "Items"`, `"title": "Things"`},
		{`"maximum": 100`, `"maximum": 500`},
		{`"keyPath": "id"`, `"keyPath": "no"`},
		{`"path": "/news"`, `"path": "/latest"`},
		{`"https://test.example.com/v1"`, `"https://stage.example.com/v1"`},
		{`"enum": ["open", "closed"]`, `"enum": ["open"]`},
	} {
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	d := compare(t, parse(t, base), parse(t, text))
	last := diff.Breaking
	for _, c := range d.Changes {
		if c.Impact > last {
			t.Errorf("the change %+v comes too late", c)
		}
		last = c.Impact
	}
	if d.Changes[0].OperationID != "" || d.Changes[1].OperationID != "List" || d.Changes[2].OperationID != "Poll" || d.Breaking != 3 {
		t.Errorf("changes %+v", d.Changes)
	}
}

func TestManyChangesAreCountedAndNotAllListed(t *testing.T) {
	old := parse(t, base)
	fresh := parse(t, base)
	for i := range 3000 {
		old.Operations = append(old.Operations, &connectorv1.Operation{OperationId: fmt.Sprint("op", i), Method: "GET", Path: fmt.Sprint("/", i)})
	}
	d := compare(t, old, fresh)
	if d.Breaking != 3000 || d.Total != 3000 || len(d.Changes) != diff.MaxChanges {
		t.Errorf("%d changes, %d breaking, %d listed", d.Total, d.Breaking, len(d.Changes))
	}
}

func TestWhatCannotBeComparedIsRisky(t *testing.T) {
	for _, schema := range []string{`{"$ref": "#/$defs/Item/nowhere"}`, `{"type": ["string", 7]}`, `{"minLength": -1.5}`, `{"properties": {"a": 7}}`} {
		old, fresh := parse(t, base), parse(t, base)
		fresh.Operations[0].Responses[0].Contents[0].Schema = []byte(schema)
		fresh.Operations[4].Parameters = []*connectorv1.Parameter{{Name: "p", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Required: true, Schema: []byte(`{}`)}}
		d := compare(t, old, fresh)
		codes := map[string]diff.Impact{}
		for _, c := range d.Changes {
			codes[c.Code+" "+c.OperationID] = c.Impact
		}
		if codes["operation-not-compared List"] != diff.Risky || codes["new-required-request-parameter Unhook"] != diff.Breaking {
			t.Errorf("%s: changes %+v", schema, d.Changes)
		}
	}
}

func TestKeywordsThatMeanNothingAreNotCompared(t *testing.T) {
	for _, schema := range []string{
		`{"type": 7}`, `{"properties": []}`, `{"items": "x", "required": {}}`, `{"required": true, "discriminator": "kind"}`,
		`{"$ref": "https://example.com/schema.json"}`, `{"$ref": "#/$defs/None"}`, `{"x-a": 1, "$id": "x"}`, `{`, `true`,
	} {
		old, fresh := parse(t, base), parse(t, base)
		old.Operations[2].Responses = []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{MediaType: "application/json", Schema: []byte(`{}`)}}}}
		fresh.Operations[2].Responses = []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{MediaType: "application/json", Schema: []byte(schema)}}}}
		if d := compare(t, old, fresh); d.Total != 1 || d.Changes[0].Code != "texts-changed" {
			t.Errorf("%s: changes %+v", schema, d.Changes)
		}
	}
}

func TestTheEndOfTheContextStopsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fresh := parse(t, base)
	fresh.Operations[0].Parameters = nil
	if _, err := diff.Compare(ctx, parse(t, base), fresh); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestTheDefinitionsStayAsTheyAre(t *testing.T) {
	old, fresh := parse(t, base), parse(t, strings.ReplaceAll(base, `"integer"`, `"string"`))
	before, after := proto.CloneOf(old), proto.CloneOf(fresh)
	compare(t, old, fresh)
	if !proto.Equal(old, before) || !proto.Equal(fresh, after) {
		t.Error("a definition was changed")
	}
}
