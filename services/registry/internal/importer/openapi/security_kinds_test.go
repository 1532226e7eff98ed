package openapi_test

import (
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// withSchemes imports a document of OpenAPI 3 whose operation requires the scheme
// "s".
func withSchemes(t *testing.T, schemes string) imported {
	t.Helper()
	return import3(t, head3+"components:\n  securitySchemes: {"+schemes+"}\nsecurity: [{s: []}]"+onePath)
}

// sets describes all parameter sets.
func (i imported) sets() []string {
	var list []string
	for _, set := range i.GetParameterSets() {
		list = append(list, asked(set))
	}
	return list
}

const signingFields = `algorithm: sha512, %toSign%: "{method}\\n{path}\\n{parameter:key_id}", key_encoding: base64, signatureEncoding: base64, timestamp_format: unix_ms,
  headers: [{name: Authorization, template: 'HMAC {parameter:key_id}:{signature}'}, {name: X-Time, template: '{timestamp}'}], query: {nonce: '{nonce}'}, parameters: [key_id]`

func signed(nameOfText string) string {
	return "{" + strings.ReplaceAll(signingFields, "%toSign%", nameOfText) + "}"
}

func TestKindsThatOpenAPIHasNoWordsFor(t *testing.T) {
	const (
		key   = "s: {type: apiKey, in: header, name: Authorization"
		hmac  = "default: key_id:string, secret:secret, hmac secret {method}\\n{path}\\n{parameter:key_id} Authorization"
		plain = "default: api_key:secret, key api_key->Authorization"
		// What cannot be read is never sent as a plain key.
		none = "default: unsupported"
	)
	for _, row := range []struct {
		name, schemes string
		want, codes   []string
		kept          int
	}{
		{"a template", key + ", x-ferrule-value-template: 'Token token={value}'}", []string{plain + " Token token={value}"}, nil, 0},
		{"a template in a query", "s: {type: apiKey, in: query, name: k, x-ferrule-value-template: 'v1:{value}'}", []string{"default: api_key:secret, key api_key->k v1:{value}"}, nil, 0},
		{"a template without the key", key + ", x-ferrule-value-template: Token}", []string{none}, []string{"ExtensionInvalid"}, 1},
		{"a template that is a number", key + ", x-ferrule-value-template: 7}", []string{none}, []string{"ExtensionInvalid"}, 1},
		{"a template of a password", "s: {type: http, scheme: basic, x-ferrule-value-template: '{value}'}", []string{none}, []string{"ExtensionInvalid"}, 1},
		{"a signature in camel case", key + ", x-ferrule-hmac: " + signed("stringToSign") + "}", []string{hmac}, nil, 0},
		{"a signature with underscores", key + ", x-ferrule-hmac: " + signed("string_to_sign") + "}", []string{hmac}, nil, 0},
		{"a signature of a scheme of its own", "s: {type: http, scheme: acme-hmac, x-ferrule-hmac: " + signed("stringToSign") + "}", []string{hmac}, nil, 0},
		{"a signature and a login at once", key + ", x-ferrule-hmac: " + signed("stringToSign") + "}, other: {type: http, scheme: bearer}", []string{
			"s: " + strings.TrimPrefix(hmac, "default: "), "other: token:secret, bearer token",
		}, nil, 0},
		{"a signature that is none", key + ", x-ferrule-hmac: {algorithm: crc, stringToSign: '{url}', color: red}}", []string{none}, []string{
			"ExtensionInvalid", "SignatureInvalid", "SignatureInvalid", "SignatureInvalid",
		}, 1},
		{"a signature that is text", key + ", x-ferrule-hmac: sha256}", []string{none}, []string{"SignatureInvalid", "SignatureInvalid"}, 1},
		{"a signature whose algorithm is a list", key + ", x-ferrule-hmac: {algorithm: [sha256], stringToSign: a, headers: {A: '{signature}'}}}", []string{none}, []string{"SignatureInvalid"}, 1},
		{"a signature whose text is an object", key + ", x-ferrule-hmac: {stringToSign: {a: b}, headers: {A: '{signature}'}}}", []string{none}, []string{"SignatureInvalid"}, 1},
		{"a signature whose parameters are an object", key + ", x-ferrule-hmac: {stringToSign: a, headers: {A: '{signature}'}, parameters: {key_id: 1}}}", []string{none}, []string{"SignatureInvalid"}, 1},
		{"a signature whose fields are text", key + ", x-ferrule-hmac: {stringToSign: a, headers: '{signature}'}}", []string{none}, []string{"SignatureInvalid"}, 1},
		{"a signature of a sign-in", "s: {type: mutualTLS, x-ferrule-hmac: {}}", []string{none}, []string{"ExtensionInvalid"}, 1},
		{"NTLM", "s: {type: http, scheme: NTLM}", []string{"default: unsupported NTLM"}, []string{"AuthKindNotSupported"}, 0},
		{"OAuth 1.0", "s: {type: http, scheme: OAuth}", []string{"default: unsupported OAuth 1.0"}, []string{"AuthKindNotSupported"}, 0},
		{"OAuth 1.0 by its signature", "s: {type: http, scheme: OAuth, description: 'Authorization: OAuth oauth_nonce=1'}", []string{"default: unsupported OAuth 1.0"}, []string{"AuthKindNotSupported"}, 0},
		{"a token behind the word OAuth", "s: {type: http, scheme: OAuth, description: 'Authorization: OAuth <token>'}", []string{"default: token:secret, authorization OAuth token"}, nil, 0},
		{"a token of OAuth 2.0 behind the word OAuth", "s: {type: http, scheme: OAuth, description: 'A token of OAuth 2.0'}", []string{"default: token:secret, authorization OAuth token"}, nil, 0},
		{"a token with a format behind the word OAuth", "s: {type: http, scheme: OAuth, bearerFormat: opaque}", []string{"default: token:secret, authorization OAuth token"}, nil, 0},
		{"two that cannot be done", "s: {type: http, scheme: DPoP}, s2: {type: http, scheme: Negotiate}", []string{"default: unsupported DPoP and Kerberos (Negotiate)"}, []string{"AuthKindNotSupported", "AuthKindNotSupported"}, 0},
		{"Kerberos beside a password", "s: {type: http, scheme: Negotiate}, p: {type: http, scheme: basic}", []string{"default: username:string, password:secret, basic username/password"}, []string{"AuthKindNotSupported"}, 0},
		{"a scheme that hashes a password", "s: {type: http, scheme: mutual}", []string{"default: unsupported Mutual"}, []string{"AuthKindNotSupported"}, 0},
		{"a scheme that nobody knows is typed", "s: {type: http, scheme: Acme}", []string{"default: token:secret, authorization Acme token"}, nil, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := withSchemes(t, row.schemes)
			if !slices.Equal(got.sets(), row.want) {
				t.Errorf("sets\n%s\nwant\n%s", strings.Join(got.sets(), "\n"), strings.Join(row.want, "\n"))
			}
			var codes []string
			for _, f := range got.findings {
				codes = append(codes, f.Code)
				if !strings.HasPrefix(f.Pointer, "/components/securitySchemes/s") {
					t.Errorf("the finding %s is at %q", f.Code, f.Pointer)
				}
				if f.Code == "AuthKindNotSupported" && f.Remedy == "" {
					t.Error("nobody says what to do")
				}
			}
			slices.Sort(codes)
			if !slices.Equal(codes, row.codes) {
				t.Errorf("findings %q, want %q", codes, row.codes)
			}
			if n := len(got.GetSecuritySchemes()[0].GetExtensions()); n != row.kept {
				t.Errorf("%d extensions are kept, want %d", n, row.kept)
			}
			if err := definition.Validate(got.Definition); err != nil {
				t.Errorf("the definition is wrong: %v", err)
			}
		})
	}
}

