package core

import (
	"cmp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
)

// defaultSet stands in for the set of a definition that has none.
const defaultSet = "default"

// chooseSet returns the parameter set of a connection: the named one, or the
// first that works if the name is empty. A set that needs no credentials, where
// others stand before it, is for those who ask for it.
func chooseSet(def *connectorv1.Definition, name string) (*connectorv1.ParameterSet, error) {
	sets := def.GetParameterSets()
	if len(sets) == 0 {
		sets = []*connectorv1.ParameterSet{{Name: defaultSet}}
	}
	if name == "" {
		for i, set := range sets {
			anonymous := len(set.GetParameters()) == 0 && len(set.GetPlacements()) == 0
			if unsupported(set) == "" && (i == 0 || !anonymous) {
				return set, nil
			}
		}
		return nil, notSupported(sets[0], sets)
	}
	i := slices.IndexFunc(sets, func(s *connectorv1.ParameterSet) bool { return s.GetName() == name })
	if i < 0 {
		what := "is none of the connector's parameter sets: " + setNames(sets)
		hint := nearest.Hint(name, namesOfSets(sets))
		return nil, fault.Invalid(fault.ReasonConnectionParametersInvalid, "the connector has no parameter set %q; it has %s%s", name, setNames(sets), hint).
			Field("connection.parameter_set", what+hint)
	}
	if unsupported(sets[i]) != "" {
		return nil, notSupported(sets[i], sets)
	}
	return sets[i], nil
}

// unsupported returns what a set needs that cannot be done, "" if everything can:
// a way to authenticate that its definition says nothing of ours can do, an agent,
// or more than one sign-in.
func unsupported(set *connectorv1.ParameterSet) string {
	if u := set.GetUnsupported(); u != nil {
		return cmp.Or(u.GetKind(), "unknown")
	}
	signIns := 0
	for _, p := range set.GetParameters() {
		switch p.GetType() { //nolint:exhaustive // everything else can be done
		case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH:
			signIns++
		case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT:
			if p.GetRequired() {
				return "agent"
			}
		}
	}
	if signIns > 1 {
		return "oauth2"
	}
	return ""
}

// whyNot says why a set that is not supported cannot be used.
func whyNot(set *connectorv1.ParameterSet) string {
	kind := unsupported(set)
	switch {
	case set.GetUnsupported() != nil:
		return "the API authenticates with " + kind + ", which this server cannot do"
	case kind == "agent":
		return "it needs an agent in a private network, which this server cannot do"
	}
	return "it needs signing in at more than one provider, which this server cannot do"
}

// notSupported says why a set cannot be used, what to do about it, and which others
// can.
func notSupported(set *connectorv1.ParameterSet, all []*connectorv1.ParameterSet) error {
	working := slices.DeleteFunc(slices.Clone(all), func(s *connectorv1.ParameterSet) bool { return unsupported(s) != "" })
	remedy := cmp.Or(set.GetUnsupported().GetRemedy(), "the connector offers no other way to authenticate")
	if len(working) > 0 {
		remedy = "choose another one: " + setNames(working)
	}
	return fault.Unimplemented(fault.ReasonAuthKindNotSupported,
		"no connection can be made with parameter set %q: %s; %s", set.GetName(), whyNot(set), remedy).
		With("kind", unsupported(set))
}

func setNames(sets []*connectorv1.ParameterSet) string {
	names := namesOfSets(sets)
	for i, name := range names {
		names[i] = quoted(name)
	}
	return strings.Join(names, ", ")
}

func namesOfSets(sets []*connectorv1.ParameterSet) []string {
	names := make([]string, 0, len(sets))
	for _, s := range sets {
		names = append(names, s.GetName())
	}
	return names
}
