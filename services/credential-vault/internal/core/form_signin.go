package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// signInForm is what the sign-in of a set asks for; the zero one is of a set
// without.
type signInForm struct {
	provider.Form

	client *OAuthClient // that serves the set; nil if none does
}

// formOf returns what a connection is asked for.
func (v *Vault) formOf(ctx context.Context, conn Connection, def *connectorv1.Definition, set *connectorv1.ParameterSet) (form, error) {
	f := newForm(def, set)
	if oauthParameter(set) == "" {
		return f, nil
	}
	var err error
	if f.signIn.Form, err = v.presets.Form(def, set); err != nil {
		return form{}, fmt.Errorf("work out the sign-in of %s: %w", conn.Connector, err)
	}
	client, _, err := v.store.ClientFor(ctx, conn.Connector, set.GetName())
	if err == nil {
		f.signIn.client = &client
	} else if !errors.Is(err, ErrNotFound) {
		return form{}, fmt.Errorf("read the OAuth client of %s: %w", conn.Connector, err)
	}
	return f, nil
}

// field returns the value of that canonical name which the sign-in asks for, nil
// if there is none.
func (s signInForm) field(name string) *provider.Field {
	i := slices.IndexFunc(s.Fields, func(f provider.Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Fields[i]
}

// grant returns how the token comes about: as the connection says in the setting
// grantType, else in the first way that there is. It is empty without a sign-in.
func (s signInForm) grant(plain map[string]string) oauth.Grant {
	for name, value := range plain {
		if !strings.EqualFold(name, s.Parameter+":grantType") {
			continue
		}
		for _, g := range s.Grants {
			if g == grantNamed(value) {
				return g
			}
		}
	}
	if len(s.Grants) == 0 {
		return ""
	}
	return s.Grants[0]
}

// grantNamed returns the grant that a connector package calls by its protocol
// name or by a short one.
func grantNamed(value string) oauth.Grant {
	switch strings.ToLower(strings.ReplaceAll(value, "-", "_")) {
	case "code", "authorization_code", "authorizationcode":
		return oauth.AuthorizationCode
	case "client_credentials", "clientcredentials":
		return oauth.ClientCredentials
	case "device_code", "deviceauthorization", "urn:ietf:params:oauth:grant_type:device_code":
		return oauth.DeviceCode
	case "refresh_token", "refreshtoken":
		return oauth.RefreshToken
	case "urn:ietf:params:oauth:grant_type:jwt_bearer", "jwtbearer", "jwt_bearer":
		return oauth.JWTBearer
	}
	return oauth.Grant(value)
}

// applies reports whether a grant takes a field.
func applies(f provider.Field, g oauth.Grant) bool {
	return f.Grants == nil || slices.Contains(f.Grants, g)
}

// supplied reports whether the OAuth client of the connector has a setting.
func (s signInForm) supplied(name string) bool {
	if s.client == nil {
		return false
	}
	_, setting, _ := strings.Cut(name, ":")
	for given, value := range s.client.Settings {
		if value != "" && strings.EqualFold(given, setting) {
			return true
		}
	}
	return false
}

// canonicalName returns how a parameter is spelled. Settings of a sign-in are
// compared without case, everything else is as it was sent.
func (f form) canonicalName(name string) string {
	if f.parameter(name) != nil || f.signIn.Parameter == "" {
		return name
	}
	for _, p := range f.set.GetParameters() {
		if strings.Contains(p.GetName(), ":") && strings.EqualFold(p.GetName(), name) {
			return p.GetName()
		}
	}
	for _, field := range f.signIn.Fields {
		is := func(other string) bool { return strings.EqualFold(other, name) }
		if is(field.Name) || slices.ContainsFunc(field.Aliases, is) {
			return field.Name
		}
	}
	return name
}

// canonical returns the answers with the names spelled as they are stored. A
// name that is there in two spellings is wrong.
func (f form) canonical(a answers) answers {
	a.plain = respelled(f, a.plain, plainPath, &a.wrong)
	a.secrets = respelled(f, a.secrets, secretPath, &a.wrong)
	return a
}

func respelled[T any](f form, sent map[string]T, path func(string) string, wrong *violations) map[string]T {
	if sent == nil {
		return nil
	}
	spelled := make(map[string]T, len(sent))
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		canonical := f.canonicalName(name)
		if _, twice := spelled[canonical]; twice {
			wrong.add(path(name), "is sent twice, in different spellings")
			continue
		}
		spelled[canonical] = sent[name]
	}
	return spelled
}

// missingFields names the settings that the grant needs and nobody supplies.
func (f form) missingFields(plain map[string]string, a answers, wrong *violations) {
	grant := f.signIn.grant(plain)
	for _, field := range f.signIn.Fields {
		switch {
		case !field.Required || !applies(field, grant) || f.signIn.supplied(field.Name):
		case field.Secret && !a.has(field.Name):
			wrong.add(secretPath(field.Name), "is required, as a secret")
		case !field.Secret && plain[field.Name] == "":
			wrong.add(plainPath(field.Name), "is required")
		}
	}
}

// judgeField returns what is wrong with a setting that is not secret.
func judgeField(field provider.Field, value string) string {
	switch {
	case field.Secret:
		return "is a secret: send it in secrets, not in connection.parameters"
	case value == "":
		return ""
	case len(value) > maxParameter:
		return tooLong(maxParameter)
	case len(field.Allowed) > 0 && !slices.Contains(field.Allowed, value):
		return "must be one of " + strings.Join(field.Allowed, ", ")
	case strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "must not hold control characters"
	}
	return ""
}
