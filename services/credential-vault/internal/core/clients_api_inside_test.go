package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func TestPatternsOfServers(t *testing.T) {
	variable := func(name, standard string, allowed ...string) *connectorv1.ServerVariable {
		return &connectorv1.ServerVariable{Name: name, DefaultValue: standard, AllowedValues: allowed}
	}
	for _, c := range []struct {
		title, template string
		variables       []*connectorv1.ServerVariable
		parameters      []*connectorv1.ConnectionParameter
		want            []string
	}{
		{"a host", "https://API.crm.example/v1", nil, nil, []string{"https://api.crm.example:443"}},
		{"a path of the owner's", "https://api.crm.example/{base}", []*connectorv1.ServerVariable{variable("base", "")}, nil, []string{"https://api.crm.example:443"}},
		{
			"a label of the owner's", "https://{tenant}.crm.example",
			[]*connectorv1.ServerVariable{variable("tenant", "")},
			nil,
			[]string{"https://*.crm.example:443"},
		},
		{
			"a label in the middle", "https://api.{tenant}.crm.example:8443",
			[]*connectorv1.ServerVariable{variable("tenant", "eu")},
			nil,
			[]string{"https://*.crm.example:8443", "https://api.eu.crm.example:8443"},
		},
		{
			"a choice", "{scheme}://api-{region}.crm.example",
			[]*connectorv1.ServerVariable{variable("scheme", "https", "https"), variable("region", "eu", "eu", "us")},
			nil,
			[]string{"https://api-eu.crm.example:443", "https://api-us.crm.example:443"},
		},
		{
			"a choice that a parameter leaves open", "https://{region}.crm.example",
			[]*connectorv1.ServerVariable{variable("region", "eu", "eu", "us")},
			[]*connectorv1.ConnectionParameter{{Name: "region", DefaultValue: "us"}},
			[]string{"https://*.crm.example:443", "https://eu.crm.example:443", "https://us.crm.example:443"},
		},
		{"a whole host", "https://{host}", []*connectorv1.ServerVariable{variable("host", "")}, nil, []string{}},
		{"a whole host with a default", "https://{host}", []*connectorv1.ServerVariable{variable("host", "api.crm.example")}, nil, []string{"https://api.crm.example:443"}},
		{"a suffix of the owner's", "https://api.{domain}", []*connectorv1.ServerVariable{variable("domain", "")}, nil, []string{}},
		{"one fixed label", "https://{host}.example", []*connectorv1.ServerVariable{variable("host", "")}, nil, []string{}},
		{"a domain of many owners", "https://{host}.co.uk", []*connectorv1.ServerVariable{variable("host", "")}, nil, []string{}},
		{"a port of the owner's", "https://api.crm.example:{port}", []*connectorv1.ServerVariable{variable("port", "")}, nil, []string{}},
		{"a scheme of the owner's", "{scheme}://api.crm.example", []*connectorv1.ServerVariable{variable("scheme", "")}, nil, []string{}},
		{"a default that ends the host", "https://{host}.crm.example", []*connectorv1.ServerVariable{variable("host", "evil.example/", "evil.example/")}, nil, []string{}},
		{"a variable that nobody declares", "https://{host}.crm.example", nil, nil, []string{}},
		{"no URL", "api.crm.example", nil, nil, []string{}},
	} {
		def := &connectorv1.Definition{
			Servers:       []*connectorv1.Server{{UrlTemplate: c.template, Variables: c.variables}},
			ParameterSets: []*connectorv1.ParameterSet{{Name: "a", Parameters: c.parameters}},
		}
		if diff := cmp.Diff(c.want, apiPatterns(def)); diff != "" {
			t.Errorf("%s: %s", c.title, diff)
		}
	}
}

func TestSoManyChoicesThatTheyAreCountedAsOpen(t *testing.T) {
	var variables []*connectorv1.ServerVariable
	template := "https://"
	for _, name := range []string{"a", "b", "c"} {
		v := &connectorv1.ServerVariable{Name: name}
		for _, letter := range "abcdefghijklmnopqrst" {
			v.AllowedValues = append(v.AllowedValues, string(letter))
		}
		variables = append(variables, v)
		template += "{" + name + "}."
	}
	got := apiPatterns(&connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: template + "crm.example", Variables: variables}}})
	if len(got) == 0 || len(got) > maxAddresses || !allows(got, "https://t.t.t.crm.example:443") || allows(got, "https://crm.example.evil:443") {
		t.Errorf("got %d patterns", len(got))
	}
}
