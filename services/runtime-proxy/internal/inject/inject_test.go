package inject_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const value = `k3y "ü"+/&`

func apiKey(l connectorv1.CredentialLocation, name string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: "key", Kind: &connectorv1.CredentialPlacement_ApiKey{
		ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "api_key", Location: l, Name: name},
	}}
}

var (
	basic = &connectorv1.CredentialPlacement{SchemeId: "basic", Kind: &connectorv1.CredentialPlacement_Basic{
		Basic: &connectorv1.BasicPlacement{UsernameParameter: "user", PasswordParameter: "password"},
	}}
	bearer = &connectorv1.CredentialPlacement{SchemeId: "token", Kind: &connectorv1.CredentialPlacement_Bearer{
		Bearer: &connectorv1.BearerPlacement{Parameter: "api_key"},
	}}
	token = &connectorv1.CredentialPlacement{SchemeId: "token", Kind: &connectorv1.CredentialPlacement_Authorization{
		Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: "api_key"},
	}}
)

func credential(placements ...*connectorv1.CredentialPlacement) *inject.Credential {
	return newCredential(
		map[string]secret.Text{"api_key": secret.FromString(value), "password": secret.FromString("pa:ss"), "empty": {}},
		map[string]string{"user": "ann", "Region": "eu"},
		&connectorv1.ParameterSet{Placements: placements},
	)
}

func TestPlacements(t *testing.T) {
	tests := []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		part      func(*request.Request) string
		want      string
	}{
		{"a header", apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "x-key"), func(r *request.Request) string { return r.HeaderValue("X-Key") }, value},
		{"the query", apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY, "k y"), func(r *request.Request) string { return r.Query }, "q=1&k%20y=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")},
		{"a cookie", apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE, "sid"), func(r *request.Request) string { return r.HeaderValue("Cookie") }, "sid=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")},
		{"basic", basic, func(r *request.Request) string { return r.HeaderValue("Authorization") }, "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:pa:ss"))},
		{"bearer", bearer, func(r *request.Request) string { return r.HeaderValue("Authorization") }, "Bearer " + value},
		{"a scheme of the API's own", token, func(r *request.Request) string { return r.HeaderValue("Authorization") }, "Token " + value},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := credential(tt.placement)
			req := &request.Request{Query: "q=1", Header: map[string][]string{}}
			handles := c.Handles()
			handles.Place(req, c.Placements())
			if text := fmt.Sprintf("%+v %+v %+v", req, c, handles); strings.Contains(text, "k3y") || strings.Contains(text, "pa:ss") {
				t.Errorf("the secret shows before its time: %s", text)
			}
			if err := handles.Reveal(req); err != nil {
				t.Fatal(err)
			}
			if got := tt.part(req); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHandlesWorkInTheirOwnCallOnly(t *testing.T) {
	c := credential()
	first, second := c.Handles(), c.Handles()
	stolen, ok := first.Parameter("API_KEY")
	if !ok || strings.Contains(stolen, "k3y") {
		t.Fatalf("handle = %q", stolen)
	}
	if _, ok := second.Parameter("password"); !ok { // so that the second call has handles too
		t.Fatal("no password")
	}
	req := &request.Request{Path: "/" + stolen, Query: "a=" + stolen, Header: map[string][]string{"A": {stolen}}}
	if err := second.Reveal(req); err != nil {
		t.Fatal(err)
	}
	if req.Path != "/"+stolen || req.Header["A"][0] != stolen || req.Query != "a="+stolen {
		t.Errorf("a handle of another call was replaced: %+v", req)
	}
	if plain, ok := first.Parameter("region"); !ok || plain != "eu" {
		t.Errorf("plain parameter = %q", plain)
	}
	if _, ok := first.Parameter("other"); ok {
		t.Error("there is a parameter that nobody has")
	}
}

func TestHandlesThatPoliciesMovedAreStillReplaced(t *testing.T) {
	c := credential()
	handles := c.Handles()
	key, _ := handles.Parameter("api_key")
	password, _ := handles.Parameter("password")
	req := &request.Request{
		Path: "/" + key + "/x", Query: "t=a" + password + "b",
		Header: map[string][]string{"A": {"x " + key + ";" + password + key}, "B": {key[:20]}},
	}
	if err := handles.Reveal(req); err != nil {
		t.Fatal(err)
	}
	if req.Path != "/"+request.Escape(value)+"/x" || req.Query != "t=apa%3Assb" || req.Header["A"][0] != "x "+value+";pa:ss"+value || req.Header["B"][0] != key[:20] {
		t.Errorf("request = %+v", req)
	}
}

func TestASecretThatWouldEndALineIsRefused(t *testing.T) {
	c := newCredential(map[string]secret.Text{"api_key": secret.FromString("a\r\nX-Admin: 1")}, nil, &connectorv1.ParameterSet{
		Placements: []*connectorv1.CredentialPlacement{apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "K")},
	})
	req := &request.Request{Header: map[string][]string{}}
	handles := c.Handles()
	handles.Place(req, c.Placements())
	err := handles.Reveal(req)
	if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid || strings.Contains(err.Error(), "Admin") {
		t.Errorf("error = %v", err)
	}
}

