package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// hostless finds fault with hosts of another protocol.
type hostless struct{}

func (hostless) CheckPolicies(_ context.Context, list []*connectorv1.Policy) ([]registry.PolicyFault, error) {
	var faults []registry.PolicyFault
	for i, p := range list {
		for _, parameter := range p.GetParameters() {
			if strings.HasPrefix(string(parameter.GetJson()), `"ftp:`) {
				faults = append(faults, registry.PolicyFault{Index: i, Message: "urlTemplate must be an http or https address"})
			}
		}
	}
	return faults, nil
}

// mistakes are the same policies in every format: an operation, a parameter, a value, a
// placeholder and a template that do not exist, and a host that cannot be called. What is
// wrong is marked with "«…»".
var mistakes = map[string][]registry.File{
	"a package": {
		{Path: "apiDefinition.swagger.json", Content: []byte(`{"swagger":"2.0","info":{"title":"T"},"host":"h.example","paths":{"/a":{"get":{"operationId":"GetItem"}}}}`)},
		{Path: "apiProperties.json", Content: []byte(`{"properties":{"policyTemplateInstances":[
  {"templateId":"setheader","parameters":{
    "x-ms-apimTemplateParameter.name":"X-A",
    "x-ms-apimTemplateParameter.value":«"@connectionParameters('nobody')",
    "x-ms-apimTemplateParameter.existsAction":«"replace",
    "x-ms-apimTemplateParameter.exists":«"x",
    "x-ms-apimTemplate-operationName":["GetItem",«"GetItems"]}},
  {"templateId":"dynamichosturl","parameters":{"x-ms-apimTemplateParameter.urlTemplate":«"ftp://files.example.com"}},
  {"templateId":«"setheaders","parameters":{}}]}}`)},
	},
	"a connector of a solution": {
		{Path: "Connector/x_openapidefinition.json", Content: []byte(`{"swagger":"2.0","info":{"title":"T"},"host":"h.example","paths":{"/a":{"get":{"operationId":"GetItem"}}}}`)},
		{Path: "Connector/x_policytemplateinstances.json", Content: []byte(`[
  {"templateId":"setheader","parameters":{
    "x-ms-apimTemplateParameter.name":"X-A",
    "x-ms-apimTemplateParameter.value":«"@connectionParameters('nobody')",
    "x-ms-apimTemplateParameter.existsAction":«"replace",
    "x-ms-apimTemplateParameter.exists":«"x",
    "x-ms-apimTemplate-operationName":["GetItem",«"GetItems"]}},
  {"templateId":"dynamichosturl","parameters":{"x-ms-apimTemplateParameter.urlTemplate":«"ftp://files.example.com"}},
  {"templateId":«"setheaders","parameters":{}}]`)},
	},
	"an OpenAPI document": {{Path: "openapi.yaml", Content: []byte(`openapi: 3.1.0
info: {title: T, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths: {/a: {get: {operationId: GetItem, responses: {'200': {description: Done}}}}}
x-ferrule-policies:
  - templateId: setheader
    operationIds: [GetItem, «GetItems]
    parameters:
      - {name: name, json: X-A}
      - {name: value, json: «"@connectionParameters('nobody')"}
      - {name: existsAction, json: «replace}
      - {name: «exists, json: x}
  - templateId: dynamichosturl
    parameters: [{name: urlTemplate, json: «'ftp://files.example.com'}]
  - templateId: «setheaders
`)}},
	"our own format": {{Path: "connector.json", Content: []byte(`{"ferrule":"1","info":{"title":"T"},"servers":[{"urlTemplate":"https://api.example.com"}],
 "operations":[{"operationId":"GetItem","kind":"ACTION","method":"GET","path":"/a"}],
 "parameterSets":[{"name":"default"}],
 "policies":[
  {"templateId":"setheader","operationIds":["GetItem",«"GetItems"],"parameters":[
    {"name":"name","json":"X-A"},
    {"name":"value","json":«"@connectionParameters('nobody')"},
    {"name":"existsAction","json":«"replace"},
    {"name":«"exists","json":"x"}]},
  {"templateId":"dynamichosturl","parameters":[{"name":"urlTemplate","json":«"ftp://files.example.com"}]},
  {"templateId":«"setheaders"}]}`)}},
}

