package diff_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Whatever a signature is made of, the API checks it: a change of it is never
// only one of texts.
func TestChangesOfSignatures(t *testing.T) {
	hmac := &connectorv1.SecurityScheme_Hmac{Hmac: &connectorv1.HmacScheme{
		Algorithm: "sha256", StringToSign: "{body}", Headers: []*connectorv1.HmacField{{Name: "X-Signature", Template: "{signature}"}},
	}}
	aws := &connectorv1.SecurityScheme_AwsSignature{AwsSignature: &connectorv1.AwsSignatureScheme{Service: "s3", Region: "eu-west-1"}}
	for _, row := range []struct {
		name   string
		scheme *connectorv1.SecurityScheme
		change func(*connectorv1.SecurityScheme)
		want   string
	}{
		{"another hash", &connectorv1.SecurityScheme{Kind: hmac}, func(s *connectorv1.SecurityScheme) { s.GetHmac().Algorithm = "sha1" }, "security-scheme-changed"},
		{"another text", &connectorv1.SecurityScheme{Kind: hmac}, func(s *connectorv1.SecurityScheme) { s.GetHmac().StringToSign = "{path}" }, "security-scheme-changed"},
		{"another header", &connectorv1.SecurityScheme{Kind: hmac}, func(s *connectorv1.SecurityScheme) { s.GetHmac().Headers[0].Name = "X" }, "security-scheme-changed"},
		{"another parameter", &connectorv1.SecurityScheme{Kind: hmac}, func(s *connectorv1.SecurityScheme) { s.GetHmac().Parameters = []string{"id"} }, "security-scheme-changed"},
		{"another region", &connectorv1.SecurityScheme{Kind: aws}, func(s *connectorv1.SecurityScheme) { s.GetAwsSignature().Region = "us-east-1" }, "security-scheme-changed"},
		{"another service", &connectorv1.SecurityScheme{Kind: aws}, func(s *connectorv1.SecurityScheme) { s.GetAwsSignature().Service = "" }, "security-scheme-changed"},
		{"another description", &connectorv1.SecurityScheme{Kind: aws}, func(s *connectorv1.SecurityScheme) { s.Description = "new" }, "security-scheme-texts-changed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.scheme.Id = "s"
			old := &connectorv1.Definition{SecuritySchemes: []*connectorv1.SecurityScheme{proto.CloneOf(row.scheme)}}
			fresh := proto.CloneOf(old)
			row.change(fresh.SecuritySchemes[0])
			d := compare(t, old, fresh)
			if d.Total != 1 || d.Changes[0].Code != row.want {
				t.Errorf("changes are %v, want %s", d.Changes, row.want)
			}
		})
	}
}
