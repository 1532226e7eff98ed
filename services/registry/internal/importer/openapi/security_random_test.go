package openapi_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// fragments are what templates are made of, right and wrong.
var fragments = []string{
	"{method}", "{path}", "{signature}", "{timestamp}", "{parameter:id}", "{parameter:gone}", "{header:Date}", "{header:}", "{body_sha256}",
	"{value}", "{nobody}", "{{", "}}", "{", "}", `\n`, "\n", "\x00", "Token ", ":", "é",
}

func randomTemplate(r *rand.Rand, right bool) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		n := len(fragments)
		if right {
			n = 5 // those before the first wrong one
		}
		b.WriteString(fragments[r.IntN(n)])
	}
	return b.String()
}

func randomScheme(r *rand.Rand) map[string]any {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	right := r.IntN(2) == 0
	toSign := randomTemplate(r, right)
	if right {
		toSign = strings.ReplaceAll(toSign, "{signature}", "{nonce}")
	}
	hmac := map[string]any{
		pick("stringToSign", "string_to_sign"): toSign,
		pick("algorithm", "algorithm", "hash"): pick("sha1", "sha256", "sha512", "sha256", "md4"),
		"headers":                              map[string]any{pick("X-A", "X-B", "Authorization", "no header", "Host"): randomTemplate(r, right)},
		"query":                                []any{map[string]any{"name": pick("sig", "s", ""), "template": "{signature}"}},
		"parameters":                           []any{"id"},
	}
	scheme := map[string]any{"type": pick("apiKey", "apiKey", "http"), "in": pick("header", "query", "cookie"), "name": pick("X-Key", "Authorization"), "scheme": pick("bearer", "acme", "ntlm", "digest")}
	switch r.IntN(4) {
	case 0:
		scheme["x-ferrule-value-template"] = randomTemplate(r, false)
	case 1:
		scheme["x-amazon-apigateway-authtype"] = pick("awsSigv4", "awsSigv2", "custom")
	default:
		scheme["x-ferrule-hmac"] = hmac
	}
	return scheme
}

// Whatever the extensions hold, the definition contradicts nothing: what is wrong
// is reported and left out. What is right is part of the placement as it is part
// of the scheme.
func TestAnyExtensionGivesAValidDefinition(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		scheme, err := json.Marshal(randomScheme(r))
		if err != nil {
			t.Fatal(err)
		}
		got := withSchemes(t, `"s": `+string(scheme))
		if err := definition.Validate(got.Definition); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, scheme, err)
		}
		s := got.GetSecuritySchemes()[0]
		for _, set := range got.GetParameterSets() {
			for _, p := range set.GetPlacements() {
				checkAgrees(t, s, p)
			}
		}
		switch {
		case s.GetHmac() != nil:
			kinds["signatures"]++
		case s.GetApiKey().GetTemplate() != "":
			kinds["templates"]++
		case s.GetAwsSignature() != nil:
			kinds["AWS"]++
		case len(got.findings) > 0:
			kinds["refused"]++
		}
	}
	for _, kind := range []string{"signatures", "AWS", "refused"} {
		if kinds[kind] < 5 {
			t.Errorf("only %d of the documents are %s: %v", kinds[kind], kind, kinds)
		}
	}
}

// checkAgrees complains about a placement that does something else than its
// scheme says.
func checkAgrees(t *testing.T, s *connectorv1.SecurityScheme, p *connectorv1.CredentialPlacement) {
	t.Helper()
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		if p.GetApiKey().GetTemplate() != kind.ApiKey.GetTemplate() || p.GetApiKey().GetName() != kind.ApiKey.GetName() {
			t.Errorf("the key %v is placed as %v", kind.ApiKey, p)
		}
	case *connectorv1.SecurityScheme_Hmac:
		if !proto.Equal(p.GetHmac().GetScheme(), kind.Hmac) {
			t.Errorf("the signature %v is placed as %v", kind.Hmac, p)
		}
	case *connectorv1.SecurityScheme_AwsSignature:
		if p.GetAwsSignature().GetRegion() != kind.AwsSignature.GetRegion() || p.GetAwsSignature().GetService() != kind.AwsSignature.GetService() {
			t.Errorf("the signature %v is placed as %v", kind.AwsSignature, p)
		}
	}
}
