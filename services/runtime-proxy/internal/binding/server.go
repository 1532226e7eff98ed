package binding

import (
	"cmp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// chooseSet returns the parameter set of a connection. A definition without sets
// asks for nothing.
func chooseSet(def *connectorv1.Definition, lease *Lease) (*connectorv1.ParameterSet, error) {
	sets := def.GetParameterSets()
	if lease.ParameterSet == "" {
		if len(sets) == 0 {
			return &connectorv1.ParameterSet{}, nil
		}
		return sets[0], nil
	}
	for _, set := range sets {
		if set.GetName() == lease.ParameterSet {
			return set, nil
		}
	}
	return nil, fault.Precondition(fault.ReasonConnectionNotReady,
		"the connection was made for the parameter set %q, which this revision of the connector does not have; make a new connection",
		lease.ParameterSet).With("parameter_set", lease.ParameterSet)
}

// resolveBase returns where the API of a connection is.
func resolveBase(def *connectorv1.Definition, lease *Lease) (request.Base, error) {
	switch {
	case lease.ServerURL != "":
		return parseBase(lease.ServerURL)
	case len(def.GetServers()) > 0:
		return baseAt(def.GetServers()[0], lease.Parameters)
	}
	return request.Base{}, fault.Precondition(fault.ReasonConnectionNotReady,
		"the connector names no server; give the connection a server_url")
}

// hasServers reports whether any operation of a definition has a server of its
// own.
func hasServers(def *connectorv1.Definition) bool {
	return slices.ContainsFunc(def.GetOperations(), func(op *connectorv1.Operation) bool { return len(op.GetServers()) > 0 })
}

// baseAt returns where a server is for a connection with these parameters.
func baseAt(server *connectorv1.Server, parameters map[string]string) (request.Base, error) {
	address, err := fill(server, parameters)
	if err != nil {
		return request.Base{}, err
	}
	return parseBase(address)
}

func parseBase(address string) (request.Base, error) {
	base, err := request.ParseBase(address)
	if err != nil {
		return request.Base{}, fault.Precondition(fault.ReasonConnectionNotReady,
			"the server of the connection cannot be used: %s", err.Error())
	}
	return base, nil
}

// fill puts the values of the variables into a server's URL.
func fill(server *connectorv1.Server, parameters map[string]string) (string, error) {
	address := server.GetUrlTemplate()
	for _, variable := range server.GetVariables() {
		placeholder := "{" + variable.GetName() + "}"
		value := cmp.Or(parameters[variable.GetName()], variable.GetDefaultValue())
		at := strings.Index(address, placeholder)
		if at < 0 {
			continue
		}
		if !fits(variable, value, inHost(address, at)) {
			return "", fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"the value of connection parameter %q cannot be part of the server's url", variable.GetName()).
				With("parameter", variable.GetName())
		}
		address = strings.ReplaceAll(address, placeholder, value)
	}
	return address, nil
}

// inHost reports whether a place in a URL lies before its path.
func inHost(address string, at int) bool {
	_, rest, ok := strings.Cut(address[:at], "://")
	return !ok || !strings.Contains(rest, "/")
}

// fits reports whether a value can stand for a variable without making the URL
// mean something else.
func fits(variable *connectorv1.ServerVariable, value string, host bool) bool {
	if allowed := variable.GetAllowedValues(); len(allowed) > 0 && !slices.Contains(allowed, value) {
		return false
	}
	legal := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
	if host {
		return value != "" && strings.Trim(value, legal) == ""
	}
	return strings.Trim(value, legal+"/%") == ""
}