func TestAllFieldsOfASignatureAreRead(t *testing.T) {
	got := withSchemes(t, "s: {type: apiKey, in: header, name: X, x-ferrule-hmac: "+signed("stringToSign")+"}").GetSecuritySchemes()[0].GetHmac()
	if got.GetAlgorithm() != "sha512" || got.GetKeyEncoding() != "base64" || got.GetSignatureEncoding() != "base64" || got.GetTimestampFormat() != "unix_ms" {
		t.Errorf("the scheme is %v", got)
	}
	if h := got.GetHeaders(); len(h) != 2 || h[0].GetTemplate() != "HMAC {parameter:key_id}:{signature}" || h[1].GetName() != "X-Time" {
		t.Errorf("headers are %v", h)
	}
	if q := got.GetQuery(); len(q) != 1 || q[0].GetName() != "nonce" || q[0].GetTemplate() != "{nonce}" {
		t.Errorf("the query is %v", q)
	}
}

func TestFaultsOfASignatureAreWhereTheyAre(t *testing.T) {
	got := withSchemes(t, "s: {type: apiKey, in: header, name: X, x-ferrule-hmac: {algorithm: md5, string_to_sign: a, headers: [{name: A, template: '{signature}'}], query: {b: '{c}'}}}")
	want := []string{
		"SignatureInvalid /components/securitySchemes/s/x-ferrule-hmac/algorithm",
		"SignatureInvalid /components/securitySchemes/s/x-ferrule-hmac/query",
	}
	if !slices.Equal(got.codes(), want) {
		t.Errorf("findings %q, want %q", got.codes(), want)
	}
}

