package core

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	proved := *c
	proved.Method = v.methodOf(*c, names, def, set)
	if err := checkClient(proved, names, form); err != nil {
		return err
	}
	c.APIOrigins = apiPatterns(def)
	if c.Profiles, err = v.clientProfiles(*c, def); err != nil {
		return err
	}
	c.TokenOrigins, err = v.clientReach(ctx, *c, def, set)
	return err
}

// methodOf returns how a client proves itself: as it says, else, where it may have no
// secret, as its provider wants it; "" if that is not known before a sign-in begins. A
// set that declares a client secret asks the owners of connections for it.
func (v *Vault) methodOf(c OAuthClient, names []string, def *connectorv1.Definition, set *connectorv1.ParameterSet) oauth.Method {
	if c.Method != "" {
		return c.Method
	}
	c.SecretNames = names
	given := v.withheld(c, def)
	given.Client.Registration = c.outline()
	p, err := v.presets.Profile(def, set, given)
	if err != nil || asksOwners(set) {
		return ""
	}
	return p.Client.Method
}

// asksOwners reports whether a set declares secrets of the client itself.
func asksOwners(set *connectorv1.ParameterSet) bool {
	return slices.ContainsFunc(set.GetParameters(), func(p *connectorv1.ConnectionParameter) bool {
		_, setting, found := strings.Cut(p.GetName(), ":")
		return found && slices.Contains([]string{"clientsecret", "certificate", "clientkey"}, strings.ToLower(setting))
	})
}

// withheld is what is known of a sign-in by a client whose secrets are not looked at.
func (v *Vault) withheld(c OAuthClient, def *connectorv1.Definition) provider.Given {
	return provider.Given{
		Client:      &provider.Client{Registration: oauth.Registration{ID: c.ClientID, Method: c.Method}, Settings: c.Settings, Withheld: true},
		RedirectURL: v.redirectUnknown(), ServerURL: apiURL(def, Connection{}),
	}
}

// clientReach returns to which origins the secrets of a client may go now.
func (v *Vault) clientReach(ctx context.Context, c OAuthClient, def *connectorv1.Definition, set *connectorv1.ParameterSet) ([]string, error) {
	given := v.withheld(c, def)
	reach, err := v.presets.Reach(def, set, given.Client)
	if err != nil {
		return nil, fmt.Errorf("work out the sign-in of %s: %w", c.Connector, err)
	}
	origins := make([]string, 0, len(reach))
	for _, pattern := range reach {
		origins = append(origins, canonicalPattern(pattern))
	}
	// A provider that is found by asking for its metadata is only known now.
	p, err := v.presets.Profile(def, set, given)
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
