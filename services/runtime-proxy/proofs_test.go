package runtimeproxy_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// got is a request as the API got it.
type got struct {
	*http.Request

	body string
}

// recording returns an API that answers with a status and keeps what it got.
func recording(t testing.TB, status int) (url string, requests chan got) {
	t.Helper()
	requests = make(chan got, 16)
	return api(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r, string(body)}
		w.WriteHeader(status)
	}), requests
}

// proving starts the runtime with a parameter set that has these placements, and
// secrets in the order of name and value.
func proving(t testing.TB, url string, secrets []string, placements ...*connectorv1.CredentialPlacement) *suite {
	t.Helper()
	s := start(t, url, func(d *connectorv1.Definition) { d.ParameterSets[0].Placements = placements })
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values(secrets...) })
	return s
}

func values(pairs ...string) (out []*vaultv1.SecretValue) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &vaultv1.SecretValue{Name: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

func key(parameter string, location connectorv1.CredentialLocation, name, template string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
		Parameter: parameter, Location: location, Name: name, Template: template,
	}}}
}

const (
	inHeader = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	inQuery  = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	inCookie = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE
)

// bothWays makes the same request by Invoke and through the data plane.
func (s *suite) bothWays(t *testing.T, check func(t *testing.T, way string)) {
	t.Helper()
	t.Run("Invoke", func(t *testing.T) {
		if _, err := s.invoke("CreateItem", `{"body":{"name":"x","price":1.5}}`); err != nil {
			t.Fatal(err)
		}
		check(t, "Invoke")
	})
	t.Run("pass-through", func(t *testing.T) {
		req := s.request("POST", "/items?b=2&a=1", strings.NewReader(`{"name":"y"}`))
		req.Header.Set("Content-Type", "application/json")
		if resp := s.do(req); resp.StatusCode >= 500 {
			text, _ := io.ReadAll(resp.Body)
			t.Fatalf("%d %s", resp.StatusCode, text)
		}
		check(t, "pass-through")
	})
}

// TestKeysWithTemplatesSeveralAtOnce: key, secret and a header of both, all that
// are declared together are sent together.
func TestKeysWithTemplatesSeveralAtOnce(t *testing.T) {
	url, requests := recording(t, 200)
	s := proving(t, url, []string{"app_key", canary, "app_secret", canary + "2"},
		key("app_key", inHeader, "Authorization", "Token token={value}, region={region}"),
		key("app_secret", inQuery, "sig", "v1:{value}/{{x}}"),
		key("app_secret", inCookie, "sid", "s {value}"),
		key("app_key", inHeader, "X-Both", "{app_key}:{app_secret}"),
		key("app_secret", inHeader, "X-Plain", ""))
	s.bothWays(t, func(t *testing.T, _ string) {
		r := <-requests
		cookie, err := r.Cookie("sid")
		must(t, err)
		found := []string{r.Header.Get("Authorization"), r.URL.Query().Get("sig"), cookie.Value, r.Header.Get("X-Both"), r.Header.Get("X-Plain")}
		want := []string{
			"Token token=" + canary + ", region=eu", "v1:" + canary + "2/{x}",
			"s%20canary-7f3a%2B%2F%3D%209c1e2", canary + ":" + canary + "2", canary + "2",
		}
		for i := range want {
			if found[i] != want[i] {
				t.Errorf("got %q, want %q", found[i], want[i])
			}
		}
	})
}

