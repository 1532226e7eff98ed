package provider

import (
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Short names for the types of parameters.
const (
	oauthType  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
	secretType = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	certType   = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
)

// Names of identity providers that are kinds of sign-ins instead of providers.
const (
	genericTemplates = "oauth2generic"
	genericDiscovery = "oauth2pkcewithprm"
	genericOpenID    = "openidconnect"
)

// source is what a connector says about a sign-in.
type source struct {
	parameter *connectorv1.ConnectionParameter
	settings  *connectorv1.OAuthSettings
	// flows are those of the security scheme, implicit ones as authorizationCode.
	flows []*connectorv1.OAuth2Flow
	// implicit reports whether the flow that would be used was an implicit one.
	implicit bool
	// metadata is the URL of a discovery document.
	metadata string
	// custom are the provider's settings, names in lower case.
	custom map[string]string
	// declared are the set's sub-parameters by setting, lower case.
	declared map[string]*connectorv1.ConnectionParameter
	// needed are the scopes that operations name, where the scheme lists none.
	needed []string
	// server is where the API is, without variables; may be empty.
	server string
	// preset applies; nil if none does.
	preset *Preset
	// found are values of the preset's settings that the connector's own URLs hold.
	found map[string]string
	// chosen is the flow of a grant that the owner chose instead of the connector's
	// own; nil for the connector's.
	chosen *connectorv1.OAuth2Flow
	// standard reports whether the connector's URLs are those of the preset, whose
	// own are used then: they take the owner's settings.
	standard bool
}

// read finds the OAuth parameter of a set. It returns nil if there is none.
func (s *Set) read(def *connectorv1.Definition, set *connectorv1.ParameterSet) (*source, error) {
	var parameter *connectorv1.ConnectionParameter
	for _, p := range set.GetParameters() {
		switch {
		case p.GetType() != oauthType:
		case parameter != nil:
			return nil, fault.Unimplemented(fault.ReasonAuthKindNotSupported,
				"parameter set %q needs two sign-ins, %q and %q; this server can do one, so use another set", set.GetName(), parameter.GetName(), p.GetName()).
				With("kind", "oauth2")
		default:
			parameter = p
		}
	}
	if parameter == nil {
		return nil, nil //nolint:nilnil // a set without a sign-in is no failure
	}
	src := &source{
		parameter: parameter, settings: parameter.GetOauth(),
		custom: lowered(parameter.GetOauth().GetCustomParameters()), declared: declared(set, parameter.GetName()), server: server(def),
	}
	src.readScheme(def, set)
	s.choose(src)
	return src, nil
}

// declared returns the sub-parameters of an OAuth parameter by setting.
func declared(set *connectorv1.ParameterSet, owner string) map[string]*connectorv1.ConnectionParameter {
	subs := map[string]*connectorv1.ConnectionParameter{}
	for _, p := range set.GetParameters() {
		if before, setting, ok := strings.Cut(p.GetName(), ":"); ok && strings.EqualFold(before, owner) {
			subs[strings.ToLower(setting)] = p
		}
	}
	return subs
}

// readScheme takes over the flows of the scheme that the parameter satisfies.
func (src *source) readScheme(def *connectorv1.Definition, set *connectorv1.ParameterSet) {
	for _, placement := range set.GetPlacements() {
		if !placed(placement, src.parameter.GetName()) {
			continue
		}
		for _, scheme := range def.GetSecuritySchemes() {
			if scheme.GetId() != placement.GetSchemeId() {
				continue
			}
			src.metadata = firstOf(scheme.GetOauth2().GetMetadataUrl(), scheme.GetOpenIdConnect().GetUrl())
			src.flows = append(src.flows, scheme.GetOauth2().GetFlows()...)
			if scheme.GetOpenIdConnect() != nil {
				src.needed = required(def, scheme.GetId())
			}
		}
	}
	src.implicit = src.settings.GetGrant() == "implicit" ||
		(src.settings.GetGrant() == "" && len(src.flows) > 0 && src.flows[0].GetGrant() == "implicit")
}

// required returns the scopes that operations need from a scheme, each once.
func required(def *connectorv1.Definition, scheme string) []string {
	list := []string{"openid"}
	for _, op := range def.GetOperations() {
		for _, r := range op.GetSecurity() {
			for _, s := range r.GetSchemes() {
				for _, scope := range s.GetScopes() {
					if s.GetSchemeId() == scheme && len(list) < maxScopes && !slices.Contains(list, scope) {
						list = append(list, scope)
					}
				}
			}
		}
	}
	return list
}

// placed reports whether a placement sends the parameter.
func placed(p *connectorv1.CredentialPlacement, name string) bool {
	return slices.Contains([]string{p.GetBearer().GetParameter(), p.GetAuthorization().GetParameter(), p.GetApiKey().GetParameter()}, name)
}

// flow returns the flow of a grant, or the first one.
func (src *source) flow(grant oauth.Grant) *connectorv1.OAuth2Flow {
	for _, f := range src.flows {
		if known, ok := ParseGrant(f.GetGrant()); ok && known == grant {
			return f
		}
	}
	if len(src.flows) > 0 {
		return src.flows[0]
	}
	return nil
}

// use takes the flow of a grant that is not the connector's own: its URLs and its
// scopes replace those that the connector has from its own flow.
func (src *source) use(grant oauth.Grant) {
	own := src.ownGrant()
	for _, f := range src.flows {
		if g, ok := ParseGrant(f.GetGrant()); ok && g == grant && g != own {
			src.chosen = f
			break
		}
	}
	if src.chosen != nil && src.preset != nil && !src.generic() {
		src.found, src.standard = src.extract(src.written())
	}
}

// ownGrant is the grant whose flow the settings of the connector describe.
func (src *source) ownGrant() oauth.Grant {
	if g, ok := ParseGrant(src.settings.GetGrant()); ok {
		return g
	}
	if len(src.flows) > 0 {
		g, _ := ParseGrant(src.flows[0].GetGrant())
		return g
	}
	return ""
}

// kind is the identity provider that the connector names.
func (src *source) kind() string {
	return strings.ToLower(strings.TrimSpace(src.settings.GetIdentityProvider()))
}

// generic reports whether requests follow templates of the connector.
func (src *source) generic() bool { return src.kind() == genericTemplates }

// setting returns the preset's setting of that name, nil if there is none. The
// templates of a connector know their own only.
func (src *source) setting(name string) *Setting {
	if src.generic() {
		return nil
	}
	return src.preset.setting(name)
}

// dynamic reports whether the provider is found by asking the API.
func (src *source) dynamic() bool { return src.kind() == genericDiscovery }

// additional returns the additional parameter of that name, nil if there is none.
func (src *source) additional(name string) *connectorv1.OAuthAdditionalParameter {
	for _, p := range src.settings.GetAdditionalParameters() {
		if strings.EqualFold(p.GetName(), name) {
			return p
		}
	}
	return nil
}

// server returns the first URL of an API that is complete with the defaults of
// its variables.
func server(def *connectorv1.Definition) string {
	for _, s := range def.GetServers() {
		url := s.GetUrlTemplate()
		for _, v := range s.GetVariables() {
			url = strings.ReplaceAll(url, "{"+v.GetName()+"}", v.GetDefaultValue())
		}
		if !strings.Contains(url, "{") && strings.Contains(url, "://") {
			return url
		}
	}
	return ""
}

// lowered returns a map whose names are in lower case; of names that differ only
// in case, the first in byte order counts.
func lowered(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if key := strings.ToLower(strings.TrimSpace(name)); out[key] == "" {
			out[key] = strings.TrimSpace(m[name])
		}
	}
	return out
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			return v
		}
	}
	return ""
}
