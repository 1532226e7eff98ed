package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

const theSecret = "s3cr3t-value"

// credential is one with a secret in the Authorization header.
func credential(t *testing.T) *inject.Credential {
	t.Helper()
	c, err := inject.New(inject.Lent{
		Secrets: map[string]secret.Text{"api_key": secret.FromString(theSecret)},
		Set: &connectorv1.ParameterSet{
			Parameters: []*connectorv1.ConnectionParameter{{Name: "api_key"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// whole is all that a policy can have seen or written.
func whole(e *policy.Exchange) string {
	text := fmt.Sprintf("%+v", *e.Request) + string(e.Request.Body)
	if e.Response != nil {
		text += fmt.Sprint(e.Response.Header) + string(e.Response.Body)
	}
	return text
}

func TestNoPolicySeesASecret(t *testing.T) {
	const call = "@connectionParameters('api_key')"
	list := []*connectorv1.Policy{
		newPolicy("setheader", "", map[string]string{"name": "x-key", "value": "Key " + call}),
		newPolicy("setqueryparameter", "", map[string]string{"name": "key", "value": call}),
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "key", "propertyValuePathTemplate": call}),
		newPolicy("encodepropertyvalue", "", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "key", "newPropertyPath": "@body().encoded"}),
		newPolicy("stringreplace", "", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "key", "newPropertyPath": "@body().cut", "sourceString": "f", "replacementString": "g"}),
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/bot" + call + "/send"}),
		newPolicy("dynamichosturl", "", map[string]string{"urlTemplate": "https://a.example.com/" + call}),
		newPolicy("setvaluefromurl", "", map[string]string{"parameterTemplate": "@headers('x-value')", "parameterValueUrl": "/me?k=" + call, "parameterValuePathTemplate": "@body()"}),
		newPolicy("setheader", "RESPONSE", map[string]string{"name": "x-key", "value": "@headers('x-key')"}),
	}
	program, err := policy.Compile("Op", list)
	if err != nil {
		t.Fatal(err)
	}
	handles := credential(t).Handles()
	asked := ""
	e := &policy.Exchange{
		Request:   &request.Request{Method: "POST", Header: map[string][]string{}, Body: []byte(`{}`)},
		Parameter: handles.Parameter,
		Fetch: func(_ context.Context, r *request.Request) (*upstream.Response, error) {
			asked = fmt.Sprintf("%+v", *r)
			if err := handles.Reveal(r); err != nil { // as a fetcher does: it stays in its own request
				return nil, err
			}
			return &upstream.Response{Status: 200, Body: []byte(`"v"`)}, nil
		},
	}
	if err := policy.Run(t.Context(), program.Request, e); err != nil {
		t.Fatal(err)
	}
	e.Response = &upstream.Response{Status: 200, Header: map[string][]string{}}
	if err := policy.Run(t.Context(), program.Response, e); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(whole(e)+asked, theSecret) {
		t.Error("a policy has seen the secret")
	}
	handle, _ := handles.Parameter("api_key")
	if strings.Count(e.Request.Path+e.Request.Query+e.Request.HeaderValue("X-Key"), handle) != 3 || strings.Count(asked, handle) != 3 {
		t.Errorf("the handle is not where it belongs: %s, asked %s", whole(e), asked)
	}
	if err := handles.Reveal(e.Request); err != nil || e.Request.Path != "/bot"+theSecret+"/send" || e.Request.HeaderValue("X-Key") != "Key "+theSecret {
		t.Errorf("the request is not finished: %v", err)
	}
}

func TestPoliciesOfPagesSeeNoSecret(t *testing.T) {
	program := trigger(t, "@triggerBody().v", map[string]string{"x-ms-triggerConfig-nextLink": "n"},
		newPolicy("setproperty", "RESPONSE", map[string]string{
			"newPropertyParentPathTemplate": "@body().v", "newPropertySubPathTemplate": "key", "propertyValuePathTemplate": "<@headers('Authorization')>",
		}))
	handles := credential(t).Handles()
	handle, _ := handles.Parameter("api_key")
	e := pollExchange("")
	e.Request.SetHeader("Authorization", handle)
	e.Fetch = func(_ context.Context, r *request.Request) (*upstream.Response, error) {
		if err := handles.Reveal(r); err != nil || r.HeaderValue("Authorization") != theSecret {
			t.Errorf("the page is asked for with %v, %v", r.Header, err)
		}
		return &upstream.Response{Status: 200, Body: []byte(`{"v":[{"id":2}]}`)}, nil
	}
	e.Response = &upstream.Response{Status: 200, Body: []byte(`{"v":[{"id":1}],"n":"?p=2"}`)}
	if err := program.Trigger.Before(e, "e30"); err != nil {
		t.Fatal(err)
	}
	if err := policy.Run(t.Context(), append(program.Request, program.Response...), e); err != nil {
		t.Fatal(err)
	}
	if err := program.Trigger.After(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`{"v":[{"id":1,"key":"<%[1]s>"},{"id":2,"key":"<%[1]s>"}]}`, handle); string(e.Response.Body) != want {
		t.Errorf("body = %s\nwant   %s", e.Response.Body, want)
	}
}

func TestTheHandleOfAnotherCallIsOnlyText(t *testing.T) {
	c := credential(t)
	other := c.Handles()
	stolen, _ := other.Parameter("api_key")
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setheader", "", map[string]string{"name": "x-a", "value": "@connectionParameters('api_key')"}),
		newPolicy("setheader", "", map[string]string{"name": "x-b", "value": "@body().handle"}),
		newPolicy("setheader", "", map[string]string{"name": "x-c", "value": "@queryParameters('handle')"}),
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/@{body().handle}"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]string{"handle": stolen})
	handles := c.Handles()
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Query: "handle=" + stolen, Body: body}, Parameter: handles.Parameter}
	if err := policy.Run(t.Context(), program.Request, e); err != nil {
		t.Fatal(err)
	}
	if err := handles.Reveal(e.Request); err != nil {
		t.Fatal(err)
	}
	if e.Request.HeaderValue("X-A") != theSecret {
		t.Error("the call's own handle was not replaced")
	}
	if e.Request.HeaderValue("X-B") != stolen || e.Request.HeaderValue("X-C") != stolen || e.Request.Path != "/"+stolen {
		t.Error("the handle of another call was replaced")
	}
}