// TestSetsThatAreNotWellMade: their calls fail, with the fault by name, and
// nothing is sent.
func TestSetsThatAreNotWellMade(t *testing.T) {
	signature := func(scheme *connectorv1.HmacScheme) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "api_key", Scheme: scheme}}}
	}
	tests := []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		reason    fault.Reason
		says      string
	}{
		{"a brace in a template", key("api_key", inHeader, "X", "Token {value"), fault.ReasonConnectionNotReady, "brace"},
		{"a parameter that is not there", key("api_key", inHeader, "X", "{value}{other}"), fault.ReasonConnectionNotReady, `"other"`},
		{"a placeholder of a signature", signature(&connectorv1.HmacScheme{StringToSign: "{verb}"}), fault.ReasonConnectionNotReady, "{verb}"},
		{"a parameter of a signature", signature(&connectorv1.HmacScheme{StringToSign: "{parameter:other}", Headers: []*connectorv1.HmacField{{Name: "X", Template: "{signature}"}}}), fault.ReasonConnectionNotReady, `"other"`},
		{"a region", &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "api_key", SecretKeyParameter: "api_key", Service: "s3"}}}, fault.ReasonConnectionParametersInvalid, "region"},
		{"a certificate", &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "api_key"}}}, fault.ReasonConnectionParametersInvalid, "no private key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := recording(t, 200)
			s := proving(t, url, []string{"api_key", canary}, tt.placement)
			for _, err := range []error{second(s.invoke("ListItems", "")), s.through(s.request("GET", "/items", nil))} {
				checkFault(t, s, err, tt.reason)
				if !strings.Contains(err.Error(), tt.says) || leaks(err.Error()) {
					t.Errorf("error = %v", err)
				}
			}
			if len(requests) != 0 {
				t.Error("the request was sent")
			}
		})
	}
}

func second[A any](_ A, err error) error { return err }

func hexMAC(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(m, text)
	return hex.EncodeToString(m.Sum(nil))
}

// TestSignaturesCoverWhatPoliciesMadeOfTheRequest: a policy changes header and
// query, and looks for secrets; what arrives is what was signed.
func TestSignaturesCoverWhatPoliciesMadeOfTheRequest(t *testing.T) {
	url, requests := recording(t, 200)
	s := start(t, url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{
			key("api_key", inHeader, "X-Api-Key", ""),
			{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "signing_key", Scheme: &connectorv1.HmacScheme{
				StringToSign: `{method}\n{host}\n{path}\n{sorted_query}\n{header:X-Seen}\n{header:X-Api-Key}\n{timestamp}.{nonce}\n{body_sha256}`,
				Headers: []*connectorv1.HmacField{
					{Name: "Authorization", Template: "HMAC {parameter:region}:{signature}"}, {Name: "X-Time", Template: "{timestamp}"}, {Name: "X-Nonce", Template: "{nonce}"},
				},
				Query: []*connectorv1.HmacField{{Name: "region", Template: "{parameter:region}"}},
			}}}},
		}
		parameter := func(name, json string) *connectorv1.PolicyParameter {
			return &connectorv1.PolicyParameter{Name: name, Json: []byte(json)}
		}
		d.Policies = []*connectorv1.Policy{
			{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{parameter("name", `"X-Seen"`), parameter("value", `"seen @headers('X-Api-Key') @headers('Authorization')."`)}},
			{TemplateId: "setqueryparameter", Parameters: []*connectorv1.PolicyParameter{parameter("name", `"zone"`), parameter("value", `"a b"`)}},
		}
	})
	const signingKey = canary + "-signing"
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("api_key", canary, "signing_key", signingKey) })
	s.bothWays(t, func(t *testing.T, way string) {
		r := <-requests
		sum := sha256.Sum256([]byte(r.body))
		query := map[string]string{"Invoke": "region=eu&zone=a%20b", "pass-through": "a=1&b=2&region=eu&zone=a%20b"}[way]
		text := fmt.Sprintf("POST\n%s\n/api/items\n%s\n%s\n%s\n%s.%s\n%s", r.Host, query, r.Header.Get("X-Seen"), canary,
			r.Header.Get("X-Time"), r.Header.Get("X-Nonce"), hex.EncodeToString(sum[:]))
		if want := "HMAC eu:" + hexMAC(signingKey, text); r.Header.Get("Authorization") != want {
			t.Errorf("Authorization = %q, want %q over\n%s\n%s", r.Header.Get("Authorization"), want, text, r.RequestURI)
		}
		if seen := r.Header.Get("X-Seen"); seen != "seen "+canary+" ." { // the handle it copied is a secret by now, the signature was not there
			t.Errorf("the policy saw %q", seen)
		}
		if r.Header.Get("X-Time") != "1777636800" || len(r.Header.Get("X-Nonce")) != 32 {
			t.Errorf("time %q, nonce %q", r.Header.Get("X-Time"), r.Header.Get("X-Nonce"))
		}
	})
}

