package policy_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// testCase is one case of testdata: a policy, a call, and what becomes of it.
// What is not given is not looked at.
type testCase struct {
	Name       string
	Section    string
	Parameters map[string]string
	Method     string // POST if not given
	Path       string
	Query      string
	Before     map[string][]string
	Body       json.RawMessage
	Text       string // a body that is no JSON
	Arguments  map[string]string
	Answer     *answer            // of the API; in the response section
	Fetch      map[string]*answer // by method and URL

	Header   map[string][]string
	Response map[string][]string
	Host     string
	Target   string
	Sent     string // method
	Base     string
	Result   json.RawMessage // the body that comes out
	Same     bool            // the body is not touched
	Fetched  map[string][]string
	Told     int // status that was told to be unauthenticated
	Error    fault.Reason
	Because  string // part of the message
	Refused  bool
}

type answer struct {
	Status int
	Header map[string][]string
	Body   json.RawMessage
	Text   string
}

func (a *answer) response() *upstream.Response {
	resp := &upstream.Response{Status: a.Status, Header: map[string][]string{}, Body: a.Body}
	if a.Status == 0 {
		resp.Status = 200
	}
	if a.Text != "" {
		resp.Body = []byte(a.Text)
	}
	maps.Copy(resp.Header, a.Header)
	return resp
}

func newPolicy(template, section string, parameters map[string]string) *connectorv1.Policy {
	p := &connectorv1.Policy{TemplateId: template}
	if section != "" {
		p.Section = connectorv1.PolicySection(connectorv1.PolicySection_value["POLICY_SECTION_"+section])
	}
	for name, value := range parameters {
		text, _ := json.Marshal(value)
		p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: name, Json: text})
	}
	return p
}

func parameter(name string) (string, bool) {
	value, ok := map[string]string{
		"region": "eu", "api_key": "<handle>", "secret": "fh00112233", "site": "https://my.example.com/root/", "climb": "..",
		"evil": "evil.org/x?y#z", "user": "a@evil.org", "list": `["a"]`, "port": "8443",
	}[strings.ToLower(name)]
	return value, ok
}

func TestTemplates(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var suite struct {
			Template string
			Cases    []testCase
		}
		if err := json.Unmarshal(text, &suite); err != nil {
			t.Fatal(file, err)
		}
		for _, c := range suite.Cases {
			t.Run(suite.Template+"/"+c.Name, func(t *testing.T) { c.run(t, suite.Template) })
		}
	}
}

func (c *testCase) exchange() *policy.Exchange {
	e := &policy.Exchange{
		Request: &request.Request{
			Method: c.Method, Base: request.Base{Scheme: "https", Host: "old.example.com", Path: "/base"},
			Path: c.Path, Query: c.Query, Header: map[string][]string{}, Body: c.Body,
		},
		Parameter: parameter,
		Argument:  func(name string) (string, bool) { v, ok := c.Arguments[name]; return v, ok },
	}
	if c.Text != "" {
		e.Request.Body = []byte(c.Text)
	}
	maps.Copy(e.Request.Header, c.Before)
	if c.Section == "RESPONSE" || c.Section == "FAILURE" {
		if c.Answer == nil {
			c.Answer = &answer{}
		}
		e.Response = c.Answer.response()
	}
	return e
}

