package core

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// lends says which secrets of a connection the runtime gets. What only the
// sign-in needs stays here.
type lends struct {
	set   *connectorv1.ParameterSet // nil if the connector has it no more
	oauth string                    // the OAuth parameter; empty if there is none
}

// lendsOf returns what the parameter set of a connection lends.
func lendsOf(def *connectorv1.Definition, conn Connection) lends {
	if conn.Mock {
		return lends{}
	}
	sets := def.GetParameterSets()
	i := slices.IndexFunc(sets, func(s *connectorv1.ParameterSet) bool { return s.GetName() == conn.ParameterSet })
	if i < 0 {
		return lends{}
	}
	return lends{set: sets[i], oauth: oauthParameter(sets[i])}
}

// secret reports whether a secret of that name is lent: in a set with a sign-in,
// those that a request carries, and those that the sign-in has no use for.
func (l lends) secret(name string) bool {
	switch {
	case l.oauth == "":
		return true
	case len(name) > len(l.oauth) && name[len(l.oauth)] == ':' && strings.EqualFold(name[:len(l.oauth)], l.oauth):
		return false
	case slices.ContainsFunc(l.set.GetPlacements(), func(p *connectorv1.CredentialPlacement) bool { return carries(p, name) }):
		return true
	}
	return !usedBySignIn(l.set, name)
}

// of returns those of the secrets that are lent.
func (l lends) of(sealed []Sealed) []Sealed {
	if !slices.ContainsFunc(sealed, func(s Sealed) bool { return !s.forAPI() || !l.secret(s.Parameter) }) {
		return sealed
	}
	lent := make([]Sealed, 0, len(sealed))
	for _, s := range sealed {
		if s.forAPI() && l.secret(s.Parameter) {
			lent = append(lent, s)
		}
	}
	return lent
}

// carries reports whether a placement puts a parameter into requests.
func carries(p *connectorv1.CredentialPlacement, name string) bool {
	switch k := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		return k.ApiKey.GetParameter() == name
	case *connectorv1.CredentialPlacement_Basic:
		return k.Basic.GetUsernameParameter() == name || k.Basic.GetPasswordParameter() == name
	case *connectorv1.CredentialPlacement_Bearer:
		return k.Bearer.GetParameter() == name
	case *connectorv1.CredentialPlacement_Digest:
		return k.Digest.GetUsernameParameter() == name || k.Digest.GetPasswordParameter() == name
	case *connectorv1.CredentialPlacement_Authorization:
		return k.Authorization.GetParameter() == name
	case *connectorv1.CredentialPlacement_Certificate:
		return k.Certificate.GetParameter() == name
	case *connectorv1.CredentialPlacement_AwsSignature:
		a := k.AwsSignature
		return slices.Contains([]string{a.GetAccessKeyParameter(), a.GetSecretKeyParameter(), a.GetSessionTokenParameter()}, name)
	case *connectorv1.CredentialPlacement_Hmac:
		return k.Hmac.GetSecretParameter() == name || slices.Contains(k.Hmac.GetScheme().GetParameters(), name)
	}
	return false
}
