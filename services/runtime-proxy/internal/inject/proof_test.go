package inject_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func hmacPlacement(scheme, toSign string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: scheme, Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{
		SecretParameter: "password", Scheme: &connectorv1.HmacScheme{StringToSign: toSign, Headers: []*connectorv1.HmacField{{Name: "x-signature", Template: "{signature}"}}},
	}}}
}

func awsPlacement(service string) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{SchemeId: "aws", Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{
		AccessKeyParameter: "user", SecretKeyParameter: "password", Region: "eu-central-1", Service: service,
	}}}
}

var digestPlacement = &connectorv1.CredentialPlacement{SchemeId: "digest", Kind: &connectorv1.CredentialPlacement_Digest{
	Digest: &connectorv1.DigestPlacement{UsernameParameter: "user", PasswordParameter: "password"},
}}

func TestWhatAProofDoesWithTheBody(t *testing.T) {
	tests := []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		scheme    string
		want      inject.BodyUse
	}{
		{"a plain key", bearer, "https", inject.BodyFree},
		{"a signature without the body", hmacPlacement("", "{path}"), "https", inject.BodyFree},
		{"a signature over the body", hmacPlacement("", "{body_md5}"), "https", inject.BodyNeeded},
		{"digest may have to send it again", digestPlacement, "https", inject.BodyWanted},
		{"AWS", awsPlacement("execute-api"), "https", inject.BodyNeeded},
		{"S3 can do without", awsPlacement("s3"), "https", inject.BodyWanted},
		{"but not over plain http", awsPlacement("s3"), "http", inject.BodyNeeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := credential(tt.placement)
			handles := c.Handles()
			req := &request.Request{Base: request.Base{Scheme: tt.scheme, Host: "h"}, Header: map[string][]string{}}
			if handles.Used() {
				t.Error("nothing was placed yet")
			}
			handles.Place(req, c.Placements())
			if got := handles.Body(req); got != tt.want || !handles.Used() {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNamesThatTheCredentialWrites: callers must not send these behind its back.
func TestNamesThatTheCredentialWrites(t *testing.T) {
	c := credential(apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY, "k"), basic, digestPlacement, hmacPlacement("", "x"), awsPlacement("s3"))
	got := strings.Join(c.Names(), " ")
	if got != "k Authorization Authorization X-Signature Authorization X-Amz-Date X-Amz-Security-Token X-Amz-Content-Sha256" {
		t.Errorf("names = %s", got)
	}
}

// TestProofsAreChosenLikeKeys: by the scheme that they satisfy, and together.
func TestProofsAreChosenLikeKeys(t *testing.T) {
	c := credential(apiKey(connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, "K"), hmacPlacement("sig", "{header:K}"), digestPlacement)
	chosen, err := c.Choose("Op", []*connectorv1.SecurityRequirement{need("key", "sig")})
	if err != nil || len(chosen) != 2 {
		t.Fatalf("%v, %v", chosen, err)
	}
	handles := c.Handles()
	req := &request.Request{Base: request.Base{Scheme: "https", Host: "h"}, Header: map[string][]string{}}
	handles.Place(req, chosen)
	for _, step := range []error{handles.Reveal(req), handles.Finish(t.Context(), req, time.Unix(0, 0), false)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	if req.HeaderValue("K") != value || len(req.HeaderValue("X-Signature")) != 64 || req.HasHeader("Authorization") {
		t.Errorf("header = %v", req.Header)
	}
}

// TestSecretsOfProofsAreTakenOut: the keys themselves, and what is made of them
// to be sent; a signature is no secret.
func TestSecretsOfProofsAreTakenOut(t *testing.T) {
	secrets := map[string]secret.Text{
		"api_key": secret.FromString("obviously-fake-key"), "password": secret.FromString("obviously-fake-password"),
		"session": secret.FromString("obviously-fake-session"),
	}
	c := newCredential(secrets, map[string]string{"user": "obviously-fake-user"}, &connectorv1.ParameterSet{Placements: []*connectorv1.CredentialPlacement{
		hmacPlacement("", "{path}"), digestPlacement, awsPlacement("s3"),
		{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "api_key", Name: "K", Template: "a b {value}"}}},
	}})
	for _, text := range []string{"obviously-fake-key", "obviously-fake-password", "obviously-fake-session", "a%20b%20obviously-fake-key", "YSBiIG9idmlvdXNseS1mYWtlLWtleQ=="} {
		if got := c.Redact("you sent <" + text + ">"); got != "you sent <"+inject.Redacted+">" {
			t.Errorf("got %q", got)
		}
	}
	if text := fmt.Sprintf("%+v %#v", c, c.Placements()); strings.Contains(text, "obviously-fake-p") {
		t.Errorf("a secret shows: %s", text)
	}
}

func TestPlacementsWithoutValuesAreLeftOut(t *testing.T) {
	set := &connectorv1.ParameterSet{
		Parameters: []*connectorv1.ConnectionParameter{{Name: "other"}, {Name: "secret"}},
		Placements: []*connectorv1.CredentialPlacement{
			{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "a", Name: "K", Template: "{value}{other}"}}},
			{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "secret", Scheme: hmacPlacement("", "x").GetHmac().GetScheme()}}},
			{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "other"}}},
			{Kind: &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: "a", PasswordParameter: "other"}}},
			{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "a", SecretKeyParameter: "other"}}},
		},
	}
	c := newCredential(map[string]secret.Text{"a": secret.FromString("obviously-fake")}, nil, set)
	if len(c.Placements()) != 0 {
		t.Errorf("placements = %+v", c.Placements())
	}
}

