package runtimeproxy_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestPoliciesOfRealConnectors: shapes that published connectors have, through the
// whole of a call.
func TestPoliciesOfRealConnectors(t *testing.T) {
	tests := []struct {
		name             string
		policies         []*connectorv1.Policy
		operation, input string
		answers          map[string]string // by path; others are {}
		want             []string          // requests with their bodies
		header           [2]string         // of the answer
		body             string            // of the answer
		sent             [2]string         // a header of the last request
	}{
		{
			name: "a path of its own", operation: "GetItem", input: `{"id":"a/b"}`,
			policies: []*connectorv1.Policy{policyOf("routerequesttoendpoint", requestSection, "newPath", "/v2/things/{id}/x", "httpMethod", "@Request.OriginalHTTPMethod")},
			want:     []string{"GET /api/v2/things/a%2Fb/x "},
		},
		{
			name: "another method", operation: "GetItem", input: `{"id":"7"}`,
			policies: []*connectorv1.Policy{policyOf("routerequesttoendpoint", requestSection, "newPath", "/search", "httpMethod", "POST")},
			want:     []string{"POST /api/search "},
		},
		{
			name: "a value that the API has to be asked for", operation: "GetItem", input: `{"id":"7"}`,
			policies: []*connectorv1.Policy{policyOf("setvaluefromurl", requestSection, "parameterTemplate", "@headers('If-Match')", "parameterValueUrl", "/tags/{id}", "parameterValuePathTemplate", "@body()['@odata.etag']")},
			answers:  map[string]string{"/api/tags/7": `{"@odata.etag":"W/1"}`},
			want:     []string{"GET /api/tags/7 ", "GET /api/items/7 "}, sent: [2]string{"If-Match", "W/1"},
		},
		{
			name: "a property of a body that goes out", operation: "CreateItem", input: item,
			policies: []*connectorv1.Policy{only(policyOf("setproperty", requestSection, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", "region", "propertyValuePathTemplate", "@connectionParameters('region')"), "CreateItem")},
			want:     []string{`POST /api/items {"name":"bolt","kind":"part","region":"eu"}`},
		},
		{
			name: "a secret in a body that goes out", operation: "CreateItem", input: item,
			policies: []*connectorv1.Policy{policyOf("setproperty", requestSection, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", "key", "propertyValuePathTemplate", "@connectionParameters('api_key')")},
			want:     []string{`POST /api/items {"name":"bolt","kind":"part","key":"` + canary + `"}`},
		},
		{
			name: "a property of an answer", operation: "GetItem", input: `{"id":"7"}`,
			policies: []*connectorv1.Policy{policyOf("setproperty", answerSection, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", "source", "propertyValuePathTemplate", "crm")},
			answers:  map[string]string{"/api/items/7": `{"id":7}`}, body: `{"id":7,"source":"crm"}`,
		},
		{
			name: "an object as an array", operation: "GetItem", input: `{"id":"7"}`,
			policies: []*connectorv1.Policy{policyOf("convertobjecttoarray", answerSection, "propertyParentPath", "@body()", "propertySubPath", "map", "newPropertyPath", "@body().list", "keyName", "k", "valueName", "v")},
			answers:  map[string]string{"/api/items/7": `{"map":{"a":1}}`}, body: `{"map":{"a":1},"list":[{"k":"a","v":1}]}`,
		},
		{
			name: "a header of the answer", operation: "ListItems",
			policies: []*connectorv1.Policy{policyOf("setheader", answerSection, "name", "X-From", "value", "crm")}, header: [2]string{"X-From", "crm"},
		},
		{
			name: "a header of a failure only, where there is none", operation: "ListItems",
			policies: []*connectorv1.Policy{policyOf("setheader", failureSection, "name", "X-From", "value", "crm")}, header: [2]string{"X-From", ""},
		},
		{
			name: "a query parameter and a header of the connection", operation: "ListItems",
			policies: []*connectorv1.Policy{
				policyOf("setqueryparameter", requestSection, "name", "region", "value", "@connectionParameters('region')"),
				policyOf("setheader", requestSection, "name", "Authorization", "value", "Token @connectionParameters('api_key')"),
			},
			want: []string{"GET /api/items?limit=20&region=eu "}, sent: [2]string{"Authorization", "Token " + canary},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, r got, _ int) {
				body, ok := tt.answers[r.URL.Path]
				if !ok {
					body = `{}`
				}
				say(w, 200, body)
			})
			s := start(t, rec.url, func(d *connectorv1.Definition) { d.Policies = tt.policies })
			answer, err := s.call(tt.operation, tt.input)
			must(t, err)
			all := rec.all()
			if tt.want != nil {
				var lines []string
				for _, r := range all {
					lines = append(lines, r.Method+" "+r.RequestURI+" "+r.body)
				}
				if diff := cmp.Diff(tt.want, lines); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			}
			for _, r := range all {
				if r.Header.Get("X-Api-Key") != canary {
					t.Errorf("%s came without the credential", r.RequestURI)
				}
			}
			if tt.sent[0] != "" && all[len(all)-1].Header.Get(tt.sent[0]) != tt.sent[1] {
				t.Errorf("%s = %q", tt.sent[0], all[len(all)-1].Header.Get(tt.sent[0]))
			}
			if tt.header[0] != "" && headerOf(answer, tt.header[0]) != tt.header[1] {
				t.Errorf("%s = %q", tt.header[0], headerOf(answer, tt.header[0]))
			}
			if tt.body != "" && string(answer.GetBody().GetData()) != tt.body {
				t.Errorf("body = %s", answer.GetBody().GetData())
			}
		})
	}
}

// TestPoliciesOfFailures are applied to failures.
func TestPoliciesOfFailures(t *testing.T) {
	rec := record(t, always(404, `{"message":"not there"}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{
			policyOf("setheader", failureSection, "name", "X-Failure", "value", "yes"),
			policyOf("setheader", answerSection, "name", "X-Answer", "value", "yes"),
		}
	})
	answer, err := s.call("ListItems", "")
	must(t, err)
	if answer.GetStatusCode() != 404 || headerOf(answer, "X-Failure") != "yes" {
		t.Errorf("answer = %v", answer)
	}
}

// TestAConnectionIsSignedOutByItsTestOnly: a status of another operation says
// nothing about it.
func TestAConnectionIsSignedOutByItsTestOnly(t *testing.T) {
	rec := record(t, always(418, `{}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.ConnectionTest = &connectorv1.ConnectionTest{OperationId: "ListItems"}
		d.Policies = []*connectorv1.Policy{policyOf("setconnectionstatustounauthenticated", answerSection, "statusCode", "418")}
	})
	reports := func() int {
		s.vault.mu.Lock()
		defer s.vault.mu.Unlock()
		return len(s.vault.reports)
	}
	must(t, second(s.call("GetItem", `{"id":"7"}`)))
	if n := reports(); n != 0 {
		t.Errorf("%d reports after another operation", n)
	}
	must(t, second(s.call("ListItems", "")))
	if n := reports(); n != 1 {
		t.Fatalf("%d reports after the test operation, want 1", n)
	}
	if r := s.vault.reports[0]; r.GetSucceeded() || !strings.Contains(r.String(), "418") {
		t.Errorf("report = %v", r)
	}
}

// TestAPollGoesOnWhereTheLastOneEnded: its state is in the link that it answers
// with, and the caller keeps nothing else.
func TestAPollGoesOnWhereTheLastOneEnded(t *testing.T) {
	var news string
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) { say(w, 200, news) })
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		op := operationOf(d, "ListItems")
		op.Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
		d.Policies = []*connectorv1.Policy{only(policyOf("pollingtrigger", answerSection,
			"triggerConfig", `{"after":"@{triggerBody().value[0].id}"}`, "triggerDataPath", "@triggerBody().value"), "ListItems")}
	})
	link := ""
	for i, step := range []struct {
		news   string
		status int32
		asked  string
	}{
		{`{"value":[{"id":3},{"id":2}]}`, 202, "GET /api/items?limit=20"},
		{`{"value":[]}`, 202, "GET /api/items?limit=20&after=3"},
		{`{"value":[{"id":5},{"id":4}]}`, 200, "GET /api/items?limit=20&after=3"},
		{`{"value":[]}`, 202, "GET /api/items?limit=20&after=5"},
	} {
		news = step.news
		answer, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.Link = link })
		if err != nil {
			t.Fatalf("poll %d: %v", i+1, err)
		}
		lines := rec.lines()
		if answer.GetStatusCode() != step.status || lines[len(lines)-1] != step.asked {
			t.Errorf("poll %d: status %d, asked %s; want %d, %s", i+1, answer.GetStatusCode(), lines[len(lines)-1], step.status, step.asked)
		}
		if step.status == 200 && string(answer.GetBody().GetData()) != step.news {
			t.Errorf("poll %d: %s", i+1, answer.GetBody().GetData())
		}
		if link = headerOf(answer, "Location"); link == "" {
			t.Fatalf("poll %d says not where to go on", i+1)
		}
	}
}

