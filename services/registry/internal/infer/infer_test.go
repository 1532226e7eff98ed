package infer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

func inferred(t *testing.T, s infer.Sample) *infer.Inferred {
	t.Helper()
	out, err := infer.Operation(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, out)
	return out
}

// whole is a definition of what was inferred.
func whole(out *infer.Inferred) *connectorv1.Definition {
	def := &connectorv1.Definition{
		Info:            &connectorv1.Info{Title: "x"},
		Operations:      []*connectorv1.Operation{out.Operation},
		SecuritySchemes: out.SecuritySchemes,
		ParameterSets:   []*connectorv1.ParameterSet{{Name: "default"}},
	}
	if out.Server != nil {
		def.Servers = []*connectorv1.Server{out.Server}
	}
	return def
}

func valid(t *testing.T, out *infer.Inferred) {
	t.Helper()
	if err := definition.Validate(whole(out)); err != nil {
		t.Errorf("what was inferred contradicts itself: %v", err)
	}
}

// outline says in few words what was inferred: the server, the request, its
// parameters with their schemas and examples, its body, the schemes.
func outline(out *infer.Inferred) []string {
	lines := []string{fmt.Sprintf("%s %s%s", out.Operation.GetMethod(), out.Server.GetUrlTemplate(), out.Operation.GetPath())}
	for _, p := range out.Operation.GetParameters() {
		place := strings.ToLower(strings.TrimPrefix(p.GetLocation().String(), "PARAMETER_LOCATION_"))
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", place, p.GetName(), p.GetSchema(), joined(p.GetExamples()))))
	}
	for _, m := range out.Operation.GetRequestBody().GetContents() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("body %s %s %s", m.GetMediaType(), m.GetSchema(), joined(m.GetExamples()))))
	}
	for _, s := range out.SecuritySchemes {
		switch {
		case s.GetHttp() != nil:
			lines = append(lines, strings.TrimSpace("http "+s.GetHttp().GetScheme()+" "+s.GetHttp().GetBearerFormat()))
		case s.GetApiKey() != nil:
			place := strings.ToLower(strings.TrimPrefix(s.GetApiKey().GetLocation().String(), "CREDENTIAL_LOCATION_"))
			lines = append(lines, "key "+place+" "+s.GetApiKey().GetName())
		case s.GetAwsSignature() != nil:
			lines = append(lines, strings.TrimSpace("aws "+s.GetAwsSignature().GetService()+" "+s.GetAwsSignature().GetRegion()))
		default:
			lines = append(lines, s.GetId())
		}
	}
	return lines
}

func joined(texts [][]byte) string {
	var all []string
	for _, text := range texts {
		all = append(all, string(text))
	}
	return strings.Join(all, " ")
}

const (
	token  = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g"
	secret = "s3cr3t-value-that-nobody-may-see"
)

