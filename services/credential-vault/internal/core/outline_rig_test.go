package core_test

import (
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// outlineOf outlines a profile of a test.
func outlineOf(p *oauth.Profile) []oauth.Facet {
	if p == nil {
		return nil
	}
	e := p.Endpoints
	facets := []oauth.Facet{
		{Name: provider.AuthorizationEndpoint, Value: e.Authorization},
		{Name: "token endpoint", Value: e.Token},
		{Name: "refresh endpoint", Value: e.Refresh},
		{Name: "revocation endpoint", Value: e.Revocation},
		{Name: "metadata document", Value: e.Metadata},
	}
	if t := p.Templates; t != nil {
		facets = append(facets, oauth.Facet{Name: "body of token requests", Value: t.TokenBody}, oauth.Facet{Name: "body of renewals", Value: t.RefreshBody})
	}
	return slices.DeleteFunc(facets, func(f oauth.Facet) bool { return f.Value == "" }) // as the real one
}

func (p *presets) Outline(def *connectorv1.Definition, set *connectorv1.ParameterSet, given provider.Given, _ oauth.Grant) ([]oauth.Facet, error) {
	made, err := p.Profile(def, set, provider.Given{Client: given.Client})
	if err != nil {
		return nil, err
	}
	return outlineOf(made), nil
}

func (p grantPresets) Outline(_ *connectorv1.Definition, _ *connectorv1.ParameterSet, given provider.Given, _ oauth.Grant) ([]oauth.Facet, error) {
	return outlineOf(p.profile(provider.Given{Client: given.Client})), nil
}
