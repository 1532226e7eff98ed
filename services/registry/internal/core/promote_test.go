package core_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func TestPromoting(t *testing.T) {
	r := newRig(t)
	r.mustCreateEnvironment("prod")
	source := r.mustImport(core.ImportRequest{ID: "crm", Files: secured(), Selection: core.Selection{Except: []string{"x"}}})
	promote := func(req core.PromoteRequest) (core.Promoted, error) {
		req.Name, req.Environment = latest, prod
		return r.Promote(t.Context(), req)
	}
	out, err := promote(core.PromoteRequest{Intent: core.Intent{Publish: core.PublishNever}})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Created || out.Revision.Name != inProd(source.Revision.Name.ID) || out.Revision.State != core.Draft || out.Connector.Published != "" || out.Diff != nil {
		t.Errorf("promoted %+v", out)
	}
	for _, part := range []string{"r/", "p/"} {
		here, there := map[string]string{}, map[string]string{}
		for k, v := range everything(t, r.raw) {
			if rest, ok := strings.CutPrefix(k, part+"default/crm/"); ok {
				here[rest] = v
			}
			if rest, ok := strings.CutPrefix(k, part+"prod/crm/"); ok {
				there[rest] = v
			}
		}
		if part == "p/" && (!cmp.Equal(here, there) || len(here) == 0) {
			t.Error("the copy is not exact")
		}
		if len(here) != len(there) {
			t.Errorf("%s: %d here, %d there", part, len(here), len(there))
		}
	}
	got := map[string]string{}
	for _, q := range out.Requirements {
		got[q.Set+"/"+q.Parameter] = strings.Fields(q.Message)[0]
	}
	if len(got) != 2 {
		t.Errorf("requirements %v", out.Requirements)
	}
	if again, err := promote(core.PromoteRequest{Intent: core.Intent{Publish: core.PublishAlways}}); err != nil || again.Created || again.Connector.Published != source.Revision.Name.ID {
		t.Errorf("again, to publish: %+v, %v", again.Outcome, err)
	}
	if as, err := promote(core.PromoteRequest{ID: "other"}); err != nil || as.Connector.Name != (resource.Connector{Environment: "prod", ID: "other"}) {
		t.Errorf("under another id: %+v, %v", as.Outcome, err)
	}
	if _, err := promote(core.PromoteRequest{ID: "X"}); fault.ReasonOf(err) != fault.ReasonInvalidName {
		t.Errorf("under a bad id: %v", err)
	}
	_, err = r.Promote(t.Context(), core.PromoteRequest{Name: latest, Environment: resource.Environment{ID: "nowhere"}})
	if fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("to nowhere: %v", err)
	}
	_, err = r.Promote(t.Context(), core.PromoteRequest{Name: inProd("0123"), Environment: env})
	if fault.ReasonOf(err) != fault.ReasonRevisionNotFound {
		t.Errorf("what is not there: %v", err)
	}
	if err := r.Delete(t.Context(), crm, ""); err != nil {
		t.Fatal(err)
	}
	if d, err := r.GetRevision(t.Context(), inProd("latest"), core.Full); err != nil || d.Definition.GetInfo().GetTitle() != "CRM" {
		t.Errorf("the copy depends on the original: %v", err)
	}
}

// secured is a document whose connections need a secret, or a sign-in.
func secured() []format.File {
	return []format.File{{Path: "a.json", Content: []byte(`{"swagger":"2.0","info":{"title":"CRM"},"host":"h.example",
		"securityDefinitions":{"key":{"type":"apiKey","in":"header","name":"X-Key"},
			"login":{"type":"oauth2","flow":"accessCode","authorizationUrl":"https://h.example/a","tokenUrl":"https://h.example/t","scopes":{}}},
		"security":[{"key":[]},{"login":[]}],"paths":{"/p":{"get":{"operationId":"o","responses":{}}}}}`)}}
}

func TestAuthenticationKinds(t *testing.T) {
	param := func(name string, kind connectorv1.ConnectionParameterType) *connectorv1.ConnectionParameter {
		return &connectorv1.ConnectionParameter{Name: name, Type: kind}
	}
	const (
		secret      = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
		oauth       = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
		certificate = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
		plain       = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	)
	placed := func(set *connectorv1.ParameterSet, p *connectorv1.CredentialPlacement) *connectorv1.ParameterSet {
		set.Placements = append(set.Placements, p)
		return set
	}
	with := func(params ...*connectorv1.ConnectionParameter) *connectorv1.ParameterSet {
		return &connectorv1.ParameterSet{Parameters: params}
	}
	bearer := func(of string) *connectorv1.CredentialPlacement {
		return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: of}}}
	}
	for _, row := range []struct {
		name string
		sets []*connectorv1.ParameterSet
		want []string
	}{
		{"nothing is needed", []*connectorv1.ParameterSet{with()}, []string{"none"}},
		{"plain values are no authentication", []*connectorv1.ParameterSet{with(param("a", plain))}, []string{"none"}},
		{"a key", []*connectorv1.ParameterSet{placed(with(param("k", secret)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{}})}, []string{"api_key"}},
		{"user and password", []*connectorv1.ParameterSet{placed(with(), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Basic{}})}, []string{"basic"}},
		{"digest", []*connectorv1.ParameterSet{placed(with(), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Digest{}})}, []string{"digest"}},
		{"another scheme", []*connectorv1.ParameterSet{placed(with(), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Authorization{}})}, []string{"custom"}},
		{"a token", []*connectorv1.ParameterSet{placed(with(param("t", secret)), bearer("t"))}, []string{"bearer"}},
		{"a grant, placed as a token", []*connectorv1.ParameterSet{placed(with(param("t", oauth)), bearer("t"))}, []string{"oauth2"}},
		{"a grant beside a token", []*connectorv1.ParameterSet{placed(with(param("g", oauth), param("t", secret)), bearer("t"))}, []string{"bearer", "oauth2"}},
		{"a grant, placed in the query", []*connectorv1.ParameterSet{placed(with(param("t", oauth)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "t"}}})}, []string{"oauth2"}},
		{"a grant, placed behind another word", []*connectorv1.ParameterSet{placed(with(param("t", oauth)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{Parameter: "t"}}})}, []string{"oauth2"}},
		{"a signature of AWS", []*connectorv1.ParameterSet{placed(with(param("id", plain), param("k", secret)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_AwsSignature{}})}, []string{"aws_signature"}},
		{"a signature and a key", []*connectorv1.ParameterSet{placed(placed(with(param("k", secret)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{}}), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{}})}, []string{"api_key", "hmac"}},
		{"a certificate, placed", []*connectorv1.ParameterSet{placed(with(param("c", certificate)), &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Certificate{}})}, []string{"certificate"}},
		{"a secret that only policies use", []*connectorv1.ParameterSet{with(param("s", secret))}, []string{"custom"}},
		{"two ways", []*connectorv1.ParameterSet{with(), with(param("s", secret))}, []string{"custom", "none"}},
		{"no sets", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, core.AuthenticationKinds(&connectorv1.Definition{ParameterSets: row.sets})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
