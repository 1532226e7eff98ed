package policy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// testCase is one case of testdata: a policy, a request, and what becomes of it.
// What is not given is not looked at.
type testCase struct {
	Name       string
	Section    string
	Parameters map[string]string
	Query      string
	Before     map[string][]string

	Header   map[string][]string
	Response map[string][]string
	Host     string
	Target   string
	Base     string
	Error    fault.Reason
	Refused  bool
}

func (c *testCase) policy(template string) *connectorv1.Policy {
	p := &connectorv1.Policy{TemplateId: template}
	if c.Section != "" {
		p.Section = connectorv1.PolicySection(connectorv1.PolicySection_value["POLICY_SECTION_"+c.Section])
	}
	for name, value := range c.Parameters {
		text, _ := json.Marshal(value)
		p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: name, Json: text})
	}
	return p
}

func parameter(name string) (string, bool) {
	value, ok := map[string]string{"region": "eu", "api_key": "<handle>"}[strings.ToLower(name)]
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

func (c *testCase) run(t *testing.T, template string) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{c.policy(template)})
	if c.Refused {
		if f := fault.From(err); f.Reason() != fault.ReasonOperationNotSupported || !strings.Contains(f.Message(), template) {
			t.Errorf("error = %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	e := &policy.Exchange{
		Request:   &request.Request{Base: request.Base{Scheme: "https", Host: "old.example.com", Path: "/base"}, Query: c.Query, Header: map[string][]string{}},
		Parameter: parameter,
	}
	maps.Copy(e.Request.Header, c.Before)
	steps := program.Request
	if c.Section == "RESPONSE" {
		steps, e.Response = program.Response, &upstream.Response{Header: map[string][]string{}}
	}
	err = policy.Run(t.Context(), steps, e)
	if fault.ReasonOf(err) != c.Error {
		t.Fatalf("error = %v, want %q", err, c.Error)
	}
	c.compare(t, e)
}

func (c *testCase) compare(t *testing.T, e *policy.Exchange) {
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
	if e.Request.Host != c.Host {
		t.Errorf("host = %q, want %q", e.Request.Host, c.Host)
	}
	if c.Target != "" && e.Request.Target() != c.Target {
		t.Errorf("target = %q, want %q", e.Request.Target(), c.Target)
	}
	if c.Base != "" && e.Request.Base.String() != c.Base {
		t.Errorf("base = %q, want %q", e.Request.Base, c.Base)
	}
}

func TestEveryMissingTemplateIsNamed(t *testing.T) {
	_, err := policy.Compile("Op", []*connectorv1.Policy{{TemplateId: "updatenextlink"}, {TemplateId: "setproperty"}})
	f := fault.From(err)
	for _, name := range []string{"updatenextlink", "setproperty", `"Op"`} {
		if !strings.Contains(f.Message(), name) {
			t.Errorf("message %q does not name %s", f.Message(), name)
		}
	}
}

func TestPoliciesRunInOrder(t *testing.T) {
	first := testCase{Parameters: map[string]string{"name": "a", "value": "1"}}
	second := testCase{Parameters: map[string]string{"name": "a", "value": "@headers('a')2"}}
	program, err := policy.Compile("Op", []*connectorv1.Policy{first.policy("SetHeader"), second.policy("setheader")})
	if err != nil {
		t.Fatal(err)
	}
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}}, Parameter: parameter}
	if err := policy.Run(t.Context(), program.Request, e); err != nil || e.Request.HeaderValue("A") != "12" {
		t.Errorf("a = %q, %v", e.Request.HeaderValue("A"), err)
	}
}
