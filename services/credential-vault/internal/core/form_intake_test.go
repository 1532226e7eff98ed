package core

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/intake"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// placed is a set with one secret for each way in which it can be sent.
func placed() *connectorv1.ParameterSet {
	s := &connectorv1.ParameterSet{Name: "all"}
	for _, name := range []string{"header", "query", "cookie", "user", "password", "bearer", "scheme", "digest", "aws-id", "aws-key", "hmac", "unused"} {
		s.Parameters = append(s.Parameters, &connectorv1.ConnectionParameter{Name: name, Type: typeSecret})
	}
	s.Parameters = append(s.Parameters, &connectorv1.ConnectionParameter{Name: "tls", Type: typeCertificate})
	key := func(name string, at connectorv1.CredentialLocation) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: name, Location: at}}}
	}
	s.Placements = []*connectorv1.CredentialPlacement{
		key("header", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER), key("query", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY),
		key("cookie", connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE),
		{Kind: &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{UsernameParameter: "user", PasswordParameter: "password"}}},
		{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "bearer"}}},
		{Kind: &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: "scheme"}}},
		{Kind: &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: "user", PasswordParameter: "digest"}}},
		{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "aws-id", SecretKeyParameter: "aws-key"}}},
		{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "hmac"}}},
		{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "tls"}}},
	}
	return s
}

func TestWhatIsDoneWithASecretDecidesWhatItMayHold(t *testing.T) {
	for name, want := range map[string]intake.Use{
		"header": intake.Header, "cookie": intake.Header, "bearer": intake.Header, "scheme": intake.Header, "user": intake.Header, "aws-id": intake.Header,
		"password": intake.Password, "digest": intake.Password,
		"query": intake.Anything, "aws-key": intake.Anything, "hmac": intake.Anything, "unused": intake.Anything, "nope": intake.Anything,
	} {
		if got := useOf(placed(), name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestSecretsThatCannotBeSentAreNamedAndNotRepeated(t *testing.T) {
	f := newForm(servers("https://api.example.com"), placed())
	for title, c := range map[string]struct {
		sent   map[string]string
		fields []string
	}{
		"line breaks":           {map[string]string{"header": "canary\r\nX: y", "bearer": "canary\x00", "query": "can\nary"}, []string{`secrets["bearer"]`, `secrets["header"]`}},
		"nothing but a space":   {map[string]string{"header": "  "}, []string{`secrets["header"]`}},
		"a certificate of none": {map[string]string{"tls": "canary", "tls:password": "canary"}, []string{`secrets["tls"]`}},
		"a password alone":      {map[string]string{"tls:password": "canary"}, []string{`secrets["tls:password"]`}},
		"one that nobody knows": {map[string]string{"nope": "canary\n", "header:password": "canary"}, []string{`secrets["header:password"]`, `secrets["nope"]`}},
	} {
		t.Run(title, func(t *testing.T) {
			a, made := f.takeIn(f.canonical(answers{secrets: texts(c.sent)}), time.Unix(0, 0))
			_, err := f.complete(a)
			fields, text := reasons(err)
			if !cmp.Equal(fields, c.fields) || strings.Contains(text, "canary") || len(made) != 0 {
				t.Errorf("got %v, %d made: %s", fields, len(made), text)
			}
		})
	}
}

func TestPastedSecretsAreKeptWithoutTheirSurroundings(t *testing.T) {
	f := newForm(servers("https://api.example.com"), placed())
	sent := texts(map[string]string{"header": " key\n", "password": " pw \n", "query": "q", "bearer": ""})
	a, made := f.takeIn(answers{secrets: sent}, time.Unix(0, 0))
	if _, err := f.complete(a); err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 || a.secrets["query"] != sent["query"] || !a.secrets["bearer"].Empty() || len(a.secrets) != 4 {
		t.Errorf("%d were made, kept are %v", len(made), a.secrets)
	}
	want := texts(map[string]string{"header": "key", "password": " pw "})
	for name := range want {
		if !a.secrets[name].Equal(want[name]) {
			t.Errorf("%s is not kept as it was meant", name)
		}
	}
	fitted{made: made}.clear()
	if !a.secrets["header"].Empty() || sent["header"].Empty() {
		t.Error("what was made is not cleared, or what was sent is")
	}
}

func TestAParameterMayBeCalledLikeThePasswordOfACertificate(t *testing.T) {
	s := placed()
	s.Parameters = append(s.Parameters, &connectorv1.ConnectionParameter{Name: "tls:password", Type: typeSecret})
	f := newForm(servers("https://api.example.com"), s)
	a, _ := f.takeIn(answers{secrets: texts(map[string]string{"tls:password": "kept"})}, time.Unix(0, 0))
	if _, err := f.complete(a); err != nil || a.secrets["tls:password"].Empty() {
		t.Errorf("got %v, %v", a.secrets, err)
	}
}

func TestParametersAreRequiredOnlyWhereTheyAreAskedFor(t *testing.T) {
	s := &connectorv1.ParameterSet{Name: "s", Parameters: []*connectorv1.ConnectionParameter{
		{Name: "kind", Type: typeString},
		{Name: "domain", Type: typeString, Required: true, Conditions: []*connectorv1.ParameterCondition{{Parameter: "kind", Values: []string{"windows"}}}},
	}}
	f := newForm(servers("https://api.example.com"), s)
	if _, err := f.complete(answers{plain: map[string]string{"kind": "basic"}}); err != nil {
		t.Errorf("got %v", err)
	}
	if _, err := f.complete(answers{plain: map[string]string{"kind": "windows"}}); err == nil {
		t.Error("it is not asked for")
	}
}

// reasons returns the fields of a refusal, and all its text.
func reasons(err error) (fields []string, text string) {
	if err == nil {
		return nil, ""
	}
	text = err.Error()
	for _, v := range violationsOf(err) {
		fields = append(fields, v.Field)
		text += v.Description
	}
	return fields, text
}

func violationsOf(err error) []fault.Violation { return fault.From(err).Violations() }

func TestTheCertificateOfASignInHasItsPasswordBesideIt(t *testing.T) {
	f := newForm(servers("https://api.example.com"), set("oauth", typeOAuth))
	f.signIn.Parameter = "token"
	f.signIn.Fields = []provider.Field{
		{Name: "token:certificate", Secret: true}, {Name: "token:certificatePassword", Secret: true, Aliases: []string{"token:pfxPassword"}},
	}
	a, made := f.takeIn(f.canonical(answers{secrets: texts(map[string]string{"TOKEN:certificate": "canary", "token:pfxpassword": "canary"})}), time.Unix(0, 0))
	_, err := f.complete(a)
	fields, text := reasons(err)
	if !cmp.Equal(fields, []string{`secrets["token:certificate"]`}) || strings.Contains(text, "canary") || len(made) != 0 || len(a.secrets) != 1 {
		t.Errorf("got %v, kept are %v: %s", fields, a.secrets, text)
	}
	a, _ = f.takeIn(f.canonical(answers{secrets: texts(map[string]string{"token:certificatePassword": "canary"})}), time.Unix(0, 0))
	_, err = f.complete(a)
	if fields, _ := reasons(err); !cmp.Equal(fields, []string{`secrets["token:certificatePassword"]`}) {
		t.Errorf("a password alone: %v", fields)
	}
}
