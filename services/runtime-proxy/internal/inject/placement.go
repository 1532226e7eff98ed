package inject

import (
	"cmp"
	"encoding/base64"
	"net/textproto"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/sign"
)

// value is the placeholder of the key itself in the template of an API key.
const value = "value"

// TokenPlacement is how a provider wants its access token to be sent.
type TokenPlacement struct {
	// Header is the name of the header; empty means Authorization.
	Header string
	// Prefix stands before the token, for instance "OAuth "; empty for none.
	Prefix string
}

// add compiles one placement of the set. One whose parameters have no value is
// left out; the error says that it is not well made.
func (c *Credential) add(p *connectorv1.CredentialPlacement, lent *Lent) error {
	placed := Placement{Scheme: p.GetSchemeId(), Name: "Authorization"}
	ok := false
	var err error
	switch kind := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		placed.Location, placed.Name = locationOf(kind.ApiKey.GetLocation()), kind.ApiKey.GetName()
		placed.slot, ok, err = c.apiKey(kind.ApiKey)
	case *connectorv1.CredentialPlacement_Bearer:
		placed.prefix = "Bearer "
		placed.slot, ok = c.slot(kind.Bearer.GetParameter())
		if lent.Token != nil && isGrant(lent.Set, kind.Bearer.GetParameter()) {
			err = placed.asProviderWants(lent.Token)
		}
	case *connectorv1.CredentialPlacement_Basic:
		placed.prefix = "Basic "
		placed.slot, ok = c.basic(kind.Basic)
	case *connectorv1.CredentialPlacement_Authorization:
		placed.prefix = kind.Authorization.GetScheme() + " "
		placed.slot, ok = c.slot(kind.Authorization.GetParameter())
	case *connectorv1.CredentialPlacement_Digest:
		placed.proof, ok = c.digest(kind.Digest)
	case *connectorv1.CredentialPlacement_Certificate:
		placed.Name = ""
		placed.proof, ok, err = c.certificate(kind.Certificate, lent.Trust)
	case *connectorv1.CredentialPlacement_AwsSignature:
		placed.proof, ok, err = c.aws(kind.AwsSignature)
	case *connectorv1.CredentialPlacement_Hmac:
		placed.Name = ""
		placed.proof, ok, err = c.hmac(kind.Hmac)
	}
	if err == nil && ok {
		c.placements = append(c.placements, placed)
	}
	return err
}

// isGrant reports whether a parameter of the set is signed in for.
func isGrant(set *connectorv1.ParameterSet, name string) bool {
	return slices.ContainsFunc(set.GetParameters(), func(p *connectorv1.ConnectionParameter) bool {
		return p.GetName() == name && p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
	})
}

func (p *Placement) asProviderWants(token *TokenPlacement) error {
	p.Name, p.prefix = textproto.CanonicalMIMEHeaderKey(cmp.Or(token.Header, "Authorization")), token.Prefix
	if p.Name == "Host" || request.OfTransport(p.Name) || !request.ValidFieldName(p.Name) || !request.ValidFieldValue(p.prefix) {
		return fault.Precondition(fault.ReasonConnectionNotReady,
			"the sign-in's provider wants its token in a header that cannot be set; its settings have to be mended")
	}
	return nil
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

// apiKey returns where the key is kept, as its template writes it. What the
// template makes of the values is one secret: policies see one handle.
func (c *Credential) apiKey(p *connectorv1.ApiKeyPlacement) (slot int, ok bool, err error) {
	if p.GetTemplate() == "" || p.GetTemplate() == "{"+value+"}" {
		slot, ok = c.slot(p.GetParameter())
		return slot, ok, nil
	}
	parts, err := sign.ParseTemplate(p.GetTemplate())
	if err != nil {
		return 0, false, notWellMade("the template of the key "+p.GetName(), err)
	}
	var whole []byte
	defer func() { clear(whole) }()
	var sources []string
	for _, part := range parts {
		if part.Placeholder == "" {
			whole = append(whole, part.Text...)
			continue
		}
		name := part.Placeholder
		if name == value {
			name = p.GetParameter()
		}
		if whole, ok = c.appendValue(whole, name); !ok {
			return 0, false, c.missingFrom("the template of the key "+p.GetName(), name)
		}
		sources = append(sources, name)
	}
	return c.made(secret.New(whole), sources...), true, nil
}

// made keeps what was made of parameters.
func (c *Credential) made(value secret.Text, sources ...string) int {
	slot := c.keep(value)
	if slices.ContainsFunc(sources, c.isToken) {
		c.tokens.add(slot)
	}
	return slot
}

// isToken reports whether a parameter is the access token.
func (c *Credential) isToken(parameter string) bool {
	slot, ok := c.byName[parameter]
	return ok && c.tokens.has(slot)
}

// missingFrom tells a parameter that the set declares and that has no value,
// which leaves a placement out, from one that nobody could give.
func (c *Credential) missingFrom(what, parameter string) error {
	if c.declared(parameter) {
		return nil
	}
	return fault.Precondition(fault.ReasonConnectionNotReady,
		"%s names the parameter %q, which the parameter set %q does not have; the connector has to be mended",
		what, parameter, cmp.Or(c.set, "default")).With("parameter_set", c.set)
}

func notWellMade(what string, err error) error {
	return fault.Precondition(fault.ReasonConnectionNotReady, "%s cannot be used: %s; the connector has to be mended", what, err.Error())
}

// appendValue appends the value of a parameter, be it plain or secret.
func (c *Credential) appendValue(out []byte, parameter string) ([]byte, bool) {
	if slot, ok := c.byName[parameter]; ok {
		if c.values[slot].Empty() {
			return out, false
		}
		return c.appendSlot(out, slot), true
	}
	plain, ok := c.parameters[parameter]
	return append(out, plain...), ok && plain != ""
}

// has reports whether a parameter has a value.
func (c *Credential) has(parameter string) bool {
	if slot, ok := c.byName[parameter]; ok {
		return !c.values[slot].Empty()
	}
	return c.parameters[parameter] != ""
}

func (c *Credential) appendSlot(out []byte, slot int) []byte {
	_ = c.values[slot].Use(reveal.Grant(), func(b []byte) error { out = append(out, b...); return nil })
	return out
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
		pair = c.appendSlot(pair, user)
	}
	pair = append(pair, ':')
	if hasPassword {
		pair = c.appendSlot(pair, password)
	}
	encoded := base64.StdEncoding.AppendEncode(nil, pair)
	defer clear(pair)
	defer clear(encoded)
	return c.made(secret.New(encoded), p.GetUsernameParameter(), p.GetPasswordParameter()), true
}
