// Package inject puts credentials into requests. It is the only package of the
// runtime that reads secrets.
//
// A credential reaches a request in steps. [Handles.Place] writes handles:
// random words, of a new kind for each call, that are safe in headers and URLs
// and mean nothing to anybody else. Policies and custom code see, copy and
// prefix handles. [Handles.Reveal], the last step before the wire, replaces them
// by what they stand for, escaped for where they stand; its caller has made sure
// by then that the request goes to a host that the credential is bound to.
//
//	credential, err := inject.New(inject.Lent{Secrets: secrets, Set: set})
//	handles := credential.Handles()
//	handles.Place(&req, credential.Placements())
//	… policies …
//	err = handles.Reveal(&req)
//	err = handles.Finish(ctx, &req, now, false)
//
// What is worked out of the whole request (signatures, answers to challenges)
// has no handle: [Handles.Finish] adds it when nothing changes any more.
//
// A handle is only ever replaced in the call that it was made for, so a caller
// who puts an old one into an input gets nothing for it.
package inject

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Location is the part of a request that carries a credential.
type Location int

// The locations.
const (
	Header Location = iota
	Query
	Cookie
)

// Placement is one value of a credential and where it goes.
type Placement struct {
	// Scheme is the id of the security scheme that it satisfies; may be empty.
	Scheme string
	// Location is the part of the request.
	Location Location
	// Name is the name of the header, query parameter or cookie; empty for a
	// client certificate and for a signature with names of its own.
	Name string
	// prefix stands before the value, as in "Basic ".
	prefix string
	slot   int
	proof  proof // is worked out instead of a value; nil for a value
}

// Credential is what a connection has to prove itself with. It is immutable and
// safe for concurrent use. It prints nothing that is secret.
type Credential struct {
	values     []secret.Text
	byName     map[string]int    // secret parameter → slot
	parameters map[string]string // plain parameters
	names      []string          // of all parameters of the set
	placements []Placement
	tokens     slots               // those of the access token, and of what was made of it
	set        string              // name of the parameter set
	declares   bool                // the set places something for a security scheme
	forms      secret.Text         // what must not be repeated to anybody, see eachForm
	trust      *upstream.Identity  // of calls that present no certificate; nil for the defaults
	redact     func(string) string // Redact, made once for all calls
}

// Lent is what the vault lends, with how it is to be used. It must not change
// once a credential was made of it.
type Lent struct {
	// Secrets are the secret values by name of parameter. That of an OAuth
	// parameter is the access token, that of a certificate PEM.
	Secrets map[string]secret.Text
	// Parameters are the plain values.
	Parameters map[string]string
	// Set says where they go.
	Set *connectorv1.ParameterSet
	// Token is how the provider wants the access token to be sent; nil for as the
	// set says.
	Token *TokenPlacement
	// Trust is whom the connection trusts in the TLS handshake.
	Trust upstream.Trust
}

// New makes a credential. Placements whose parameters have no value are left
// out. A set that is not well made is CONNECTION_NOT_READY, and a value that is
// not what its placement needs CONNECTION_PARAMETERS_INVALID.
func New(lent Lent) (*Credential, error) {
	c := &Credential{byName: make(map[string]int, len(lent.Secrets)), parameters: lent.Parameters, set: lent.Set.GetName()}
	var err error
	if c.trust, err = (*upstream.Identity)(nil).Trusting(lent.Trust); err != nil {
		return nil, fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the TLS settings of the connection cannot be used: %s; change them", err.Error())
	}
	for _, p := range lent.Set.GetParameters() {
		c.names = append(c.names, p.GetName())
	}
	for name, text := range lent.Secrets {
		c.byName[name] = c.keep(text)
		if isGrant(lent.Set, name) {
			c.tokens.add(c.byName[name])
		}
	}
	for _, p := range lent.Set.GetPlacements() {
		c.declares = c.declares || p.GetSchemeId() != ""
		if err := c.add(p, &lent); err != nil {
			return nil, err
		}
	}
	c.addForms()
	c.redact = c.Redact
	return c, nil
}

// declared reports whether the set has a parameter, or the connection a value
// for it.
func (c *Credential) declared(parameter string) bool {
	_, secret := c.byName[parameter]
	_, plain := c.parameters[parameter]
	return secret || plain || slices.Contains(c.names, parameter)
}

// keep stores a value.
func (c *Credential) keep(text secret.Text) (slot int) {
	c.values = append(c.values, text)
	return len(c.values) - 1
}

// Placements returns where values go, in the order of the parameter set. The
// slice must not be changed.
func (c *Credential) Placements() []Placement { return c.placements }

// Names returns the names that the credential writes, those of query parameters
// and cookies included.
func (c *Credential) Names() []string {
	var names []string
	for _, p := range c.placements {
		switch {
		case p.proof != nil:
			names = append(names, p.proof.headers()...)
		default:
			names = append(names, p.Name)
		}
	}
	return names
}

// QueryNames returns the names of the query parameters that the credential writes.
func (c *Credential) QueryNames() []string {
	var names []string
	for i := range c.placements {
		if p := &c.placements[i]; p.proof == nil && p.Location == Query {
			names = append(names, p.Name)
		}
	}
	return names
}

// Empty reports whether there is nothing secret in the credential.
func (c *Credential) Empty() bool { return len(c.values) == 0 }

// plain returns a plain parameter by name, compared without case as packages
// do.
func (c *Credential) plain(name string) (string, bool) {
	if value, ok := c.parameters[name]; ok {
		return value, true
	}
	for have, value := range c.parameters {
		if strings.EqualFold(have, name) {
			return value, true
		}
	}
	return "", false
}
