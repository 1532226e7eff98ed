package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// withoutEffect is a document with extensions; each that has no effect is followed by
// what is said about it.
const withoutEffect = `openapi: 3.1.0
info:
  title: Items
  version: '1'
  x-ferrule-publishr: Example #! ExtensionUnknown: did you mean "x-ferrule-publisher"?
  x-ferrule-publisher: Example
servers: [{url: 'https://api.parcels.net'}]
x-ferrule-rate-limit: [] #! ExtensionUnknown: did you mean "x-ferrule-rate-limits"?
x-ferrule-polling: {} #! ExtensionMisplaced: move it into an operation
x-ferule-zzzzzzzzzzzz: 1 #! ExtensionUnknown: correct its name or remove it
x-ferrule-rate-limits:
  - scope: CONNECTIONS #! ExtensionInvalid: did you mean "CONNECTION"?
    calls: 1
    periodSeconds: 1
x-other: {x-ferrule-title: 1}
components:
  securitySchemes:
    k:
      type: apiKey
      in: header
      name: X-K
      x-ferrule-hmc: {} #! ExtensionUnknown: did you mean "x-ferrule-hmac"?
      x-ferrule-value-template: 'K {value}'
  schemas:
    Item:
      type: object
      properties:
        x-ferrule-mine: {type: string}
      example: {x-ferrule-mine: 1}
      default: {x-ferrule-mine: 1}
    x-ferrule-thing: {type: string}
paths:
  /items:
    get:
      operationId: List
      security: [{k: []}]
      x-ferrule-cach: {maxAgeSeconds: 1} #! ExtensionUnknown: did you mean "x-ferrule-cache"?
      x-ferrule-cost: lots #! ExtensionInvalid: correct it or remove it
      x-ferrule-hmac: {} #! ExtensionMisplaced: move it into a security scheme
      x-ferrule-polling:
        key: 7 #! ExtensionInvalid: write text in quotes
        itemz: value #! ExtensionInvalid: did you mean "items"?
      parameters:
        - name: q
          in: query
          x-ferrule-visibility: ADVANCED
          schema:
            type: string
            x-ferrule-visibility: ADVANCED #! ExtensionMisplaced: move it into an operation or a parameter of an operation
      responses:
        '200':
          description: Done
          headers: {x-ferrule-trace: {schema: {type: string}}}
  /hooks:
    post:
      operationId: OnHook
      x-ferrule-webhook:
        callbackPointer: /body/url
        signature:
          schema: hmac #! ExtensionInvalid: did you mean "scheme"?
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {description: Done}}
  /news:
    get:
      operationId: News
      x-ms-trigger: batch
      x-ferrule-polling: often #! ExtensionInvalid: write an object
      responses: {'200': {description: Done}}
  /others:
    x-ms-notification-content: {schema: {type: object}}
    post:
      operationId: Others
      x-ms-trigger: single
      x-ferrule-webhook-signature:
        header: X-S
        shceme: hmac-sha256 #! ExtensionInvalid: did you mean "scheme"?
      requestBody: {content: {application/json: {schema: {type: object, properties: {url: {type: string, x-ms-notification-url: true}}}}}}
      responses: {'201': {description: Created}}
`

func TestExtensionsThatHaveNoEffectAreToldWhereTheyStand(t *testing.T) {
	var want []string
	for n, line := range strings.Split(withoutEffect, "\n") {
		if _, said, found := strings.Cut(line, "#! "); found {
			want = append(want, lineOf(n+1)+" "+said)
		}
	}
	src, err := format.NewSource([]format.File{{Path: "openapi.yaml", Content: []byte(withoutEffect)}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := openapi.V3{}.Import(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		if strings.HasPrefix(f.Code, "Extension") {
			got = append(got, lineOf(f.Line)+" "+f.Code+": "+f.Remedy)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPoliciesAndCodeThatCannotBeReadAreErrors(t *testing.T) {
	for _, member := range []string{"x-ferrule-policies: [{template: setheader}]", "x-ferrule-scripts: [{lang: javascript}]"} {
		got := importAny(t, items+"  /a: {get: {operationId: A, responses: {'200': {description: Done}}}}\n"+member+"\n")
		if len(got.findings) != 1 || got.findings[0].Severity != format.Error || got.findings[0].Code != format.ExtensionInvalid {
			t.Errorf("%s: findings %v", member, got.findings)
		}
	}
}

func lineOf(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}
