package core

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// routed is a connector at https://api.example.com whose policies send requests to
// these addresses, and whose connections have these parameters.
func routed(t *testing.T, templates []string, parameters ...*connectorv1.ConnectionParameter) *connectorv1.Definition {
	t.Helper()
	def := servers("https://api.example.com")
	def.ParameterSets = []*connectorv1.ParameterSet{{Parameters: parameters}}
	for _, template := range templates {
		text, err := json.Marshal(template)
		if err != nil {
			t.Fatal(err)
		}
		def.Policies = append(def.Policies,
			&connectorv1.Policy{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{{Name: "value", Json: []byte(`"https://not.example.org"`)}}},
			&connectorv1.Policy{TemplateId: "dynamichosturl", Parameters: []*connectorv1.PolicyParameter{{Name: "urlTemplate", Json: text}}})
	}
	return def
}

func text(name, standard string, allowed ...string) *connectorv1.ConnectionParameter {
	p := &connectorv1.ConnectionParameter{Name: name, DefaultValue: standard}
	for _, value := range allowed {
		p.AllowedValues = append(p.AllowedValues, &connectorv1.AllowedValue{Value: value})
	}
	return p
}

func TestAConnectionLeadsToTheHostsThatItsParametersMakeForAPolicy(t *testing.T) {
	const own = "https://api.example.com"
	site := map[string]string{"site": "acme"}
	for name, c := range map[string]struct {
		template string
		plain    map[string]string
		want     string // beside the connector's own server; empty for none
	}{
		"a host of the maker's":                 {template: "https://login.example.net/v1", want: "https://login.example.net"},
		"one without a scheme":                  {template: "login.example.net/v1", want: "https://login.example.net"},
		"one in clear":                          {template: "http://login.example.net:8080", want: "http://login.example.net:8080"},
		"a part of the host":                    {template: "https://@connectionParameters('site').example.net/x", plain: site, want: "https://acme.example.net"},
		"two parts":                             {template: "https://@connectionParameters('site').@connectionParameters('zone','eu').example.net", plain: site, want: "https://acme.eu.example.net"},
		"a name in another case":                {template: "https://@connectionParameters('SITE').example.net", plain: site, want: "https://acme.example.net"},
		"braces":                                {template: "https://@{connectionParameters('site')}.example.net", plain: site, want: "https://acme.example.net"},
		"a suffix that is filled in":            {template: "https://api@connectionParameters('site')/", plain: map[string]string{"site": ".acme.example"}, want: "https://api.acme.example"},
		"a variable of the environment":         {template: "https://@environmentVariables(\"site\").example.net", plain: site, want: "https://acme.example.net"},
		"the whole host":                        {template: "https://@connectionParameters('site')/v2", plain: map[string]string{"site": "acme.example"}, want: "https://acme.example"},
		"the whole host as people copy it":      {template: "https://@connectionParameters('site')", plain: map[string]string{"site": " https://Acme.Example/app/ "}, want: "https://acme.example"},
		"a whole URL":                           {template: "@connectionParameters('site')", plain: map[string]string{"site": "http://acme.example:8080/api?x=1#y"}, want: "http://acme.example:8080"},
		"a whole URL without a scheme":          {template: "@connectionParameters('site')/api", plain: map[string]string{"site": "acme.example/x"}, want: "https://acme.example"},
		"what stands in for a whole URL":        {template: "@connectionParameters('zone','https://eu.example.net')", want: "https://eu.example.net"},
		"a URL that another parameter adds to":  {template: "@connectionParameters('site')@connectionParameters('zone')/v1", plain: map[string]string{"site": "https://eu.example.net/@", "zone": "acme"}, want: "https://eu.example.net"},
		"a URL before a part of the host":       {template: "https://@connectionParameters('site').example.net", plain: map[string]string{"site": "https://evil.example/"}},
		"a path that depends on the call":       {template: "https://@connectionParameters('site').example.net/@queryParameters('x')", plain: site, want: "https://acme.example.net"},
		"the connector's own host":              {template: own + "/@connectionParameters('site')", plain: site},
		"a host that callers say":               {template: "https://@queryParameters('host')/x"},
		"a part of the host that callers say":   {template: "https://@headers('sub').example.net"},
		"a parameter without a value":           {template: "https://@connectionParameters('site').example.net"},
		"an address without a value":            {template: "@connectionParameters('site')"},
		"a part that ends the host":             {template: "https://@connectionParameters('site').example.net", plain: map[string]string{"site": "evil.example/"}},
		"a part with a name in front":           {template: "https://@connectionParameters('site').example.net", plain: map[string]string{"site": "x@evil"}},
		"an address with a name in front":       {template: "https://@connectionParameters('site')", plain: map[string]string{"site": "ann@evil.example"}},
		"an address of something else":          {template: "@connectionParameters('site')", plain: map[string]string{"site": "ftp://acme.example"}},
		"nothing":                               {template: ""},
		"a function that there is not":          {template: "https://@parameters('site').example.net", plain: site},
		"a scheme in clear that is encrypted":   {template: "https://@connectionParameters('site')", plain: map[string]string{"site": "http://acme.example"}, want: "https://acme.example"},
		"an international name, not in letters": {template: "https://@connectionParameters('site').example.net", plain: map[string]string{"site": "ü"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := []string{own}
			if c.want != "" {
				want = append(want, c.want)
			}
			def := routed(t, []string{c.template}, text("site", ""))
			var got []string
			for _, o := range serverOrigins(def, c.plain) {
				got = append(got, o.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whoever publishes revisions must not get at secrets that were entrusted before: to
// the same host below another policy, yes, to any other, no.
func TestAPolicyThatComesLaterTakesNoSecretsAlong(t *testing.T) {
	before := routed(t, nil, text("site", ""))
	conn := Connection{Parameters: map[string]string{"site": "acme"}}
	var err error
	if conn.Origins, err = destinations(before, conn.Parameters, "", HostRules{}); err != nil {
		t.Fatal(err)
	}
	after := routed(t, []string{"https://@connectionParameters('site').evil.example", "https://api.example.com/v2"}, text("site", ""))
	leads, err := destinations(after, conn.Parameters, "", HostRules{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := confirmedOrigins(after, conn, leads)
	if diff := cmp.Diff([]string{"https://api.example.com"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	only := routed(t, []string{"https://evil.example"})
	only.Servers = nil
	if leads, err = destinations(only, nil, "", HostRules{}); err != nil {
		t.Fatal(err)
	}
	if _, err := confirmedOrigins(only, conn, leads); fault.ReasonOf(err) != fault.ReasonHostNotAllowed {
		t.Errorf("got %v, want HOST_NOT_ALLOWED", err)
	}
}

func TestTheTokensOfAClientMayGoWhereItsConnectorsPoliciesSendThem(t *testing.T) {
	for name, c := range map[string]struct {
		template  string
		parameter *connectorv1.ConnectionParameter
		want      []string
	}{
		"a part of the host":                {"https://@connectionParameters('site').example.net", text("site", ""), []string{"https://*.example.net:443"}},
		"a part that is chosen":             {"https://@connectionParameters('site').example.net", text("site", "", "eu", "us"), []string{"https://eu.example.net:443", "https://us.example.net:443"}},
		"a part of a domain of everybody's": {"https://@connectionParameters('site').co.uk", text("site", ""), nil},
		"a whole address":                   {"@connectionParameters('site')", text("site", ""), nil},
		"a whole address that is chosen":    {"@connectionParameters('site')", text("site", "https://eu.example.net/x", "https://eu.example.net/x", "us.example.net"), []string{"https://eu.example.net:443", "https://us.example.net:443"}},
		"addresses to which more is added":  {"@connectionParameters('site')@connectionParameters('zone')", text("site", "", "https://eu.example.net/@", "https://us.example.net/@"), []string{"https://eu.example.net:443", "https://us.example.net:443"}},
		"what stands in":                    {"@connectionParameters('site','https://eu.example.net')", text("site", ""), []string{"https://eu.example.net:443"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := append([]string{"https://api.example.com:443"}, c.want...)
			slices.Sort(want)
			if diff := cmp.Diff(want, apiPatterns(routed(t, []string{c.template}, c.parameter))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Nothing of what can be chosen for the first variable is a part of a host.
func TestChoicesThatAreNoPartsOfHostsMakeNoPattern(t *testing.T) {
	def := servers("https://{a}.{b}.example.com")
	def.Servers[0].Variables = []*connectorv1.ServerVariable{{Name: "a", AllowedValues: []string{"x/y"}}, {Name: "b", DefaultValue: "eu"}}
	if got := apiPatterns(def); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