// unmarked takes the marks out of files and returns where they were.
func unmarked(files []registry.File) (clean []registry.File, marks []string) {
	for _, f := range files {
		var text strings.Builder
		for n, line := range strings.SplitAfter(string(f.Content), "\n") {
			for {
				head, tail, found := strings.Cut(line, "«")
				if !found {
					break
				}
				marks = append(marks, fmt.Sprintf("%d:%d", n+1, len([]rune(head))+1))
				line = head + tail
			}
			text.WriteString(line)
		}
		clean = append(clean, registry.File{Path: f.Path, Content: []byte(text.String())})
	}
	return clean, marks
}

func TestPoliciesAreCheckedAlikeInEveryFormat(t *testing.T) {
	for name, marked := range mistakes {
		t.Run(name, func(t *testing.T) {
			files, marks := unmarked(marked)
			report, err := registry.Validate(t.Context(), files, registry.WithPolicies(hostless{}))
			if err != nil {
				t.Fatal(err)
			}
			var got, places []string
			for _, f := range report.Findings {
				if !strings.HasPrefix(f.Code, "Policy") && f.Code != "OperationUnknown" && f.Code != "CallsRefused" {
					continue
				}
				got = append(got, fmt.Sprintf("%d %s: %s", f.Severity, f.Code, f.Remedy))
				if f.Code != "CallsRefused" {
					places = append(places, fmt.Sprintf("%d:%d", f.Line, f.Column))
				}
				if (f.Path != "") != (len(files) > 1) {
					t.Errorf("the finding is in the file %q", f.Path)
				}
			}
			want := []string{
				"3 CallsRefused: correct the policies that are listed",
				"3 PolicyInvalid: correct the policy or remove it",
				`3 PolicyTemplateUnknown: did you mean "setheader"?`,
				`2 PolicyParameterValueInvalid: write one of override, skip, append`,
				`2 PolicyParameterUnknown: did you mean "existsAction"?`,
				`2 OperationUnknown: did you mean "GetItem"?`,
				"2 PolicyPlaceholderUnknown: declare the parameter in a parameter set, or correct the name",
			}
			slices.Sort(want)
			slices.Sort(got)
			slices.Sort(marks)
			slices.Sort(places)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(marks, places); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodeInsideOfADocumentIsPointedAt(t *testing.T) {
	// The message has the line in the code, the place that of the code in the document.
	const text = withCode + "x-ferrule-scripts:\n  - {language: javascript, path: script.js, source: 'let a =', operationIds: [Lst]}\n"
	report, err := registry.Validate(t.Context(), []registry.File{{Path: "openapi.yaml", Content: []byte(text)}}, registry.WithScripts(newRuntime(t).pool))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range report.Findings {
		if f.Code == "ScriptInvalid" || f.Code == "OperationUnknown" {
			got = append(got, fmt.Sprintf("%s %s %d:%d %s", f.Code, f.Pointer, f.Line, f.Column, f.Remedy))
		}
	}
	want := []string{
		"ScriptInvalid /x-ferrule-scripts/0/source 6:53 correct the code",
		`OperationUnknown /x-ferrule-scripts/0/operationIds/0 6:79 did you mean "List"?`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// Whoever edits is told the same as whoever imports.
func TestAnEditSaysWhatItsPoliciesRefuse(t *testing.T) {
	r := newRig(t, memory(t))
	imported := r.importFiles("items", file("openapi.yaml", withCode))
	out, err := r.UpdateConnector(r.maker(), &registryv1.UpdateConnectorRequest{
		Name: imported.GetConnector().GetName(), UpdateMask: []string{"policies"}, ValidateOnly: true,
		Definition: &connectorv1.Definition{Policies: []*connectorv1.Policy{{TemplateId: "setheaders", OperationIds: []string{"List"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, f := range out.GetRevision().GetFindings() {
		codes = append(codes, f.GetCode())
	}
	if !slices.Contains(codes, "CallsRefused") || !slices.Contains(codes, "PolicyTemplateUnknown") {
		t.Errorf("findings %v", codes)
	}
}
