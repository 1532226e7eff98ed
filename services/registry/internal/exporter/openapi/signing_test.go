package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	importer "github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// written imports a document of OpenAPI 3 whose only scheme is "s".
func written(t *testing.T, scheme string) *connectorv1.Definition {
	t.Helper()
	src, err := format.NewSource([]format.File{{Path: "openapi.yaml", Content: []byte(`openapi: 3.1.0
info: {title: T, version: '1'}
servers: [{url: 'https://abc.execute-api.eu-west-1.amazonaws.com'}]
components: {securitySchemes: {s: ` + scheme + `}}
security: [{s: []}]
paths: {/a: {get: {operationId: A, responses: {'200': {description: Done}}}}}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.V3{}.Import(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range result.Definition.GetOperations() {
		op.SourcePointer = ""
	}
	return result.Definition
}

// What people write in extensions of schemes is written as they wrote it, and no
// parameter set has to be kept beside it.
func TestWaysToAuthenticateComeBackFromTheirOwnExtensions(t *testing.T) {
	for _, row := range []struct{ name, scheme, has string }{
		{"a template", "{type: apiKey, in: header, name: Authorization, x-ferrule-value-template: 'Token {value}'}", "x-ferrule-value-template"},
		{"a signature in a header", "{type: apiKey, in: header, name: X, x-ferrule-hmac: {stringToSign: '{path}', headers: {X: '{signature}'}}}", "x-ferrule-hmac"},
		{"a signature in the query", "{type: apiKey, in: query, name: q, x-ferrule-hmac: {stringToSign: '{path}', query: {q: '{signature}', i: '{parameter:id}'}, parameters: [id]}}", "x-ferrule-hmac"},
		{"AWS", "{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}", "x-amazon-apigateway-authtype"},
		{"AWS of another service", "{type: apiKey, in: header, name: Authorization, x-ferrule-aws-signature: {service: s3}}", "x-ferrule-aws-signature"},
		{"a sign-in", "{type: oauth2, flows: {clientCredentials: {tokenUrl: https://id.example/t, scopes: {}}}, x-ferrule-oauth: {provider: google, clientAuthentication: none, parameters: {audience: x}}}", "x-ferrule-oauth"},
		{"a hint", "{type: apiKey, in: header, name: Authorization, description: 'Bearer {token}'}", "Bearer {token}"},
	} {
		for suffix, version := range versions {
			t.Run(row.name+" "+suffix, func(t *testing.T) {
				def := written(t, row.scheme)
				out := export(t, version, def)
				if diff := cmp.Diff(def, again(t, out), protocmp.Transform()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				text := string(out.Files[0].Content)
				if !strings.Contains(text, row.has) || strings.Contains(text, "x-ferrule-security-schemes") {
					t.Errorf("the scheme is written as %s", text)
				}
			})
		}
	}
}

// Other tools take a signature for a key. They are told where it goes, and people
// are told that it will not work there.
func TestWhatOtherToolsSeeOfASignature(t *testing.T) {
	for _, row := range []struct {
		name   string
		scheme *connectorv1.HmacScheme
		want   string
	}{
		{"in a header", &connectorv1.HmacScheme{StringToSign: "a", Headers: []*connectorv1.HmacField{{Name: "X-Signature", Template: "{signature}"}}}, "apiKey header X-Signature"},
		{"in the query", &connectorv1.HmacScheme{StringToSign: "a", Query: []*connectorv1.HmacField{{Name: "sig", Template: "{signature}"}}}, "apiKey query sig"},
		{"in both", &connectorv1.HmacScheme{
			StringToSign: "a", Headers: []*connectorv1.HmacField{{Name: "X-Signature", Template: "{signature}"}}, Query: []*connectorv1.HmacField{{Name: "sig", Template: "{signature}"}},
		}, "apiKey header X-Signature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := written(t, "{type: mutualTLS}")
			def.SecuritySchemes[0].Kind = &connectorv1.SecurityScheme_Hmac{Hmac: row.scheme}
			out := export(t, openapi.V30, def)
			doc, err := document.Parse("openapi.json", out.Files[0].Content)
			if err != nil {
				t.Fatal(err)
			}
			s := doc.Root().At("/components/securitySchemes/s")
			if got := s.Str("type") + " " + s.Str("in") + " " + s.Str("name"); got != row.want {
				t.Errorf("the scheme is %q, want %q", got, row.want)
			}
			said := func(f format.Finding) bool {
				return f.Pointer == "/securitySchemes/0" && strings.Contains(f.Message, "other tools")
			}
			if !slices.ContainsFunc(out.Findings, said) {
				t.Errorf("nobody says that it is no key: %v", out.Findings)
			}
			if diff := cmp.Diff(def, again(t, out), protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
