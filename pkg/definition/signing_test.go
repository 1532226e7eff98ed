package definition_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

func TestTemplatesOfKeys(t *testing.T) {
	for _, row := range []struct {
		name, template string
		right          bool
	}{
		{"none is the key alone", "", true},
		{"a prefix", "Token {value}", true},
		{"a parameter", "Token token={value}", true},
		{"quotes around", `Token token="{value}", v=1`, true},
		{"the key alone", "{value}", true},
		{"without the key", "Token", false},
		{"with the key twice", "{value}:{value}", false},
		{"another placeholder", "Token {key}", false},
		{"another placeholder beside the key", "{user}:{value}", false},
		{"doubled braces", "{{value}}", false},
		{"an open brace", "{value} {", false},
		{"in upper case", "{Value}", false},
		{"two lines", "Token\r\nX: {value}", false},
		{"a NUL", "\x00{value}", false},
		{"as long as can be", strings.Repeat("a", definition.MaxTemplateBytes-7) + "{value}", true},
		{"too long", strings.Repeat("a", definition.MaxTemplateBytes-6) + "{value}", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := definition.CheckKeyTemplate(row.template); (got == "") != row.right {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// signature is a scheme that has everything.
func signature() *connectorv1.HmacScheme {
	return &connectorv1.HmacScheme{
		Algorithm: "sha512", StringToSign: `{method}\n{path}?{sorted_query}\n{header:Content-Type}\n{body_sha256}\n{timestamp}{nonce}`,
		KeyEncoding: "base64", SignatureEncoding: "base64url", TimestampFormat: "iso8601_basic",
		Headers: []*connectorv1.HmacField{
			{Name: "Authorization", Template: `HMAC {parameter:key_id}:{signature}`}, {Name: "X-Date", Template: "{timestamp}"},
		},
		Query:      []*connectorv1.HmacField{{Name: "nonce", Template: "{nonce}"}},
		Parameters: []string{"key_id"},
	}
}

func fields(n int) []*connectorv1.HmacField {
	var list []*connectorv1.HmacField
	for i := range n {
		list = append(list, &connectorv1.HmacField{Name: "X-" + strings.Repeat("a", i+1), Template: "{signature}"})
	}
	return list
}

func TestSignatures(t *testing.T) {
	type scheme = connectorv1.HmacScheme
	for _, row := range []struct {
		name   string
		change func(*scheme)
		want   []string
	}{
		{"everything", func(*scheme) {}, nil},
		{"all defaults", func(s *scheme) {
			s.Algorithm, s.KeyEncoding, s.SignatureEncoding, s.TimestampFormat, s.Parameters = "", "", "", "", nil
			s.Headers, s.Query = []*connectorv1.HmacField{{Name: "X-Signature", Template: "{signature}"}}, nil
		}, nil},
		{"a hash that is broken", func(s *scheme) { s.Algorithm = "md5" }, []string{"/algorithm"}},
		{"a hash in upper case", func(s *scheme) { s.Algorithm = "SHA256" }, []string{"/algorithm"}},
		{"encodings that nobody knows", func(s *scheme) { s.KeyEncoding, s.SignatureEncoding, s.TimestampFormat = "base32", "text", "now" }, []string{"/keyEncoding", "/signatureEncoding", "/timestampFormat"}},
		{"nothing is signed", func(s *scheme) { s.StringToSign = "" }, []string{"/stringToSign"}},
		{"the signature signs itself", func(s *scheme) { s.StringToSign = "{signature}" }, []string{"/stringToSign"}},
		{"line feeds as they are", func(s *scheme) { s.StringToSign = "{method}\n{path}" }, nil},
		{"another control character", func(s *scheme) { s.StringToSign = "{method}\t" }, []string{"/stringToSign"}},
		{"a placeholder that nobody knows", func(s *scheme) { s.StringToSign = "{url}" }, []string{"/stringToSign"}},
		{"an argument where there is none", func(s *scheme) { s.StringToSign = "{method:x}" }, []string{"/stringToSign"}},
		{"a header without a name", func(s *scheme) { s.StringToSign = "{header:}{header:a b}" }, []string{"/stringToSign", "/stringToSign"}},
		{"a header that is meant", func(s *scheme) { s.StringToSign = "{header}" }, []string{"/stringToSign"}},
		{"a parameter that is not listed", func(s *scheme) { s.StringToSign = "{parameter:other}" }, []string{"/stringToSign"}},
		{"an open brace", func(s *scheme) { s.StringToSign = "{method" }, []string{"/stringToSign"}},
		{"a closed brace", func(s *scheme) { s.StringToSign = "method}" }, []string{"/stringToSign"}},
		{"braces in braces", func(s *scheme) { s.StringToSign = "{a{method}" }, []string{"/stringToSign"}},
		{"nothing in braces", func(s *scheme) { s.StringToSign = "{}" }, []string{"/stringToSign"}},
		{"doubled braces are text", func(s *scheme) { s.StringToSign = `{{"m":"{method}"}}` }, nil},
		{"too long", func(s *scheme) { s.StringToSign = strings.Repeat("a", definition.MaxTemplateBytes+1) }, []string{"/stringToSign"}},
		{"as many placeholders as can be", func(s *scheme) { s.StringToSign = strings.Repeat("{nonce}", 64) }, nil},
		{"too many placeholders", func(s *scheme) { s.StringToSign = strings.Repeat("{nonce}", 65) }, []string{"/stringToSign"}},
		{"a header of the connection", func(s *scheme) { s.Headers[1].Name = "Keep-Alive" }, []string{"/headers/1/name"}},
		{"the signature goes nowhere", func(s *scheme) { s.Headers = s.Headers[1:] }, []string{"/headers"}},
		{"the signature in the query", func(s *scheme) { s.Headers, s.Query[0].Template = s.Headers[1:], "{signature}" }, nil},
		{"a header that is none", func(s *scheme) { s.Headers[1].Name = "X Date" }, []string{"/headers/1/name"}},
		{"a header without a name", func(s *scheme) { s.Headers[1].Name = "" }, []string{"/headers/1/name"}},
		{"a header of the transport", func(s *scheme) { s.Headers[1].Name = "Content-length" }, []string{"/headers/1/name"}},
		{"a header twice", func(s *scheme) { s.Headers[1].Name = "authorization" }, []string{"/headers/1/name"}},
		{"a header of two lines", func(s *scheme) { s.Headers[1].Template = "a\r\nb" }, []string{"/headers/1/template"}},
		{"a header of two lines, escaped", func(s *scheme) { s.Headers[1].Template = `a\nb` }, []string{"/headers/1/template"}},
		{"a query parameter without a name", func(s *scheme) { s.Query[0].Name = "" }, []string{"/query/0/name"}},
		{"parameters without names", func(s *scheme) { s.Parameters = []string{"key_id", "", "a}", "key_id"} }, []string{"/parameters/1", "/parameters/2", "/parameters/3"}},
		{"as many headers as can be", func(s *scheme) { s.Headers = fields(definition.MaxSignatureFields) }, nil},
		{"too many headers and query parameters", func(s *scheme) { s.Headers, s.Query = fields(17), fields(17) }, []string{"/headers", "/query"}},
		{"too many parameters", func(s *scheme) {
			for _, f := range fields(definition.MaxSignatureFields) {
				s.Parameters = append(s.Parameters, f.GetName())
			}
		}, []string{"/parameters"}},
		{"nothing at all", func(s *scheme) { proto.Reset(s) }, []string{"/stringToSign", "/headers"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := signature()
			row.change(s)
			var got []string
			for _, v := range definition.CheckHmac(s) {
				got = append(got, v.Field)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("violations at %q, want %q", got, row.want)
			}
			def := parse(t, small)
			def.SecuritySchemes[0].Kind = &connectorv1.SecurityScheme_Hmac{Hmac: s}
			if (definition.Validate(def) == nil) != (row.want == nil) {
				t.Errorf("a definition with the scheme: %v", definition.Validate(def))
			}
		})
	}
}

func FuzzSignatureTemplates(f *testing.F) {
	f.Add(`{method}\n{{{path}}}`)
	f.Add(`{header:A}{parameter:key_id}`)
	f.Fuzz(func(t *testing.T, template string) {
		s := signature()
		s.StringToSign = template
		if len(definition.CheckHmac(s)) == 0 && template == "" {
			t.Error("nothing may be signed")
		}
		if definition.CheckKeyTemplate(template) == "" && template != "" && !strings.Contains(template, "{value}") {
			t.Error("the key is not sent")
		}
	})
}

func TestPlacementsThatSign(t *testing.T) {
	aws := func(p *connectorv1.AwsSignaturePlacement) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: p}}
	}
	hmac := func(secret string, s *connectorv1.HmacScheme) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: secret, Scheme: s}}}
	}
	broken := signature()
	broken.Algorithm = "crc32"
	const at = "/parameterSets/0/placements/0"
	for _, row := range []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		uses      string
		want      []string
	}{
		{"AWS with everything known", aws(&connectorv1.AwsSignaturePlacement{AccessKeyParameter: "id", SecretKeyParameter: "secret", Region: "eu-west-1", Service: "s3"}), "id,secret", nil},
		{
			"AWS with everything asked for",
			aws(&connectorv1.AwsSignaturePlacement{AccessKeyParameter: "id", SecretKeyParameter: "secret", SessionTokenParameter: "session", RegionParameter: "region", ServiceParameter: "service"}),
			"id,secret,session,region,service", nil,
		},
		{"AWS without a region and a service", aws(&connectorv1.AwsSignaturePlacement{AccessKeyParameter: "id", SecretKeyParameter: "secret"}), "id,secret", []string{at + "/awsSignature/region", at + "/awsSignature/service"}},
		{"AWS with a parameter that is not there", aws(&connectorv1.AwsSignaturePlacement{AccessKeyParameter: "id", SecretKeyParameter: "gone", Region: "r", Service: "s"}), "id,gone", []string{at}},
		{"AWS without keys", aws(&connectorv1.AwsSignaturePlacement{Region: "r", Service: "s"}), ",", []string{at, at}},
		{"a signature", hmac("secret", signature()), "secret,key_id", nil},
		{"a signature that is broken", hmac("secret", broken), "secret,key_id", []string{at + "/hmac/scheme/algorithm"}},
		{"a signature without a scheme", hmac("secret", nil), "secret", []string{at + "/hmac/scheme/stringToSign", at + "/hmac/scheme/headers"}},
		{"a signature with a parameter that is not there", hmac("gone", signature()), "gone,key_id", []string{at}},
		{"a key with a wrong template", &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "secret", Template: "{key}"}}}, "secret", []string{at + "/apiKey/template"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := parse(t, small)
			set := def.GetParameterSets()[0]
			set.Parameters, set.Placements = nil, []*connectorv1.CredentialPlacement{row.placement}
			for _, name := range []string{"id", "secret", "session", "region", "service", "key_id"} {
				set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{Name: name, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET})
			}
			if got := strings.Join(definition.ParametersOf(row.placement), ","); got != row.uses {
				t.Errorf("it uses %q, want %q", got, row.uses)
			}
			if got := pointers(t, definition.Validate(def)); !slices.Equal(got, row.want) {
				t.Errorf("violations at %q, want %q", got, row.want)
			}
		})
	}
}

func TestSchemesThatSignAreReadable(t *testing.T) {
	text := edited(t, `"apiKey": {
        "name": "X-Key",
        "location": "HEADER"
      }`, `"hmac": {
        "algorithm": "sha256",
        "stringToSign": "{method}\\n{path}",
        "headers": [
          {
            "name": "X-Signature",
            "template": "{signature}"
          }
        ]
      }`)
	def := parse(t, text)
	if s := def.GetSecuritySchemes()[0].GetHmac(); s.GetStringToSign() != `{method}\n{path}` || len(definition.CheckHmac(s)) > 0 {
		t.Errorf("the scheme is %v", s)
	}
	again, err := definition.Marshal(def)
	if err != nil || string(again) != text {
		t.Errorf("written again it is %s, %v", again, err)
	}
	if err := definition.Validate(parse(t, edited(t, `"location": "HEADER"`, `"location": "HEADER", "template": "Token {value"`))); !slices.Equal(pointers(t, err), []string{"/securitySchemes/0/apiKey/template"}) {
		t.Errorf("the template is %v", err)
	}
}
