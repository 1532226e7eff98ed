// Package inject puts credentials into requests. It is the only package of the
// runtime that reads secrets.
//
// A credential reaches a request in two steps. [Handles.Place] writes handles:
// random words, of a new kind for each call, that are safe in headers and URLs
// and mean nothing to anybody else. Policies and custom code see, copy and
// prefix handles. [Handles.Reveal], the last step before the wire, replaces them
// by what they stand for, escaped for where they stand; its caller has made sure
// by then that the request goes to a host that the credential is bound to.
//
//	credential := inject.New(secrets, parameters, set)
//	handles := credential.Handles()
//	handles.Place(&req, credential.Placements())
//	… policies …
//	err := handles.Reveal(&req)
//
// A handle is only ever replaced in the call that it was made for, so a caller
// who puts an old one into an input gets nothing for it.
package inject

import (
	"encoding/base64"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
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
	// Name is the name of the header, query parameter or cookie.
	Name string
	// prefix stands before the value, as in "Basic ".
	prefix string
	slot   int
}

// Credential is what a connection has to prove itself with. It is immutable and
// safe for concurrent use. It prints nothing that is secret.
type Credential struct {
	values     []secret.Text
	byName     map[string]int    // secret parameter → slot
	parameters map[string]string // plain parameters
	placements []Placement
	set        string      // name of the parameter set
	declares   bool        // the set places something for a security scheme
	forms      secret.Text // what must not be repeated to anybody, see eachForm
}

// New makes a credential of the secrets and plain parameters of a connection,
// placed as its parameter set says. Placements whose parameters have no value
// are left out. It keeps both maps; they must not change.
func New(secrets map[string]secret.Text, parameters map[string]string, set *connectorv1.ParameterSet) *Credential {
	c := &Credential{byName: make(map[string]int, len(secrets)), parameters: parameters, set: set.GetName()}
	for name, text := range secrets {
		c.byName[name] = c.keep(text)
	}
	for _, p := range set.GetPlacements() {
		c.addPlacement(p)
	}
	c.addForms()
	return c
}

// keep stores a value.
func (c *Credential) keep(text secret.Text) (slot int) {
	c.values = append(c.values, text)
	return len(c.values) - 1
}

func (c *Credential) addPlacement(p *connectorv1.CredentialPlacement) {
	c.declares = c.declares || p.GetSchemeId() != ""
	placed := Placement{Scheme: p.GetSchemeId(), Name: "Authorization"}
	ok := false
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		placed.Location, placed.Name = locationOf(kind.ApiKey.GetLocation()), kind.ApiKey.GetName()
		placed.slot, ok = c.slot(kind.ApiKey.GetParameter())
	case *connectorv1.CredentialPlacement_Bearer:
		placed.prefix = "Bearer "
		placed.slot, ok = c.slot(kind.Bearer.GetParameter())
	case *connectorv1.CredentialPlacement_Basic:
		placed.prefix = "Basic "
		placed.slot, ok = c.basic(kind.Basic)
	case *connectorv1.CredentialPlacement_Authorization:
		placed.prefix = kind.Authorization.GetScheme() + " "
		placed.slot, ok = c.slot(kind.Authorization.GetParameter())
	}
	if ok {
		c.placements = append(c.placements, placed)
	}
}

func locationOf(l connectorv1.CredentialLocation) Location {
	switch l {
	case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY:
		return Query
	case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE:
		return Cookie
	case connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER,
		connectorv1.CredentialLocation_CREDENTIAL_LOCATION_UNSPECIFIED:
	}
	return Header
}

// slot returns where the value of a parameter is kept. A plain parameter that is
// used as a credential is treated as a secret from here on.
func (c *Credential) slot(parameter string) (slot int, ok bool) {
	if slot, ok = c.byName[parameter]; ok {
		return slot, !c.values[slot].Empty()
	}
	if plain := c.parameters[parameter]; plain != "" {
		return c.keep(secret.FromString(plain)), true
	}
	return 0, false
}

// basic keeps the encoded pair of RFC 7617, section 2.
func (c *Credential) basic(p *connectorv1.BasicPlacement) (slot int, ok bool) {
	user, hasUser := c.slot(p.GetUsernameParameter())
	password, hasPassword := c.slot(p.GetPasswordParameter())
	if !hasUser && !hasPassword {
		return 0, false
	}
	var pair []byte
	if hasUser {
		_ = c.values[user].Use(reveal.Grant(), func(b []byte) error { pair = append(pair, b...); return nil })
	}
	pair = append(pair, ':')
	if hasPassword {
		_ = c.values[password].Use(reveal.Grant(), func(b []byte) error { pair = append(pair, b...); return nil })
	}
	encoded := base64.StdEncoding.AppendEncode(nil, pair)
	defer clear(pair)
	defer clear(encoded)
	return c.keep(secret.New(encoded)), true
}

// Placements returns where values go, in the order of the parameter set. The
// slice must not be changed.
func (c *Credential) Placements() []Placement { return c.placements }

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
