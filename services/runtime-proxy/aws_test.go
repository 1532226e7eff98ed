package runtimeproxy_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// checkAWS works out the signature of a received request again, as AWS documents
// it ("Create a signed AWS API request"), from nothing but what arrived.
func checkAWS(r *http.Request, bodyHash, secretKey string) error {
	line, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return fmt.Errorf("Authorization = %q", r.Header.Get("Authorization"))
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(line, ", ") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/") // key, day, region, service, aws4_request
	if len(scope) != 5 {
		return fmt.Errorf("credential = %q", parts["Credential"])
	}
	if r.Header.Get("X-Amz-Content-Sha256") != "" {
		bodyHash = r.Header.Get("X-Amz-Content-Sha256")
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if scope[3] != "s3" { // each segment is encoded once more, empty ones do not count
		segments := slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
		slash := ""
		if strings.HasSuffix(path, "/") && len(segments) > 0 {
			slash = "/"
		}
		path = "/" + strings.ReplaceAll(strings.Join(segments, "/"), "%", "%25") + slash
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		pairs[i] = awsEncoded(name) + "=" + awsEncoded(value)
	}
	slices.Sort(pairs)
	canonical := r.Method + "\n" + path + "\n" + strings.TrimSuffix(strings.Join(pairs, "&"), "=") + "\n"
	for name := range strings.SplitSeq(parts["SignedHeaders"], ";") {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + strings.Join(strings.Fields(value), " ") + "\n"
	}
	canonical += "\n" + parts["SignedHeaders"] + "\n" + bodyHash
	sum := sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + strings.Join(scope[1:], "/") + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secretKey)
	for _, step := range append(scope[1:], toSign) {
		m := hmac.New(sha256.New, key)
		_, _ = io.WriteString(m, step)
		key = m.Sum(nil)
	}
	if want := hex.EncodeToString(key); want != parts["Signature"] {
		return fmt.Errorf("signature %s, want %s for\n%s", parts["Signature"], want, canonical)
	}
	return nil
}

func awsEncoded(text string) string {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return text
	}
	return strings.ReplaceAll(url.QueryEscape(plain), "+", "%20")
}

func awsPlacement(service string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{
		AccessKeyParameter: "access", SecretKeyParameter: "secret", SessionTokenParameter: "session", RegionParameter: "region", Service: service,
	}}}
}

func TestAWSSignatures(t *testing.T) {
	for _, service := range []string{"execute-api", "s3"} {
		t.Run(service, func(t *testing.T) {
			requests := make(chan got, 1)
			s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				requests <- got{r, string(body)}
			}), func(d *connectorv1.Definition) {
				d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{awsPlacement(service)}
				d.Policies = []*connectorv1.Policy{
					{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{{Name: "name", Json: []byte(`"X-Amz-Target"`)}, {Name: "value", Json: []byte(`"T.@headers('Authorization')"`)}}},
					{TemplateId: "setqueryparameter", Parameters: []*connectorv1.PolicyParameter{{Name: "name", Json: []byte(`"Z one"`)}, {Name: "value", Json: []byte(`"a+b/ü"`)}}},
				}
			})
			const secretKey = canary + "-aws"
			s.vault.change(func(c *vaultv1.Credential) {
				c.Secrets = values("access", "AKIDFAKE", "secret", secretKey, "session", "obviously-fake-session")
			})
			check := func(t *testing.T) {
				t.Helper()
				r := <-requests
				sum := sha256.Sum256([]byte(r.body))
				must(t, checkAWS(r.Request, hex.EncodeToString(sum[:]), secretKey))
				if r.Header.Get("X-Amz-Target") != "T." {
					t.Errorf("the policy saw %q", r.Header.Get("X-Amz-Target"))
				}
				if (r.Header.Get("X-Amz-Content-Sha256") != "") != (service == "s3") {
					t.Errorf("hash of the body: %q", r.Header.Get("X-Amz-Content-Sha256"))
				}
				signedNames := r.Header.Get("Authorization")
				for _, name := range []string{"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
					if !strings.Contains(signedNames, name) {
						t.Errorf("%s is not signed: %s", name, signedNames)
					}
				}
			}
			s.bothWays(t, func(t *testing.T, _ string) { check(t) })
			for _, row := range []struct{ name, method, path string }{
				{"escapes", "GET", "/a%2Fb/c%20d/%7Bx%7D?q=%41+b&empty&x=%2F"},
				{"double slashes", "DELETE", "/a//b/"},
				{"characters that AWS encodes", "PUT", "/it's(1)*~"},
				{"the root", "GET", ""},
			} {
				t.Run(row.name, func(t *testing.T) {
					must(t, s.through(s.request(row.method, row.path, nil)))
					check(t)
				})
			}
		})
	}
}

// TestLongBodiesForAWS: what need not be signed passes by; over plain http
// nothing may be left out.
func TestLongBodiesForAWS(t *testing.T) {
	url, requests := recording(t, 200)
	for _, service := range []string{"execute-api", "s3"} {
		s := proving(t, url, []string{"access", "AKIDFAKE", "secret", canary}, awsPlacement(service))
		checkFault(t, s, s.through(s.request("PUT", "/k", strings.NewReader(strings.Repeat("x", 10<<20+1)))), fault.ReasonInputTooLarge)
		must(t, s.through(s.request("PUT", "/k", io.MultiReader(strings.NewReader("of unknown length")))))
		r := <-requests
		sum := sha256.Sum256([]byte("of unknown length"))
		must(t, checkAWS(r.Request, hex.EncodeToString(sum[:]), canary))
		if r.ContentLength != int64(len("of unknown length")) {
			t.Errorf("length = %d", r.ContentLength)
		}
	}
}