// TestNoPolicyCarriesASecretAway: neither to a host that the connection is not
// bound to, nor into anything that the caller or the API sees.
func TestNoPolicyCarriesASecretAway(t *testing.T) {
	attacker := record(t, always(200, `{"value":"v"}`))
	host := strings.TrimPrefix(attacker.url, "http://")
	tests := []struct {
		name     string
		policies []*connectorv1.Policy
		input    string
	}{
		{"another host", []*connectorv1.Policy{policyOf("dynamichosturl", requestSection, "urlTemplate", attacker.url)}, ""},
		{"a host that the caller chooses", []*connectorv1.Policy{policyOf("dynamichosturl", requestSection, "urlTemplate", "http://@queryParameters('tag')")}, `{"tag":["` + host + `"]}`},
		{"a value from elsewhere", []*connectorv1.Policy{policyOf("setvaluefromurl", requestSection, "parameterTemplate", "@headers('X-V')", "parameterValueUrl", attacker.url+"/v", "parameterValuePathTemplate", "@body().value")}, ""},
		{"a value with the key in its url", []*connectorv1.Policy{policyOf("setvaluefromurl", requestSection, "parameterTemplate", "@headers('X-V')", "parameterValueUrl", attacker.url+"/v?k=@connectionParameters('api_key')", "parameterValuePathTemplate", "@body().value")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, always(200, `{}`))
			s := start(t, rec.url, func(d *connectorv1.Definition) { d.Policies = tt.policies })
			err := second(s.call("ListItems", tt.input))
			reasonIs(t, err, fault.ReasonHostNotAllowed)
			if leaks(err.Error()) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if len(attacker.all())+len(rec.all()) != 0 {
				t.Errorf("%d requests to the attacker, %d to the API", len(attacker.all()), len(rec.all()))
			}
		})
	}
}

