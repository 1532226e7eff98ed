package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Limits of what a connector can add to requests.
const (
	maxScopes     = 512
	maxParameters = 32
)

// text completes a text of a preset that is not a URL.
func (v *values) text(p *problems, template string) string {
	return expand(template, func(name string) string {
		if s := v.src.setting(name); s != nil {
			return v.setting(p, s)
		}
		return v.get(name)
	})
}

// scopes returns what is asked for, each once.
func (v *values) scopes(p *problems, grant oauth.Grant) []string {
	written := v.writtenScopes()
	preset := v.src.preset
	if preset != nil && !v.src.generic() && v.own("scopes") == "" {
		if fixed := preset.Scopes.ByGrant[grant]; fixed != nil && !slices.ContainsFunc(written, isDefaultScope) {
			written = nil
			for _, s := range fixed {
				written = append(written, v.text(p, s))
			}
		}
		if len(written) == 0 {
			written = slices.Clone(preset.Scopes.Default)
		}
		if grant.Interactive() {
			written = append(written, preset.Scopes.Always...)
		}
	}
	var list []string
	for _, s := range written {
		if s == "" || slices.Contains(list, s) {
			continue
		}
		if len(s) > 1024 || control(s) || len(list) == maxScopes {
			p.add(v.field("scopes"), "are too many or too long")
			break
		}
		list = append(list, s)
	}
	return list
}

// isDefaultScope reports whether a scope stands for all permissions of an API at
// Microsoft Entra ID.
func isDefaultScope(s string) bool { return strings.HasSuffix(s, "/.default") }

// writtenScopes returns the scopes of the connection, the OAuth client or the
// connector.
func (v *values) writtenScopes() []string {
	split := func(text string) []string {
		delimiter := v.delimiter()
		return strings.FieldsFunc(text, func(r rune) bool {
			return r == ' ' || r == '\t' || r == '\n' || r == '\r' || (r == ',' && strings.Contains(delimiter, ","))
		})
	}
	if text := v.layered("scopes", v.plain, v.client); text != "" {
		return split(text)
	}
	if d := v.src.declared["scopes"]; d.GetDefaultValue() != "" {
		return split(d.GetDefaultValue())
	}
	var list []string
	for _, s := range v.src.chosen.GetScopes() {
		list = append(list, strings.TrimSpace(s.GetName()))
	}
	if len(list) > 0 {
		return list
	}
	for _, s := range v.src.settings.GetScopes() {
		if strings.Contains(s, "{") {
			list = append(list, split(expand(s, v.placeholder))...)
		} else {
			list = append(list, strings.TrimSpace(s))
		}
	}
	if len(list) == 0 && v.src.custom["scopes"] != "" {
		list = split(v.complete("scopes", v.src.custom["scopes"]))
	}
	if len(list) == 0 {
		return slices.Clone(v.src.needed)
	}
	return list
}

// delimiter joins scopes. One that is a space counts, so it is not trimmed.
func (v *values) delimiter() string {
	for _, name := range []string{"scopelistdelimiter", "scopedelimiter"} {
		for written, value := range v.src.settings.GetCustomParameters() {
			if strings.EqualFold(written, name) && value != "" && len(value) <= 4 {
				return value
			}
		}
	}
	if d := v.layered("scopeDelimiter", v.plain, v.client); d != "" && len(d) <= 4 {
		return d
	}
	if v.src.preset != nil {
		return v.src.preset.Scopes.Delimiter
	}
	return ""
}

// protected are parameters that hold a sign-in together. No setting replaces
// them.
var protected = []string{
	"grant_type", "response_type", "request", "request_uri",
	"client_id", "client_secret", "redirect_uri", "state", "nonce", "code", "code_challenge", "code_challenge_method",
	"code_verifier", "refresh_token", "client_assertion", "assertion", "subject_token", "device_code", "username", "password",
}

// parameters sets the further parameters of a profile's requests.
func (v *values) parameters(p *problems, profile *oauth.Profile) {
	authorize, token, refresh := map[string]string{}, map[string]string{}, map[string]string{}
	v.presetParameters(p, profile.Grant, authorize, token, refresh)
	for _, name := range []string{"audience", "resource"} {
		if value := v.extra(p, name); value != "" {
			authorize[name], token[name] = value, value
		}
	}
	for setting, name := range map[string]string{"prompt": "prompt", "loginHint": "login_hint", "idpHint": "idp_hint"} {
		if value := v.extra(p, setting); value != "" {
			authorize[name] = value
		}
	}
	for _, layer := range []map[string]string{v.src.custom, v.client} {
		v.prefixed(p, layer, "authorize:", authorize)
		v.prefixed(p, layer, "token:", token)
		v.prefixed(p, layer, "refresh:", refresh)
	}
	profile.Authorize, profile.Token, profile.Refresh = sorted(authorize), sorted(token), sorted(refresh)
	if len(authorize)+len(token)+len(refresh) > maxParameters*3 {
		p.add(v.field("parameters"), "are too many")
	}
}

// extra returns a setting that becomes a parameter of requests, unless the preset
// has a setting of that name, which it places by itself.
func (v *values) extra(p *problems, setting string) string {
	if v.src.setting(setting) != nil {
		return ""
	}
	value := v.get(setting)
	if len(value) > maxValue || control(value) {
		p.add(v.field(setting), "must be a short text without control characters")
		return ""
	}
	return value
}

// presetParameters adds those of the preset. The connector's own templates are
// complete as they are.
func (v *values) presetParameters(p *problems, grant oauth.Grant, authorize, token, refresh map[string]string) {
	if v.src.preset == nil || v.src.generic() {
		return
	}
	add := func(to map[string]string, list []oauth.Parameter) {
		for _, parameter := range list {
			if value := v.text(p, parameter.Value); value != "" {
				to[parameter.Name] = value
			}
		}
	}
	have := v.src.preset.Parameters
	add(authorize, have.Authorize)
	add(token, have.Token)
	add(token, have.ByGrant[grant])
	add(refresh, have.Refresh)
}

// prefixed adds the parameters that settings like "authorize:prompt" name.
func (v *values) prefixed(p *problems, layer map[string]string, prefix string, to map[string]string) {
	for _, setting := range slices.Sorted(maps.Keys(layer)) {
		name, ok := strings.CutPrefix(setting, prefix)
		if !ok || name == "" {
			continue
		}
		value := v.complete(setting, layer[setting])
		switch {
		case slices.Contains(protected, name):
			p.add(setting, "must not be replaced: it belongs to the protocol")
		case len(name) > 128 || len(value) > maxValue || control(name+value):
			p.add(setting, "must be a short text without control characters")
		default:
			to[name] = value
		}
	}
}

func sorted(m map[string]string) []oauth.Parameter {
	list := make([]oauth.Parameter, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, oauth.Parameter{Name: name, Value: m[name]})
	}
	if len(list) == 0 {
		return nil
	}
	return list
}
