package core

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// set returns a parameter set with parameters of these types, all required.
func set(name string, types ...connectorv1.ConnectionParameterType) *connectorv1.ParameterSet {
	s := &connectorv1.ParameterSet{Name: name}
	for _, kind := range types {
		s.Parameters = append(s.Parameters, &connectorv1.ConnectionParameter{Name: kind.String(), Type: kind, Required: true})
	}
	return s
}

func sets(all ...*connectorv1.ParameterSet) *connectorv1.Definition {
	return &connectorv1.Definition{ParameterSets: all}
}

func TestTheSetOfAConnection(t *testing.T) {
	optionalAgent := set("agent", typeAgent)
	optionalAgent.Parameters[0].Required = false
	for name, c := range map[string]struct {
		def  *connectorv1.Definition
		ask  string
		want string
	}{
		"none, if it is the first":              {sets(set("none"), set("key", typeSecret)), "", "none"},
		"none, if it is asked for":              {sets(set("key", typeSecret), set("none")), "none", "none"},
		"the only one":                          {sets(set("key", typeSecret)), "", "key"},
		"the first of several":                  {sets(set("key", typeSecret), set("basic", typeString, typeSecret)), "", "key"},
		"the one that was asked for":            {sets(set("key", typeSecret), set("basic", typeString, typeSecret)), "basic", "basic"},
		"the first that works":                  {sets(set("both", typeOAuth, typeOAuth), set("agent", typeAgent), set("key", typeSecret)), "", "key"},
		"one with a sign-in":                    {sets(set("oauth", typeOAuth), set("key", typeSecret)), "", "oauth"},
		"one with a certificate":                {sets(set("tls", typeCertificate)), "", "tls"},
		"one without parameters":                {sets(set("anonymous")), "", "anonymous"},
		"one whose agent can be left out":       {sets(optionalAgent), "", "agent"},
		"a definition that was written by hand": {sets(), "", "default"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chooseSet(c.def, c.ask)
			if err != nil || got.GetName() != c.want {
				t.Errorf("got %q, %v, want %q", got.GetName(), err, c.want)
			}
		})
	}
}

func TestSetsThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		def    *connectorv1.Definition
		ask    string
		reason fault.Reason
		want   []string
	}{
		"an unknown one": {
			sets(set("key", typeSecret), set("basic", typeString)), "Key",
			fault.ReasonConnectionParametersInvalid,
			[]string{`"Key"`, `"key", "basic"`},
		},
		"two sign-ins at once": {
			sets(set("both", typeOAuth, typeOAuth)), "",
			fault.ReasonAuthKindNotSupported,
			[]string{"more than one provider", "no other way"},
		},
		"two sign-ins, when there is nothing else but nothing": {
			sets(set("both", typeOAuth, typeOAuth), set("none")), "",
			fault.ReasonAuthKindNotSupported,
			[]string{"more than one provider", `choose another one: "none"`},
		},
		"two sign-ins, when there is something else": {
			sets(set("both", typeOAuth, typeOAuth), set("key", typeSecret)), "both",
			fault.ReasonAuthKindNotSupported,
			[]string{`"both"`, `choose another one: "key"`},
		},
		"an agent": {
			sets(set("private", typeAgent)), "private",
			fault.ReasonAuthKindNotSupported,
			[]string{"agent in a private network", "no other way"},
		},
		"what the definition says that nobody can do": {
			sets(cannot("NTLM")), "",
			fault.ReasonAuthKindNotSupported,
			[]string{`"default"`, "authenticates with NTLM, which this server cannot do; use a proxy"},
		},
		"what the definition says that nobody can do, by its name": {
			sets(set("key", typeSecret), cannot("agent")), "default",
			fault.ReasonAuthKindNotSupported,
			[]string{"authenticates with agent", `choose another one: "key"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := chooseSet(c.def, c.ask)
			if fault.ReasonOf(err) != c.reason {
				t.Fatalf("got %v, want %s", err, c.reason)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not mention %s", err, part)
				}
			}
		})
	}
}

// cannot is a set of an API that authenticates in a way that nothing can do.
func cannot(kind string) *connectorv1.ParameterSet {
	return &connectorv1.ParameterSet{Name: "default", Unsupported: &connectorv1.UnsupportedAuthentication{Kind: kind, Remedy: "use a proxy"}}
}

func TestWhatNobodyCanDoIsNeverCalledAPrivateNetwork(t *testing.T) {
	for _, kind := range []string{"NTLM", "agent", "oauth2"} {
		_, err := chooseSet(sets(cannot(kind)), "")
		if err == nil || strings.Contains(err.Error(), "private network") || strings.Contains(err.Error(), "more than one provider") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestASetThatWorksIsTakenBeforeOneThatCannot(t *testing.T) {
	got, err := chooseSet(sets(cannot("NTLM"), set("key", typeSecret)), "")
	if err != nil || got.GetName() != "key" {
		t.Errorf("got %v, %v", got, err)
	}
}
