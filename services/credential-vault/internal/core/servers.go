package core

import (
	"iter"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// hostRefused is for a server URL whose origin nobody named. Scheme and port
// count: a credential for https is not sent in clear, nor to another program
// that listens on the same machine.
func hostRefused(o Origin) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the connector has no server at %s; use one of its own servers, or ask an administrator to add the host to --allow-server-hosts of the credential vault", o).
		With("host", o.short())
}

func invalidURL(what string) error {
	return fault.Invalid(fault.ReasonConnectionParametersInvalid, "the server URL of the connection cannot be used: it %s", what).
		Field("connection.server_url", what)
}

// serversOf yields the servers of a definition, then those of the operations
// that have their own.
func serversOf(def *connectorv1.Definition) iter.Seq[*connectorv1.Server] {
	return func(yield func(*connectorv1.Server) bool) {
		for _, server := range def.GetServers() {
			if !yield(server) {
				return
			}
		}
		for _, op := range def.GetOperations() {
			for _, server := range op.GetServers() {
				if !yield(server) {
					return
				}
			}
		}
	}
}

// serverOrigins returns where the servers of a definition are, and the hosts that its
// policies put in their place, with variables from the connection's parameters or their
// defaults. One whose host cannot be worked out is left out.
func serverOrigins(def *connectorv1.Definition, parameters map[string]string) []Origin {
	var origins []Origin
	add := func(o Origin, ok bool) {
		if ok && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	for server := range serversOf(def) {
		if address, ok := address(server, parameters); ok {
			o, err := ParseOrigin(address)
			add(o, err == nil)
		}
	}
	for host := range policyHosts(def) {
		add(host.origin(parameters))
	}
	return origins
}

// address returns scheme and authority of a server's URL.
func address(server *connectorv1.Server, parameters map[string]string) (string, bool) {
	scheme, rest, ok := strings.Cut(server.GetUrlTemplate(), "://")
	if !ok {
		return "", false
	}
	text := scheme + "://" + authority(rest)
	for _, variable := range server.GetVariables() {
		placeholder := "{" + variable.GetName() + "}"
		if !strings.Contains(text, placeholder) {
			continue
		}
		value := parameters[variable.GetName()]
		if value == "" {
			value = variable.GetDefaultValue()
		}
		if !hostSafe(value) {
			return "", false
		}
		text = strings.ReplaceAll(text, placeholder, value)
	}
	return text, !strings.ContainsAny(text, "{}")
}

// authority returns what stands before path, query and fragment.
func authority(rest string) string {
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		return rest[:i]
	}
	return rest
}

// hostSafe reports whether a value cannot end the host that it becomes part of:
// "evil.example/" in "https://{region}.example.com" would.
func hostSafe(value string) bool {
	return value != "" && strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// hostVariables returns the names of the variables that a host depends on.
func hostVariables(def *connectorv1.Definition) map[string]bool {
	names := map[string]bool{}
	for server := range serversOf(def) {
		scheme, rest, _ := strings.Cut(server.GetUrlTemplate(), "://")
		for _, variable := range server.GetVariables() {
			if strings.Contains(scheme+authority(rest), "{"+variable.GetName()+"}") {
				names[variable.GetName()] = true
			}
		}
	}
	return names
}
