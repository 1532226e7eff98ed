package core

import (
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// fitMock checks a mock: it has nothing that an API could need, so that nobody
// gives it a secret by mistake.
func fitMock(def *connectorv1.Definition, conn *Connection, a answers) (fitted, error) {
	if len(a.plain) > 0 || len(a.secrets) > 0 || conn.ServerURL != "" || conn.TLS != (TLSSettings{}) {
		return fitted{}, fault.Invalid(fault.ReasonConnectionParametersInvalid,
			"a mock speaks to no API: it takes no values, no secrets, no server url and no TLS settings; leave them out, or make a connection that is no mock").
			Field("connection.mock", "a mock takes no values")
	}
	sets := def.GetParameterSets()
	known := func(set *connectorv1.ParameterSet) bool { return set.GetName() == conn.ParameterSet }
	if conn.ParameterSet != "" && !slices.ContainsFunc(sets, known) {
		return fitted{}, fault.Invalid(fault.ReasonConnectionParametersInvalid,
			"the connector has no parameter set %q; leave it out, a mock needs none", conn.ParameterSet).
			Field("connection.parameter_set", "is none of the connector's")
	}
	conn.Parameters, conn.Origins, conn.TokenOrigins = nil, nil, nil
	return fitted{def: def}, nil
}
