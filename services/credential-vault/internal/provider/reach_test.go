package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// choices declares a sub-parameter with the values to choose from.
func choices(name string, values ...string) []*connectorv1.ConnectionParameter {
	p := &connectorv1.ConnectionParameter{Name: name, Type: plainType}
	for _, v := range values {
		p.AllowedValues = append(p.AllowedValues, &connectorv1.AllowedValue{Value: v})
	}
	return []*connectorv1.ConnectionParameter{p}
}

func TestWhereASecretMayGo(t *testing.T) {
	t.Parallel()
	template := func(token string, declared ...*connectorv1.ConnectionParameter) connector {
		return connector{identity: "oauth2generic", custom: map[string]string{
			"authorizationUrlTemplate": "https://idp.example/a", "tokenUrlTemplate": token, "refreshUrlTemplate": token,
		}, declared: declared}
	}
	for name, c := range map[string]struct {
		connector connector
		settings  map[string]string
		want      []string
	}{
		"fixed endpoints": {connector: plain(), want: []string{"https://idp.example:443"}},
		"a port, and plain HTTP on this machine": {
			connector: connector{identity: "oauth2", custom: map[string]string{"tokenUrl": "http://localhost:8080/t", "refreshUrl": "https://b.example:8443/r"}},
			want:      []string{"http://localhost:8080", "https://b.example:8443"},
		},
		"all endpoints that are given the secret": {
			connector: connector{identity: "oauth2", custom: map[string]string{
				"authorizationUrl": "https://a.example/a", "tokenUrl": "https://t.example/t", "refreshUrl": "https://r.example/r",
				"revocationUrl": "https://v.example/v", "deviceAuthorizationUrl": "https://d.example/d", "registrationUrl": "https://g.example/g",
			}},
			want: []string{"https://d.example:443", "https://g.example:443", "https://r.example:443", "https://t.example:443", "https://v.example:443"},
		},
		"a placeholder in the host": {
			connector: template("https://{tenant}.idp.example/t", choices("token:tenant")...), want: []string{"https://*.idp.example:443"},
		},
		"a placeholder that is part of a label": {
			connector: template("https://login-{tenant}-x.idp.example:444/t", choices("token:tenant")...), want: []string{"https://*.idp.example:444"},
		},
		"a placeholder in the path does not count": {
			connector: template("https://idp.example/{tenant}/t", choices("token:tenant")...), want: []string{"https://idp.example:443"},
		},
		"values to choose from": {
			connector: template("https://account{customHost}/t", choices("token:customHost", ".idp.example", "-eu.idp.example")...),
			want:      []string{"https://account-eu.idp.example:443", "https://account.idp.example:443"},
		},
		"whole URLs to choose from": {
			connector: template("{env}/t", choices("token:env", "https://a.example", "https://b.example/base")...),
			want:      []string{"https://a.example:443", "https://b.example:443"},
		},
		"the client's setting is the only value": {
			connector: template("https://{tenant}/t", choices("token:tenant")...), settings: map[string]string{"Tenant": "idp.example"},
			want: []string{"https://idp.example:443"},
		},
		"a setting of the connector": {
			connector: func() connector {
				c := template("https://{region}.idp.example/t")
				c.custom["region"] = "eu"
				return c
			}(),
			want: []string{"https://eu.idp.example:443"},
		},
		"a preset with one host":                     {connector: connector{identity: "linkedin"}, want: []string{"https://www.linkedin.com:443"}},
		"a preset that gives tokens back at the API": {connector: connector{identity: "github"}, want: []string{"https://api.github.com:443", "https://github.com:443"}},
		"a server of one's own":                      {connector: connector{identity: "gitlab"}, settings: map[string]string{"baseUrl": "git.acme.example"}, want: []string{"https://git.acme.example:443"}},
		"a preset with a suffix":                     {connector: connector{identity: "shopify"}, want: []string{"https://*.myshopify.com:443"}},
		"a preset whose client says where":           {connector: connector{identity: "okta"}, settings: map[string]string{"oktaDomain": "acme.okta.com"}, want: []string{"https://acme.okta.com:443"}},
		"a preset with two hosts to choose from": {
			connector: connector{identity: "docusign"}, want: []string{"https://account-d.docusign.com:443", "https://account.docusign.com:443"},
		},
		"a preset whose connector has chosen": {
			connector: connector{identity: "docusign", custom: map[string]string{"LoginUri": "https://account.docusign.com"}},
			want:      []string{"https://account.docusign.com:443"},
		},
		"a preset that was found by its host": {
			connector: connector{identity: "oauth2", custom: map[string]string{"tokenUrl": "https://acme.okta.com/oauth2/default/v1/token"}},
			want:      []string{"https://acme.okta.com:443"},
		},
		"metadata": {
			connector: connector{identity: "openidconnect", openID: "https://idp.example/.well-known/openid-configuration"}, want: []string{"https://idp.example:443"},
		},
		"nobody knows before asking": {connector: connector{identity: "oauth2pkcewithprm"}, want: nil},
		"a token URL to choose": {
			connector: connector{identity: "oauth2", declared: choices("token:tokenUrl", "https://a.example/t", "https://b.example/t")},
			want:      []string{"https://a.example:443", "https://b.example:443"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def, set := c.connector.build()
			got, err := load(t).Reach(def, set, maker(c.settings))
			if err != nil {
				t.Fatal(err)
			}
			same(t, "reach", got, c.want)
		})
	}
}

