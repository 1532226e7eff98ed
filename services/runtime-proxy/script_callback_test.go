package runtimeproxy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

func body(text string) *httpbody.HttpBody {
	return &httpbody.HttpBody{ContentType: "application/json", Data: []byte(text)}
}

// calledBack is a runtime with a connector that gives out callback URLs: Subscribe
// returns one for each path that it is asked for.
type calledBack struct {
	*suite

	runtime runtimev1.RuntimeServiceClient
}

func newCalledBack(t *testing.T) *calledBack {
	t.Helper()
	s := start(t, unreached(t), func(d *connectorv1.Definition) {
		withCode(`export function handle(request, ctx) {
			const url = new URL(request.url)
			if (request.operationId === 'Search') return {status: 200, json: ctx.callbackUrl(url.searchParams.get('state'))}
			return {status: 207, headers: {'X-Seen': request.headers.get('X-Sig') ?? 'none', 'Set-Cookie': 'a=1'},
				json: [request.method, url.pathname + url.search, request.text(), [...request.headers.keys()].sort()]}
		}`, "Search", "Hook")(d)
		d.Operations = append(d.Operations, &connectorv1.Operation{
			OperationId: "Hook", Method: "POST", Path: "/hook/{kind}",
			Parameters: []*connectorv1.Parameter{
				{Name: "kind", Required: true, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Schema: []byte(`{"type":"string"}`)},
			},
		})
	})
	s.vault.change(func(c *vaultv1.Credential) { c.LinkKey = []byte("a link key of thirty-two bytes..") })
	return &calledBack{s, s.coding(func(c *settings) { c.PublicURL = "https://ferrule.example/" })}
}

