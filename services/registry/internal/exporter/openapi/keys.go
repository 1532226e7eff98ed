package openapi

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// pairKeys calls API keys of packages like the connection parameters that hold
// them, where there are several and a reader would take another parameter: names
// are all that says which belong together.
func (r *rendering) pairKeys() {
	keys := 0
	wanted := map[string]string{}
	for _, s := range r.def.GetSecuritySchemes() {
		if s.GetApiKey() == nil || s.GetApiKey().GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE {
			continue
		}
		keys++
		if name := r.holder(s); name != "" {
			wanted[s.GetId()] = name
		}
	}
	if keys < 2 {
		return
	}
	for unique := false; !unique; {
		unique = r.dropTaken(wanted)
	}
	for i, s := range r.def.GetSecuritySchemes() {
		if name := wanted[s.GetId()]; name != "" {
			r.schemeIDs[s.GetId()] = name
			r.approximated(place{}.at("securitySchemes", i),
				"in a package with several API keys names say which parameter holds which; the security scheme %q is called %q like its parameter", s.GetId(), name)
		}
	}
}

// dropTaken removes the first name that another scheme has, and reports whether
// there is none.
func (r *rendering) dropTaken(wanted map[string]string) bool {
	taken := map[string]bool{}
	for _, s := range r.def.GetSecuritySchemes() {
		if wanted[s.GetId()] == "" {
			taken[s.GetId()] = true
		}
	}
	for _, s := range r.def.GetSecuritySchemes() {
		name := wanted[s.GetId()]
		if name != "" && taken[name] {
			delete(wanted, s.GetId())
			return false
		}
		if name != "" {
			taken[name] = true
		}
	}
	return true
}

// holder returns the connection parameter that holds an API key, if a reader
// of packages would take another one of its set.
func (r *rendering) holder(s *connectorv1.SecurityScheme) string {
	for _, set := range r.def.GetParameterSets() {
		for _, p := range set.GetPlacements() {
			if p.GetSchemeId() != s.GetId() || p.GetApiKey() == nil {
				continue
			}
			if holder := p.GetApiKey().GetParameter(); holder != paired(set, s) {
				return holder
			}
		}
	}
	return ""
}

// paired returns the parameter that readers of packages take for an API key: the
// first of some names, whatever its case.
func paired(set *connectorv1.ParameterSet, s *connectorv1.SecurityScheme) string {
	for _, name := range []string{s.GetId(), s.GetApiKey().GetName(), "api_key"} {
		for _, p := range set.GetParameters() {
			if strings.EqualFold(p.GetName(), name) && p.GetType() != connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH {
				return p.GetName()
			}
		}
	}
	return ""
}
