package provider

import (
	"maps"
	"slices"
	"strings"
)

// common are the settings of every sign-in, in lower case. Those that end with ":"
// begin the names of parameters of requests.
var common = []string{
	"authorize:", "token:", "refresh:",
	"granttype", "scopes", "scopedelimiter", "audience", "resource", "prompt", "loginhint", "idphint", "serverurl", "issuer", "jsonbody", "pkce",
	"clientauthentication", "clientkeyid", "clientkeyalgorithm", "enableonbehalfoflogin",
	"username", "subject", "keyid", "algorithm", "assertionissuer", "assertionaudience",
	"metadataurl", "discoveryurl", "authorizationurl", "tokenurl", "refreshurl", "deviceauthorizationurl", "revocationurl", "registrationurl",
}

// known returns the names of what an OAuth client may set, sorted: anything else
// would never be looked at.
func (v *values) known() []string {
	names := map[string]bool{}
	add := func(list ...string) {
		for _, name := range list {
			if setting, ours := v.isOurs(name); ours {
				name = setting
			}
			if name = strings.ToLower(name); !reserved[name] && !v.isSecret(name) {
				names[name] = true
			}
		}
	}
	add(slices.Collect(maps.Keys(v.src.declared))...)
	if preset := v.src.preset; preset != nil && !v.src.generic() {
		for i := range preset.Settings {
			add(preset.Settings[i].names()...)
		}
	}
	for _, a := range v.src.settings.GetAdditionalParameters() {
		add(a.GetName())
		for _, c := range a.GetConditions() {
			add(c.GetParameter())
		}
	}
	for _, text := range v.texts() {
		for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
			add(match[1])
		}
	}
	for _, name := range common {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// texts are all those of the connector that may have placeholders.
func (v *values) texts() []string {
	texts := append([]string{v.src.metadata, v.src.settings.GetClientId()}, v.src.settings.GetScopes()...)
	texts = slices.AppendSeq(texts, maps.Values(v.src.settings.GetCustomParameters()))
	texts = slices.AppendSeq(texts, maps.Values(v.src.settings.GetProperties()))
	for _, flow := range v.src.flows {
		texts = append(texts, flow.GetAuthorizationUrl(), flow.GetTokenUrl(), flow.GetRefreshUrl(), flow.GetDeviceAuthorizationUrl())
	}
	return texts
}