func TestCommands(t *testing.T) {
	for _, row := range []struct {
		name, curl string
		want       []string
	}{
		{"a URL", `curl https://api.example.com/items`, []string{"GET https://api.example.com/items"}},
		{"a program by its path", `/usr/bin/curl -s https://api.example.com/items`, []string{"GET https://api.example.com/items"}},
		{"a prompt and a pipe", "$ curl -sS https://api.example.com/items | jq .", []string{"GET https://api.example.com/items"}},
		{"variables in front", `KEY=x curl https://api.example.com/items`, []string{"GET https://api.example.com/items"}},
		{"a URL without a scheme", `curl api.example.com/items`, []string{"GET https://api.example.com/items"}},
		{"a URL by option", `curl --url https://api.example.com/items --compressed -L`, []string{"GET https://api.example.com/items"}},
		{"a URL behind two dashes", `curl -v -- https://api.example.com/items`, []string{"GET https://api.example.com/items"}},
		{"a port and a fragment", `curl http://localhost:8080/items#top`, []string{"GET http://localhost:8080/items"}},
		{"a method", `curl -X DELETE https://api.example.com/items/7`, []string{"DELETE https://api.example.com/items/{itemId}", `path itemId {"type":"integer"} 7`}},
		{"a method without a space", `curl -XPATCH https://api.example.com/items`, []string{"PATCH https://api.example.com/items"}},
		{"a method with an equals sign", `curl --request=PUT https://api.example.com/items`, []string{"PUT https://api.example.com/items"}},
		{"letters together", `curl -sSLXPOST https://api.example.com/items`, []string{"POST https://api.example.com/items"}},
		{"only the head", `curl -I https://api.example.com/items`, []string{"HEAD https://api.example.com/items"}},
		{"a UUID", `curl https://api.example.com/users/123e4567-e89b-12d3-a456-426614174000/posts/5`, []string{
			"GET https://api.example.com/users/{userId}/posts/{postId}",
			`path userId {"type":"string","format":"uuid"} "123e4567-e89b-12d3-a456-426614174000"`, `path postId {"type":"integer"} 5`,
		}},
		{"a long hexadecimal number", `curl https://api.example.com/boards/5f1d7a9c0b2e4d6f8a1b3c5d`, []string{
			"GET https://api.example.com/boards/{boardId}", `path boardId {"type":"string"} "5f1d7a9c0b2e4d6f8a1b3c5d"`,
		}},
		{"placeholders", `curl 'https://api.example.com/{version}/categories/:id/boxes/12/{{name}}'`, []string{
			"GET https://api.example.com/{version}/categories/{id}/boxes/{boxId}/{name}",
			`path version {"type":"string"}`, `path id {"type":"string"}`, `path boxId {"type":"integer"} 12`, `path name {"type":"string"}`,
		}},
		{"a number after nothing and one after another", `curl https://api.example.com/1/2`, []string{
			"GET https://api.example.com/{itemId}/{itemId2}", `path itemId {"type":"integer"} 1`, `path itemId2 {"type":"integer"} 2`,
		}},
		{"words that are not identifiers", `curl https://api.example.com/v1/face/decade/cafe`, []string{"GET https://api.example.com/v1/face/decade/cafe"}},
		{"variables of the shell", `curl "$HOST/items/$ID"`, []string{"GET {HOST}/items/{ID}", `path ID {"type":"string"}`}},
		{"a variable in the host", `curl https://{{tenant}}.example.com/items`, []string{"GET https://{tenant}.example.com/items"}},
		{"a query", `curl 'https://api.example.com/items?limit=10&q=a+b&open=true&since=2024-01-31&tag=a&tag=b&empty=&v={v}'`, []string{
			"GET https://api.example.com/items", `query limit {"type":"integer"} 10`, `query q {"type":"string"} "a b"`, `query open {"type":"boolean"} true`,
			`query since {"type":"string","format":"date"} "2024-01-31"`, `query tag {"type":"array","items":{"type":"string"}}`, `query empty {"type":"string"}`, `query v {"type":"string"}`,
		}},
		{"data in the query", `curl -G https://api.example.com/items -d limit=10 --data-urlencode 'q=a b&c'`, []string{
			"GET https://api.example.com/items", `query limit {"type":"integer"} 10`, `query q {"type":"string"} "a b&c"`,
		}},
		{"headers", `curl https://api.example.com/items -H 'Accept: application/json' -H "X-Tenant: acme" -H 'User-Agent: x' -H 'X-Version: 3' --header 'If-Match: "a"' -A agent -e https://x.example`, []string{
			"GET https://api.example.com/items", `header X-Tenant {"type":"string"} "acme"`, `header X-Version {"type":"integer"} 3`, `header If-Match {"type":"string"} "\"a\""`,
		}},
		{"a form", `curl https://api.example.com/items -d name=a -d size=3 --data-raw 'at=@x'`, []string{
			"POST https://api.example.com/items",
			`body application/x-www-form-urlencoded {"type":"object","properties":{"name":{"type":"string"},"size":{"type":"integer"},"at":{"type":"string"}}} {"name":"a","size":3,"at":"@x"}`,
		}},
		{"JSON with its type", `curl https://api.example.com/items -H 'Content-Type: application/json; charset=utf-8' --data-binary '{"a":[1,2],"b":null}'`, []string{
			"POST https://api.example.com/items", `body application/json {"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{}},"required":["a","b"]} {"a":[1,2],"b":null}`,
		}},
		{"JSON without its type", `curl https://api.example.com/items -d '{"a":1}'`, []string{
			"POST https://api.example.com/items", `body application/json {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]} {"a":1}`,
		}},
		{"JSON by option", `curl https://api.example.com/items --json '{"a":' --json '1}'`, []string{
			"POST https://api.example.com/items", `body application/json {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]} {"a":1}`,
		}},
		{"a multipart form", `curl https://api.example.com/items -F name=a -F 'picture=@cat.png;type=image/png' -F 'meta={"a":1};type=application/json' --form-string 'raw=@x;type=y'`, []string{
			"POST https://api.example.com/items",
			`body multipart/form-data {"type":"object","properties":{"name":{"type":"string"},"picture":{"type":"string","format":"binary"},"meta":{"type":"string"},"raw":{"type":"string"}}} {"name":"a","meta":"{\"a\":1}","raw":"@x;type=y"}`,
		}},
		{"a file as the body", `curl -T photo.jpg https://api.example.com/photo -H 'Content-Type: image/jpeg'`, []string{"PUT https://api.example.com/photo", `body image/jpeg`}},
		{"text", `curl https://api.example.com/notes -H 'Content-Type: text/markdown' -d '# Hi'`, []string{"POST https://api.example.com/notes", `body text/markdown {"type":"string"}`}},
		{"XML", `curl https://api.example.com/soap -H 'Content-Type: application/soap+xml' -d '<a/>'`, []string{"POST https://api.example.com/soap", `body application/soap+xml`}},
		{"several lines", "curl https://api.example.com/items \\\n  -H 'X-A: b' \\\n  -d a=1", []string{
			"POST https://api.example.com/items", `header X-A {"type":"string"} "b"`, `body application/x-www-form-urlencoded {"type":"object","properties":{"a":{"type":"integer"}}} {"a":1}`,
		}},
		{"quotes of the C language", `curl https://api.example.com/items -H 'Content-Type: application/json' -d $'{"a":"it\'s\\n \x41\u00e9\101"}'`, []string{
			"POST https://api.example.com/items", `body application/json {"type":"object","properties":{"a":{"type":"string"}},"required":["a"]} {"a":"it's\n AéA"}`,
		}},
		{"double quotes with escapes", `curl "https://api.example.com/items" -H "Content-Type: application/json" -d "{\"a\": \"b\\\\c\"}"`, []string{
			"POST https://api.example.com/items", `body application/json {"type":"object","properties":{"a":{"type":"string"}},"required":["a"]} {"a":"b\\c"}`,
		}},
		{"the Windows command prompt", "curl ^\"https://api.example.com/items^\" ^\r\n  -H ^\"X-A: b^\" ^\r\n  --data-raw ^\"a=1^\"", []string{
			"POST https://api.example.com/items", `header X-A {"type":"string"} "b"`, `body application/x-www-form-urlencoded {"type":"object","properties":{"a":{"type":"integer"}}} {"a":1}`,
		}},

		{"a bearer token", `curl https://api.example.com/me -H 'Authorization: Bearer ` + secret + `'`, []string{"GET https://api.example.com/me", "http bearer"}},
		{"a JSON web token", `curl https://api.example.com/me -H 'authorization: bearer ` + token + `'`, []string{"GET https://api.example.com/me", "http bearer JWT"}},
		{"a bearer token by option", `curl https://api.example.com/me --oauth2-bearer ` + secret, []string{"GET https://api.example.com/me", "http bearer"}},
		{"a password", `curl -u ann:` + secret + ` https://api.example.com/me`, []string{"GET https://api.example.com/me", "http basic"}},
		{"a password of digest authentication", `curl --digest -u ann:` + secret + ` https://api.example.com/me`, []string{"GET https://api.example.com/me", "http digest"}},
		{"a password in the URL", `curl https://ann:` + secret + `@api.example.com/me`, []string{"GET https://api.example.com/me", "http basic"}},
		{"another scheme", `curl https://api.example.com/me -H 'Authorization: Token ` + secret + `'`, []string{"GET https://api.example.com/me", "http token"}},
		{"no scheme", `curl https://api.example.com/me -H 'Authorization: ` + secret + `'`, []string{"GET https://api.example.com/me", "key header Authorization"}},
		{"a key in a header", `curl https://api.example.com/me -H 'X-API-Key: ` + secret + `'`, []string{"GET https://api.example.com/me", "key header X-API-Key"}},
		{"a subscription key", `curl https://api.example.com/me -H 'Ocp-Apim-Subscription-Key: ` + secret + `'`, []string{"GET https://api.example.com/me", "key header Ocp-Apim-Subscription-Key"}},
		{"a key in the query", `curl 'https://api.example.com/me?api_key=` + secret + `&a=1'`, []string{"GET https://api.example.com/me", `query a {"type":"integer"} 1`, "key query api_key"}},
		{"cookies", `curl https://api.example.com/me -b 'session_id=` + secret + `; theme=dark'`, []string{"GET https://api.example.com/me", `cookie theme {"type":"string"}`, "key cookie session_id"}},
		{"two credentials", `curl https://api.example.com/me -u a:` + secret + ` -H 'X-Api-Key: ` + secret + `'`, []string{"GET https://api.example.com/me", "key header X-Api-Key", "http basic"}},
		{"a client certificate", `curl --cert me.pem:` + secret + ` --key me.key https://api.example.com/me`, []string{"GET https://api.example.com/me", "certificate"}},
		{"signatures of AWS", `curl --aws-sigv4 aws:amz:eu-west-1:execute-api -u AKIA:` + secret + ` -H 'X-Amz-Security-Token: ` + secret + `' https://api.example.com/me`, []string{"GET https://api.example.com/me", "aws execute-api eu-west-1"}},
		{"signatures of AWS for whatever the host says", `curl --aws-sigv4 aws:amz -u AKIA:` + secret + ` https://api.example.com/me`, []string{"GET https://api.example.com/me", "aws"}},
		{"a signature of AWS that was copied", `curl -H 'Authorization: AWS4-HMAC-SHA256 Credential=` + secret + `/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=` + secret + `' -H 'X-Amz-Date: 20260101T000000Z' -H 'x-amz-content-sha256: e3b0' https://api.example.com/me`, []string{"GET https://api.example.com/me", "aws s3 us-east-1"}},
		{"a date of AWS without a signature", `curl -H 'X-Amz-Date: x' https://api.example.com/me`, []string{"GET https://api.example.com/me", `header X-Amz-Date {"type":"string"} "x"`}},
		{"a signature and a certificate", `curl --aws-sigv4 aws:amz:eu-west-1:s3 -u a:` + secret + ` -E me.pem https://api.example.com/me`, []string{"GET https://api.example.com/me", "aws s3 eu-west-1", "certificate"}},
		{"a user of Windows", `curl --ntlm -u dom\ann:` + secret + ` https://api.example.com/me`, []string{"GET https://api.example.com/me"}},
		{"a ticket", `curl -H 'Authorization: Negotiate ` + secret + `' https://api.example.com/me`, []string{"GET https://api.example.com/me"}},
		{"a key that is none", `curl https://api.example.com/me -H 'Idempotency-Key: 7'`, []string{"GET https://api.example.com/me", `header Idempotency-Key {"type":"integer"} 7`}},
		{"credentials in a body", `curl https://api.example.com/login --json '{"user":"ann","password":"` + secret + `","deep":[{"t":"` + token + `","n":1}],"list":["` + token + `"]}'`, []string{
			"POST https://api.example.com/login",
			`body application/json {"type":"object","properties":{"user":{"type":"string"},"password":{"type":"string"},"deep":{"type":"array","items":{"type":"object","properties":{"t":{"type":"string"},"n":{"type":"integer"}},"required":["t","n"]}},"list":{"type":"array","items":{"type":"string"}}},"required":["user","password","deep","list"]} {"user":"ann","deep":[{"n":1}],"list":[""]}`,
		}},
		{"credentials in a form", `curl https://api.example.com/token -d grant_type=client_credentials -d client_secret=` + secret, []string{
			"POST https://api.example.com/token",
			`body application/x-www-form-urlencoded {"type":"object","properties":{"grant_type":{"type":"string"},"client_secret":{"type":"string"}}} {"grant_type":"client_credentials"}`,
		}},
		{"a value that looks like a credential", `curl https://api.example.com/files/ghp_abcdefghijklmnopqrstuvwxyz0123456789?x=` + token, []string{
			"GET https://api.example.com/files/{fileToken}", `path fileToken {"type":"string"}`, `query x {"type":"string"}`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := inferred(t, infer.Sample{Curl: row.curl})
			if diff := cmp.Diff(row.want, outline(out)); diff != "" {
				t.Errorf("inferred (-want +got):\n%s", diff)
			}
			leaks(t, out)
		})
	}
}

