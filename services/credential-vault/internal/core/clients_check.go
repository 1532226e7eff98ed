package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// settingPath is where a setting of a client is in requests.
func settingPath(name string) string { return "oauth_client.settings[" + quoted(name) + "]" }

// checkClient refuses a client that could not prove itself, or whose settings
// nobody would ever look at. names are the secrets that it will have.
func checkClient(c OAuthClient, names []string, form provider.Form) error {
	wrong := violations{}
	needed := map[oauth.Method][]string{
		oauth.SecretBasic: {ClientSecret}, oauth.SecretPost: {ClientSecret}, oauth.SecretJWT: {ClientSecret},
		oauth.PrivateKeyJWT: {ClientKey, ClientCertificate}, oauth.TLSClientAuth: {ClientCertificate},
	}[c.Method]
	has := func(name string) bool { return slices.Contains(names, name) }
	if len(needed) > 0 && !slices.ContainsFunc(needed, has) {
		wrong.add(secretPath(needed[0]), fmt.Sprintf("is required for the authentication %s: give %s", c.Method, strings.Join(needed, " or ")))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		wrong.add(settingPath(name), judgeSetting(form, name, c.Settings[name]))
	}
	if len(wrong.found) == 0 {
		return nil
	}
	e := fault.Invalid(fault.ReasonConnectionParametersInvalid, "the OAuth client could not be used: %s %s", wrong.found[0].Field, wrong.found[0].Description)
	for _, v := range wrong.found {
		e = e.Field(v.Field, v.Description)
	}
	return e
}

// judgeSetting returns what is wrong with a setting of a client, "" if nothing is.
func judgeSetting(form provider.Form, name, value string) string {
	low := strings.ToLower(strings.TrimSpace(name))
	if len(form.Settings) > 0 && !slices.ContainsFunc(form.Settings, func(known string) bool {
		return known == low || strings.HasSuffix(known, ":") && len(low) > len(known) && strings.HasPrefix(low, known)
	}) {
		return "is no setting of this sign-in: it has " + strings.Join(form.Settings, ", ") + nearest.Hint(low, form.Settings)
	}
	for _, field := range form.Fields {
		is := func(other string) bool { return strings.EqualFold(other, form.Parameter+":"+low) }
		if !is(field.Name) && !slices.ContainsFunc(field.Aliases, is) {
			continue
		}
		if field.Secret {
			return "is a secret: send it in secrets, where an OAuth client takes it, or leave it to the owners of connections"
		}
		return judgeField(field, value)
	}
	return ""
}

// checkStrength refuses a secret with which nothing can be signed. One that is not
// given is kept, and was looked at before.
func checkStrength(method oauth.Method, value secret.Text) error {
	if method != oauth.SecretJWT || value.Empty() {
		return nil
	}
	if err := oauth.CheckSecret(value); err != nil {
		wrong := violations{}
		wrong.add(secretPath(ClientSecret), "cannot be used: "+err.Error())
		return wrong.describe("the OAuth client could not be used: its client secret cannot sign assertions: %v", err)
	}
	return nil
}

// unreadable says what is wrong with a private key, "" if nothing is.
func unreadable(key secret.Text) string {
	if err := oauth.CheckKey(key); err != nil {
		return "cannot be used: " + err.Error()
	}
	return ""
}
