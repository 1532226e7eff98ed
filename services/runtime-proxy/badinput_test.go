package runtimeproxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// unreached is an API that fails the test when it is reached.
func unreached(t *testing.T) string {
	t.Helper()
	return api(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request was sent: %s %s", r.Method, r.RequestURI)
	})
}

// order is an operation with inputs of every kind.
func order(d *connectorv1.Definition) {
	d.Schemas = []*connectorv1.Schema{{Name: "Line", Json: []byte(`{"type":"object","required":["sku","quantity"],"additionalProperties":false,
		"properties":{"sku":{"type":"string","pattern":"^[A-Z]+$"},"quantity":{"type":"integer","minimum":1,"maximum":99},"note":{"type":"string","maxLength":5}}}`)}}
	d.Operations = append(d.Operations, &connectorv1.Operation{
		OperationId: "PlaceOrder", Method: "POST", Path: "/shops/{shop}/orders",
		Parameters: []*connectorv1.Parameter{
			{Name: "shop", Required: true, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Schema: []byte(`{"type":"integer"}`)},
			{Name: "dryRun", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(`{"type":"boolean"}`)},
			{Name: "X-Channel", Required: true, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER, Schema: []byte(`{"type":"string","enum":["web","phone"]}`)},
		},
		RequestBody: &connectorv1.RequestBody{Required: true, Contents: []*connectorv1.MediaType{{
			MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
			Schema: []byte(`{"type":"object","required":["lines"],"properties":{"lines":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/Line"}},"customer":{"type":"object","required":["email"]}}}`),
		}}},
	})
}

