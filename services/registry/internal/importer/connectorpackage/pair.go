package connectorpackage

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

const (
	secretType = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	oauthType  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
)

// pair says which parameters of a set a security scheme takes its value from;
// nil if the set has none for it.
//   - An API key is the parameter "api_key", whatever the scheme is called, or
//     else the one named like the scheme, or like the header or query parameter,
//     or else the only secret. Where several API keys exist, names go first.
//   - Basic authentication is "username" and "password".
//   - OAuth 2.0 is the OAuth parameter, "token" if there are several, and its
//     access token is always a bearer token.
//   - A client certificate is the parameter of that type.
func pair(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme, severalKeys bool) *connectorv1.CredentialPlacement {
	placement := &connectorv1.CredentialPlacement{SchemeId: s.GetId()}
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		name := keyParameter(set, s, severalKeys)
		if name == "" {
			return nil
		}
		placement.Kind = &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
			Parameter: name, Location: kind.ApiKey.GetLocation(), Name: kind.ApiKey.GetName(), Template: kind.ApiKey.GetTemplate(),
		}}
	case *connectorv1.SecurityScheme_Http:
		return pairHTTP(set, placement, kind.Http.GetScheme())
	case *connectorv1.SecurityScheme_MutualTls:
		name := certificateParameter(set)
		if name == "" {
			return nil
		}
		placement.Kind = certificate(name)
	case *connectorv1.SecurityScheme_Oauth2:
		name := oauthParameter(set)
		if name == "" {
			return nil
		}
		placement.Kind = bearer(name)
	default:
		return nil
	}
	return placement
}

// pairHTTP pairs schemes of the Authorization header, of which definitions in
// OpenAPI 3 have more than "basic".
func pairHTTP(set *connectorv1.ParameterSet, placement *connectorv1.CredentialPlacement, scheme string) *connectorv1.CredentialPlacement {
	user, password := named(set, "username"), named(set, "password")
	token := named(set, "token")
	if token == "" {
		token = named(set, "api_key")
	}
	switch {
	case scheme == "bearer" && token != "":
		placement.Kind = bearer(token)
	case scheme == "bearer" || user == "" || password == "":
		return nil
	case scheme == "digest":
		placement.Kind = &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{
			UsernameParameter: user, PasswordParameter: password,
		}}
	default:
		placement.Kind = &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{
			UsernameParameter: user, PasswordParameter: password,
		}}
	}
	return placement
}

func certificate(parameter string) *connectorv1.CredentialPlacement_Certificate {
	return &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: parameter}}
}

// certificateParameter returns the first client certificate; one with a colon in
// its name belongs to an OAuth parameter.
func certificateParameter(set *connectorv1.ParameterSet) string {
	for _, p := range set.GetParameters() {
		if p.GetType() == certificateType && !strings.Contains(p.GetName(), ":") {
			return p.GetName()
		}
	}
	return ""
}

func bearer(parameter string) *connectorv1.CredentialPlacement_Bearer {
	return &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: parameter}}
}

func keyParameter(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme, severalKeys bool) string {
	names := []string{"api_key", s.GetId(), s.GetApiKey().GetName()}
	if severalKeys {
		names = []string{s.GetId(), s.GetApiKey().GetName(), "api_key"}
	}
	for _, name := range names {
		if found := named(set, name); found != "" {
			return found
		}
	}
	var secrets []string
	for _, p := range set.GetParameters() {
		// A name with a colon belongs to an OAuth parameter, a password to a user.
		isOwn := !strings.Contains(p.GetName(), ":") && !(strings.EqualFold(p.GetName(), "password") && named(set, "username") != "")
		if p.GetType() == secretType && isOwn {
			secrets = append(secrets, p.GetName())
		}
	}
	if len(secrets) == 1 {
		return secrets[0]
	}
	return ""
}

// named returns the name of the parameter that is called so, ignoring case, and
// that holds a plain value.
func named(set *connectorv1.ParameterSet, name string) string {
	for _, p := range set.GetParameters() {
		if strings.EqualFold(p.GetName(), name) && p.GetType() != oauthType {
			return p.GetName()
		}
	}
	return ""
}

func oauthParameter(set *connectorv1.ParameterSet) string {
	found := ""
	for _, p := range set.GetParameters() {
		if p.GetType() == oauthType && (found == "" || p.GetName() == "token") {
			found = p.GetName()
		}
	}
	return found
}

