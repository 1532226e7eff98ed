package core

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// A client's tokens are as good as its secrets: who gets one acts as the client.
// So the maker who writes a client vouches for the API to which they go, too. A
// draft, or a later publication by somebody else, that names other servers gets
// none.

const (
	// chosen stands for what owners of connections fill in. It is in no URL.
	chosen = "\x00"
	// maxAddresses is how many addresses the choices of one server may make.
	maxAddresses = 256
)

// apiPatterns returns patterns of the origins of all servers of a definition, and of the
// hosts that its policies put in their place, like [OAuthClient.TokenOrigins]: what
// owners of connections fill in is "*". A server of which they choose so much that it
// could be anywhere is known by its default only. The result is sorted.
func apiPatterns(def *connectorv1.Definition) []string {
	patterns := []string{}
	add := func(texts []string) {
		for _, text := range texts {
			if pattern, ok := apiPattern(text); ok {
				patterns = append(patterns, pattern)
			}
		}
	}
	for server := range serversOf(def) {
		add(addresses(def, server))
	}
	for host := range policyHosts(def) {
		add(host.addresses(def))
	}
	slices.Sort(patterns)
	return slices.Compact(patterns)
}

// addresses returns what scheme and authority of a server can become.
func addresses(def *connectorv1.Definition, server *connectorv1.Server) []string {
	scheme, rest, _ := strings.Cut(server.GetUrlTemplate(), "://")
	template := scheme + "://" + authority(rest)
	texts := []string{template}
	for _, variable := range server.GetVariables() {
		placeholder := "{" + variable.GetName() + "}"
		if !strings.Contains(template, placeholder) {
			continue
		}
		values := choicesOf(def, variable)
		if len(values)*len(texts) > maxAddresses {
			values = []string{chosen}
		}
		var next []string
		for _, text := range texts {
			for _, value := range values {
				next = append(next, strings.ReplaceAll(text, placeholder, value))
			}
		}
		texts = next
	}
	return texts
}

// choicesOf returns the values of a variable that can stand in a host, see [valuesOf].
func choicesOf(def *connectorv1.Definition, variable *connectorv1.ServerVariable) []string {
	return slices.DeleteFunc(valuesOf(def, variable), func(v string) bool { return v != chosen && !hostSafe(v) })
}

// valuesOf returns the values of a variable, which may be a parameter of a set as
// well: those to choose from, or the default and everything else. They are sorted.
func valuesOf(def *connectorv1.Definition, variable *connectorv1.ServerVariable) []string {
	var values []string
	open, declared := false, false
	add := func(standard string, allowed []string) {
		if standard != "" {
			values = append(values, standard)
		}
		values, open = append(values, allowed...), open || len(allowed) == 0
	}
	for _, set := range def.GetParameterSets() {
		for _, p := range set.GetParameters() {
			if p.GetName() == variable.GetName() {
				declared = true
				add(p.GetDefaultValue(), allowedValues(p))
			}
		}
	}
	if !declared {
		add(variable.GetDefaultValue(), variable.GetAllowedValues())
	} else if variable.GetDefaultValue() != "" {
		values = append(values, variable.GetDefaultValue())
	}
	if open {
		values = append(values, chosen)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func allowedValues(p *connectorv1.ConnectionParameter) []string {
	var values []string
	for _, allowed := range p.GetAllowedValues() {
		values = append(values, allowed.GetValue())
	}
	return values
}

// apiPattern returns the pattern of an address in which owners may have a choice.
// A host below a domain that has several owners has none.
func apiPattern(text string) (string, bool) {
	last := strings.LastIndex(text, chosen)
	if last < 0 {
		return endpointOrigin(text)
	}
	scheme, _, _ := strings.Cut(text, "://")
	_, domain, ok := strings.Cut(text[last:], ".")
	host, _, _ := strings.Cut(domain, ":")
	if !ok || strings.Contains(scheme, chosen) || !provider.OneOwner(strings.ToLower(host)) {
		return "", false
	}
	o, err := ParseOrigin(scheme + "://" + domain)
	return o.Scheme + "://*." + o.Host, err == nil
}

// vouchesFor returns an error unless a connection that uses a maker's client leads
// only where the maker, or the administrator, lets its tokens go. A client that the
// vault has registered by itself is nobody's.
func (c OAuthClient) vouchesFor(conn Connection, rules HostRules) error {
	if c.Registered {
		return nil
	}
	for _, o := range conn.Origins {
		if !allows(c.APIOrigins, o.Scheme+"://"+o.Host) && !rules.Allow(o.Host) {
			return notVouchedFor(c, conn, o)
		}
	}
	return nil
}

// notVouchedFor is for connections that would take the tokens of a maker's client
// elsewhere.
func notVouchedFor(c OAuthClient, conn Connection, o Origin) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"connection %q leads to %s, to which tokens of OAuth client %q must not go: its creator or an administrator updates the OAuth client with its client id and all its secrets, which confirms the servers that the published connector has now, or an administrator adds the host to --allow-server-hosts, or the connection brings a client id of its own",
		conn.Name.ID, o, c.Name.ID).
		With("host", o.short()).With("oauth_client", c.Name.String()).With("connection", conn.Name.String())
}