// TestAllThatIsWrongWithAnInputIsInOneAnswer, each with its path.
func TestAllThatIsWrongWithAnInputIsInOneAnswer(t *testing.T) {
	s := start(t, unreached(t), order)
	tests := []struct {
		name, input string
		want        []string
	}{
		{"nothing given", `{}`, []string{"shop: is required", "X-Channel: is required", "body: is required"}},
		{"types", `{"shop":"one","dryRun":"yes","X-Channel":7,"body":[]}`, []string{
			"shop: must be an integer, not a string", "dryRun: must be a boolean, not a string", `X-Channel: must be one of "web", "phone"`, "body: must be an object, not an array",
		}},
		{"values", `{"shop":1.5,"X-Channel":"fax","body":{"lines":[{"sku":"abc","quantity":0},{"sku":"A","quantity":100,"note":"too long"}],"customer":{}}}`, []string{
			"shop: must be an integer, not a number", `X-Channel: must be one of "web", "phone"`,
			"body.customer.email: is required", `body.lines[0].quantity: must be at least 1`, `body.lines[0].sku: must match the pattern "^[A-Z]+$"`,
			"body.lines[1].note: must have at most 5 characters", "body.lines[1].quantity: must be at most 99",
		}},
		{"names", `{"Shop":1,"dryrun":true,"x-channel":"web","bodi":{},"entirely":1}`, []string{
			"Shop: is no input of this operation; did you mean shop?", "dryrun: is no input of this operation; did you mean dryRun?",
			"x-channel: is no input of this operation; did you mean X-Channel?", "bodi: is no input of this operation; did you mean body?",
			"entirely: is no input of this operation; it takes X-Channel, body, dryRun, shop",
			"shop: is required", "X-Channel: is required", "body: is required",
		}},
		{"names deep inside", `{"shop":1,"X-Channel":"web","body":{"lines":[{"sku":"A","quantity":1,"colour":"red"}]}}`, []string{"body.lines[0].colour: is not known to the operation"}},
		{"an empty list", `{"shop":1,"X-Channel":"web","body":{"lines":[]}}`, []string{"body.lines: must have at least 1 items"}},
		{"null is nothing, but for a body", `{"shop":null,"X-Channel":"web","body":null}`, []string{"shop: is required", "body: must be an object, not null"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.invoke("PlaceOrder", tt.input)
			f := fault.From(err)
			if err == nil || f.Reason() != fault.ReasonInputInvalid || f.Code() != fault.CodeInvalidArgument || f.Meta()["operation"] != "PlaceOrder" {
				t.Fatalf("error = %v", err)
			}
			got := map[string]bool{}
			for _, v := range f.Violations() {
				got[v.Field+": "+v.Description] = true
			}
			want := map[string]bool{}
			for _, line := range tt.want {
				want[line] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if !strings.Contains(f.Message(), `"PlaceOrder"`) || (len(tt.want) > 1 && !strings.Contains(f.Message(), fmt.Sprintf("%d more", len(tt.want)-1))) {
				t.Errorf("message = %q", f.Message())
			}
		})
	}
	t.Run("no more than fifty", func(t *testing.T) {
		_, err := s.invoke("PlaceOrder", `{"shop":1,"X-Channel":"web","body":{"lines":[`+strings.TrimSuffix(strings.Repeat(`{},`, 500), ",")+`]}}`)
		if n := len(fault.From(err).Violations()); n != 50 {
			t.Errorf("%d violations", n)
		}
	})
}

// TestInputsThatAreNoInputs: whatever comes in place of a JSON object is refused
// with where it is wrong, and without repeating it.
func TestInputsThatAreNoInputs(t *testing.T) {
	s := start(t, unreached(t), nil)
	tests := []struct{ name, input, says string }{
		{"not json", `{"limit":s3cret}`, "mistake at byte 9"},
		{"cut off", `{"limit":1`, "valid json"},
		{"two objects", `{"limit":1}{"limit":2}`, "nothing behind it"},
		{"a list", `[]`, "one JSON object"},
		{"a text", `"s3cret"`, "one JSON object"},
		{"null", `null`, "one JSON object"},
		{"the same name twice", `{"limit":1,"limit":2}`, "is there twice"},
		{"the same name twice, spelled differently", `{"limit":1,"\u006cimit":2}`, "is there twice"},
		{"half a character", "{\"tag\":[\"\xc3\"]}", "mistake"},
		{"half a surrogate", `{"tag":["\ud800"]}`, "mistake"},
		{"a byte order mark", "\ufeff{}", "mistake"},
		{"a comment", `{/* s3cret */}`, "mistake"},
		{"a comma at the end", `{"limit":1,}`, "mistake"},
		{"not a number", `{"limit":NaN}`, "mistake"},
		{"only spaces", `   `, "valid json"},
		{"nested without end", strings.Repeat(`{"a":`, 50_000), "valid json"},
		{"nested and closed", `{"tag":` + strings.Repeat(`[`, 50_000) + strings.Repeat(`]`, 50_000) + `}`, "valid json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.invoke("ListItems", tt.input)
			f := fault.From(err)
			if err == nil || f.Reason() != fault.ReasonInputInvalid || !strings.Contains(f.Message(), tt.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error = %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// TestNamesThatAreNearlyRight: whoever mistypes an operation is told what there
// is.
func TestNamesThatAreNearlyRight(t *testing.T) {
	s := start(t, unreached(t), nil)
	for asked, similar := range map[string]string{
		"Listitems": "ListItems", "ListItem": "ListItems", "LsitItems": "ListItems", "GetItems": "GetItem", "Item": "GetItem", "createitem ": "CreateItem",
		"DeleteEverything": "", "../../x": "", strings.Repeat("x", 512): "",
	} {
		_, err := s.invoke(asked, "")
		f := fault.From(err)
		if err == nil || f.Reason() != fault.ReasonOperationNotFound || f.Code() != fault.CodeNotFound || f.Meta()["operation"] != asked {
			t.Errorf("%q: %v", asked, err)
			continue
		}
		if similar == "" && (f.Meta()["similar"] != "" || !strings.Contains(f.Message(), "list its operations")) {
			t.Errorf("%.20q: %q, %v", asked, f.Message(), f.Meta())
		}
		if similar != "" && (!strings.Contains(f.Message(), "did you mean") || !strings.Contains(f.Meta()["similar"], similar)) {
			t.Errorf("%q: %q, %v; want %s", asked, f.Message(), f.Meta(), similar)
		}
	}
}

// TestConnectionsThatAreNotReady: the fault is the connection's, and says so on
// all three ways in.
func TestConnectionsThatAreNotReady(t *testing.T) {
	header := func(d *connectorv1.Definition) *connectorv1.ApiKeyPlacement {
		return d.GetParameterSets()[0].GetPlacements()[0].GetApiKey()
	}
	tests := []struct {
		name       string
		credential func(*vaultv1.Credential)
		definition func(*connectorv1.Definition)
		reason     fault.Reason
		code       fault.Code
	}{
		{"a parameter set that is gone", func(c *vaultv1.Credential) { c.ParameterSet = "old" }, nil, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
		{"no server", nil, func(d *connectorv1.Definition) { d.Servers = nil }, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
		{"a server with a password in it", func(c *vaultv1.Credential) { c.ServerUrl = "https://ada:" + canary[:8] + "@x" }, nil, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
		{"a server of another kind", func(c *vaultv1.Credential) { c.ServerUrl = "file:///etc/passwd" }, nil, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
		{"a parameter that would be another host", func(c *vaultv1.Credential) { c.Parameters = map[string]string{"region": "evil.org/"} }, func(d *connectorv1.Definition) {
			d.Servers = []*connectorv1.Server{{UrlTemplate: "https://{region}.example.com", Variables: []*connectorv1.ServerVariable{{Name: "region"}}}}
		}, fault.ReasonConnectionParametersInvalid, fault.CodeFailedPrecondition},
		{"a secret with a line break", func(c *vaultv1.Credential) { c.Secrets[0].Value = []byte(canary + "\r\nX-Admin: 1") }, nil, fault.ReasonConnectionParametersInvalid, fault.CodeFailedPrecondition},
		{"a secret with a line break at its end", func(c *vaultv1.Credential) { c.Secrets[0].Value = []byte(canary + "\n") }, nil, fault.ReasonConnectionParametersInvalid, fault.CodeFailedPrecondition},
		{"a secret with a zero", func(c *vaultv1.Credential) { c.Secrets[0].Value = []byte(canary + "\x00") }, nil, fault.ReasonConnectionParametersInvalid, fault.CodeFailedPrecondition},
		{"a place for the secret that is none", nil, func(d *connectorv1.Definition) { header(d).Name = "X-Key\r\nX-Admin" }, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
		{"a place that belongs to the transport", nil, func(d *connectorv1.Definition) { header(d).Name = "Content-Length" }, fault.ReasonConnectionNotReady, fault.CodeFailedPrecondition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, unreached(t), tt.definition)
			if tt.credential != nil {
				s.vault.change(tt.credential)
			}
			_, invoke := s.invoke("ListItems", "")
			through := s.through(s.request("GET", "/items", nil))
			for way, err := range map[string]error{"Invoke": invoke, "the data plane": through} {
				if f := fault.From(err); err == nil || f.Reason() != tt.reason || f.Code() != tt.code || leaks(fmt.Sprint(err, f.Meta())) || f.Message() == "" {
					t.Errorf("%s: %v", way, err)
				}
			}
			if got, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection}); err == nil && (got.GetSucceeded() || leaks(got.GetMessage())) {
				t.Errorf("the test of the connection says %v", got)
			}
		})
	}
}

// TestServicesBehindUsThatFail: callers learn that, and nothing about where these
// services are.
func TestServicesBehindUsThatFail(t *testing.T) {
	tests := []struct {
		name   string
		fail   func(*suite)
		reason fault.Reason
		code   fault.Code
	}{
		{"the vault is down", func(s *suite) { s.vault.fail(status.Error(codes.Unavailable, "dial tcp 10.9.8.7:1: refused")) }, fault.ReasonServiceUnavailable, fault.CodeUnavailable},
		{"the vault does not let us", func(s *suite) { s.vault.fail(fault.Denied(fault.ReasonPermissionDenied, "only the runtime may ask")) }, fault.ReasonPermissionDenied, fault.CodePermissionDenied},
		{"the vault breaks", func(s *suite) { s.vault.fail(fmt.Errorf("open /var/10.9.8.7: %s", canary)) }, fault.ReasonInternal, fault.CodeInternal},
		{"the vault talks nonsense", func(s *suite) { s.vault.change(func(c *vaultv1.Credential) { c.Connector = "10.9.8.7" }) }, fault.ReasonInternal, fault.CodeInternal},
		{"the registry has no definition", func(s *suite) { s.registry.change(func(r *registry) { r.definition = nil }) }, fault.ReasonInternal, fault.CodeInternal},
		{"the connector was deleted", func(s *suite) { s.registry.change(func(r *registry) { r.gone = true }) }, fault.ReasonConnectorNotFound, fault.CodeNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, unreached(t), nil)
			s.leakyPeers = true // what the vault itself logs is its own affair
			tt.fail(s)
			_, invoke := s.invoke("ListItems", "")
			through := s.through(s.request("GET", "/items", nil))
			_, test := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
			for way, err := range map[string]error{"Invoke": invoke, "the data plane": through, "TestConnection": test} {
				f := fault.From(err)
				if err == nil || f.Reason() != tt.reason || f.Code() != tt.code {
					t.Errorf("%s: %v (%v)", way, err, f.Reason())
					continue
				}
				if text := fmt.Sprint(f.Message(), f.Meta()); strings.Contains(text, "10.9.8.7") || leaks(text) {
					t.Errorf("%s: the error says too much: %s", way, text)
				}
			}
			if len(s.vault.reports) != 0 {
				t.Errorf("the outcome of a test that was not made was kept: %v", s.vault.reports)
			}
		})
	}
}

// TestWhoMayNotCall: every way in, with each kind of token.
func TestWhoMayNotCall(t *testing.T) {
	s := start(t, unreached(t), nil)
	key, err := authn.LoadOrCreateKey(t.TempDir() + "/other.key")
	must(t, err)
	s.tokens["stranger"], err = authn.NewIssuer(key, s.clock).Issue(authn.Principal{Kind: authn.KindUser, Name: "ada"}, time.Hour)
	must(t, err)
	s.tokens["changed"] = changed(s.tokens["ada"])
	s.tokens["noise"] = "noise"
	s.tokens["late"] = s.tokens["ada"]
	for _, row := range []struct {
		who   string
		late  bool
		wants fault.Reason
	}{
		{"stranger", false, fault.ReasonUnauthenticated},
		{"changed", false, fault.ReasonUnauthenticated},
		{"noise", false, fault.ReasonUnauthenticated},
		{"bob", false, fault.ReasonConnectionNotFound},
		{"late", true, fault.ReasonUnauthenticated},
	} {
		t.Run(row.who, func(t *testing.T) {
			if row.late {
				s.clock.Advance(2 * time.Hour)
			}
			_, invoke := s.runtime.Invoke(s.as(row.who), &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems"})
			_, test := s.runtime.TestConnection(s.as(row.who), &runtimev1.TestConnectionRequest{Name: connection})
			req := s.request("GET", "/items", nil)
			req.Header.Set("Authorization", "Bearer "+s.tokens[row.who])
			for way, err := range map[string]error{"Invoke": invoke, "TestConnection": test, "the data plane": s.through(req)} {
				f := fault.From(err)
				if err == nil || f.Reason() != row.wants || strings.Contains(err.Error(), s.tokens[row.who]) {
					t.Errorf("%s: %v", way, err)
				}
			}
		})
	}
	if n := s.registry.fetched.Load(); n != 0 {
		t.Errorf("%d definitions were fetched for people who may not call", n)
	}
	if strings.Contains(s.log.String(), s.tokens["ada"]) {
		t.Error("a token is in the log")
	}
}

// changed returns a token whose signature does not fit any more.
func changed(token string) string {
	at := strings.LastIndexByte(token, '.') + 5
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}

// TestOddSecretsArriveAsTheyAre takes each through the whole runtime.
func TestOddSecretsArriveAsTheyAre(t *testing.T) {
	keys := make(chan string, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("X-Api-Key") + r.URL.Query().Get("key")
	}), nil)
	at := func(l connectorv1.CredentialLocation, name string) {
		s.registry.change(func(r *registry) {
			placement := r.definition.GetParameterSets()[0].GetPlacements()[0].GetApiKey()
			placement.Location, placement.Name = l, name
			r.revision += "0"
		})
	}
	for _, text := range []string{"a", "a b", `"quoted"`, "a&b=c#d?e/f", "100%", "%41", "pässwörd", "😀", strings.Repeat("x", 8000), "{{template}}", "@connectionParameters('x')", "fh00"} {
		for _, location := range []connectorv1.CredentialLocation{connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY} {
			name := "X-Api-Key"
			if location == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY {
				name = "key"
			}
			at(location, name)
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets[0].Value = []byte(text) })
			s.clock.Advance(61 * time.Second) // so that all is asked for again
			_, err := s.invoke("ListItems", "")
			must(t, err)
			if got := testkit.Receive(t, "the request", keys); got != text {
				t.Errorf("%v: got %.50q, want %.50q", location, got, text)
			}
			s.do(s.request("GET", "/items", nil))
			if got := testkit.Receive(t, "the request", keys); got != text {
				t.Errorf("%v, data plane: got %.50q, want %.50q", location, got, text)
			}
		}
	}
}

// TestWithoutASecretNothingIsMadeUp: the API decides what a call without a
// credential is worth.
func TestWithoutASecretNothingIsMadeUp(t *testing.T) {
	requests := make(chan http.Header, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) { requests <- r.Header }), nil)
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets[0].Value = nil })
	_, err := s.invoke("ListItems", "")
	must(t, err)
	if h := testkit.Receive(t, "the request", requests); h["X-Api-Key"] != nil {
		t.Errorf("header = %v", h)
	}
}

// TestTheCallerGaveUpFirst: no request goes on for somebody who is gone.
func TestTheCallerGaveUpFirst(t *testing.T) {
	entered, left := make(chan struct{}), make(chan bool, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
		left <- true
	}), nil)
	ctx, cancel := context.WithCancel(s.as("ada"))
	go func() { <-entered; cancel() }()
	_, err := s.runtime.Invoke(ctx, &runtimev1.InvokeRequest{
		Connection: connection, OperationId: "CreateItem", Input: &httpbody.HttpBody{Data: []byte(`{"body":{"name":"x"}}`)},
	})
	if fault.CodeOf(err) != fault.CodeCanceled && status.Code(err) != codes.Canceled {
		t.Errorf("error = %v", err)
	}
	testkit.Receive(t, "the API to notice", left)
}
