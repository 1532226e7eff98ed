package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// minimal is the shortest preset there can be.
const minimal = `
id: acme
title: Acme
grants: [authorizationCode]
endpoints:
  token: https://acme.example/token
pkce: supported
client:
  methods: [none]
answer:
  lifetime: 90s
documentation:
  registration: https://acme.example/a
  protocol: https://acme.example/b
`

func TestAPresetIsReadStrictly(t *testing.T) {
	t.Parallel()
	p, err := decode([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "acme" || p.Endpoints.Token != "https://acme.example/token" || p.Answer.Lifetime != 90*time.Second || p.Grants[0] != oauth.AuthorizationCode {
		t.Errorf("it was read as %+v", p)
	}
	for name, text := range map[string]string{
		"a member that does not exist":   minimal + "colour: red\n",
		"a member of a member":           strings.Replace(minimal, "  token:", "  tokken:", 1),
		"a lifetime without a unit":      strings.Replace(minimal, "90s", "soon", 1),
		"a list where there is a text":   strings.Replace(minimal, "title: Acme", "title: [Acme]", 1),
		"the same member twice":          minimal + "title: Again\n",
		"no YAML":                        "\t{",
		"nothing":                        "",
		"a text where there is a member": "acme",
	} {
		if _, err := decode([]byte(text)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestNamesOfPresetsAreTakenOnce(t *testing.T) {
	t.Parallel()
	s := &Set{byName: map[string]*Preset{}}
	if err := s.add(&Preset{ID: "a", Aliases: []string{"b"}}, "a"); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Preset{
		"an id that is an alias":  {ID: "b"},
		"an alias that is an id":  {ID: "c", Aliases: []string{"a"}},
		"an alias twice":          {ID: "d", Aliases: []string{"e", "e"}},
		"the id is not the file":  {ID: "wrong"},
		"an alias of another one": {ID: "f", Aliases: []string{"b"}},
	} {
		file := p.ID
		if file == "wrong" {
			file = "right"
		}
		if err := s.add(p, file); err == nil {
			t.Errorf("%s: it is added", name)
		}
	}
}

func TestTheHostOfAURLWithPlaceholders(t *testing.T) {
	t.Parallel()
	for url, want := range map[string][2]string{
		"https://A.example/b":           {"a.example", "/b"},
		"https://a.example:8443/b?c":    {"a.example", "/b?c"},
		"https://{x}.a.example/{y}":     {"{x}.a.example", "/{y}"},
		"https://a.example":             {"a.example", ""},
		"https://a.example?b":           {"a.example", "?b"},
		"https://{token:x}.a.example/b": {"{token:x}.a.example", "/b"},
		"a.example/b":                   {"", ""},
		"":                              {"", ""},
	} {
		host, rest := hostOf(url)
		if [2]string{host, rest} != want {
			t.Errorf("%q has the host %q and the rest %q, want %v", url, host, rest, want)
		}
	}
}

func TestHostsOfAPreset(t *testing.T) {
	t.Parallel()
	p := &Preset{Hosts: []string{"a.example", "*.b.example"}}
	for host, want := range map[string]bool{
		"a.example": true, "x.a.example": false, "b.example": false, "x.b.example": true, "x.y.b.example": true, "xb.example": false,
		"{x}.b.example": true, "": false, "a.example.evil": false,
	} {
		if got := p.has(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

func TestAPathTellsPresetsOnTheSameHostApart(t *testing.T) {
	t.Parallel()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"https://login.microsoftonline.com/x/oauth2/authorize":      "aad",
		"https://login.microsoftonline.com/x/oauth2/v2.0/authorize": "entra",
		"https://login.windows.net/x/oauth2/authorize":              "aad",
		"https://acme.okta.com/oauth2/default/v1/authorize":         "okta",
		"https://acme.okta.com/oauth2/v1/authorize":                 "okta-org",
		"https://github.com/login/oauth/authorize":                  "github",
		"https://acme.ghe.com/login/oauth/authorize":                "github",
		"https://slack.com/oauth/v2/authorize":                      "slack",
		"https://acme.myshopify.com/admin/oauth/authorize":          "shopify",
		"https://acme.my.salesforce.com/services/oauth2/authorize":  "salesforce",
		"https://idp.example/authorize":                             "",
		"https://github.com.evil.example/login/oauth/authorize":     "",
		"https://evilslack.com/oauth/v2/authorize":                  "",
	} {
		got := ""
		if p := s.byHost(oauth.Endpoints{Authorization: url}); p != nil {
			got = p.ID
		}
		if got != want {
			t.Errorf("%s is at %q, want %q", url, got, want)
		}
	}
}

func TestUnfillIsTheReverseOfFilling(t *testing.T) {
	t.Parallel()
	p := &Preset{Settings: []Setting{{Name: "tenant", Kind: KindSegment}, {Name: "base", Kind: KindURL}, {Name: "host", Kind: KindHost}}}
	for name, c := range map[string]struct {
		template, url string
		want          map[string]string
	}{
		"a segment":               {"https://a.example/{tenant}/t", "https://a.example/acme/t", map[string]string{"tenant": "acme"}},
		"a host":                  {"https://{host}/t", "https://b.example/t", map[string]string{"host": "b.example"}},
		"a base with a path":      {"{base}/t", "https://b.example/sub/t", map[string]string{"base": "https://b.example/sub"}},
		"two":                     {"https://{host}/{tenant}", "https://b.example/acme", map[string]string{"host": "b.example", "tenant": "acme"}},
		"a slash at the end":      {"https://a.example/t", "https://a.example/t/", map[string]string{}},
		"another path":            {"https://a.example/{tenant}/t", "https://a.example/acme/x/t", nil},
		"a query":                 {"https://a.example/{tenant}", "https://a.example/acme?x", nil},
		"dots are dots":           {"https://a.example/t", "https://aXexample/t", nil},
		"a placeholder in return": {"https://a.example/{tenant}", "https://a.example/{tenant}", nil},
		"nothing to fill":         {"", "https://a.example", nil},
	} {
		got, ok := unfill(p, c.template, c.url)
		if ok != (c.want != nil) || len(got) != len(c.want) {
			t.Errorf("%s: %v, %t", name, got, ok)
			continue
		}
		for key, value := range c.want {
			if got[key] != value {
				t.Errorf("%s: %q is %q, want %q", name, key, got[key], value)
			}
		}
	}
}

func TestEverySpellingOfAGrant(t *testing.T) {
	t.Parallel()
	known := map[oauth.Grant]int{}
	for spelling, grant := range spellings {
		if spelling != strings.ToLower(spelling) {
			t.Errorf("%q is never found: it is not in lower case", spelling)
		}
		if got, ok := ParseGrant("  " + strings.ToUpper(spelling) + " "); !ok || got != grant {
			t.Errorf("%q is %q, %t", spelling, got, ok)
		}
		known[grant]++
	}
	for _, grant := range []oauth.Grant{
		oauth.AuthorizationCode, oauth.ClientCredentials, oauth.Password, oauth.DeviceCode, oauth.RefreshToken, oauth.JWTBearer,
		oauth.TokenExchange, oauth.OnBehalfOf,
	} {
		if got, ok := ParseGrant(string(grant)); !ok || got != grant {
			t.Errorf("%q does not stand for itself", grant)
		}
		if known[grant] < 2 {
			t.Errorf("%q has one spelling only", grant)
		}
	}
	if _, ok := ParseGrant("carrier pigeon"); ok {
		t.Error("any text is a grant")
	}
}
