package policy_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// pollCase is a story: polls one after the other, each with the Location of the
// one before.
type pollCase struct {
	Name   string
	Config map[string]string
	Data   string
	Calls  []pollCall
}

type pollCall struct {
	Answer answer
	Pages  map[string]*answer

	Query  string // that was sent
	Status int
	State  map[string]string
	Wait   string
	Result json.RawMessage
	None   bool // there is no Location
	Error  fault.Reason
}

func trigger(t testing.TB, data string, config any, more ...*connectorv1.Policy) policy.Program {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	p := &connectorv1.Policy{TemplateId: "pollingtrigger", Parameters: []*connectorv1.PolicyParameter{
		{Name: "triggerConfig", Json: text}, {Name: "triggerDataPath", Json: fmt.Appendf(nil, "%q", data)},
	}}
	program, err := policy.Compile("OnItem", append(more, p))
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestPolls(t *testing.T) {
	text, err := os.ReadFile("testdata/polls/pollingtrigger.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []pollCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			program := trigger(t, c.Data, c.Config)
			query := "a=1"
			for i := range c.Calls {
				query = c.Calls[i].run(t, &program, i, query)
			}
		})
	}
}

// pollExchange is a poll whose links stay as they are.
func pollExchange(query string) *policy.Exchange {
	return &policy.Exchange{
		Request: &request.Request{
			Method: "GET", Base: request.Base{Scheme: "https", Host: "api.example.com"}, Path: "/x", Query: query,
			Header: map[string][]string{"Authorization": {"Bearer fh01"}},
		},
		Link: func(link string) (string, bool) { return link, true },
	}
}

// run makes one poll and returns the query of the next.
func (c *pollCall) run(t *testing.T, program *policy.Program, i int, query string) string {
	t.Helper()
	e := pollExchange(query)
	e.Fetch = func(_ context.Context, r *request.Request) (*upstream.Response, error) {
		key := r.Method + " " + r.Base.Scheme + "://" + r.Base.Host + r.Target()
		if c.Pages[key] == nil || r.HeaderValue("Authorization") != "Bearer fh01" {
			t.Fatalf("poll %d: asked for %s with %v", i, key, r.Header)
		}
		r.SetHeader("Authorization", "Bearer revealed") // must not be kept
		return c.Pages[key].response(), nil
	}
	err := program.Trigger.Before(e, "")
	if err == nil {
		err = policy.Run(t.Context(), program.Request, e)
	}
	if e.Request.Query != c.Query {
		t.Errorf("poll %d: query = %q, want %q", i, e.Request.Query, c.Query)
	}
	e.Response = c.Answer.response()
	if err == nil {
		err = policy.Run(t.Context(), program.Response, e)
	}
	if err == nil {
		err = program.Trigger.After(t.Context(), e)
	}
	if fault.ReasonOf(err) != c.Error {
		t.Fatalf("poll %d: %v, want %q", i, err, c.Error)
	}
	if c.Error != "" {
		return ""
	}
	return c.compare(t, e, i, query)
}

func (c *pollCall) compare(t *testing.T, e *policy.Exchange, i int, query string) string {
	t.Helper()
	if e.Response.Status != c.Status || e.Response.Header.Get("Retry-After") != c.Wait {
		t.Errorf("poll %d: status %d, wait %q", i, e.Response.Status, e.Response.Header.Get("Retry-After"))
	}
	if c.Result != nil {
		if diff := cmp.Diff(compact(t, c.Result), compact(t, e.Response.Body)); diff != "" {
			t.Errorf("poll %d: body (-want +got):\n%s", i, diff)
		}
	}
	if c.Status == 202 && e.Response.Body != nil {
		t.Errorf("poll %d: an answer that does not fire has a body: %s", i, e.Response.Body)
	}
	var state map[string]string
	text, _ := base64.RawURLEncoding.DecodeString(e.Poll.State())
	if err := json.Unmarshal(text, &state); err != nil || cmp.Diff(c.State, state) != "" {
		t.Errorf("poll %d: state %s, want %v", i, text, c.State)
	}
	location := e.Response.Header.Get("Location")
	if c.None {
		if location != "" {
			t.Errorf("poll %d: location %q", i, location)
		}
		return query // the same once more
	}
	u, err := url.Parse(location)
	if err != nil || u.Path != "/x" || u.Query().Get(policy.StateParameter) != e.Poll.State() {
		t.Fatalf("poll %d: location = %q", i, location)
	}
	return u.RawQuery
}

func TestStatesThatWereNotMadeHereAreRefused(t *testing.T) {
	program := trigger(t, "@triggerBody()", map[string]string{"a": "@{triggerBody()[0]}"})
	for _, state := range []string{"%", "e30=", "bnVsbA", "WzFd", "eyJhIjoxfQ", strings.Repeat("e", 7000)} {
		if err := program.Trigger.Before(pollExchange(""), state); fault.ReasonOf(err) != fault.ReasonLinkInvalid {
			t.Errorf("%.20s: %v", state, err)
		}
	}
}

func TestAStateNamesOnlyParametersOfTheTrigger(t *testing.T) {
	program := trigger(t, "@triggerBody()", map[string]string{"a": "@{triggerBody()[0]}"})
	e := pollExchange("x=1&a=0")
	state := base64.RawURLEncoding.EncodeToString([]byte(`{"a":"1&b=2","x":"9","admin":"true"}`))
	if err := program.Trigger.Before(e, state); err != nil || e.Request.Query != "x=1&a=1%26b%3D2" {
		t.Errorf("query = %q, %v", e.Request.Query, err)
	}
}

