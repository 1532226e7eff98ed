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
// grantType, else as the OAuth client does, else in the first way that there is.
// It is empty without a sign-in.
func (s signInForm) grant(plain map[string]string) oauth.Grant {
	if g, ok := grantIn(plain, s.Parameter+":grantType"); ok && slices.Contains(s.Grants, g) {
		return g
	}
	if s.client != nil {
		if g, ok := grantIn(s.client.Settings, "grantType"); ok {
			return g
		}
	}
	if len(s.Grants) == 0 {
		return ""
	}
	return s.Grants[0]
}

// grantIn returns the grant that a setting names in any spelling.
func grantIn(values map[string]string, setting string) (oauth.Grant, bool) {
	for name, value := range values {
		if g, ok := provider.ParseGrant(value); ok && strings.EqualFold(name, setting) {
			return g, true
		}
	}
	return "", false
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
	if declared := f.signIn.Declared[strings.ToLower(name)]; declared != "" {
		return declared
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
	for name, value := range a.plain {
		a.plain[name] = f.canonicalGrant(name, value)
	}
	a.secrets = respelled(f, a.secrets, secretPath, &a.wrong)
	return a
}

// canonicalGrant returns the choice that a set declares for a grant which is sent
// in another spelling: its conditions compare values as they are.
func (f form) canonicalGrant(name, value string) string {
	p := f.parameter(name)
	g, ok := provider.ParseGrant(value)
	if p == nil || !ok || !strings.EqualFold(name, f.signIn.Parameter+":grantType") {
		return value
	}
	found := ""
	for _, allowed := range p.GetAllowedValues() {
		other, ok := provider.ParseGrant(allowed.GetValue())
		switch {
		case allowed.GetValue() == value:
			return value
		case ok && other == g && found == "":
			found = allowed.GetValue()
		}
	}
	if found == "" {
		return value
	}
	return found
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
	own := f.signIn.Parameter != "" && f.ownClient(plain, a)
	for _, field := range f.signIn.Fields {
		switch {
		case field.OwnClient && !own && plain[field.Name] != "" && a.tolerate[field.Name] != plain[field.Name]:
			wrong.add(plainPath(field.Name), "needs a client of your own: give "+quoted(f.signIn.Parameter+":clientId")+" as well")
		case !field.Required || !applies(field, grant) || f.signIn.supplied(field.Name):
		case field.Secret && !a.has(field.Name):
			wrong.add(secretPath(field.Name), "is required, as a secret")
		case !field.Secret && plain[field.Name] == "":
			wrong.add(plainPath(field.Name), "is required")
		}
	}
}

// ownClient reports whether the connection will have a client id of its own.
func (f form) ownClient(plain map[string]string, a answers) bool {
	if bringsClient(f.signIn.Parameter, plain, a.secrets) {
		return true
	}
	return slices.ContainsFunc(a.kept, func(name string) bool {
		return strings.EqualFold(name, f.signIn.Parameter+":clientId") && a.has(name)
	})
}

// isSetting reports whether a parameter of the set is a setting of its sign-in.
func (f form) isSetting(name string) bool { return isSubParameter(f.set, name) }

// isSubParameter reports whether a name is that of a setting of a set's sign-in.
func isSubParameter(set *connectorv1.ParameterSet, name string) bool {
	owner, _, ok := strings.Cut(name, ":")
	return ok && owner != "" && strings.EqualFold(owner, oauthParameter(set))
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
	case strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "must not hold control characters"
	}
	return field.Wrong(value)
}
