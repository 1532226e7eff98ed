package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// ListProviders returns the presets of authorization servers.
func (s *Server) ListProviders(ctx context.Context, _ *vaultv1.ListProvidersRequest) (*vaultv1.ListProvidersResponse, error) {
	if _, err := callerOf(ctx); err != nil {
		return nil, err
	}
	resp := &vaultv1.ListProvidersResponse{}
	for _, p := range s.vault.Providers() {
		resp.Providers = append(resp.Providers, providerMessage(p))
	}
	return resp, nil
}

func providerMessage(p *provider.Preset) *vaultv1.Provider {
	m := &vaultv1.Provider{
		Name: "providers/" + p.ID, Title: p.Title, Aliases: p.Aliases, AuthorizationUrl: p.Endpoints.Authorization,
		TokenUrl: p.Endpoints.Token, RegistrationUrl: p.Documentation.Registration, DocumentationUrl: p.Documentation.Protocol, Notes: p.Notes,
	}
	for _, g := range p.Grants {
		m.Grants = append(m.Grants, string(g))
	}
	for _, setting := range p.Settings {
		m.Settings = append(m.Settings, &vaultv1.ProviderSetting{
			Name: setting.Name, Description: setting.Description, DefaultValue: setting.Default,
		})
	}
	return m
}