// handlePattern is what handles look like (package inject).
var handlePattern = regexp.MustCompile(`fh[0-9a-f]{32}`)

// TestNobodySeesAHandle: what stands for a secret is between the runtime's own
// steps, whatever policies and code write it into, and however they are reached.
func TestNobodySeesAHandle(t *testing.T) {
	const key = "@connectionParameters('api_key')"
	header := []*connectorv1.Policy{
		policyOf("setheader", requestSection, "name", "X-Copy", "value", "@headers('X-Api-Key')"),
		policyOf("setheader", answerSection, "name", "X-Back", "value", key),
		policyOf("setheader", answerSection, "name", "X-Request", "value", "@headers('X-Api-Key')"),
	}
	body := policyOf("setproperty", answerSection, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", "stolen", "propertyValuePathTemplate", key)
	code := func(text string) func(*connectorv1.Definition) {
		return func(d *connectorv1.Definition) {
			d.Scripts = []*connectorv1.Script{{Language: "javascript", Source: text}}
		}
	}
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Definition)
		stream bool // passes without its body
	}{
		{"policies of the header", func(d *connectorv1.Definition) { d.Policies = header }, true},
		{"policies of the body", func(d *connectorv1.Definition) { d.Policies = append(slices.Clip(header), body) }, false},
		{"a policy that fails", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{policyOf("dynamichosturl", requestSection, "urlTemplate", "http://"+key+".example.org")}
		}, true},
		{"code that answers", code(`export function handle(request, ctx) { const k = ctx.connection.parameter('api_key'); return new Response({status: 200, json: {k}, headers: {'X-Leak': k}}); }`), false},
		{"code that fails", code(`export function handle(request, ctx) { const k = ctx.connection.parameter('api_key'); console.log(k); throw new Error("no: " + k); }`), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, r got, _ int) {
				say(w, 200, `{"a":1}`, "X-Echo", r.Header.Get("X-Copy"), "Location", "/next?key="+r.Header.Get("X-Copy"))
			})
			s := start(t, rec.url, row.change)
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("api_key", "canary-7f3a-plain") })
			see := func(way, text string) {
				t.Helper()
				if leaks(text) || handlePattern.MatchString(text) {
					t.Errorf("%s shows %s", way, text)
				}
			}
			answer, err := s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.IncludeLogs = true })
			see("Invoke", fmt.Sprint(answer.String(), err, string(answer.GetBody().GetData())))
			if err != nil {
				see("the error of Invoke", fmt.Sprint(fault.From(err).Meta()))
			}
			resp := s.do(s.request("GET", "/items", nil))
			text, _ := io.ReadAll(resp.Body)
			see("pass-through", fmt.Sprint(resp.Header, string(text)))
			if row.stream {
				streamed, err := s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil)
				see("InvokeStream", fmt.Sprintf("%+v %v", streamed, err))
			}
			for _, r := range rec.all() {
				if got := r.Header.Get("X-Copy"); got != "canary-7f3a-plain" {
					t.Errorf("the API got %q", got)
				}
			}
		})
	}
}

