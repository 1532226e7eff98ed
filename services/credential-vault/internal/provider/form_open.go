package provider

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// open are settings that nobody has stated: neither the connector nor its preset.
// Templates of a connector are complete without them.
func (f *former) open() {
	if f.values.src.generic() {
		return
	}
	for _, field := range []Field{
		{Name: "audience", Title: "Audience", Description: "Identifier of the API that the token is for, if the provider wants one.", Kind: KindText},
		{Name: "resource", Title: "Resource", Description: "Address of the API that the token is for, if the provider wants one.", Kind: KindText},
		{
			Name: "prompt", Title: "Prompt", Description: "What the sign-in page is to ask for in any case, for instance select_account.",
			Kind: KindText, Grants: []oauth.Grant{oauth.AuthorizationCode},
		},
	} {
		if !f.stated(field.Name) {
			f.add(field)
		}
	}
	if f.values.get("clientAuthentication") != "" {
		return
	}
	field := Field{
		Name: "clientAuthentication", Title: "Client authentication", Kind: kindMethod,
		Description: "How the client proves itself, if not in the provider's usual way.",
	}
	for _, m := range f.methods() {
		field.Allowed = append(field.Allowed, string(m))
	}
	if len(field.Allowed) > 1 {
		f.add(field)
	}
}

// methods are the ways in which a client can prove itself at the provider.
func (f *former) methods() []oauth.Method {
	if preset := f.values.src.preset; preset != nil {
		return preset.Client.Methods
	}
	return []oauth.Method{oauth.SecretBasic, oauth.SecretPost, oauth.SecretJWT, oauth.PrivateKeyJWT, oauth.TLSClientAuth, oauth.NoSecret}
}

// stated reports whether a parameter of requests has its value already, or its
// place among the settings of the preset.
func (f *former) stated(name string) bool {
	preset := f.values.src.preset
	if f.values.get(name) != "" || f.values.src.setting(name) != nil {
		return true
	}
	if preset == nil {
		return false
	}
	lists := [][]oauth.Parameter{preset.Parameters.Authorize, preset.Parameters.Token}
	for _, list := range preset.Parameters.ByGrant {
		lists = append(lists, list)
	}
	for _, list := range lists {
		for _, parameter := range list {
			if parameter.Name == name {
				return true
			}
		}
	}
	return false
}

// ownEndpoints are those that the connector or its preset knows. Only with a client
// of his own an owner may say otherwise.
func (f *former) ownEndpoints() {
	if f.values.src.dynamic() || f.values.src.generic() {
		return
	}
	list := f.values.src.listed()
	for _, e := range []struct {
		name, title string
		grants      []oauth.Grant
	}{
		{"metadata", "Metadata URL", nil},
		{"authorization", "Authorization URL", []oauth.Grant{oauth.AuthorizationCode}},
		{"token", "Token URL", nil},
		{"refresh", "Refresh URL", nil},
		{"device", "Device authorization URL", []oauth.Grant{oauth.DeviceCode}},
		{"revocation", "Revocation URL", nil},
	} {
		if known := list[e.name]; f.values.template(known) != "" {
			f.add(Field{
				Name: known.setting, Title: e.title, Description: "Instead of the connector's, with a client of your own.",
				Grants: e.grants, OwnClient: true,
			})
		}
	}
}

// guardEndpoints keeps owners from moving endpoints at which the connector's client
// proves itself. Those that nobody else knows, and those that the set declares, are
// theirs to give.
func (v *values) guardEndpoints(p *problems) {
	for _, e := range v.src.listed() {
		for _, name := range e.names {
			if used(v.own(name)) == "" || v.src.declared[strings.ToLower(name)] != nil {
				continue
			}
			if v.knownOtherwise(e) {
				p.add(v.field(name), "cannot be given with the connector's client, whose secrets are not for another address: bring a client of your own")
			}
		}
	}
}

// knownOtherwise reports whether anybody but the owner knows an endpoint.
func (v *values) knownOtherwise(e endpoint) bool {
	for _, name := range e.names {
		if used(v.layered(name, v.client)) != "" {
			return true
		}
	}
	return firstOf(e.written, e.preset) != ""
}
