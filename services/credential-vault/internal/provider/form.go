package provider

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Form returns what the sign-in of a parameter set asks for. A set without an
// OAuth parameter has an empty form. It fails with AUTH_KIND_NOT_SUPPORTED for a
// set that needs two sign-ins.
func (s *Set) Form(def *connectorv1.Definition, set *connectorv1.ParameterSet) (Form, error) {
	src, err := s.read(def, set)
	if err != nil || src == nil {
		return Form{}, err
	}
	v := newValues(src, Given{})
	form := Form{Parameter: src.parameter.GetName(), Grants: v.grants()}
	form.ClientNeeded = v.clientNeeded(form.Grants[0]) && !v.registers(form.Grants[0])
	form.Settings = v.known()
	form.Scopes = v.scopes(&problems{}, form.Grants[0])
	if src.preset != nil {
		form.Provider, form.Title = src.preset.ID, src.preset.Title
		form.DocumentationURL = src.preset.Documentation.Registration
	}
	f := &former{values: v, form: &form}
	f.grantType()
	f.settings()
	f.endpoints()
	f.client()
	f.owner()
	f.additional()
	f.open()
	f.ownEndpoints()
	f.add(Field{Name: "scopes", Title: "Scopes", Description: "Permissions to ask for instead of the connector's, joined by spaces."})
	return form, nil
}

// former makes the fields of a form.
type former struct {
	values *values
	form   *Form
}

// add appends a field, unless the set declares it itself or the grant that needs
// it is not offered.
func (f *former) add(field Field) {
	for _, name := range f.values.names(field.Name) {
		if p := f.values.src.declared[name]; p != nil {
			f.alias(p.GetName(), f.values.names(field.Name))
			return
		}
	}
	offered := func(g oauth.Grant) bool { return slices.Contains(f.form.Grants, g) }
	if field.Grants != nil && !slices.ContainsFunc(field.Grants, offered) {
		return
	}
	if names := f.values.names(field.Name); len(names) > 1 {
		for _, alias := range names[1:] {
			field.Aliases = append(field.Aliases, f.values.field(alias))
		}
	}
	field.Name = f.values.field(field.Name)
	f.form.Fields = append(f.form.Fields, field)
}

// alias remembers the other names of what the set declares as name.
func (f *former) alias(name string, settings []string) {
	for _, setting := range settings {
		other := strings.ToLower(f.values.field(setting))
		if strings.EqualFold(other, name) || f.values.src.declared[setting] != nil {
			continue
		}
		if f.form.Declared == nil {
			f.form.Declared = map[string]string{}
		}
		f.form.Declared[other] = name
	}
}

func (f *former) grantType() {
	if len(f.form.Grants) < 2 {
		return
	}
	field := Field{
		Name: "grantType", Title: "Kind of sign-in", Description: "How a token comes about.", Default: string(f.form.Grants[0]), Kind: kindGrant,
	}
	for _, g := range f.form.Grants {
		field.Allowed = append(field.Allowed, string(g))
	}
	f.add(field)
}

// settings are those of the preset that its endpoints and parameters need.
func (f *former) settings() {
	preset := f.values.src.preset
	if preset == nil || f.values.src.generic() {
		return
	}
	for _, s := range preset.Settings {
		known := f.values.get(s.Name)
		if normal, wrong := s.normal(known); wrong == "" {
			known = normal
		}
		f.add(Field{
			Name: s.Name, Title: s.Title, Description: s.Description, Default: known,
			Required: known == "" && !s.Optional && !f.derived(s), Allowed: slices.Clone(s.Allowed), Grants: slices.Clone(s.Grants),
			Kind: s.Kind, Suffix: s.Suffix,
		})
	}
}

// derived reports whether the resource of the first version of Microsoft Entra ID
// follows from the API's address.
func (f *former) derived(s Setting) bool {
	return s.Name == "resource" && len(s.Grants) == 0 && f.values.derivedResource() != ""
}

// endpoints are those that nobody knows.
func (f *former) endpoints() {
	list := f.values.src.listed()
	if f.values.src.dynamic() || f.values.template(list["metadata"]) != "" {
		return
	}
	ask := func(name, title string, grants ...oauth.Grant) {
		if e := list[name]; f.values.template(e) == "" {
			f.add(Field{Name: e.setting, Title: title, Description: "Address that the provider's documentation names.", Required: true, Grants: grants})
		}
	}
	ask("authorization", "Authorization URL", oauth.AuthorizationCode)
	ask("token", "Token URL")
	ask("device", "Device authorization URL", oauth.DeviceCode)
}

// client are the credentials of a client of the owner's own.
func (f *former) client() {
	f.add(Field{Name: "clientId", Title: "Client id", Description: "Of a client of your own, instead of the connector's."})
	f.add(Field{Name: "clientSecret", Title: "Client secret", Description: "Of a client of your own.", Secret: true})
	method := methods[strings.ToLower(f.values.get("clientAuthentication"))]
	rules := ClientRules{}
	if f.values.src.preset != nil {
		rules = f.values.src.preset.Client
	}
	if rules.Certificate || method == oauth.TLSClientAuth {
		f.add(Field{
			Name: "certificate", Title: "Client certificate", Secret: true,
			Description: "Certificate with its key, PEM or PKCS#12, instead of a client secret.",
		})
		f.add(Field{Name: "certificatePassword", Title: "Password of the certificate", Description: "Of a PKCS#12 file.", Secret: true})
	}
	if method == oauth.PrivateKeyJWT || slices.Contains(rules.Methods, oauth.PrivateKeyJWT) {
		f.add(Field{Name: "clientKey", Title: "Client key", Description: "Private key that signs assertions, PEM or JWK, instead of a client secret.", Secret: true})
		f.add(Field{Name: "clientKeyId", Title: "Key id", Description: "Of the client key at the provider."})
	}
}

// owner are the credentials of the owner.
func (f *former) owner() {
	password, token, key := []oauth.Grant{oauth.Password}, []oauth.Grant{oauth.RefreshToken}, []oauth.Grant{oauth.JWTBearer}
	rules := AssertionRules{}
	if f.values.src.preset != nil {
		rules = f.values.src.preset.Assertion
	}
	f.add(Field{Name: "username", Title: "User name", Description: "Your user name at the provider.", Required: true, Grants: password})
	f.add(Field{Name: "password", Title: "Password", Description: "Your password at the provider.", Required: true, Secret: true, Grants: password})
	f.add(Field{Name: "refreshToken", Title: "Refresh token", Description: "One that you already have.", Required: true, Secret: true, Grants: token})
	f.add(Field{Name: "privateKey", Title: "Private key", Description: "Key that signs assertions, PEM or JWK.", Required: true, Secret: true, Grants: key})
	f.add(Field{Name: "keyId", Title: "Key id", Description: "Of the private key at the provider.", Grants: key})
	if !rules.IssuerIsClient {
		f.add(Field{
			Name: "assertionIssuer", Title: "Issuer", Description: "Who signs, for instance the address of a service account.",
			Required: rules.WithoutClient, Grants: key,
		})
	}
	f.add(Field{Name: "subject", Title: "Subject", Description: "User that is acted for.", Required: !rules.SubjectOptional, Grants: key})
}

// additional are what the templates of a connector need besides.
func (f *former) additional() {
	for _, a := range f.values.src.settings.GetAdditionalParameters() {
		f.add(Field{Name: a.GetName(), Title: a.GetName(), Description: "Used by the connector's sign-in.", Secret: a.GetType() == secretType})
	}
}
