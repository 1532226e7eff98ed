package core

import (
	"context"
	"fmt"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// ConnectionForm says what making a connection to a connector takes.
type ConnectionForm struct {
	// Connector is what it is for.
	Connector resource.Connector
	// APIOrigins are patterns of where connections lead that have no server URL, as in
	// [OAuthClient.APIOrigins].
	APIOrigins []string
	// Sets are the ways to make a connection, the one that is used unless another is
	// named first.
	Sets []FormSet
}

// FormSet is one way to make a connection.
type FormSet struct {
	// Name, Title and Description are those of the parameter set.
	Name, Title, Description string
	// Fields are what is asked for, in the order in which it should be.
	Fields []FormField
	// Unsupported is why it cannot be used, one sentence; empty if it can.
	Unsupported string
	// SignIn is how its token comes about; nil without one.
	SignIn *FormSignIn
}

// FormField is one value that is asked for.
type FormField struct {
	// Name, Title and Description are those of the parameter.
	Name, Title, Description string
	// Required values have no default.
	Required bool
	// Secret values are write-only.
	Secret bool
	// Default is used where nothing is given.
	Default string
	// Allowed are the values to choose from; nil for any.
	Allowed []string
	// OfProvider means that the sign-in takes it, and not the connector.
	OfProvider bool
}

// FormSignIn is how a token comes about.
type FormSignIn struct {
	// Grant is how, unless the connection chooses another.
	Grant oauth.Grant
	// Provider is the id of the preset that applies; empty if none does.
	Provider string
	// Client is the OAuth client that would be used; the zero one if there is none.
	Client resource.OAuthClient
	// RedirectURL is what has to be registered at the provider for that client; empty
	// if nothing has, or nobody knows before there is a client. See
	// [Vault.RedirectURL].
	RedirectURL string
	// ClientMissing means that connections have to bring a client, or somebody has
	// to create one. It is false where the provider's metadata, which nobody has
	// asked for yet, may say that it registers clients by itself.
	ClientMissing bool
	// DocumentationURL explains how to register a client; may be empty.
	DocumentationURL string
	// Scopes are asked for.
	Scopes []string
}

// Form returns what making a connection to a connector takes. Everybody who is
// signed in may know.
func (v *Vault) Form(ctx context.Context, connector resource.Connector) (ConnectionForm, error) {
	if err := v.environments.Exists(ctx, connector.Environment); err != nil {
		return ConnectionForm{}, err
	}
	conn := Connection{Connector: connector}
	def, err := v.definition(ctx, conn)
	if err != nil {
		return ConnectionForm{}, err
	}
	asked := ConnectionForm{Connector: connector, APIOrigins: apiPatterns(def)}
	sets := def.GetParameterSets()
	if len(sets) == 0 {
		sets = []*connectorv1.ParameterSet{{Name: defaultSet}}
	}
	if usual, err := chooseSet(def, ""); err == nil {
		sets = append([]*connectorv1.ParameterSet{usual}, slices.DeleteFunc(slices.Clone(sets), func(s *connectorv1.ParameterSet) bool {
			return s.GetName() == usual.GetName()
		})...)
	}
	for _, set := range sets {
		one, err := v.formSet(ctx, conn, def, set)
		if err != nil {
			return ConnectionForm{}, err
		}
		asked.Sets = append(asked.Sets, one)
	}
	return asked, nil
}

func (v *Vault) formSet(ctx context.Context, conn Connection, def *connectorv1.Definition, set *connectorv1.ParameterSet) (FormSet, error) {
	one := FormSet{Name: set.GetName(), Title: set.GetTitle(), Description: set.GetDescription()}
	if unsupported(set) != "" {
		one.Unsupported = whyNot(set)
		if remedy := set.GetUnsupported().GetRemedy(); remedy != "" {
			one.Unsupported += "; " + remedy
		}
		return one, nil
	}
	f, err := v.formOf(ctx, conn, def, set)
	if err != nil {
		return FormSet{}, fmt.Errorf("read parameter set %q: %w", set.GetName(), err)
	}
	for _, p := range inOrder(set.GetParameters()) {
		if !isOAuth(p) {
			one.Fields = append(one.Fields, fieldOf(p))
		}
	}
	tellApart(one.Fields, set)
	for _, field := range f.signIn.Fields {
		one.Fields = append(one.Fields, f.signIn.fieldOf(field))
	}
	one.Fields = append(one.Fields, f.variableFields(def)...)
	if f.signIn.Parameter != "" {
		one.SignIn = f.signIn.described()
		if f.signIn.client != nil && one.SignIn.Grant == oauth.AuthorizationCode {
			one.SignIn.RedirectURL = v.RedirectURL(*f.signIn.client)
		}
	}
	return one, nil
}

// inOrder returns parameters as their order says; those without one come last.
func inOrder(parameters []*connectorv1.ConnectionParameter) []*connectorv1.ConnectionParameter {
	ordered := slices.Clone(parameters)
	slices.SortStableFunc(ordered, func(a, b *connectorv1.ConnectionParameter) int {
		x, y := a.GetOrder(), b.GetOrder()
		switch {
		case x == y:
			return 0
		case x == 0:
			return 1
		case y == 0:
			return -1
		}
		return int(x) - int(y)
	})
	return ordered
}

func fieldOf(p *connectorv1.ConnectionParameter) FormField {
	field := FormField{
		Name: p.GetName(), Title: p.GetTitle(), Description: p.GetDescription(), Secret: isSecret(p),
		Required: p.GetRequired() && (isSecret(p) || p.GetDefaultValue() == ""),
	}
	if !field.Secret {
		field.Default = p.GetDefaultValue()
	}
	for _, allowed := range p.GetAllowedValues() {
		field.Allowed = append(field.Allowed, allowed.GetValue())
	}
	return field
}

// fieldOf returns a setting as it is asked for.
func (s signInForm) fieldOf(f provider.Field) FormField {
	return FormField{
		Name: f.Name, Title: f.Title, Description: f.Description, Secret: f.Secret, Default: f.Default, Allowed: f.Allowed,
		Required: f.Required && applies(f, s.grant(nil)) && !s.supplied(f.Name), OfProvider: true,
	}
}

// variableFields returns the variables of the servers, each once.
func (f form) variableFields(def *connectorv1.Definition) []FormField {
	var fields []FormField
	for server := range serversOf(def) {
		for _, v := range server.GetVariables() {
			known := slices.ContainsFunc(fields, func(other FormField) bool { return other.Name == v.GetName() })
			if f.variables[v.GetName()] != nil && !known {
				fields = append(fields, FormField{
					Name: v.GetName(), Description: v.GetDescription(), Default: v.GetDefaultValue(), Allowed: v.GetAllowedValues(),
				})
			}
		}
	}
	return fields
}

// described returns how the token comes about.
func (s signInForm) described() *FormSignIn {
	d := &FormSignIn{Grant: s.grant(nil), Provider: s.Provider, DocumentationURL: s.DocumentationURL, Scopes: s.Scopes}
	if s.client != nil {
		d.Client = s.client.Name
	}
	d.ClientMissing = s.ClientNeeded && s.client == nil
	return d
}

// Providers returns all presets, in the order of their ids.
func (v *Vault) Providers() []*provider.Preset { return v.presets.All() }
