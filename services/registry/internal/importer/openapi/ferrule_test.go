package openapi_test

import (
	"slices"
	"strings"
	"testing"
)

func TestExtensionsOfThePlatformCount(t *testing.T) {
	for _, row := range []struct {
		name, document string
	}{
		{"OpenAPI 3", `
openapi: 3.1.0
info: {title: Test, version: '1', x-ferrule-brand-color: '#010203', x-other: 1}
servers: [{url: 'https://api.example.com'}]
paths:
  /items:
    get:
      operationId: List
      x-ferrule-requires-script: true
      parameters: [{name: q, in: query, schema: {type: string}, x-ferrule-style: SIMPLE}]
      responses: {'200': {description: Done}}
x-ferrule-policies: [{templateId: setheader, parameters: [{name: name, json: X-A}]}]
`},
		{"Swagger 2.0", `
swagger: '2.0'
info: {title: Test, version: '1', x-ferrule-brand-color: '#010203', x-other: 1}
host: api.example.com
schemes: [https]
paths:
  /items:
    get:
      operationId: List
      x-ferrule-requires-script: true
      parameters: [{name: q, in: query, type: string, x-ferrule-style: SIMPLE}]
      responses: {'200': {description: Done}}
x-ferrule-policies: [{templateId: setheader, parameters: [{name: name, json: X-A}]}]
`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := importAny(t, strings.TrimSpace(row.document))
			op := got.operation("List")
			if !op.GetRequiresScript() || op.GetParameters()[0].GetStyle().String() != "PARAMETER_STYLE_SIMPLE" {
				t.Errorf("the operation is %v", op)
			}
			if len(op.GetExtensions()) > 0 || len(op.GetParameters()[0].GetExtensions()) > 0 || len(got.GetExtensions()) > 0 {
				t.Errorf("extensions are left: %v, %v", op, got.GetExtensions())
			}
			if got.GetInfo().GetBrandColor() != "#010203" || len(got.GetInfo().GetExtensions()) != 1 {
				t.Errorf("info is %v", got.GetInfo())
			}
			if len(got.GetPolicies()) != 1 || string(got.GetPolicies()[0].GetParameters()[0].GetJson()) != `"X-A"` {
				t.Errorf("policies are %v", got.GetPolicies())
			}
			if len(got.findings) > 0 {
				t.Errorf("findings: %v", got.codes())
			}
		})
	}
}

func TestExtensionsOfThePlatformThatCannotBeRead(t *testing.T) {
	got := importAny(t, `openapi: 3.1.0
info: {title: Test, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths: {/a: {get: {operationId: A, x-ferrule-requires-script: sometimes, responses: {'200': {description: Done}}}}}
`)
	if want := []string{"ExtensionInvalid /paths/~1a/get/x-ferrule-requires-script"}; !slices.Equal(got.codes(), want) {
		t.Errorf("findings %q, want %q", got.codes(), want)
	}
	if got.operation("A").GetRequiresScript() {
		t.Error("the extension counts")
	}
}
