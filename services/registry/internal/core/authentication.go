package core

import (
	"maps"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// The kinds of authentication by which catalogues are narrowed down. The values
// are stored.
const (
	authNone        = "none"
	authBasic       = "basic"
	authAPIKey      = "api_key"
	authBearer      = "bearer"
	authOAuth2      = "oauth2"
	authDigest      = "digest"
	authCertificate = "certificate"
	authAWS         = "aws_signature"
	authHmac        = "hmac"
	authCustom      = "custom"
	authUnsupported = "unsupported"
)

// AuthenticationKinds returns how connections of a definition can authenticate,
// sorted and each once: what the placements of its parameter sets do, "oauth2"
// where what is placed is a grant, "custom" for sets whose secrets are used by
// policies only, "unsupported" for sets with which no connection can be made, and
// "none" for sets that need nothing.
func AuthenticationKinds(def *connectorv1.Definition) []string {
	kinds := map[string]bool{}
	for _, set := range def.GetParameterSets() {
		for _, kind := range setKinds(set) {
			kinds[kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

// setKinds returns the kinds of one parameter set, some of them twice.
func setKinds(set *connectorv1.ParameterSet) []string {
	if set.GetUnsupported() != nil {
		return []string{authUnsupported}
	}
	var kinds []string
	grants := map[string]bool{}
	secret := false
	for _, p := range set.GetParameters() {
		switch p.GetType() {
		case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH:
			grants[p.GetName()] = true
			kinds = append(kinds, authOAuth2)
		case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE:
			kinds = append(kinds, authCertificate)
		case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET:
			secret = true
		default:
		}
	}
	for _, p := range set.GetPlacements() {
		isGrant := func(name string) bool { return grants[name] }
		if !slices.ContainsFunc(definition.ParametersOf(p), isGrant) {
			kinds = append(kinds, placementKind(p))
		}
	}
	switch {
	case len(kinds) > 0:
		return kinds
	case secret:
		return []string{authCustom}
	}
	return []string{authNone}
}

func placementKind(p *connectorv1.CredentialPlacement) string {
	switch p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		return authAPIKey
	case *connectorv1.CredentialPlacement_Basic:
		return authBasic
	case *connectorv1.CredentialPlacement_Bearer:
		return authBearer
	case *connectorv1.CredentialPlacement_Digest:
		return authDigest
	case *connectorv1.CredentialPlacement_Certificate:
		return authCertificate
	case *connectorv1.CredentialPlacement_AwsSignature:
		return authAWS
	case *connectorv1.CredentialPlacement_Hmac:
		return authHmac
	default:
		return authCustom
	}
}