func (c *testCase) run(t *testing.T, template string) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{newPolicy(template, c.Section, c.Parameters)})
	if c.Refused {
		if f := fault.From(err); f.Reason() != fault.ReasonOperationNotSupported || !strings.Contains(f.Message(), template) {
			t.Errorf("error = %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	e := c.exchange()
	told, fetched := 0, map[string][]string(nil)
	e.Unauthenticated = func(status int) { told = status }
	e.Link = func(link string) (string, bool) {
		path, ok := strings.CutPrefix(link, "https://old.example.com/")
		return "https://ferrule.example/" + path, ok
	}
	if c.Fetch != nil {
		e.Fetch = func(_ context.Context, r *request.Request) (*upstream.Response, error) {
			fetched = r.Header
			key := r.Method + " " + r.Base.Scheme + "://" + r.Base.Host + r.Target()
			if c.Fetch[key] == nil || r.Body != nil {
				t.Errorf("asked for %s with body %q", key, r.Body)
				return &upstream.Response{Status: 404}, nil
			}
			return c.Fetch[key].response(), nil
		}
	}
	steps := program.Request
	if e.Response != nil {
		steps = program.Response
	}
	err = policy.Run(t.Context(), steps, e)
	if fault.ReasonOf(err) != c.Error {
		t.Fatalf("error = %v, want %q", err, c.Error)
	}
	if c.Error != "" && c.Because != "" && !strings.Contains(fault.From(err).Message(), c.Because) {
		t.Errorf("message %q does not hold %q", fault.From(err).Message(), c.Because)
	}
	if c.Error == "" {
		c.compare(t, e)
	}
	if told != c.Told {
		t.Errorf("told = %d, want %d", told, c.Told)
	}
	if c.Fetched != nil {
		if diff := cmp.Diff(c.Fetched, fetched); diff != "" {
			t.Errorf("header of the request for the value (-want +got):\n%s", diff)
		}
	}
}

func (c *testCase) compare(t *testing.T, e *policy.Exchange) {
	t.Helper()
	if c.Header != nil {
		if diff := cmp.Diff(c.Header, e.Request.Header); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	}
	if c.Response != nil {
		if diff := cmp.Diff(c.Response, map[string][]string(e.Response.Header)); diff != "" {
			t.Errorf("header of the answer (-want +got):\n%s", diff)
		}
	}
	for _, row := range []struct{ name, got, want string }{
		{"host", e.Request.Host, c.Host},
		{"target", e.Request.Target(), c.Target},
		{"base", e.Request.Base.String(), c.Base},
		{"method", e.Request.Method, c.Sent},
	} {
		if row.got != row.want && (row.want != "" || row.name == "host") {
			t.Errorf("%s = %q, want %q", row.name, row.got, row.want)
		}
	}
	c.compareBody(t, e)
}

func (c *testCase) compareBody(t *testing.T, e *policy.Exchange) {
	t.Helper()
	got, before := e.Request.Body, []byte(c.Body)
	if c.Text != "" {
		before = []byte(c.Text)
	}
	if e.Response != nil {
		got, before = e.Response.Body, c.Answer.response().Body
	}
	if c.Result != nil {
		if diff := cmp.Diff(compact(t, c.Result), compact(t, got)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
	}
	if c.Same && string(got) != string(before) {
		t.Errorf("body = %s, want it as it was: %s", got, before)
	}
}

// compact takes the spaces out of JSON and changes nothing else.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	value := jsontext.Value(text).Clone()
	if err := value.Compact(jsontext.AllowDuplicateNames(true)); err != nil {
		t.Fatalf("%s is no JSON: %v", text, err)
	}
	return string(value)
}

func TestEveryMissingTemplateIsNamed(t *testing.T) {
	_, err := policy.Compile("Op", []*connectorv1.Policy{{TemplateId: "routerequesttocode"}, {TemplateId: "nosuch"}})
	f := fault.From(err)
	for _, name := range []string{"routerequesttocode", "nosuch", `"Op"`} {
		if !strings.Contains(f.Message(), name) {
			t.Errorf("message %q does not name %s", f.Message(), name)
		}
	}
}

func TestPoliciesRunInOrder(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("SetHeader", "", map[string]string{"name": "a", "value": "1"}),
		newPolicy("setheader", "", map[string]string{"name": "a", "value": "@headers('a')2"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}}, Parameter: parameter}
	if err := policy.Run(t.Context(), program.Request, e); err != nil || e.Request.HeaderValue("A") != "12" {
		t.Errorf("a = %q, %v", e.Request.HeaderValue("A"), err)
	}
}

func TestAProgramSaysWhatItNeeds(t *testing.T) {
	for _, row := range []struct {
		name              string
		policy            *connectorv1.Policy
		request, response bool
		polling           bool
	}{
		{"a header of the connection needs no body", newPolicy("setheader", "", map[string]string{"name": "a", "value": "@connectionParameters('b')"}), false, false, false},
		{"a header out of the body needs it", newPolicy("setheader", "", map[string]string{"name": "a", "value": "@body().b"}), true, false, false},
		{"so does one of the answer", newPolicy("setheader", "RESPONSE", map[string]string{"name": "a", "value": "x@{body().b}"}), false, true, false},
		{"so does one of a failure", newPolicy("setheader", "FAILURE", map[string]string{"name": "a", "value": "x@{body().b}"}), false, true, false},
		{"a property is in the body", newPolicy("stringreplace", "REQUEST", map[string]string{"propertyParentPath": "@body()", "newPropertyPath": "@body().b", "sourceString": "a"}), true, false, false},
		{"a next link is in the answer's body", newPolicy("updatenextlink", "", map[string]string{"nextLinkPropertyName": "n"}), false, true, false},
		{"a value of another answer is in no body of the call", newPolicy("setvaluefromurl", "", map[string]string{"parameterTemplate": "@headers('a')", "parameterValueUrl": "/x", "parameterValuePathTemplate": "@body().a"}), false, false, false},
		{"a trigger polls", newPolicy("pollingtrigger", "", map[string]string{"triggerConfig": `{}`, "triggerDataPath": "@triggerBody()"}), false, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			program, err := policy.Compile("Op", []*connectorv1.Policy{row.policy})
			if err != nil {
				t.Fatal(err)
			}
			if program.NeedsRequestBody != row.request || program.NeedsResponseBody != row.response || program.Polling() != row.polling {
				t.Errorf("needs %v, %v; polling %v", program.NeedsRequestBody, program.NeedsResponseBody, program.Polling())
			}
		})
	}
}

