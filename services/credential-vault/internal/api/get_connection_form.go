package api

import (
	"context"
	"strings"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// formSuffix follows the name of a connector in that of its form.
const formSuffix = "/connectionForm"

// GetConnectionForm says what making a connection to a connector takes.
func (s *Server) GetConnectionForm(ctx context.Context, req *vaultv1.GetConnectionFormRequest) (*vaultv1.ConnectionForm, error) {
	if _, err := callerOf(ctx); err != nil {
		return nil, err
	}
	of, ok := strings.CutSuffix(req.GetName(), formSuffix)
	if !ok {
		return nil, fault.Invalid(fault.ReasonInvalidName,
			"the name does not end in %s; add it to the name of a connector", formSuffix).
			Field("name", "must have the form environments/{environment}/connectors/{connector}"+formSuffix)
	}
	connector, err := resource.ParseConnector(of)
	if err != nil {
		return nil, err
	}
	form, err := s.vault.Form(ctx, connector)
	if err != nil {
		return nil, err
	}
	return formMessage(form), nil
}

func formMessage(f core.ConnectionForm) *vaultv1.ConnectionForm {
	m := &vaultv1.ConnectionForm{Name: f.Connector.String() + formSuffix, ApiOrigins: f.APIOrigins}
	for _, set := range f.Sets {
		m.Sets = append(m.Sets, formSetMessage(set))
	}
	return m
}

func formSetMessage(set core.FormSet) *vaultv1.FormSet {
	m := &vaultv1.FormSet{Name: set.Name, Title: set.Title, Description: set.Description, Unsupported: set.Unsupported}
	for _, f := range set.Fields {
		m.Fields = append(m.Fields, &vaultv1.FormField{
			Name: f.Name, Title: f.Title, Description: f.Description, Required: f.Required, Secret: f.Secret,
			DefaultValue: f.Default, AllowedValues: f.Allowed, OfProvider: f.OfProvider,
		})
	}
	if in := set.SignIn; in != nil {
		m.Authorization = &vaultv1.FormAuthorization{
			Grant: string(in.Grant), Provider: in.Provider, Interactive: in.Grant.Interactive(), ClientMissing: in.ClientMissing,
			DocumentationUrl: in.DocumentationURL, Scopes: in.Scopes, RedirectUrl: in.RedirectURL,
		}
		if in.Client.ID != "" {
			m.Authorization.OauthClient = in.Client.String()
		}
	}
	return m
}
