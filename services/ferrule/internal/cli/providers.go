package cli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) providers() *cobra.Command {
	return &cobra.Command{
		Use:   "providers [PROVIDER]",
		Short: "List the sign-in providers that Ferrule knows",
		Long: `A provider is an authorization server: Google, GitHub, Microsoft Entra ID, your own
Keycloak. For those on the list Ferrule knows the URLs and the peculiarities, so that
an OAuth client's id and secret are all that is needed. Every other provider that
follows OAuth 2.0 works too, with the URLs that the connector names; with its metadata
document alone ("token:metadataUrl", RFC 8414 or OpenID Connect); or with none, if the API
itself names its provider (RFC 9728): the connector then says "oauth2pkcewithprm" for its
provider.`,
		Example: "  ferrule providers\n  ferrule providers google",
		Args:    atMostArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var res vaultv1.ListProvidersResponse
			if err := client.Call(cmd.Context(), http.MethodGet, rest.Path("providers"), nil, nil, &res); err != nil {
				return err
			}
			if len(args) == 1 {
				return a.describeProvider(res.GetProviders(), args[0])
			}
			out := a.listing("PROVIDER", "TITLE", "GRANTS", "REGISTER A CLIENT AT")
			for _, p := range res.GetProviders() {
				row := []string{id(p.GetName()), p.GetTitle(), strings.Join(p.GetGrants(), ", "), p.GetRegistrationUrl()}
				if err := out.add(p, row); err != nil {
					return err
				}
			}
			return out.end("there are no presets")
		},
	}
}

func (a *app) describeProvider(all []*vaultv1.Provider, name string) error {
	for _, p := range all {
		if !providerHasName(p, name) {
			continue
		}
		if a.json() {
			return a.printMessage(p)
		}
		a.printf("%s (%s)\n", p.GetTitle(), strings.Join(append([]string{id(p.GetName())}, p.GetAliases()...), ", "))
		for _, line := range [][2]string{
			{"grants", strings.Join(p.GetGrants(), ", ")},
			{"sign in at", p.GetAuthorizationUrl()},
			{"tokens from", p.GetTokenUrl()},
			{"register a client at", p.GetRegistrationUrl()},
			{"documentation", p.GetDocumentationUrl()},
		} {
			if line[1] != "" {
				a.printf("  %s: %s\n", line[0], line[1])
			}
		}
		for _, s := range p.GetSettings() {
			otherwise := "required"
			if s.GetDefaultValue() != "" {
				otherwise = "default " + s.GetDefaultValue()
			}
			a.printf("  setting %s (%s): %s\n", s.GetName(), otherwise, s.GetDescription())
		}
		for _, note := range p.GetNotes() {
			a.printf("  %s\n", note)
		}
		return nil
	}
	var names []string
	for _, p := range all {
		names = append(append(names, id(p.GetName())), p.GetAliases()...)
	}
	return usage("there is no provider %q%s; `ferrule providers` lists them", name, nearest.Hint(name, names))
}

func providerHasName(p *vaultv1.Provider, name string) bool {
	if strings.EqualFold(id(p.GetName()), name) {
		return true
	}
	for _, alias := range p.GetAliases() {
		if strings.EqualFold(alias, name) {
			return true
		}
	}
	return false
}
