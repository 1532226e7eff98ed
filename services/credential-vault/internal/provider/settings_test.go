package provider_test

import (
	"path/filepath"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// elsewhere are packages whose flows name the hosts of two providers.
var elsewhere = map[string]bool{"custom-connectors/Snowflake": true, "independent-publisher-connectors/Fitbit": true}

// withoutTenant gives every field a value but the tenant.
func withoutTenant(s sample, f provider.Form) provider.Given {
	g := madeUp(s.set, f)
	for name := range g.Plain {
		if strings.EqualFold(name, "token:tenantid") || strings.EqualFold(name, "token:tenant") {
			delete(g.Plain, name)
		}
	}
	return g
}

// TestWhatOwnersAndMakersSayComesBeforeTheTenantOfAPackage takes every package
// that signs in at Microsoft Entra ID.
func TestWhatOwnersAndMakersSayComesBeforeTheTenantOfAPackage(t *testing.T) {
	t.Parallel()
	presets, seen := load(t), map[string]bool{}
	for _, s := range packages(t, corpus(t, "powerplatform")) {
		f, err := presets.Form(s.def, s.set)
		if err != nil || f.Provider != "aad" && f.Provider != "entra" {
			continue
		}
		folder := filepath.ToSlash(filepath.Dir(s.file))
		seen[folder] = true
		for _, name := range []string{"token:tenant", "token:TenantId", ""} {
			g := withoutTenant(s, f)
			if name != "" {
				g.Plain[name] = "contoso"
				g.Client = maker(map[string]string{"tenant": "fabrikam"})
			} else {
				g.Client = maker(map[string]string{"tenant": "contoso"})
			}
			p, err := presets.Profile(s.def, s.set, g)
			if err != nil {
				t.Errorf("%s with %q: %v", s.file, name, err)
				continue
			}
			tenants := strings.Contains(p.Endpoints.Token, "/contoso/oauth2/") && strings.Contains(p.Endpoints.Authorization, "/contoso/oauth2/")
			if !tenants && !elsewhere[folder] {
				t.Errorf("%s with %q: got %q and %q", s.file, name, p.Endpoints.Authorization, p.Endpoints.Token)
			}
		}
		g := withoutTenant(s, f)
		g.Plain["token:tenant"] = "a/../../x?y"
		if _, err := presets.Profile(s.def, s.set, g); fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
			t.Errorf("%s takes a tenant that is a path: %v", s.file, err)
		}
	}
	for _, folder := range []string{"custom-connectors/Office365Groups", "custom-connectors/AzureAdIp"} {
		if !seen[folder] {
			t.Errorf("%s was not looked at", folder)
		}
	}
}

// page is a flow whose author has copied the address of the page for people.
func page(token string) []*connectorv1.OAuth2Flow {
	return []*connectorv1.OAuth2Flow{{
		Grant: "authorizationCode", AuthorizationUrl: "https://login.windows.net/common/oauth2/authorize", TokenUrl: token,
	}}
}

func TestWhoseWordCountsForASetting(t *testing.T) {
	t.Parallel()
	const wrong, right = "https://login.windows.net/common/oauth2/authorize", "https://login.windows.net/%/oauth2/token"
	custom := map[string]string{"loginUri": "https://login.windows.net", "tenantId": "common", "resourceUri": "https://graph.microsoft.com"}
	for title, c := range map[string]struct {
		connector connector
		client    map[string]string
		values    map[string]string
		tenant    string
		want      string
	}{
		"the owner's before everybody's": {
			connector{identity: "aad", custom: custom, flows: page(wrong)},
			map[string]string{"tenant": "makers"},
			map[string]string{"token:TenantId": "owners"},
			"owners", right,
		},
		"the OAuth client's before the package's": {
			connector{identity: "aad", custom: custom, flows: page(wrong)}, map[string]string{"TenantID": "makers"}, nil, "makers", right,
		},
		"the package's before the preset's": {
			connector{identity: "aad", custom: custom, flows: page(wrong)}, nil, nil, "common", right,
		},
		"settings of a package before the URLs of another tenant": {
			connector{identity: "aad", custom: custom, flows: page("https://login.microsoftonline.com/of-the-author/oauth2/token")},
			nil,
			map[string]string{"token:tenant": "owners"},
			"owners", right,
		},
		"a page for tokens, where no provider is named": {
			connector{identity: "oauth2", flows: page(wrong), server: "https://graph.microsoft.com/v1"}, nil, map[string]string{"token:tenant": "owners"}, "owners", right,
		},
		"a URL that the package states as its own stays": {
			connector{identity: "aad", flows: page(wrong), custom: map[string]string{
				"tenantId": "common", "resourceUri": "https://api.example", "tokenUrl": "https://login.windows.net/fixed/oauth2/token/special",
			}}, nil, map[string]string{"token:tenant": "owners"}, "", "https://login.windows.net/fixed/oauth2/token/special",
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			p := profile(t, c.connector, given(maker(c.client), c.values))
			same(t, "token URL", p.Endpoints.Token, strings.Replace(c.want, "%", c.tenant, 1))
		})
	}
}

func TestValuesOfSettingsKeepTheirPlacesEvenWhereNothingIsMadeOfThem(t *testing.T) {
	t.Parallel()
	fixed := connector{identity: "aad", custom: map[string]string{
		"authorizationUrl": "https://login.windows.net/x/y/authorize", "tokenUrl": "https://login.windows.net/x/y/token", "resourceUri": "https://api.example",
	}}
	for _, bad := range []string{"a/../../x?y", "..", "a b", "a\nb"} {
		err := refused(t, fixed, given(maker(nil), map[string]string{"token:tenant": bad}))
		same(t, "owner's", violated(err), []string{"token:tenant"})
		err = refused(t, fixed, given(maker(map[string]string{"tenant": bad}), nil))
		same(t, "maker's", violated(err), []string{"token:tenant"})
	}
}
