package core

import (
	"context"
	"fmt"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// anchor binds a client to where its connector leads now: its secrets to the
// provider, and its tokens to the API. One that could not be used there is refused;
// names are the secrets that it will have.
func (v *Vault) anchor(ctx context.Context, c *OAuthClient, names []string) error {
	def, err := v.connectors.Definition(ctx, c.Connector, "")
	if err != nil {
		return fmt.Errorf("read the definition of %s: %w", c.Connector, err)
	}
	set, err := clientSet(def, c.ParameterSet)
	if err != nil {
		return err
	}
	form, err := v.presets.Form(def, set)
	if err != nil {
		return fmt.Errorf("work out the sign-in of %s: %w", c.Connector, err)
	}
	if err := checkClient(*c, names, form); err != nil {
		return err
	}
	c.APIOrigins = apiPatterns(def)
	if c.Profiles, err = v.clientProfiles(*c, def); err != nil {
		return err
	}
	c.TokenOrigins, err = v.clientReach(ctx, *c, def, set)
	return err
}

// clientReach returns to which origins the secrets of a client may go now.
func (v *Vault) clientReach(ctx context.Context, c OAuthClient, def *connectorv1.Definition, set *connectorv1.ParameterSet) ([]string, error) {
	of := &provider.Client{Registration: oauth.Registration{ID: c.ClientID, Method: c.Method}, Settings: c.Settings, Withheld: true}
	reach, err := v.presets.Reach(def, set, of)
	if err != nil {
		return nil, fmt.Errorf("work out the sign-in of %s: %w", c.Connector, err)
	}
	origins := make([]string, 0, len(reach))
	for _, pattern := range reach {
		origins = append(origins, canonicalPattern(pattern))
	}
	// A provider that is found by asking for its metadata is only known now.
	p, err := v.presets.Profile(def, set, provider.Given{Client: of, RedirectURL: v.redirectUnknown(), ServerURL: apiURL(def, Connection{})})
	if err == nil {
		origins = append(origins, v.discovered(ctx, p)...)
	}
	slices.Sort(origins)
	return slices.Compact(origins), nil
}

// discovered returns the origins of a profile's endpoints, those that its
// metadata name included, if they can be had.
func (v *Vault) discovered(ctx context.Context, p *oauth.Profile) []string {
	if found, err := v.tokens.Discover(ctx, p); err == nil {
		return tokenOrigins(p.Endpoints, found.Endpoints)
	}
	return tokenOrigins(p.Endpoints)
}

// clientSet returns the parameter set that a client is for.
func clientSet(def *connectorv1.Definition, name string) (*connectorv1.ParameterSet, error) {
	for _, set := range def.GetParameterSets() {
		if oauthParameter(set) != "" && unsupported(set) == "" && (name == "" || set.GetName() == name || set.GetName() == setOf(name)) {
			return set, nil
		}
	}
	return nil, fault.Precondition(fault.ReasonOAuthSettingsInvalid,
		"the connector has no parameter set %sthat needs a sign-in; an OAuth client would serve nobody", map[bool]string{true: "", false: quoted(name) + " "}[name == ""])
}
