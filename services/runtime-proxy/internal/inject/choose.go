package inject

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// maxMissing is how many alternatives the sentence of a refusal lists.
const maxMissing = 5

// Choose returns the placements for an operation: those of the first alternative
// that the credential can satisfy as a whole. An empty one asks for nothing, and
// comes last: who has proof of who he is shows it. Without alternatives all are
// used. A credential that can
// satisfy none of them is CONNECTION_NOT_READY with the schemes that it lacks:
// what an operation does not ask for is not sent to it, nor half of what it does.
func (c *Credential) Choose(operation string, alternatives []*connectorv1.SecurityRequirement) ([]Placement, error) {
	if len(alternatives) == 0 {
		return c.placements, nil
	}
	anonymous := false
	for _, alternative := range alternatives {
		chosen, ok := c.satisfy(alternative)
		if ok && len(chosen) > 0 {
			return chosen, nil
		}
		anonymous = anonymous || ok
	}
	if anonymous {
		return nil, nil
	}
	return nil, c.unmet(operation, alternatives)
}

// Declares reports whether the parameter set of the connection places anything
// for a security scheme, with a value or without one. A set that does not proves
// itself in ways that the schemes of the connector say nothing about: by
// placements of their own or by policies. What operations ask for cannot be
// compared with it.
func (c *Credential) Declares() bool { return c.declares }

func (c *Credential) satisfy(alternative *connectorv1.SecurityRequirement) ([]Placement, bool) {
	if len(alternative.GetSchemes()) == 1 && c.onlyFor(alternative.GetSchemes()[0].GetSchemeId()) {
		return c.placements, true // no copy for what most connections are
	}
	chosen := make([]Placement, 0, len(alternative.GetSchemes()))
	for _, scheme := range alternative.GetSchemes() {
		before := len(chosen)
		for _, p := range c.placements {
			if p.Scheme == scheme.GetSchemeId() {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == before {
			return nil, false
		}
	}
	return chosen, true
}

// onlyFor reports whether the credential has placements, all of them for one scheme.
func (c *Credential) onlyFor(scheme string) bool {
	for i := range c.placements {
		if c.placements[i].Scheme != scheme {
			return false
		}
	}
	return len(c.placements) > 0
}

// unmet says what the credential lacks for each alternative.
func (c *Credential) unmet(operation string, alternatives []*connectorv1.SecurityRequirement) error {
	var ways []string
	for _, alternative := range alternatives {
		way := strings.Join(c.missing(alternative), " and ")
		if slices.Contains(ways, way) {
			continue
		}
		if len(ways) == maxMissing {
			ways = append(ways, "others")
			break
		}
		ways = append(ways, way)
	}
	set := cmp.Or(c.set, "default")
	return fault.Precondition(fault.ReasonConnectionNotReady,
		"operation %q cannot be called with this connection, which was made for the parameter set %q and has nothing for the security scheme %s; make a connection with what the operation needs",
		operation, set, strings.Join(ways, " or ")).
		With("operation", operation).With("parameter_set", set)
}

// missing names, in quotes, the schemes that the credential has no value for.
func (c *Credential) missing(alternative *connectorv1.SecurityRequirement) []string {
	var names []string
	for _, scheme := range alternative.GetSchemes() {
		id := scheme.GetSchemeId()
		if !slices.ContainsFunc(c.placements, func(p Placement) bool { return p.Scheme == id }) {
			names = append(names, strconv.Quote(id))
		}
	}
	if len(names) > maxMissing {
		names = append(names[:maxMissing], "others")
	}
	return names
}
