package connectorpackage

import (
	"bytes"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// tellUnplaced tells of secrets that no call would carry: no security definition takes
// them, no policy names them, and there is no code that could. Where a security definition
// found no parameter, that has been told.
func (p *pack) tellUnplaced() {
	if len(p.def.GetScripts()) > 0 || p.unpaired {
		return
	}
	for _, set := range p.def.GetParameterSets() {
		for _, parameter := range set.GetParameters() {
			name := parameter.GetName()
			// A name with a colon belongs to an OAuth parameter.
			if parameter.GetType() != secretType || strings.Contains(name, ":") || carried(set, name) || p.policed(name) {
				continue
			}
			p.warn("SecretUnused", p.property("connectionParameters").GetFold(name),
				`add to the definition a security definition such as "securityDefinitions": {"api_key": {"type": "apiKey", "in": "header", "name": "Authorization"}}, or a policy "setheader"`,
				"the secret %q is in no request: there is no security definition for it, and no policy names it", name)
		}
	}
}

// carried reports whether a placement of a set takes a parameter.
func carried(set *connectorv1.ParameterSet, name string) bool {
	return slices.ContainsFunc(set.GetPlacements(), func(c *connectorv1.CredentialPlacement) bool {
		return slices.Contains(definition.ParametersOf(c), name)
	})
}

// policed reports whether a policy names a parameter.
func (p *pack) policed(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(p.def.GetPolicies(), func(policy *connectorv1.Policy) bool {
		return slices.ContainsFunc(policy.GetParameters(), func(parameter *connectorv1.PolicyParameter) bool {
			return bytes.Contains(bytes.ToLower(parameter.GetJson()), []byte(name))
		})
	})
}