func TestChallengesAreForDigestAlone(t *testing.T) {
	challenge := map[string][]string{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth"`}}
	for _, tt := range []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		status    int
		streamed  bool
		again     bool
		reason    fault.Reason
	}{
		{"a challenge", digestPlacement, 401, false, true, ""},
		{"a challenge after a body that is gone", digestPlacement, 401, true, false, fault.ReasonInputTooLarge},
		{"another status", digestPlacement, 403, false, false, ""},
		{"a connection that proves itself in another way", bearer, 401, false, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := credential(tt.placement)
			handles := c.Handles()
			req := &request.Request{Method: "GET", Base: request.Base{Scheme: "https", Host: "h"}, Header: map[string][]string{}}
			handles.Place(req, c.Placements())
			if err := handles.Finish(t.Context(), req, time.Unix(0, 0), tt.streamed); err != nil || strings.HasPrefix(req.HeaderValue("Authorization"), "Digest") {
				t.Fatalf("before the challenge: %v, %v", req.Header, err)
			}
			again, err := handles.Challenged(t.Context(), req, time.Unix(0, 0), inject.Answered{Status: tt.status, Header: challenge, Streamed: tt.streamed})
			if again != tt.again || (tt.reason != "") != (err != nil) || (err != nil && fault.ReasonOf(err) != tt.reason) {
				t.Errorf("again %v, %v", again, err)
			}
			if again && !strings.HasPrefix(req.HeaderValue("Authorization"), `Digest username="ann"`) {
				t.Errorf("header = %v", req.Header)
			}
			if handles.CarriesKey() != again {
				t.Errorf("a request with the header %v carries a key: %v", req.Header, !again)
			}
		})
	}
}

// TestWhetherTheTokenIsInARequest: as it is, as a part of something, or not at all.
func TestWhetherTheTokenIsInARequest(t *testing.T) {
	of := func(kind *connectorv1.ApiKeyPlacement) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: kind}}
	}
	pair := func(user, password string) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Basic{
			Basic: &connectorv1.BasicPlacement{UsernameParameter: user, PasswordParameter: password},
		}}
	}
	signed := func(key string) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{
			SecretParameter: key, Scheme: &connectorv1.HmacScheme{StringToSign: "{method}", Headers: []*connectorv1.HmacField{{Name: "x-signature", Template: "{signature}"}}},
		}}}
	}
	tests := []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		want      bool
	}{
		{"as it is", of(&connectorv1.ApiKeyPlacement{Parameter: "access", Name: "K"}), true},
		{"in a template", of(&connectorv1.ApiKeyPlacement{Parameter: "access", Name: "K", Template: "user={user};t={value}"}), true},
		{"as a password", pair("user", "access"), true},
		{"as the key of a signature", signed("access"), true},
		{"another value", of(&connectorv1.ApiKeyPlacement{Parameter: "api_key", Name: "K"}), false},
		{"a template of others", of(&connectorv1.ApiKeyPlacement{Parameter: "api_key", Name: "K", Template: "user={user};t={value}"}), false},
		{"a user and a password", pair("user", "api_key"), false},
		{"a signature with another key", signed("api_key"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCredential(
				map[string]secret.Text{"access": secret.FromString("t"), "api_key": secret.FromString("k")}, map[string]string{"user": "ann"},
				&connectorv1.ParameterSet{
					Parameters: []*connectorv1.ConnectionParameter{{Name: "access", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}},
					Placements: []*connectorv1.CredentialPlacement{tt.placement},
				},
			)
			req := &request.Request{Method: "GET", Header: map[string][]string{}}
			handles := c.Handles()
			if handles.Place(req, nil); handles.CarriesToken() {
				t.Error("a request that nothing was placed in has it")
			}
			handles.Place(req, c.Placements())
			if err := handles.Reveal(req); err != nil {
				t.Fatal(err)
			}
			if got := handles.CarriesToken(); got != tt.want || handles.CarriesKey() == tt.want {
				t.Errorf("a token: %v, and else a key: %v", got, handles.CarriesKey())
			}
		})
	}
}