// leaks complains if a credential of the samples is anywhere in the result.
func leaks(t *testing.T, out *infer.Inferred) {
	t.Helper()
	text, err := definition.Marshal(whole(out))
	if err != nil {
		t.Fatal(err)
	}
	all := string(text) + fmt.Sprint(out.Findings)
	for _, s := range []string{secret, token, "ghp_abcdef"} {
		if strings.Contains(all, s) {
			t.Errorf("the result holds a credential: %s", all)
		}
	}
}

func TestFindings(t *testing.T) {
	answer := &infer.Response{}
	for _, row := range []struct {
		name, curl string
		want       []string
	}{
		{"nothing to say", `curl https://api.example.com/items`, nil},
		{"a credential", `curl https://api.example.com/items -H 'X-Api-Key: abc'`, []string{"SecretLeftOut"}},
		{"certificates are not checked", `curl -k https://api.example.com/items`, []string{"OptionIgnored"}},
		{"a user of Windows", `curl --ntlm -u ann:abc https://api.example.com/items`, []string{"AuthKindNotSupported"}},
		{"a ticket that the system has", `curl --negotiate -u : https://api.example.com/items`, []string{"AuthKindNotSupported"}},
		{"a ticket in a header", `curl -H 'Authorization: Negotiate abc' https://api.example.com/items`, []string{"AuthKindNotSupported"}},
		{"a proof in a header", `curl -H 'Authorization: DPoP abc' https://api.example.com/items`, []string{"AuthKindNotSupported"}},
		{"OAuth 1.0 in a header", `curl -H 'Authorization: OAuth oauth_nonce="1"' https://api.example.com/items`, []string{"AuthKindNotSupported"}},
		{"a token behind the word OAuth", `curl -H 'Authorization: OAuth abc' https://api.example.com/items`, []string{"SecretLeftOut"}},
		{"keys of AWS", `curl --aws-sigv4 aws:amz -u a:b https://api.example.com/items`, []string{"SecretLeftOut"}},
		{"a proxy", `curl -x http://proxy.example.com:3128 https://api.example.com/items`, []string{"OptionIgnored"}},
		{"an option that nobody knows", `curl --frobnicate https://api.example.com/items -?`, []string{"OptionIgnored", "OptionIgnored"}},
		{"options for the screen", `curl -sSfvi -o out.json --max-time 5 https://api.example.com/items`, nil},
		{"a file as data", `curl https://api.example.com/items -d @body.json`, []string{"FileNotRead"}},
		{"a file in a form", `curl https://api.example.com/items --data-urlencode name@file.txt`, []string{"FileNotRead"}},
		{"a file of headers", `curl https://api.example.com/items -H @headers.txt`, []string{"FileNotRead"}},
		{"a file of cookies", `curl https://api.example.com/items -b cookies.txt`, []string{"FileNotRead"}},
		{"several commands", `curl https://api.example.com/items && curl https://api.example.com/more`, []string{"MoreIgnored"}},
		{"several URLs", `curl https://api.example.com/items https://api.example.com/more`, []string{"MoreIgnored"}},
		{"several requests", `curl https://api.example.com/items --next https://api.example.com/more`, []string{"MoreIgnored"}},
		{"JSON without its type", `curl https://api.example.com/items -d '{}'`, []string{"Guessed"}},
		{"JSON that is none", `curl https://api.example.com/items -H 'Content-Type: application/json' -d '{'`, []string{"Guessed"}},
		{"no scheme", `curl api.example.com`, []string{"Guessed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, f := range inferred(t, infer.Sample{Curl: row.curl, Response: answer}).Findings {
				got = append(got, f.Code)
				if f.Message == "" || f.Severity == 0 {
					t.Errorf("the finding %+v is incomplete", f)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSamplesThatAreRefused(t *testing.T) {
	big := strings.Repeat("x", infer.MaxBodyBytes+1)
	for _, row := range []struct {
		name   string
		sample infer.Sample
		field  string
	}{
		{"nothing", infer.Sample{}, "curl"},
		{"another program", infer.Sample{Curl: "wget https://api.example.com"}, "curl"},
		{"no URL", infer.Sample{Curl: "curl -X GET"}, "curl"},
		{"an open quote", infer.Sample{Curl: "curl 'https://api.example.com"}, "curl"},
		{"an option without its value", infer.Sample{Curl: "curl https://api.example.com -H"}, "curl"},
		{"a command inside", infer.Sample{Curl: "curl https://api.example.com/$(id)"}, "curl"},
		{"a command in back quotes", infer.Sample{Curl: "curl https://api.example.com/`id`"}, "curl"},
		{"a computation", infer.Sample{Curl: "curl https://api.example.com/$((1+1))"}, "curl"},
		{"a method with a line feed", infer.Sample{Curl: "curl -X $'GET\\nX' https://api.example.com"}, "curl"},
		{"a method that is none", infer.Sample{URL: "https://api.example.com", Method: "G T"}, "sample.method"},
		{"a path only", infer.Sample{URL: "/items"}, "sample.url"},
		{"another protocol", infer.Sample{URL: "ftp://example.com/x"}, "sample.url"},
		{"a host with a space", infer.Sample{URL: "https://a b/x"}, "sample.url"},
		{"a host with an open brace", infer.Sample{URL: "https://{a.example.com/x"}, "sample.url"},
		{"a status that is none", infer.Sample{URL: "https://a.example.com", Response: &infer.Response{Status: 1000}}, "response.status"},
		{"a long command", infer.Sample{Curl: "curl " + strings.Repeat("x", infer.MaxCurlBytes)}, "curl"},
		{"a long URL", infer.Sample{URL: strings.Repeat("x", infer.MaxURLBytes+1)}, "sample.url"},
		{"a long URL of a command", infer.Sample{Curl: "curl " + strings.Repeat("x", infer.MaxURLBytes+1)}, "sample.url"},
		{"a large body", infer.Sample{URL: "https://a.example.com", Body: []byte(big)}, "sample.body"},
		{"a large answer", infer.Sample{URL: "https://a.example.com", Response: &infer.Response{Body: []byte(big)}}, "response.body"},
		{"many headers", infer.Sample{URL: "https://a.example.com", Headers: make([]string, infer.MaxHeaders+1)}, "sample.headers"},
		{"many headers of the answer", infer.Sample{URL: "https://a.example.com", Response: &infer.Response{Headers: make([]string, infer.MaxHeaders+1)}}, "response.headers"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := infer.Operation(t.Context(), row.sample)
			if fault.ReasonOf(err) != fault.ReasonInvalidArgument || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("the error is %v", err)
			}
			if got := fault.From(err).Violations()[0].Field; got != row.field {
				t.Errorf("the field is %q, want %q: %v", got, row.field, err)
			}
		})
	}
}

func TestTheEndOfTheContextStopsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := infer.Operation(ctx, infer.Sample{URL: "https://api.example.com"}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
