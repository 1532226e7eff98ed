package provider

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// choose finds the preset of a source: the one that it names, else the one whose
// hosts its endpoints are on.
func (s *Set) choose(src *source) {
	src.preset = s.byName[src.kind()]
	urls := src.written()
	if src.preset == nil {
		src.preset = s.byHost(urls)
	}
	if src.preset == nil || src.generic() {
		return
	}
	src.found, src.standard = src.extract(urls)
}

// written returns the endpoints that the source itself states.
func (src *source) written() oauth.Endpoints {
	grant := oauth.AuthorizationCode
	if g, ok := ParseGrant(src.settings.GetGrant()); ok {
		grant = g
	}
	flow := src.flow(grant)
	if src.chosen != nil {
		return src.writtenByChoice()
	}
	return oauth.Endpoints{
		Metadata:      src.url(src.metadata, "metadataurl", "discoveryurl"),
		Authorization: src.url(flow.GetAuthorizationUrl(), "authorizationurl", "authorizationurltemplate"),
		Token:         src.url(flow.GetTokenUrl(), "tokenurl", "tokenurltemplate"),
		Refresh:       src.url(flow.GetRefreshUrl(), "refreshurl", "refreshurltemplate"),
		Device:        src.url(flow.GetDeviceAuthorizationUrl(), "deviceauthorizationurl"),
		Revocation:    src.url("", "revocationurl"),
		Registration:  src.url("", "registrationurl"),
	}
}

// writtenByChoice returns the endpoints of a flow that the owner chose. What it
// lacks is the connector's, but for the refresh URL, which belongs to the token
// URL.
func (src *source) writtenByChoice() oauth.Endpoints {
	flow := src.chosen
	first := func(url string, names ...string) string {
		if used(strings.TrimSpace(url)) != "" {
			return src.url(url)
		}
		return src.url("", names...)
	}
	refresh := src.url(flow.GetRefreshUrl())
	if used(strings.TrimSpace(flow.GetTokenUrl())) == "" {
		refresh = first(flow.GetRefreshUrl(), "refreshurl", "refreshurltemplate")
	}
	return oauth.Endpoints{
		Metadata:      src.url(src.metadata, "metadataurl", "discoveryurl"),
		Authorization: first(flow.GetAuthorizationUrl(), "authorizationurl", "authorizationurltemplate"),
		Token:         first(flow.GetTokenUrl(), "tokenurl", "tokenurltemplate"),
		Refresh:       refresh,
		Device:        first(flow.GetDeviceAuthorizationUrl(), "deviceauthorizationurl"),
		Revocation:    src.url("", "revocationurl"),
		Registration:  src.url("", "registrationurl"),
	}
}

// url returns the first custom parameter of these names that holds something,
// else the URL of the flow.
func (src *source) url(flow string, names ...string) string {
	for _, name := range names {
		if v := used(src.custom[name]); v != "" {
			return src.absolute(v)
		}
	}
	return src.absolute(used(strings.TrimSpace(flow)))
}

// absolute completes the path that some descriptions have instead of a URL; it is
// below the API's own host (OpenAPI 3, section "Relative References in URLs").
func (src *source) absolute(url string) string {
	if !strings.HasPrefix(url, "/") || strings.HasPrefix(url, "//") {
		return url
	}
	return origin(src.server) + url
}

// used returns a URL, "" for "UNUSED", by which packages leave one out.
func used(url string) string {
	if strings.EqualFold(url, "UNUSED") {
		return ""
	}
	return url
}

// byHost returns the preset that has the host of an endpoint, the one that wants
// a path which is there before one that wants none.
func (s *Set) byHost(e oauth.Endpoints) *Preset {
	var best *Preset
	for _, url := range []string{e.Authorization, e.Token, e.Device, e.Metadata} {
		host, rest := hostOf(url)
		for _, p := range s.presets {
			if !p.has(host) || !strings.Contains(rest, p.Path) {
				continue
			}
			if best == nil || len(p.Path) > len(best.Path) {
				best = p
			}
		}
	}
	return best
}

// has reports whether a host is one of the preset's.
func (p *Preset) has(host string) bool {
	for _, pattern := range p.Hosts {
		if suffix, wild := strings.CutPrefix(pattern, "*"); (wild && strings.HasSuffix(host, suffix)) || host == pattern {
			return host != ""
		}
	}
	return false
}