// subscribe returns the token of a URL for a path.
func (c *calledBack) subscribe(path string) string {
	c.t.Helper()
	input, err := json.Marshal(map[string]string{"state": path})
	must(c.t, err)
	got, err := c.runtime.Invoke(c.as("ada"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", Input: body(string(input))})
	must(c.t, err)
	var url string
	must(c.t, json.Unmarshal(got.GetBody().GetData(), &url))
	token, ok := strings.CutPrefix(url, "https://ferrule.example/callbacks/")
	if !ok || len(token) != 43 {
		c.t.Fatalf("url = %q", url)
	}
	return token
}

// receive is a request at a callback URL, as the gateway passes it on.
func (c *calledBack) receive(req *runtimev1.ReceiveCallbackRequest) (*runtimev1.ReceiveCallbackResponse, error) {
	return c.runtime.ReceiveCallback(grpcx.AsService(c.t.Context()), req)
}

func TestACallbackURLRunsTheScriptOfItsOperation(t *testing.T) {
	c := newCalledBack(t)
	token := c.subscribe("/hook/a%20b?kind=1")
	if again := c.subscribe("/hook/a%20b?kind=1"); again != token {
		t.Errorf("asked twice, the tokens are %q and %q", token, again)
	}
	got, err := c.receive(&runtimev1.ReceiveCallbackRequest{
		Token: token, Method: "POST", Query: "x=%2F", Body: []byte(`{"event":1}`),
		Headers: []*runtimev1.InvokeStreamHeader{
			{Name: "X-Sig", Value: "s1"},
			{Name: "Cookie", Value: "a=1"},
			{Name: "Connection", Value: "close"},
			{Name: "Ferrule-Subject-Token", Value: "t"},
			{Name: "Authorization", Value: "Basic aG9vazpw"},
			{Name: "Content-Type", Value: "application/json"},
		},
	})
	must(t, err)
	var fields []string
	for _, h := range got.GetHeaders() {
		fields = append(fields, h.GetName()+": "+h.GetValue())
	}
	slices.Sort(fields)
	if diff := cmp.Diff([]string{"Content-Type: application/json", "X-Seen: s1"}, fields); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	var seen []any
	must(t, json.Unmarshal(got.GetBody(), &seen))
	if got.GetStatusCode() != 207 || seen[0] != "POST" || seen[1] != "/api/hook/a%20b?kind=1&x=%2F" || seen[2] != `{"event":1}` {
		t.Errorf("answer = %d %s", got.GetStatusCode(), got.GetBody())
	}
	names, _ := json.Marshal(seen[3])
	for _, name := range []string{"Cookie", "Connection", "Ferrule-Subject-Token"} {
		if strings.Contains(string(names), `"`+name+`"`) {
			t.Errorf("code saw the fields %s", names)
		}
	}
	if !strings.Contains(string(names), `"Authorization"`) {
		t.Errorf("code saw the fields %s", names)
	}
}

func TestCallbackURLsOfScriptsThatLeadNowhere(t *testing.T) {
	c := newCalledBack(t)
	good, other := c.subscribe("/hook/a"), c.subscribe("/hook/b")
	for _, row := range []struct {
		name, token, method string
		reason              fault.Reason
	}{
		{"a method that no operation has there", good, "GET", fault.ReasonCallbackUnknown},
		{"a token that was changed", swapFirst(good), "POST", fault.ReasonCallbackUnknown},
		{"half of one and half of another", good[:20] + other[20:], "POST", fault.ReasonCallbackUnknown},
		{"a shorter one", good[:42], "POST", fault.ReasonCallbackUnknown},
		{"a path that no operation has", c.subscribe("/nothing/here"), "POST", fault.ReasonCallbackUnknown},
		{"an operation without code", c.subscribe("/items"), "GET", fault.ReasonScriptInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.receive(&runtimev1.ReceiveCallbackRequest{Token: row.token, Method: row.method})
			checkReason(t, err, row.reason)
		})
	}
	must(t, second(c.receive(&runtimev1.ReceiveCallbackRequest{Token: good, Method: "POST"})))
	t.Run("a path that is none", func(t *testing.T) {
		_, err := c.runtime.Invoke(c.as("ada"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "Search", Input: body(`{"state":"https://x.example/"}`)})
		checkReason(t, err, fault.ReasonInvalidArgument)
	})
	t.Run("a server without a public address", func(t *testing.T) {
		checkReason(t, second(c.invoke("Search", `{"state":"/hook/a"}`)), fault.ReasonOperationNotSupported)
	})
}

func TestCallbackURLsOfScriptsEndWithTheirConnection(t *testing.T) {
	c := newCalledBack(t)
	token := c.subscribe("/hook/a")
	req := &runtimev1.ReceiveCallbackRequest{Token: token, Method: "POST"}

	c.vault.change(func(lent *vaultv1.Credential) { lent.LinkKey = []byte("the key of a connection made anew") })
	c.clock.Advance(2 * time.Minute) // the lease ends
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown)

	c.vault.change(func(lent *vaultv1.Credential) { lent.LinkKey = []byte("a link key of thirty-two bytes..") })
	c.clock.Advance(2 * time.Minute)
	must(t, second(c.receive(req)))

	c.vault.fail(fault.Unavailable(fault.ReasonServiceUnavailable, "the vault is away"))
	c.clock.Advance(2 * time.Minute)
	checkReason(t, second(c.receive(req)), fault.ReasonServiceUnavailable) // which says nothing about the connection

	c.vault.fail(fault.NotFound(fault.ReasonConnectionNotFound, "connection does not exist"))
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown)

	c.vault.fail(nil)
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown) // it was forgotten
}

// Code that was published for a while leaves no way to connections behind.
func TestCallbackURLsOfScriptsEndWithTheCodeThatAskedForThem(t *testing.T) {
	c := newCalledBack(t)
	req := &runtimev1.ReceiveCallbackRequest{Token: c.subscribe("/hook/a"), Method: "POST"}
	honest := ""
	publish := func(revision string, change func(d *connectorv1.Definition)) {
		c.registry.change(func(r *registry) {
			r.revision = strings.Repeat(revision, 32)
			change(r.definition)
		})
		c.clock.Advance(2 * time.Minute) // bindings follow what is published
	}
	publish("b", func(d *connectorv1.Definition) {
		honest = d.GetScripts()[0].GetSource()
		d.GetScripts()[0].Source = "// mended\n" + honest
	})
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown)
	publish("c", func(d *connectorv1.Definition) { d.GetScripts()[0].OperationIds = []string{"Hook"} })
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown)
	publish("d", func(d *connectorv1.Definition) {
		d.GetScripts()[0].Source, d.GetScripts()[0].OperationIds = honest, []string{"Search", "Hook"}
	})
	must(t, second(c.receive(req)))
	publish("e", func(d *connectorv1.Definition) {
		d.Operations = slices.DeleteFunc(d.GetOperations(), func(op *connectorv1.Operation) bool { return op.GetOperationId() == "Search" })
		d.GetScripts()[0].OperationIds = []string{"Hook"}
	})
	checkReason(t, second(c.receive(req)), fault.ReasonCallbackUnknown)
}

func swapFirst(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}
