package registry_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// secured is a document whose one scheme is this.
func secured(scheme string) string {
	return `openapi: 3.1.0
info: {title: Secured, version: '1'}
servers: [{url: 'https://api.example.com'}]
components: {securitySchemes: {s: ` + scheme + `}}
security: [{s: []}]
paths: {/items: {get: {operationId: List, responses: {'200': {description: Done}}}}}
`
}

const hmacScheme = `{type: apiKey, in: header, name: X-Signature, x-ferrule-hmac: {string_to_sign: '{method}{path}', headers: {X-Signature: '{parameter:key_id}:{signature}'}, parameters: [key_id]}}`

// Ways to authenticate that need more than a key: found by their kind, equal
// after a trip through other formats, and noticed where they change.
func TestWaysToAuthenticateThatNeedMoreThanAKey(t *testing.T) {
	r := newRig(t, memory(t))
	for id, scheme := range map[string]string{
		"aws":      `{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}`,
		"api":      hmacScheme,
		"prefixed": `{type: apiKey, in: header, name: Authorization, x-ferrule-value-template: 'Token token={value}'}`,
		"tls":      `{type: mutualTLS}`,
		"digest":   `{type: http, scheme: digest}`,
	} {
		r.importFiles(id, file("api.yaml", secured(scheme)))
	}
	for kind, want := range map[string]string{"aws_signature": "aws", "hmac": "api", "api_key": "prefixed", "certificate": "tls", "digest": "digest"} {
		if ids, _ := r.found(&registryv1.SearchConnectorsRequest{Authentication: []string{kind}}); !cmp.Equal([]string{want}, ids) {
			t.Errorf("%s: found %q, want %q", kind, ids, want)
		}
	}
	for _, format := range []registryv1.ExportFormat{
		registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI2, registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI30, registryv1.ExportFormat_EXPORT_FORMAT_FERRULE,
	} {
		out, err := r.ExportConnector(r.maker(), &registryv1.ExportConnectorRequest{Name: revisionName("published"), Format: format})
		if err != nil {
			t.Fatal(err)
		}
		d, err := r.DiffRevisions(r.maker(), &registryv1.DiffRevisionsRequest{
			Base: revisionName("published"), Target: &registryv1.DiffRevisionsRequest_Files{Files: &registryv1.SourceFiles{Files: out.GetFiles()}},
		})
		if err != nil || len(d.GetDiff().GetChanges()) > 0 {
			t.Errorf("%s: %v, %v", format, d, err)
		}
	}
}

func TestAnotherWayToAuthenticateBreaksConnections(t *testing.T) {
	r := newRig(t, memory(t))
	r.mustImport(nil, secured(hmacScheme))
	_, err := r.ImportConnector(r.maker(), importing(func(req *registryv1.ImportConnectorRequest) { req.Publish = true },
		secured(`{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}`)))
	wantReason(t, "signatures of another kind", err, fault.ReasonRevisionBreaking)
}

func TestWhatCannotBeDoneIsSaidAtOnce(t *testing.T) {
	r := newRig(t, memory(t))
	resp := r.importFiles("ntlm", file("api.yaml", secured(`{type: http, scheme: ntlm}`)))
	i := slices.IndexFunc(resp.GetRevision().GetFindings(), func(f *registryv1.Finding) bool { return f.GetCode() == "AuthKindNotSupported" })
	if i < 0 || resp.GetRevision().GetFindings()[i].GetRemedy() == "" || resp.GetRevision().GetFindings()[i].GetPointer() != "/components/securitySchemes/s" {
		t.Errorf("findings %v", resp.GetRevision().GetFindings())
	}
	if ids, _ := r.found(&registryv1.SearchConnectorsRequest{Authentication: []string{"unsupported"}}); !cmp.Equal([]string{"ntlm"}, ids) {
		t.Errorf("found %q", ids)
	}
}
