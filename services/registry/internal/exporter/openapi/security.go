package openapi

import (
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// securitySchemes returns the schemes by their ids, and notes which there are.
func (r *rendering) securitySchemes() *tree.Object {
	named := tree.New()
	r.expressible = map[string]bool{}
	r.nameSchemes()
	for i, s := range r.def.GetSecuritySchemes() {
		at := place{}.at("securitySchemes", i)
		o := tree.New()
		write := r.scheme3
		if r.version.isSwagger() {
			write = r.scheme2
		}
		if !write(o, s, at) {
			continue
		}
		o.Text("description", s.GetDescription())
		r.extend(o, s.GetExtensions(), at)
		named.Set(r.schemeIDs[s.GetId()], o)
		r.expressible[s.GetId()] = true
	}
	return named
}

// nameSchemes chooses the ids: those of the model, or in OpenAPI 3 similar ones
// where it does not allow the characters.
func (r *rendering) nameSchemes() {
	r.schemeIDs = map[string]string{}
	taken := map[string]bool{}
	for _, s := range r.def.GetSecuritySchemes() {
		taken[s.GetId()] = true
	}
	for _, s := range r.def.GetSecuritySchemes() {
		id := s.GetId()
		if !r.version.isSwagger() && !isComponentName(id) {
			id = strings.Map(func(c rune) rune {
				if isComponentName(string(c)) {
					return c
				}
				return '_'
			}, id)
			for id == "" || taken[id] {
				id += "_"
			}
			taken[id] = true
		}
		r.schemeIDs[s.GetId()] = id
	}
	if r.version == vendorV2 {
		r.pairKeys()
	}
}

// renamedSchemes says which ids were changed, where there is an extension for it.
func (r *rendering) renamedSchemes() {
	if r.version == vendorV2 {
		return
	}
	o := tree.New()
	for i, s := range r.def.GetSecuritySchemes() {
		if id := r.schemeIDs[s.GetId()]; id != s.GetId() {
			o.Text(id, s.GetId())
			r.findings.Extension(fmt.Sprintf("/securitySchemes/%d/id", i), "",
				"the id %q has characters that %s does not allow; it is %q and kept in %q", s.GetId(), r.version, id, overlay.SchemeIDs)
		}
	}
	r.doc.Some(overlay.SchemeIDs, o)
}

// locations are the names of the parts that carry an API key.
var locations = map[connectorv1.CredentialLocation]string{
	connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER: "header",
	connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY:  "query",
	connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE: "cookie",
}

// scheme3 writes a scheme of OpenAPI 3; it is false if the version has none such.
func (r *rendering) scheme3(o *tree.Object, s *connectorv1.SecurityScheme, at place) bool {
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		r.apiKey(o, kind.ApiKey, at)
	case *connectorv1.SecurityScheme_Http:
		o.Text("type", "http").Text("scheme", kind.Http.GetScheme()).Text("bearerFormat", kind.Http.GetBearerFormat())
	case *connectorv1.SecurityScheme_Oauth2:
		o.Text("type", "oauth2").Set("flows", r.flows(kind.Oauth2, at))
	case *connectorv1.SecurityScheme_OpenIdConnect:
		o.Text("type", "openIdConnect").Text("openIdConnectUrl", kind.OpenIdConnect.GetUrl())
	case *connectorv1.SecurityScheme_MutualTls:
		if r.version == V30 {
			r.lost(at, "%s has no client certificates; the security scheme %q is left out", r.version, s.GetId())
			return false
		}
		o.Text("type", "mutualTLS")
	default:
		return r.signing(o, s, at)
	}
	return true
}

func (r *rendering) flows(s *connectorv1.OAuth2Scheme, at place) *tree.Object {
	flows := tree.New()
	for _, f := range s.GetFlows() {
		if f.GetGrant() == "deviceAuthorization" {
			r.lost(at, "%s has no device authorization flow; it is left out", r.version)
			continue
		}
		flows.Set(f.GetGrant(), tree.New().
			Text("authorizationUrl", f.GetAuthorizationUrl()).
			Text("tokenUrl", f.GetTokenUrl()).
			Text("refreshUrl", f.GetRefreshUrl()).
			Set("scopes", scopes(f)))
	}
	return flows
}

func scopes(f *connectorv1.OAuth2Flow) *tree.Object {
	named := tree.New()
	for _, s := range f.GetScopes() {
		named.Set(s.GetName(), tree.String(s.GetDescription()))
	}
	return named
}

// flowNames are those of Swagger 2.0.
var flowNames = map[string]string{
	"implicit": "implicit", "password": "password", "clientCredentials": "application", "authorizationCode": "accessCode",
}

// scheme2 writes a scheme of Swagger 2.0; it is false if it has none such.
func (r *rendering) scheme2(o *tree.Object, s *connectorv1.SecurityScheme, at place) bool {
	switch kind := s.GetKind().(type) {
	case *connectorv1.SecurityScheme_ApiKey:
		if kind.ApiKey.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE {
			r.lost(at, "%s has no keys in cookies; the security scheme %q is left out", r.version, s.GetId())
			return false
		}
		r.apiKey(o, kind.ApiKey, at)
	case *connectorv1.SecurityScheme_AwsSignature, *connectorv1.SecurityScheme_Hmac:
		return r.signing(o, s, at)
	case *connectorv1.SecurityScheme_Http:
		return r.http2(o, s, at)
	case *connectorv1.SecurityScheme_Oauth2:
		return r.oauth2(o, s, at)
	default:
		r.lost(at, "%s has no words for the security scheme %q; it is left out", r.version, s.GetId())
		return false
	}
	return true
}

