package core

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

// Policies can put another host in the place of the server's: one that the maker names,
// or one that is made of parameters of the connection, such as "https://{site}.example.com".
// Its owner has filled them in, so a connection leads there as it does to the servers.
// A host that is made of what a caller says with each call is none of these: whoever may
// use a connection must not have its secrets sent to where he likes.

// usualScheme is that of addresses without one.
const usualScheme = "https"

// policyHost is scheme and authority of an address that a policy puts in the place of
// the server's.
type policyHost struct {
	scheme string // empty if the first part says it, or nothing
	parts  []policytext.Part
}

// policyHosts yields the hosts of the policies of a definition.
func policyHosts(def *connectorv1.Definition) iter.Seq[policyHost] {
	return func(yield func(policyHost) bool) {
		for _, policy := range def.GetPolicies() {
			if !policytext.ReplacesHost(policy.GetTemplateId()) {
				continue
			}
			for _, p := range policy.GetParameters() {
				var text string
				if !strings.EqualFold(p.GetName(), policytext.HostParameter) || json.Unmarshal(p.GetJson(), &text) != nil {
					continue
				}
				h, ok := cutHost(policytext.Parse(strings.TrimSpace(text), policytext.URL))
				if ok && !yield(h.declared(def)) {
					return
				}
			}
		}
	}
}

// declared returns the host with the names of parameters as the connector writes them:
// policies may write them in any case.
func (h policyHost) declared(def *connectorv1.Definition) policyHost {
	for i, part := range h.parts {
		for _, set := range def.GetParameterSets() {
			for _, p := range set.GetParameters() {
				if part.Function != policytext.Literal && strings.EqualFold(p.GetName(), part.Name) {
					h.parts[i].Name = p.GetName()
				}
			}
		}
	}
	return h
}

// cutHost cuts an address behind its authority; false if that depends on a single call.
func cutHost(parts []policytext.Part) (h policyHost, ok bool) {
	for i, p := range parts {
		switch p.Function {
		case policytext.Literal:
			text := p.Literal
			if scheme, rest, has := strings.Cut(text, "://"); has && i == 0 {
				h.scheme, text = strings.ToLower(scheme), rest
			}
			if p.Literal = authority(text); p.Literal != "" {
				h.parts = append(h.parts, p)
			}
			if len(p.Literal) < len(text) {
				return h, len(h.parts) > 0
			}
		case policytext.ConnectionParameter, policytext.EnvironmentVariable:
			h.parts = append(h.parts, p)
		case policytext.QueryParameter, policytext.Header, policytext.Body, policytext.Argument:
			return h, false
		}
	}
	return h, len(h.parts) > 0
}

// origin returns where requests go for a connection with these parameters; false if they
// make no host.
func (h policyHost) origin(parameters map[string]string) (Origin, bool) {
	if value, whole := h.first(parameters); whole {
		o, err := ParseOrigin(h.filled(value))
		return o, err == nil
	}
	text, ok := address(h.server(), parameters)
	if !ok {
		return Origin{}, false
	}
	o, err := ParseOrigin(text)
	return o, err == nil
}

// first returns the value of the first part, and whether it is all of the authority: it
// stands alone, or is a URL with a path, to which another parameter adds.
func (h policyHost) first(parameters map[string]string) (value string, whole bool) {
	p := h.parts[0]
	if p.Function == policytext.Literal {
		return "", false
	}
	value = cmp.Or(parameters[p.Name], p.Literal)
	if len(h.parts) == 1 {
		return value, true
	}
	_, rest, _ := strings.Cut(value, "://")
	return value, h.parts[1].Function != policytext.Literal && strings.Contains(rest, "/")
}

// filled returns scheme and authority of what somebody has filled in for all of the
// authority: people copy whole addresses. The policy's own scheme comes before theirs.
func (h policyHost) filled(value string) string {
	value = strings.TrimSpace(value)
	scheme, rest, has := strings.Cut(value, "://")
	if !has {
		scheme, rest = "", value
	}
	return cmp.Or(h.scheme, scheme, usualScheme) + "://" + authority(rest)
}

// server returns the server that the policy amounts to.
func (h policyHost) server() *connectorv1.Server {
	server := &connectorv1.Server{UrlTemplate: cmp.Or(h.scheme, usualScheme) + "://"}
	for _, p := range h.parts {
		if p.Function == policytext.Literal {
			server.UrlTemplate += p.Literal
			continue
		}
		server.UrlTemplate += "{" + p.Name + "}"
		server.Variables = append(server.Variables, variableOf(p))
	}
	return server
}

// addresses returns what scheme and authority can become, see [addresses].
func (h policyHost) addresses(def *connectorv1.Definition) []string {
	var texts []string
	for _, value := range h.choices(def) {
		texts = append(texts, h.filled(value))
	}
	if len(h.parts) > 1 || h.parts[0].Function == policytext.Literal {
		texts = append(texts, addresses(def, h.server())...)
	}
	return texts
}

// choices returns the values of the first part that are all of the authority.
func (h policyHost) choices(def *connectorv1.Definition) []string {
	if h.parts[0].Function == policytext.Literal {
		return nil
	}
	return slices.DeleteFunc(valuesOf(def, variableOf(h.parts[0])), func(value string) bool {
		_, whole := h.first(map[string]string{h.parts[0].Name: value})
		return !whole
	})
}

func variableOf(p policytext.Part) *connectorv1.ServerVariable {
	return &connectorv1.ServerVariable{Name: p.Name, DefaultValue: p.Literal}
}