// placements fills in the placements of all sets. Schemes that no set has a value for
// are taken out of the operations' requirements: such packages authenticate by a
// policy or by code, and no connection could ever satisfy them.
func (p *pack) placements() {
	keys := 0
	for _, s := range p.def.GetSecuritySchemes() {
		if s.GetApiKey() != nil {
			keys++
		}
	}
	for _, s := range p.def.GetSecuritySchemes() {
		placed := false
		for _, set := range p.def.GetParameterSets() {
			if placement := pair(set, s, keys > 1); placement != nil {
				set.Placements = append(set.Placements, placement)
				placed = true
			}
		}
		if !placed {
			p.warn("CredentialParameterMissing", p.property("connectionParameters"),
				"add the connection parameter, or remove the security definition",
				"no connection parameter holds the value for the security definition %q; it is not used", s.GetId())
			p.unrequire(s.GetId())
			p.unpaired = true
		}
	}
	for _, set := range p.def.GetParameterSets() {
		p.finish(set)
	}
	p.alwaysAuthenticate()
	p.everySetServes()
}

// alwaysAuthenticate drops what the document says about operations without
// authentication: the calls of a package carry what its connections have, and
// some of those that sign in say "security: []".
func (p *pack) alwaysAuthenticate() {
	asks := func(r *connectorv1.SecurityRequirement) bool { return len(r.GetSchemes()) > 0 }
	for _, op := range p.def.GetOperations() {
		if !slices.ContainsFunc(op.GetSecurity(), asks) {
			op.Security = nil
		}
	}
}

// everySetServes lets operations be called with each set of parameters: whichever its
// owner has chosen, the calls of a package carry what a connection has, also where the
// document asks for the schemes of several sets together, or for those of another.
func (p *pack) everySetServes() {
	for _, set := range p.def.GetParameterSets() {
		var placed []string
		for _, c := range set.GetPlacements() {
			if c.GetSchemeId() != "" && !slices.Contains(placed, c.GetSchemeId()) {
				placed = append(placed, c.GetSchemeId())
			}
		}
		for _, op := range p.def.GetOperations() {
			if own := ownAlternative(op.GetSecurity(), placed); own != nil {
				op.Security = append(slices.Clip(op.GetSecurity()), own)
			}
		}
	}
}

// ownAlternative returns what a set that places these schemes proves to an operation:
// what is asked of it, or else all that it places. It is nil if there is nothing to add.
func ownAlternative(asked []*connectorv1.SecurityRequirement, placed []string) *connectorv1.SecurityRequirement {
	isPlaced := func(s *connectorv1.SchemeReference) bool { return slices.Contains(placed, s.GetSchemeId()) }
	isOther := func(s *connectorv1.SchemeReference) bool { return !isPlaced(s) }
	if len(asked) == 0 || len(placed) == 0 {
		return nil
	}
	own := &connectorv1.SecurityRequirement{}
	for _, r := range asked {
		if !slices.ContainsFunc(r.GetSchemes(), isOther) {
			return nil
		}
		for _, s := range r.GetSchemes() {
			known := slices.ContainsFunc(own.GetSchemes(), func(o *connectorv1.SchemeReference) bool { return o.GetSchemeId() == s.GetSchemeId() })
			if isPlaced(s) && !known {
				own.Schemes = append(own.Schemes, s)
			}
		}
	}
	if len(own.GetSchemes()) == 0 {
		for _, scheme := range placed {
			own.Schemes = append(own.Schemes, &connectorv1.SchemeReference{SchemeId: scheme})
		}
	}
	return own
}

// unrequire removes a scheme from all requirements. One that becomes empty goes
// with it: empty would mean that no authentication is needed.
func (p *pack) unrequire(scheme string) {
	for _, op := range p.def.GetOperations() {
		op.Security = slices.DeleteFunc(op.GetSecurity(), func(r *connectorv1.SecurityRequirement) bool {
			before := len(r.GetSchemes())
			r.Schemes = slices.DeleteFunc(r.GetSchemes(), func(s *connectorv1.SchemeReference) bool { return s.GetSchemeId() == scheme })
			return before > 0 && len(r.GetSchemes()) == 0
		})
	}
}

// finish places an OAuth parameter and a client certificate that the document has no scheme for, and
// requires what is placed unless the package says otherwise.
func (p *pack) finish(set *connectorv1.ParameterSet) {
	isBearer := func(c *connectorv1.CredentialPlacement) bool { return c.GetBearer() != nil }
	if name := oauthParameter(set); name != "" && !slices.ContainsFunc(set.GetPlacements(), isBearer) {
		set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{Kind: bearer(name)})
	}
	isCertificate := func(c *connectorv1.CredentialPlacement) bool { return c.GetCertificate() != nil }
	if name := certificateParameter(set); name != "" && !slices.ContainsFunc(set.GetPlacements(), isCertificate) {
		set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{Kind: certificate(name)})
	}
	for _, c := range set.GetPlacements() {
		for _, name := range definition.ParametersOf(c) {
			p.require(set, name)
		}
	}
}

// require marks a parameter as required if the package does not say whether it
// is.
func (p *pack) require(set *connectorv1.ParameterSet, name string) {
	for _, parameter := range set.GetParameters() {
		if parameter.GetName() == name && !p.stated[parameter] {
			parameter.Required = true
		}
	}
}
