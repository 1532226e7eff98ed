package core

import (
	"fmt"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// clientProfiles returns how the sign-ins go about that a client serves.
func (v *Vault) clientProfiles(c OAuthClient, def *connectorv1.Definition) ([]SignInProfile, error) {
	var all []SignInProfile
	given := provider.Given{Client: &provider.Client{Settings: c.Settings}}
	for _, set := range def.GetParameterSets() {
		if oauthParameter(set) == "" || unsupported(set) != "" || c.ParameterSet != "" && set.GetName() != setOf(c.ParameterSet) {
			continue
		}
		form, err := v.presets.Form(def, set)
		if err != nil {
			continue // nobody can sign in with it, whoever's client it is
		}
		grants := form.Grants
		if g, ok := grantIn(c.Settings, "grantType"); ok && !slices.Contains(grants, g) {
			grants = append([]oauth.Grant{g}, grants...)
		}
		if !slices.Contains(grants, oauth.OnBehalfOf) { // a setting of the client may turn it on
			grants = append(slices.Clone(grants), oauth.OnBehalfOf)
		}
		for _, grant := range grants {
			facets, err := v.presets.Outline(def, set, given, grant)
			if err != nil {
				return nil, fmt.Errorf("work out the sign-in of %s: %w", c.Connector, err)
			}
			all = append(all, SignInProfile{Set: set.GetName(), Grant: grant, Facets: facets})
		}
	}
	return all, nil
}