// hostile is what a caller or an API may send in the hope of being more than a
// value.
func hostile() []string {
	return []string{
		"/", "//evil.org", "..", "../..", "%2e%2e", "%252e%252e", "/../x", "a/../../b", "?x=1", "&x=1", "#x", "x#y", "@evil.org", "a@evil.org:80",
		"evil.org/", "evil.org?", "evil.org#", `evil.org\`, "https://evil.org", "//", ":80", ":80@evil.org", "\r\nX-Evil: 1", "\nX-Evil: 1", "\r", "\x00",
		"x;y=z", "%0d%0a", "%2F%2Fevil.org", "[::1]", "127.0.0.1/", "a b", "ü", "\u2028", "。", "evil。org/", " ", ".", "", "fh", "{id}", "@headers('Authorization')", "@{body()}",
	}
}

func TestHostileValuesStayValues(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("dynamichosturl", "", map[string]string{"urlTemplate": "https://api-@queryParameters('v').example.com/root"}),
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/a/@queryParameters('v')/b/{v}?q=@queryParameters('v')"}),
		newPolicy("setheader", "", map[string]string{"name": "x-v", "value": "<@queryParameters('v')>"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range program.Request { // each alone: the first to refuse hides the others
		for _, value := range hostile() {
			e := &policy.Exchange{
				Request: &request.Request{
					Base: request.Base{Scheme: "https", Host: "old.example.com"}, Query: "v=" + request.Escape(value),
					Header: map[string][]string{"Authorization": {"fh0011"}},
				},
				Argument: func(string) (string, bool) { return value, true },
			}
			if err := policy.Run(t.Context(), program.Request[i:i+1], e); err != nil {
				if reason := fault.ReasonOf(err); reason != fault.ReasonPolicyFailed && reason != fault.ReasonConnectionParametersInvalid && reason != fault.ReasonInputInvalid {
					t.Errorf("%q: %v", value, err)
				}
				continue
			}
			checkPlaces(t, value, e.Request)
		}
	}
}

// checkPlaces checks that a value changed nothing but its own place.
func checkPlaces(t *testing.T, value string, r *request.Request) {
	t.Helper()
	host := r.Base.Host
	if host != "old.example.com" && (!strings.HasPrefix(host, "api-") || !strings.HasSuffix(host, ".example.com") || r.Base.Path != "/root") {
		t.Errorf("%q leads to %s", value, r.Base)
	}
	if r.Path != "" && (strings.Count(r.Path, "/") != 4 || strings.ContainsAny(r.Path, "?#\\ \r\n") || request.Climbs(r.Path)) {
		t.Errorf("%q makes the path %q", value, r.Path)
	}
	if r.Path != "" && (strings.Count(r.Query, "=") != 1 || strings.ContainsAny(r.Query, "&#; \r\n")) {
		t.Errorf("%q makes the query %q", value, r.Query)
	}
	if text := r.HeaderValue("X-V"); strings.ContainsAny(text, "\r\n\x00") || len(r.Header) > 2 || strings.Contains(text, "fh0011") {
		t.Errorf("%q makes the header %q", value, r.Header)
	}
}

func TestHostileValuesInBodiesStayValues(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": `{"u":"x{@body().v}y","v":{@body().v},"w":[@queryParameters('v')]}`}),
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "b", "propertyValuePathTemplate": "'{@body().v}'"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range append(hostile(), `"`, `\`, `","admin":true,"x":"`, `'`, `"}`, `{`, `]`, "\\u0022") {
		body, _ := json.Marshal(map[string]string{"v": value})
		e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Body: body, Query: "v=" + request.Escape("q"+value)}}
		if err := policy.Run(t.Context(), program.Request, e); err != nil {
			t.Fatal(err)
		}
		var out struct {
			A struct {
				U, V string
				W    []string
			}
			B string
		}
		if err := json.Unmarshal(e.Request.Body, &out); err != nil {
			t.Fatalf("%q: %v in %s", value, err, e.Request.Body)
		}
		if out.A.U != "x"+value+"y" || out.A.V != value || out.B != value || len(out.A.W) != 1 || out.A.W[0] != "q"+value {
			t.Errorf("%q became %s", value, e.Request.Body)
		}
	}
}