// hostOf splits a URL, which may have placeholders, into its host in lower case
// and what comes after.
func hostOf(url string) (host, rest string) {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return "", ""
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, rest = rest[:end], rest[end:]
	if before, port, ok := strings.Cut(host, ":"); ok && !strings.Contains(port, "}") {
		host = before
	}
	return strings.ToLower(host), rest
}

// extract finds the values of the preset's settings in the URLs of a source. It
// reports whether these are the preset's own: then settings can change them.
//
// Packages that name their provider and its settings often have URLs besides that
// serve nobody: for tokens that of the page, or those of another tenant. Their
// settings count.
func (src *source) extract(e oauth.Endpoints) (found map[string]string, standard bool) {
	p := src.preset
	found, standard = map[string]string{}, true
	for _, written := range []struct {
		url       string
		templates []string
		own       []string // custom parameters that state the URL
	}{
		{e.Authorization, []string{p.Endpoints.Authorization}, []string{"authorizationurl", "authorizationurltemplate"}},
		{e.Token, []string{p.Endpoints.Token, p.Endpoints.Authorization}, []string{"tokenurl", "tokenurltemplate"}},
	} {
		if written.url == "" {
			continue
		}
		values, ok := unfillAny(p, written.templates, written.url)
		host, _ := hostOf(written.url)
		ok = ok || src.namesSettings() && src.url("", written.own...) == "" && p.has(host)
		for name, value := range values {
			if have, taken := found[name]; !taken {
				found[name] = value
			} else if have != value && !src.states(p.setting(name)) {
				ok = false
			}
		}
		standard = standard && ok
	}
	return found, standard
}

// namesSettings reports whether a source names its preset, and states any of its
// settings.
func (src *source) namesSettings() bool {
	names := src.preset.ID == src.kind() || slices.Contains(src.preset.Aliases, src.kind())
	return names && slices.ContainsFunc(src.preset.Settings, func(s Setting) bool { return src.states(&s) })
}

// states reports whether the connector states a setting by itself.
func (src *source) states(s *Setting) bool {
	return s != nil && slices.ContainsFunc(s.names(), func(name string) bool { return src.custom[name] != "" })
}

// unfillAny is [unfill] for the first template that fits.
func unfillAny(p *Preset, templates []string, url string) (map[string]string, bool) {
	for _, template := range templates {
		if values, ok := unfill(p, template, url); ok {
			return values, true
		}
	}
	return nil, false
}

// placeholder is a name in braces. Some authors double them.
var placeholder = regexp.MustCompile(`\{\{?\s*([A-Za-z0-9_.:\-]{1,128})\s*\}?\}`)

// unfill is the reverse of filling in a template.
func unfill(p *Preset, template, url string) (map[string]string, bool) {
	if template == "" || strings.Contains(url, "{") || len(url) > maxURL {
		return nil, false
	}
	var pattern strings.Builder
	var names []string
	rest := template
	for {
		at := placeholder.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		name := rest[at[2]:at[3]]
		pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]))
		if s := p.setting(name); s != nil && s.Kind == KindURL {
			pattern.WriteString(`(https?://[^?#]+?)`)
		} else {
			pattern.WriteString(`([^/?#]+?)`)
		}
		names, rest = append(names, strings.ToLower(name)), rest[at[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(rest))
	match := regexp.MustCompile(`^` + pattern.String() + `/?$`).FindStringSubmatch(url)
	if match == nil {
		return nil, false
	}
	found := map[string]string{}
	for i, name := range names {
		found[name] = match[i+1]
	}
	return found, true
}

// setting returns the setting with that name or alias, nil if there is none.
func (p *Preset) setting(name string) *Setting {
	if p == nil {
		return nil
	}
	for i := range p.Settings {
		for _, known := range p.Settings[i].names() {
			if strings.EqualFold(known, name) {
				return &p.Settings[i]
			}
		}
	}
	return nil
}

// names are all names of a setting in lower case.
func (s *Setting) names() []string {
	names := []string{strings.ToLower(s.Name)}
	for _, a := range s.Aliases {
		names = append(names, strings.ToLower(a))
	}
	return names
}