func TestPollsWithoutALinkAreFollowedByTheirState(t *testing.T) {
	program := trigger(t, "@triggerBody()", map[string]string{"a": "@{triggerBody()[0]}"})
	e := pollExchange("")
	e.Link = nil
	e.Response = &upstream.Response{Status: 200, Header: map[string][]string{}, Body: []byte(`["q"]`)}
	if err := program.Trigger.Before(e, ""); err != nil {
		t.Fatal(err)
	}
	if err := program.Trigger.After(t.Context(), e); err != nil || e.Response.Header.Get("Location") != "" {
		t.Fatal(err, e.Response.Header)
	}
	next := pollExchange("")
	if err := program.Trigger.Before(next, e.Poll.State()); err != nil || next.Request.Query != "a=q" {
		t.Errorf("query = %q, %v", next.Request.Query, err)
	}
}

func TestAPollThatCannotGoOnFails(t *testing.T) {
	program := trigger(t, "@triggerBody()", map[string]string{"a": "@{triggerBody()[0]}"})
	for name, change := range map[string]func(*policy.Exchange){
		"no link can be made": func(e *policy.Exchange) { e.Link = func(string) (string, bool) { return "", false } },
		"the state is long":   func(e *policy.Exchange) { e.Response.Body = []byte(`["` + strings.Repeat("x", 8000) + `"]`) },
	} {
		t.Run(name, func(t *testing.T) {
			e := pollExchange("")
			e.Response = &upstream.Response{Status: 200, Header: map[string][]string{}, Body: []byte(`["q"]`)}
			change(e)
			if err := program.Trigger.Before(e, ""); err != nil {
				t.Fatal(err)
			}
			if err := program.Trigger.After(t.Context(), e); fault.ReasonOf(err) != fault.ReasonPolicyFailed || !strings.Contains(err.Error(), "OnItem") {
				t.Error(err)
			}
		})
	}
}

func TestACallThatIsNoPollPassesATriggersProgram(t *testing.T) {
	program := trigger(t, "@triggerBody()", map[string]string{})
	e := pollExchange("a=1")
	e.Response = &upstream.Response{Status: 200, Body: []byte(`[1]`)}
	for _, err := range []error{
		policy.Run(t.Context(), program.Request, e), policy.Run(t.Context(), program.Response, e), program.Trigger.After(t.Context(), e),
	} {
		if err != nil || e.Response.Status != 200 {
			t.Error(err, e.Response.Status)
		}
	}
}

func TestPagesAreReadBeforePoliciesChangeTheirLinks(t *testing.T) {
	program := trigger(t, "@triggerBody().items", map[string]string{"a": "@{triggerBody().items[0].key}", "x-ms-triggerConfig-nextLink": "next"},
		newPolicy("updatenextlink", "RESPONSE", map[string]string{"nextLinkPropertyName": "next"}),
		newPolicy("convertobjecttoarray", "RESPONSE", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "items", "newPropertyPath": "@body().items"}))
	e := pollExchange("")
	e.Link = func(string) (string, bool) { return "https://ferrule.example/link", true }
	var asked []string
	e.Fetch = func(_ context.Context, r *request.Request) (*upstream.Response, error) {
		asked = append(asked, r.Base.Host+r.Target())
		return &upstream.Response{Status: 200, Header: map[string][]string{}, Body: []byte(`{"items":{"k2":2}}`)}, nil
	}
	e.Response = &upstream.Response{Status: 200, Header: map[string][]string{}, Body: []byte(`{"items":{"k1":1},"next":"https://api.example.com/p2"}`)}
	err := program.Trigger.Before(e, base64.RawURLEncoding.EncodeToString([]byte("{}")))
	for _, step := range []func() error{
		func() error { return policy.Run(t.Context(), program.Request, e) },
		func() error { return policy.Run(t.Context(), program.Response, e) },
		func() error { return program.Trigger.After(t.Context(), e) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil || len(asked) != 1 || asked[0] != "api.example.com/p2" {
		t.Fatalf("asked for %v, %v", asked, err)
	}
	if got := string(e.Response.Body); got != `{"items":[{"key":"k1","value":1},{"key":"k2","value":2}]}` {
		t.Errorf("body = %s", got)
	}
}

func TestPagesWithoutEndAreNotRead(t *testing.T) {
	program := trigger(t, "@triggerBody().v", map[string]string{"x-ms-triggerConfig-nextLink": "n"})
	e := pollExchange("")
	asked := 0
	page := func() *upstream.Response {
		asked++
		return &upstream.Response{Status: 200, Body: fmt.Appendf(nil, `{"v":[1],"n":"?p=%d"}`, asked)}
	}
	e.Fetch = func(context.Context, *request.Request) (*upstream.Response, error) { return page(), nil }
	e.Response = page()
	if err := program.Trigger.Before(e, base64.RawURLEncoding.EncodeToString([]byte("{}"))); err != nil {
		t.Fatal(err)
	}
	if err := policy.Run(t.Context(), append(program.Request, program.Response...), e); err != nil {
		t.Fatal(err)
	}
	if err := program.Trigger.After(t.Context(), e); fault.ReasonOf(err) != fault.ReasonPolicyFailed || asked != 100 {
		t.Errorf("%d pages, %v", asked, err)
	}
}

func TestTriggersThatCannotBeCompiled(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"no path":            {"triggerConfig": "{}"},
		"a path that is not": {"triggerConfig": "{}", "triggerDataPath": "value"},
		"no configuration":   {"triggerDataPath": "@triggerBody()"},
		"a list":             {"triggerConfig": "[]", "triggerDataPath": "@triggerBody()"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Compile("Op", []*connectorv1.Policy{newPolicy("pollingtrigger", "", parameters)})
			if fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
				t.Error(err)
			}
		})
	}
}