func TestAChainOfBodyPolicies(t *testing.T) {
	// A worked example of the format: assignments of a planner's task.
	list := []*connectorv1.Policy{
		newPolicy("stringtoarray", "REQUEST", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "assignments", "delimiterList": ";", "childPropertyName": "userId", "newPropertyPath": "@body().assignments"}),
		newPolicy("encodepropertyvalue", "REQUEST", map[string]string{"propertyParentPath": "@body().assignments", "propertySubPath": "userId", "newPropertyPath": "@item().userId"}),
		newPolicy("setproperty", "REQUEST", map[string]string{"newPropertyParentPathTemplate": "@body().assignments", "newPropertySubPathTemplate": "['@odata.type']", "propertyValuePathTemplate": "#assignment"}),
		newPolicy("setproperty", "REQUEST", map[string]string{"newPropertyParentPathTemplate": "@body().assignments", "newPropertySubPathTemplate": "['orderHint']", "propertyValuePathTemplate": " !"}),
		newPolicy("convertarraytoobject", "REQUEST", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "assignments", "keyWithinCollectionPath": "userId", "newPropertyPath": "@body().assignments", "retainKey": "false"}),
	}
	program, err := policy.Compile("Op", list)
	if err != nil {
		t.Fatal(err)
	}
	c := testCase{Body: []byte(`{"title": "t", "assignments": "a b; c ;;", "n": 1.50}`)}
	e := c.exchange()
	if err := policy.Run(t.Context(), program.Request, e); err != nil {
		t.Fatal(err)
	}
	want := `{"title":"t","assignments":{"a%20b":{"@odata.type":"#assignment","orderHint":" !"},"c":{"@odata.type":"#assignment","orderHint":" !"}},"n":1.50}`
	if got := string(e.Request.Body); got != want {
		t.Errorf("body = %s\nwant   %s", got, want)
	}
}

func TestLaterPoliciesSeeAParameterThatWasMoved(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/x/@queryParameters('id')"}),
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/y/@queryParameters('id')"}),
		newPolicy("setheader", "", map[string]string{"name": "x-id", "value": "@queryParameters('id')"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := testCase{Query: "id=7&a=1"}
	e := c.exchange()
	if err := policy.Run(t.Context(), program.Request, e); err != nil {
		t.Fatal(err)
	}
	if e.Request.Target() != "/base/y/7?a=1" || e.Request.HeaderValue("X-Id") != "7" {
		t.Errorf("%s, %v", e.Request.Target(), e.Request.Header)
	}
}

func TestTheOriginalMethodIsThatOfTheCall(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/x", "httpMethod": "PUT"}),
		newPolicy("routerequesttoendpoint", "", map[string]string{"newPath": "/y", "httpMethod": "@request.OriginalHttpMethod"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := testCase{Method: "HEAD"}
	e := c.exchange()
	if err := policy.Run(t.Context(), program.Request, e); err != nil || e.Request.Method != "HEAD" || e.Request.Path != "/y" {
		t.Errorf("%s %s, %v", e.Request.Method, e.Request.Path, err)
	}
}

func TestAnAnswerThatChangesLosesWhatSpokeOfItsOldBody(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setproperty", "RESPONSE", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": "{@body().b}"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for body, kept := range map[string]bool{`{"b":1}`: false, `{"c":1}`: true} {
		header := map[string][]string{"Content-Length": {"7"}, "Content-Md5": {"x"}, "Content-Digest": {"y"}, "Content-Type": {"application/json"}}
		e := &policy.Exchange{Response: &upstream.Response{Status: 200, Header: header, Body: []byte(body)}}
		if err := policy.Run(t.Context(), program.Response, e); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 4, false: 1}[kept]; len(header) != want {
			t.Errorf("%s: header = %v", body, header)
		}
	}
}

func TestTextThatIsNotUnicodeIsNotLost(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": "<{@body().b}>"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Body: []byte("{\"b\":\"x\xffy\"}")}}
	if err := policy.Run(t.Context(), program.Request, e); err != nil {
		t.Fatal(err)
	}
	if want := "{\"b\":\"x\xffy\",\"a\":\"<x\ufffdy>\"}"; string(e.Request.Body) != want {
		t.Errorf("body = %q, want %q", e.Request.Body, want)
	}
}

func TestFailureStepsComeLastAndOnlyAfterFailures(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setheader", "FAILURE", map[string]string{"name": "a", "value": "@headers('x')failed"}),
		newPolicy("setheader", "RESPONSE", map[string]string{"name": "a", "value": "answered"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]string{200: "answered", 302: "answered", 400: "failed", 503: "failed"} {
		e := &policy.Exchange{Response: &upstream.Response{Status: status, Header: map[string][]string{}}}
		if err := policy.Run(t.Context(), program.Response, e); err != nil || e.Response.Header.Get("A") != want {
			t.Errorf("%d: %q, %v", status, e.Response.Header.Get("A"), err)
		}
	}
}
