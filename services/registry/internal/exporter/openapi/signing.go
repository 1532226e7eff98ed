package openapi

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// The extensions of security schemes that the importer reads.
const (
	templateExtension = "x-ferrule-value-template"
	hmacExtension     = "x-ferrule-hmac"
	awsExtension      = "x-ferrule-aws-signature"
	gatewayExtension  = "x-amazon-apigateway-authtype"
)

// apiKey writes a key, and what is sent around it.
func (r *rendering) apiKey(o *tree.Object, key *connectorv1.ApiKeyScheme, at place) {
	o.Text("type", "apiKey").Text("name", key.GetName()).Text("in", locations[key.GetLocation()])
	if key.GetTemplate() != "" && r.version != vendorV2 { // the package writes a policy
		o.Text(templateExtension, key.GetTemplate())
		r.approximated(at, "%s has no template for keys; for other tools the value is %q with the key in it, which people have to type", r.version, key.GetTemplate())
	}
}

// signing writes schemes that sign requests, as keys that other tools will not
// know how to make; false where they are better left out.
func (r *rendering) signing(o *tree.Object, s *connectorv1.SecurityScheme, at place) bool {
	if r.version == vendorV2 {
		r.lost(at, "%s has no signatures of requests; the security scheme %q is left out", r.version, s.GetId())
		return false
	}
	name, in := carrier(s.GetHmac())
	o.Text("type", "apiKey").Text("name", name).Text("in", in)
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_AwsSignature:
		o.Text(gatewayExtension, "awsSigv4")
		o.Set(awsExtension, tree.New().Text("service", kind.AwsSignature.GetService()).Text("region", kind.AwsSignature.GetRegion()))
	case *connectorv1.SecurityScheme_Hmac:
		o.Set(hmacExtension, hmac(kind.Hmac))
	default:
		return false
	}
	r.approximated(at, "%s has no words for the signature of the security scheme %q; other tools take it for a key in %q", r.version, s.GetId(), name)
	return true
}

// carrier returns the first place where a signature goes, which is the header of
// AWS without a scheme.
func carrier(s *connectorv1.HmacScheme) (name, in string) {
	switch {
	case len(s.GetHeaders()) > 0:
		return s.GetHeaders()[0].GetName(), "header"
	case len(s.GetQuery()) > 0:
		return s.GetQuery()[0].GetName(), "query"
	}
	return "Authorization", "header"
}

// hmac returns the fields of a scheme in its readable form.
func hmac(s *connectorv1.HmacScheme) *tree.Object {
	o := tree.New().
		Text("algorithm", s.GetAlgorithm()).
		Text("stringToSign", s.GetStringToSign()).
		Text("keyEncoding", s.GetKeyEncoding()).
		Text("signatureEncoding", s.GetSignatureEncoding()).
		Text("timestampFormat", s.GetTimestampFormat())
	hmacFields(o, "headers", s.GetHeaders())
	hmacFields(o, "query", s.GetQuery())
	return o.Texts("parameters", s.GetParameters())
}

func hmacFields(o *tree.Object, key string, list []*connectorv1.HmacField) {
	var fields tree.List
	for _, f := range list {
		fields = append(fields, tree.New().Text("name", f.GetName()).Text("template", f.GetTemplate()))
	}
	if len(fields) > 0 {
		o.Set(key, fields)
	}
}