func TestSignaturesWithTooManyPartsAreRefused(t *testing.T) {
	var fields []string
	for i := range 1000 {
		fields = append(fields, "h"+strings.Repeat("x", i%60)+string(rune('a'+i%26))+": '{signature}'")
	}
	got := withSchemes(t, "s: {type: apiKey, in: header, name: X, x-ferrule-hmac: {stringToSign: a, headers: {"+strings.Join(slices.Compact(fields), ", ")+"}}}")
	if got.GetSecuritySchemes()[0].GetApiKey() == nil || len(got.findings) == 0 {
		t.Errorf("it is read: %v", got.codes())
	}
}

// Two signatures in one set share what their templates name, and have a secret
// each.
func TestSignaturesThatAreNeededTogether(t *testing.T) {
	got := import3(t, head3+"components:\n  securitySchemes: {a: {type: apiKey, in: header, name: X, x-ferrule-hmac: "+signed("stringToSign")+
		"}, b: {type: apiKey, in: header, name: X, x-ferrule-hmac: "+signed("stringToSign")+"}}\nsecurity: [{a: [], b: []}]"+onePath)
	var names []string
	for _, p := range got.GetParameterSets()[0].GetParameters() {
		names = append(names, p.GetName())
	}
	if want := []string{"key_id", "secret", "secret_2"}; !slices.Equal(names, want) {
		t.Errorf("parameters %q, want %q", names, want)
	}
	if err := definition.Validate(got.Definition); err != nil {
		t.Error(err)
	}
}

func TestSwaggerHasTheSameKinds(t *testing.T) {
	got := importDocument(t, head+"securityDefinitions:\n  t: {type: apiKey, in: header, name: A, x-ferrule-value-template: 'Token {value}'}\n  h: {type: basic, x-ferrule-hmac: "+
		signed("stringToSign")+"}\n  w: {type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}\nsecurity: [{t: []}]"+onePath)
	var kinds []string
	for _, s := range got.GetSecuritySchemes() {
		switch s.GetKind().(type) {
		case *connectorv1.SecurityScheme_ApiKey:
			kinds = append(kinds, "key")
		case *connectorv1.SecurityScheme_Hmac:
			kinds = append(kinds, "hmac")
		case *connectorv1.SecurityScheme_AwsSignature:
			kinds = append(kinds, "aws")
		}
	}
	if !slices.Equal(kinds, []string{"key", "hmac", "aws"}) || len(got.findings) > 0 {
		t.Errorf("schemes %v, findings %v", got.GetSecuritySchemes(), got.codes())
	}
}