func need(ids ...string) *connectorv1.SecurityRequirement {
	r := &connectorv1.SecurityRequirement{}
	for _, id := range ids {
		r.Schemes = append(r.Schemes, &connectorv1.SchemeReference{SchemeId: id})
	}
	return r
}

func TestChoose(t *testing.T) {
	c := credential(apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "K"), basic)
	tests := []struct {
		name         string
		alternatives []*connectorv1.SecurityRequirement
		want         string
	}{
		{"nothing said: all of them", nil, "key basic"},
		{"the first that can be satisfied", []*connectorv1.SecurityRequirement{need("oauth"), need("basic"), need("key")}, "basic"},
		{"several at once", []*connectorv1.SecurityRequirement{need("basic", "key")}, "basic key"},
		{"none is needed", []*connectorv1.SecurityRequirement{need()}, ""},
		{"none is needed, as a way out", []*connectorv1.SecurityRequirement{need("oauth"), need()}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			chosen, err := c.Choose("Op", tt.alternatives)
			for _, p := range chosen {
				got = append(got, p.Scheme)
			}
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestChooseRefuses: neither a scheme that the operation does not ask for nor a
// part of what it asks for is ever sent.
func TestChooseRefuses(t *testing.T) {
	tests := []struct {
		name         string
		alternatives []*connectorv1.SecurityRequirement
		missing      string
	}{
		{"another scheme", []*connectorv1.SecurityRequirement{need("oauth")}, `"oauth"`},
		{"half of what is needed together", []*connectorv1.SecurityRequirement{need("key", "cert")}, `"cert"`},
		{"several together", []*connectorv1.SecurityRequirement{need("cert", "key", "oauth")}, `"cert" and "oauth"`},
		{"each way out", []*connectorv1.SecurityRequirement{need("oauth"), need("key", "cert")}, `"oauth" or "cert"`},
		{"more than a sentence can hold", []*connectorv1.SecurityRequirement{need("a"), need("b"), need("c"), need("d"), need("e"), need("f")}, `"a" or "b" or "c" or "d" or "e" or others`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCredential(map[string]secret.Text{"api_key": secret.FromString(value)}, nil, &connectorv1.ParameterSet{
				Name: "key only", Placements: []*connectorv1.CredentialPlacement{apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "K")},
			})
			chosen, err := c.Choose("Op", tt.alternatives)
			f := fault.From(err)
			if err == nil || chosen != nil || f.Reason() != fault.ReasonConnectionNotReady || f.Code() != fault.CodeFailedPrecondition {
				t.Fatalf("got %v, %v", chosen, err)
			}
			for _, part := range []string{`"Op"`, `"key only"`, " " + tt.missing + ";"} {
				if !strings.Contains(f.Message(), part) {
					t.Errorf("the sentence %q does not hold %s", f.Message(), part)
				}
			}
		})
	}
}

func TestPlacementsWithoutAValueAreLeftOut(t *testing.T) {
	c := newCredential(map[string]secret.Text{"api_key": {}}, nil, &connectorv1.ParameterSet{Placements: []*connectorv1.CredentialPlacement{
		apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "K"), basic,
	}})
	if got := c.Placements(); len(got) != 0 {
		t.Errorf("placements = %v", got)
	}
}

func TestRedact(t *testing.T) {
	c := credential(basic)
	encoded := base64.StdEncoding.EncodeToString([]byte("ann:pa:ss"))
	for text, want := range map[string]string{
		"nothing":                                        "nothing",
		"it was " + value + ", and " + value:             "it was [redacted], and [redacted]",
		"?k=" + url.QueryEscape(value) + "&x":            "?k=[redacted]&x",
		"?k=" + request.Escape(value):                    "?k=[redacted]",
		`{"k":"k3y \"ü\"+/&"}`:                           `{"k":"[redacted]"}`,
		"Basic " + encoded:                               "Basic [redacted]",
		base64.StdEncoding.EncodeToString([]byte(value)): "[redacted]",
		"password pa:ss":                                 "password [redacted]",
		"ann and eu are no secrets":                      "ann and eu are no secrets",
	} {
		if got := c.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
	header := map[string][]string{"Location": {"a", "https://x?k=" + request.Escape(value)}}
	c.RedactAll(header)
	if header["Location"][1] != "https://x?k=[redacted]" || header["Location"][0] != "a" {
		t.Errorf("header = %v", header)
	}
	short := newCredential(map[string]secret.Text{"a": secret.FromString("ab")}, nil, nil)
	if got := short.Redact("about"); got != "about" {
		t.Errorf("short secrets destroy messages: %q", got)
	}
}

// newCredential makes a credential of a set that is well made.
func newCredential(secrets map[string]secret.Text, parameters map[string]string, set *connectorv1.ParameterSet) *inject.Credential {
	c, err := inject.New(inject.Lent{Secrets: secrets, Parameters: parameters, Set: set})
	if err != nil {
		panic(err)
	}
	return c
}