// http2 writes basic authentication, and other credentials of the Authorization
// header as a key in that header, whose value then needs the name of the scheme.
func (r *rendering) http2(o *tree.Object, s *connectorv1.SecurityScheme, at place) bool {
	switch scheme := s.GetHttp().GetScheme(); scheme {
	case "basic":
		o.Text("type", "basic")
	case "digest":
		r.lost(at, "%s has no digest authentication; the security scheme %q is left out", r.version, s.GetId())
		return false
	default:
		if r.version == vendorV2 {
			return false // the package writes a policy
		}
		r.approximated(at, "%s has no %s authentication; it is a key in the header Authorization, which has to begin with the scheme",
			r.version, scheme)
		o.Text("type", "apiKey").Text("name", "Authorization").Text("in", "header")
	}
	return true
}

func (r *rendering) oauth2(o *tree.Object, s *connectorv1.SecurityScheme, at place) bool {
	flows := s.GetOauth2().GetFlows()
	for i, f := range flows {
		name, known := flowNames[f.GetGrant()]
		if !known {
			continue
		}
		o.Text("type", "oauth2").Text("flow", name)
		if name == "implicit" || name == "accessCode" {
			o.Text("authorizationUrl", f.GetAuthorizationUrl())
		}
		if name != "implicit" {
			o.Text("tokenUrl", f.GetTokenUrl())
		}
		o.Set("scopes", scopes(f))
		if len(flows) > 1 || i > 0 {
			r.lost(at, "%s has one flow in a security scheme; only %q is written", r.version, f.GetGrant())
		}
		return true
	}
	r.lost(at, "%s has none of the flows of the security scheme %q; it is left out", r.version, s.GetId())
	return false
}

// sharedSecurity returns the requirements for the root: those that most
// operations have, preferably such that importers make the same parameter sets of
// them in the same order. Operations that require nothing special would inherit
// them, so there must be none.
func (r *rendering) sharedSecurity() []*connectorv1.SecurityRequirement {
	counts := map[string]int{}
	var best []*connectorv1.SecurityRequirement
	most := 0
	for _, op := range r.def.GetOperations() {
		list := op.GetSecurity()
		if len(list) == 0 && !isWebhook(op) {
			return nil
		}
		key := securityKey(list)
		if counts[key]++; counts[key] == 1 && r.namesSets(list) {
			counts[key] += len(r.def.GetOperations())
		}
		if counts[key] > most {
			most, best = counts[key], list
		}
	}
	if len(best) == 1 && len(best[0].GetSchemes()) == 0 {
		return nil // saying "none" for all is better said at each
	}
	return best
}

// namesSets reports whether importers, which make a parameter set of each
// alternative and name it after its schemes, would make the first sets of these.
func (r *rendering) namesSets(list []*connectorv1.SecurityRequirement) bool {
	sets := r.def.GetParameterSets()
	if len(list) > len(sets) {
		return false
	}
	for i, requirement := range list {
		name := "none"
		for j, s := range requirement.GetSchemes() {
			if j == 0 {
				name = s.GetSchemeId()
				continue
			}
			name += "+" + s.GetSchemeId()
		}
		if sets[i].GetName() != name {
			return false
		}
	}
	return len(list) > 0
}

// securityKey is the same for the same requirements.
func securityKey(list []*connectorv1.SecurityRequirement) string {
	var key strings.Builder
	for _, requirement := range list {
		for _, s := range requirement.GetSchemes() {
			fmt.Fprintf(&key, "%q%q", s.GetSchemeId(), s.GetScopes())
		}
		key.WriteByte(';')
	}
	return key.String()
}

// security returns alternatives without the schemes that the document does not
// have.
func (r *rendering) security(list []*connectorv1.SecurityRequirement, pointer, operation string) tree.List {
	alternatives := tree.List{}
	for _, requirement := range list {
		o := tree.New()
		missing := 0
		for _, s := range requirement.GetSchemes() {
			if !r.expressible[s.GetSchemeId()] {
				missing++
				continue
			}
			o.Set(r.schemeIDs[s.GetSchemeId()], tree.Strings(s.GetScopes()))
		}
		if missing > 0 {
			r.findings.Lost(pointer, operation, "a requirement names a security scheme that the document does not have")
			if o.Len() == 0 {
				continue // empty would mean that none is needed
			}
		}
		alternatives = append(alternatives, o)
	}
	if len(alternatives) == 1 && len(list) == 1 && len(list[0].GetSchemes()) == 0 {
		return tree.List{}
	}
	return alternatives
}

// operationSecurity sets the requirements of an operation that differ from the
// root's.
func (r *rendering) operationSecurity(o *tree.Object, op *connectorv1.Operation, at place) {
	list := op.GetSecurity()
	if len(list) == 0 || (len(r.shared) > 0 && securityKey(list) == securityKey(r.shared)) {
		return
	}
	if written := r.security(list, at.pointer+"/security", at.operation); len(written) > 0 || len(list[0].GetSchemes()) == 0 {
		o.Set("security", written)
	}
}