// TestLongBodies: a signature over the body needs it in memory, so its length is
// bounded; one without the body bounds nothing.
func TestLongBodies(t *testing.T) {
	signature := func(text string) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: &connectorv1.HmacScheme{
			StringToSign: text, Headers: []*connectorv1.HmacField{{Name: "X-Sig", Template: "{signature}"}},
		}}}}
	}
	tests := []struct {
		name, toSign string
		size         int
		known        bool // the length is
		reason       fault.Reason
	}{
		{"as long as may be", "{body_sha256}", 10 << 20, true, ""},
		{"as long as may be, of unknown length", "{body_sha256}", 10 << 20, false, ""},
		{"too long", "{body}", 10<<20 + 1, true, fault.ReasonInputTooLarge},
		{"too long, of unknown length", "{body}", 10<<20 + 1, false, fault.ReasonInputTooLarge},
		{"long, and not signed", "{path}", 11 << 20, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			type seen struct {
				size int64
				sig  string
				sum  string
			}
			requests := make(chan seen, 1)
			url := api(t, func(_ http.ResponseWriter, r *http.Request) {
				h := sha256.New()
				n, _ := io.Copy(h, r.Body)
				requests <- seen{n, r.Header.Get("X-Sig"), hex.EncodeToString(h.Sum(nil))}
			})
			s := proving(t, url, []string{"k", canary}, signature(tt.toSign))
			var body io.Reader = strings.NewReader(strings.Repeat("x", tt.size))
			if !tt.known {
				body = io.MultiReader(body)
			}
			req := s.request("POST", "/items", body)
			if tt.reason != "" {
				checkFault(t, s, s.through(req), tt.reason)
				if len(requests) != 0 {
					t.Error("the request was sent")
				}
				return
			}
			must(t, s.through(req))
			r := <-requests
			text := r.sum
			if tt.toSign == "{path}" {
				text = "/api/items"
			}
			if r.size != int64(tt.size) || r.sig != hexMAC(canary, text) {
				t.Errorf("%d bytes arrived, signature %q", r.size, r.sig)
			}
		})
	}
}

// TestAnAPIThatRepeatsSecretsOfProofs: callers do not get them from its errors.
func TestAnAPIThatRepeatsSecretsOfProofs(t *testing.T) {
	signature := &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: &connectorv1.HmacScheme{
		StringToSign: "{path}", Headers: []*connectorv1.HmacField{{Name: "X-Sig", Template: "{signature}"}},
	}}}}
	for name, placement := range map[string]*connectorv1.CredentialPlacement{"a signature": signature, "a template": key("k", inHeader, "X-Key", "Token {value}")} {
		t.Run(name, func(t *testing.T) {
			s := proving(t, api(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Debug", "your key is "+canary)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = fmt.Fprintf(w, `{"message":"%s with %s%s is wrong"}`, canary, r.Header.Get("X-Sig"), r.Header.Get("X-Key"))
			}), []string{"k", canary}, placement)
			resp, err := s.invoke("ListItems", "")
			must(t, err)
			if leaks(resp.GetError().GetMessage()) || !strings.Contains(resp.GetError().GetMessage(), "[redacted] with ") {
				t.Errorf("message = %s", resp.GetError().GetMessage())
			}
			for _, h := range resp.GetHeaders() {
				if leaks(h.GetValue()) {
					t.Errorf("header %v", h)
				}
			}
			if through := s.do(s.request("GET", "/items", nil)); leaks(through.Header.Get("X-Debug")) {
				t.Errorf("header %v", through.Header)
			}
		})
	}
}
