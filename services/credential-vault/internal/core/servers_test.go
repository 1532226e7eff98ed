package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// servers returns a definition with servers at these URLs.
func servers(templates ...string) *connectorv1.Definition {
	def := &connectorv1.Definition{}
	for _, template := range templates {
		def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: template})
	}
	return def
}

// regional is a connector whose host depends on a variable.
func regional(template string, v *connectorv1.ServerVariable) *connectorv1.Definition {
	def := servers(template)
	def.Servers[0].Variables = []*connectorv1.ServerVariable{v}
	return def
}

// withOperation adds an operation with a server of its own.
func withOperation(def *connectorv1.Definition, template string) *connectorv1.Definition {
	def.Operations = append(def.Operations, &connectorv1.Operation{Servers: []*connectorv1.Server{{
		UrlTemplate: template, Variables: []*connectorv1.ServerVariable{{Name: "zone", DefaultValue: "eu"}},
	}}})
	return def
}

func rules(t *testing.T, entries ...string) HostRules {
	t.Helper()
	r, err := ParseHostRules(entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACredentialIsBoundToTheConnectorsServersOrTheOneThatWasChosen(t *testing.T) {
	region := &connectorv1.ServerVariable{Name: "region", DefaultValue: "eu"}
	for name, c := range map[string]struct {
		def       *connectorv1.Definition
		plain     map[string]string
		serverURL string
		allow     []string
		want      []string
	}{
		"the only server": {
			def: servers("https://api.example.com/v2"), want: []string{"https://api.example.com"},
		},
		"all servers, each host once": {
			def:  servers("https://b.example.com/1", "http://a.example.com", "https://B.example.com/2"),
			want: []string{"http://a.example.com", "https://b.example.com"},
		},
		"the default of a variable": {
			def: regional("https://{region}.example.com", region), want: []string{"https://eu.example.com"},
		},
		"a variable that the connection sets": {
			def: regional("https://{region}.example.com", region), plain: map[string]string{"region": "us"}, want: []string{"https://us.example.com"},
		},
		"servers of single operations": {
			def: withOperation(servers("https://api.example.com"), "https://{zone}.content.example.com/v2"), plain: map[string]string{"zone": "us"},
			want: []string{"https://api.example.com", "https://us.content.example.com"},
		},
		"nothing but a server of an operation": {
			def: withOperation(servers(), "https://{zone}.example.com"), want: []string{"https://eu.example.com"},
		},
		"a variable in the path only": {
			def: regional("https://api.example.com/{region}", &connectorv1.ServerVariable{Name: "region"}), want: []string{"https://api.example.com"},
		},
		"one of the connector's servers": {
			def: servers("https://a.example.com", "https://b.example.com"), serverURL: "https://b.example.com/other/path", want: []string{"https://b.example.com"},
		},
		"a host that an administrator allows": {
			def: servers("https://a.example.com"), serverURL: "http://sandbox.example.org:8080", allow: []string{"*.example.org"}, want: []string{"http://sandbox.example.org:8080"},
		},
		"an allowed host where the connector has none": {
			def: servers("/v1"), serverURL: "https://on-premises.example.org", allow: []string{"on-premises.example.org"}, want: []string{"https://on-premises.example.org"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := destinations(c.def, c.plain, c.serverURL, rules(t, c.allow...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, written(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Failure mode 9, when a connection is made.
func TestHostsThatNobodyAllowedAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		serverURL, host string
		allow           []string
	}{
		"another host":                          {serverURL: "https://evil.example", host: "evil.example"},
		"a host below the connector's":          {serverURL: "https://x.api.example.com", host: "x.api.example.com"},
		"a host that begins like it":            {serverURL: "https://api.example.com.evil.example", host: "api.example.com.evil.example"},
		"in clear where the connector encrypts": {serverURL: "http://api.example.com", host: "api.example.com"},
		"in clear on the encrypted port":        {serverURL: "http://api.example.com:443", host: "api.example.com"},
		"another port":                          {serverURL: "https://api.example.com:8443", host: "api.example.com:8443"},
		"a list that names something else":      {serverURL: "https://evil.example", host: "evil.example", allow: []string{"good.example", "*.api.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := destinations(servers("https://api.example.com"), nil, c.serverURL, rules(t, c.allow...))
			if fault.ReasonOf(err) != fault.ReasonHostNotAllowed {
				t.Fatalf("got %v, want HOST_NOT_ALLOWED", err)
			}
			if got := fault.From(err).Meta()["host"]; got != c.host {
				t.Errorf("metadata names host %q, want %q", got, c.host)
			}
		})
	}
}

func TestAVariableCannotBreakOutOfItsHost(t *testing.T) {
	def := regional("https://{region}.example.com", &connectorv1.ServerVariable{Name: "region"})
	for _, value := range []string{"evil.example/", "evil.example?", "evil.example#", "evil.example\\", "ann@evil", "evil.example:443/", "ü", "{region}", "", " "} {
		if got := serverOrigins(def, map[string]string{"region": value}); len(got) != 0 {
			t.Errorf("region %q leads to %v", value, got)
		}
	}
}

func TestAConnectorWithoutAHostNeedsAServerURL(t *testing.T) {
	for name, def := range map[string]*connectorv1.Definition{
		"no servers":                  {},
		"a path":                      servers("/v1"),
		"no scheme":                   servers("//api.example.com"),
		"a variable without value":    servers("https://{tenant}.example.com"),
		"a scheme that is not HTTP":   servers("wss://api.example.com"),
		"a server that holds a login": servers("https://ann:pw@api.example.com"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := destinations(def, nil, "", HostRules{})
			if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid {
				t.Fatalf("got %v", err)
			}
			if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != "connection.server_url" {
				t.Errorf("violations are %v", v)
			}
		})
	}
}