// TestVariablesOfTheEnvironment are parameters of the connection, secrets among
// them. One without a value ends the call, and the error says which of which policy.
func TestVariablesOfTheEnvironment(t *testing.T) {
	rec := record(t, always(200, `[]`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{
			policyOf("setheader", requestSection, "name", "X-Stage", "value", `@environmentVariables("contoso_Stage")`),
			policyOf("setheader", requestSection, "name", "X-Again", "value", `@environmentVariables("API_KEY")`),
			policyOf("setqueryparameter", requestSection, "name", "tier", "value", `@environmentVariables("contoso_tier", 'free')`),
		}
	})
	for way, call := range map[string]func() error{
		"Invoke":       func() error { return second(s.call("ListItems", "")) },
		"pass-through": func() error { return s.through(s.request("GET", "/items", nil)) },
		"InvokeStream": func() error {
			return second(s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil))
		},
	} {
		s.vault.change(func(c *vaultv1.Credential) { delete(c.Parameters, "contoso_stage") })
		s.clock.Advance(2 * time.Minute) // leases end
		f := reasonIs(t, call(), fault.ReasonPolicyFailed)
		for _, part := range []string{`"setheader"`, `"contoso_Stage"`, "declare a connection parameter of that name", "@environmentVariables('contoso_Stage', 'value')"} {
			if !strings.Contains(f.Message(), part) {
				t.Errorf("%s: %q does not say %s", way, f.Message(), part)
			}
		}
		if n := len(rec.all()); n != 0 {
			t.Fatalf("%s: %d requests", way, n)
		}
		s.vault.change(func(c *vaultv1.Credential) { c.Parameters["contoso_stage"] = "test" })
		s.clock.Advance(2 * time.Minute)
		must(t, call())
		r := rec.all()[0]
		if r.Header.Get("X-Stage") != "test" || r.Header.Get("X-Again") != canary || r.URL.Query().Get("tier") != "free" {
			t.Errorf("%s: %v %s", way, r.Header, r.RequestURI)
		}
		rec.mu.Lock()
		rec.list = nil
		rec.mu.Unlock()
	}
}