func TestASecretThatCouldGoAnywhereStays(t *testing.T) {
	t.Parallel()
	template := func(token string) connector {
		return connector{
			identity: "oauth2generic", custom: map[string]string{"tokenUrlTemplate": token},
			declared: append(choices("token:x"), choices("token:few", "a.example", "evil.example@")...),
		}
	}
	chosen := template("https://{x}.idp.example/t")
	chosen.custom["x2"] = "{x}"
	for name, c := range map[string]connector{
		"the whole URL":                       template("{x}/t"),
		"the scheme":                          template("{x}://idp.example/t"),
		"the whole host":                      template("https://{x}/t"),
		"the end of the host":                 template("https://idp.example{x}/t"),
		"one label is not enough":             template("https://{x}.example/t"),
		"a public suffix is not enough":       template("https://{x}.co.uk/t"),
		"the port":                            template("https://idp.example:{x}/t"),
		"choices of which one is no host":     template("https://{few}/t"),
		"a setting that stands for a setting": func() connector { c := template("https://{y}/t"); c.custom["y"] = "{x}"; return c }(),
		"an additional parameter": func() connector {
			c := template("https://{z}/t")
			c.additional = []*connectorv1.OAuthAdditionalParameter{{Name: "z", Type: plainType}}
			return c
		}(),
		"a preset with a host of the owner's": {identity: "okta"},
		"a preset with a URL of the owner's":  {identity: "keycloak"},
		"nobody knows the token URL":          {identity: "oauth2"},
		"the owner gives the token URL":       {identity: "oauth2", declared: choices("token:tokenUrl")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def, set := c.build()
			got, err := load(t).Reach(def, set, maker(nil))
			if fault.ReasonOf(err) != fault.ReasonOAuthSettingsInvalid {
				t.Fatalf("it may go to %v, error %v", got, err)
			}
			if !strings.Contains(fault.From(err).Message(), "own client") {
				t.Errorf("the message has no remedy: %v", err)
			}
		})
	}
}

// TestWhatAProfileUsesIsWithinReach takes each preset with its defaults: the
// maker's secret goes nowhere that Reach has not named.
func TestWhatAProfileUsesIsWithinReach(t *testing.T) {
	t.Parallel()
	presets := load(t)
	checked := 0
	for id, c := range presetCases() {
		def, set := connector{identity: id}.build()
		settings := map[string]string{}
		for name, value := range c.values {
			settings[strings.TrimPrefix(name, "token:")] = value
		}
		reach, err := presets.Reach(def, set, maker(settings))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		p, err := presets.Profile(def, set, given(maker(settings), nil))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		for _, url := range []string{p.Endpoints.Token, p.Endpoints.Refresh, p.Endpoints.Device, p.Endpoints.Revocation} {
			if url == "" {
				continue
			}
			checked++
			if !slices.ContainsFunc(reach, func(pattern string) bool { return within(url, pattern) }) {
				t.Errorf("%s: %s is not within %v", id, url, reach)
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d endpoints only", checked)
	}
}

// within reports whether a URL has the origin of a pattern.
func within(url, pattern string) bool {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	if !strings.Contains(host, ":") {
		host += ":443"
	}
	wantScheme, wantHost, _ := strings.Cut(pattern, "://")
	if suffix, wild := strings.CutPrefix(wantHost, "*"); wild {
		return scheme == wantScheme && strings.HasSuffix(host, suffix)
	}
	return scheme == wantScheme && host == wantHost
}

func TestChoicesAreBounded(t *testing.T) {
	t.Parallel()
	var values []string
	for i := range 300 {
		values = append(values, fmt.Sprintf("v%d", i))
	}
	c := connector{identity: "oauth2generic", custom: map[string]string{"tokenUrlTemplate": "https://{a}-{b}.idp.example/t"}}
	c.declared = append(choices("token:a", values...), choices("token:b", values...)...)
	def, set := c.build()
	got, err := load(t).Reach(def, set, maker(nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "reach", got, []string{"https://*.idp.example:443"})
}
