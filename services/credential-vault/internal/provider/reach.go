package provider

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// open stands for what owners of connections choose. It is in no URL.
const open = "\x00"

// maxChoices is how many URLs the choices of one endpoint may make.
const maxChoices = 256

// Reach returns where the secret of a connector's client may go: the origins of
// the endpoints that are given it, as "https://host:port" or
// "https://*.suffix:port", sorted, each once. What owners of connections choose
// becomes "*". If they choose so much that a secret could go anywhere, it fails
// with OAUTH_SETTINGS_INVALID: such connections bring their own client.
//
// Of a provider that is found by asking, the origin of its metadata is returned;
// for one that the API names (RFC 9728) there is none before it was asked.
func (s *Set) Reach(def *connectorv1.Definition, set *connectorv1.ParameterSet, client *Client) ([]string, error) {
	src, err := s.read(def, set)
	if err != nil || src == nil {
		return nil, err
	}
	v := newValues(src, Given{Client: client})
	reach, err := v.reached()
	if err != nil || reach == nil {
		return nil, err
	}
	for _, flow := range src.flows {
		if grant, ok := ParseGrant(flow.GetGrant()); ok && grant != src.ownGrant() && slices.Contains(v.grants(), grant) {
			src.use(grant)
			further, err := v.reached()
			if err != nil {
				return nil, err
			}
			reach = append(reach, further...)
		}
	}
	if len(reach) == 0 {
		return nil, ownClient("tokenUrl", "is chosen by owners of connections")
	}
	slices.Sort(reach)
	return slices.Compact(reach), nil
}

// reached returns the origins of the endpoints of one flow, nil if only the API
// knows them.
func (v *values) reached() ([]string, error) {
	src, list := v.src, v.src.listed()
	names := []string{"token", "refresh", "device", "revocation", "registration"}
	if v.template(list["token"]) == "" && src.declared["tokenurl"] == nil {
		if src.dynamic() {
			return nil, nil
		}
		names = append(names, "metadata")
	}
	reach := []string{}
	for _, name := range names {
		found, err := v.origins(list[name])
		if err != nil {
			return nil, err
		}
		reach = append(reach, found...)
	}
	return reach, nil
}

// origins returns the origins of one endpoint.
func (v *values) origins(e endpoint) ([]string, error) {
	templates := []string{v.template(e)}
	if p := v.src.declared[strings.ToLower(e.setting)]; p != nil && templates[0] == "" {
		templates = allowed(p)
	}
	var reach []string
	for _, template := range templates {
		if template == "" {
			continue
		}
		for _, url := range v.possible(template) {
			origin, wrong := pattern(url)
			if wrong != "" {
				return nil, ownClient(v.chosenIn(e, template), wrong)
			}
			reach = append(reach, origin)
		}
	}
	return reach, nil
}

// chosenIn returns the setting that makes the host of an endpoint what owners of
// connections choose: the first such placeholder, or that of the endpoint itself.
func (v *values) chosenIn(e endpoint, template string) string {
	for _, match := range placeholder.FindAllStringSubmatchIndex(template, -1) {
		name := template[match[2]:match[3]]
		if hostDone(template[:match[0]]) {
			break
		}
		if slices.Contains(v.choices(name), open) {
			if setting, ours := v.isOurs(name); ours {
				return setting
			}
			return name
		}
	}
	return e.setting
}

// ownClient is for a client whose secret could go anywhere, unless its maker states
// a setting in it.
func ownClient(setting, what string) error {
	return fault.Precondition(fault.ReasonOAuthSettingsInvalid,
		"the secret of this client could go anywhere, because its address for sign-ins %s: state %q in the settings of the OAuth client, or have connections bring their own client",
		what, setting).
		With("setting", setting).Field("oauth_client.settings["+strconv.Quote(setting)+"]", what)
}

// possible returns the URLs that a template can become, as far as their hosts are
// concerned.
func (v *values) possible(template string) []string {
	urls := []string{""}
	grow := func(parts []string) {
		var next []string
		for _, url := range urls {
			for _, part := range parts {
				if len(next) < maxChoices {
					next = append(next, url+part)
				}
			}
		}
		urls = next
	}
	rest := template
	for {
		at := placeholder.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		if hostDone(urls[0] + rest[:at[0]]) {
			break
		}
		grow([]string{rest[:at[0]]})
		choices := v.choices(rest[at[2]:at[3]])
		if len(choices) == 0 || len(choices)*len(urls) > maxChoices {
			choices = []string{open}
		}
		grow(choices)
		rest = rest[at[1]:]
	}
	grow([]string{rest})
	return urls
}

// hostDone reports whether a URL goes on behind its host.
func hostDone(url string) bool {
	_, after, ok := strings.Cut(url, "://")
	return ok && strings.ContainsAny(after, "/?#")
}

// choices returns what a placeholder can become.
func (v *values) choices(name string) []string {
	if s := v.src.setting(name); s != nil {
		return v.settingChoices(s)
	}
	key := strings.ToLower(name)
	if fixed := v.client[key]; fixed != "" {
		return []string{fixed}
	}
	if p := v.src.declared[key]; p != nil {
		return allowed(p)
	}
	if v.src.additional(name) != nil {
		return []string{open}
	}
	written := v.src.custom[key]
	if !strings.Contains(written, "{") {
		return []string{vendorMark(written)}
	}
	return []string{open}
}

// settingChoices returns what a setting of a preset can be.
func (v *values) settingChoices(s *Setting) []string {
	fixed := v.stated(s.Name)
	if fixed == "" {
		for _, n := range s.names() {
			if p := v.src.declared[n]; p != nil && s.Default == "" {
				return normalAll(s, allowed(p))
			}
		}
	}
	switch {
	case fixed != "":
		return normalAll(s, []string{fixed})
	case len(s.Allowed) > 0:
		return s.Allowed
	case s.Default != "":
		return []string{s.Default}
	}
	return []string{open}
}

// normalAll normalizes values; those that are no values of the setting stand for
// nothing that can be reached.
func normalAll(s *Setting, values []string) []string {
	var list []string
	for _, value := range values {
		if value == open {
			return []string{open}
		}
		if normal, wrong := s.normal(value); wrong == "" {
			list = append(list, normal)
		}
	}
	if len(list) == 0 {
		return []string{open}
	}
	return list
}

// allowed returns the values that an owner can choose.
func allowed(p *connectorv1.ConnectionParameter) []string {
	var list []string
	for _, a := range p.GetAllowedValues() {
		list = append(list, strings.TrimSpace(a.GetValue()))
	}
	switch {
	case len(list) > 0:
		return list
	case p.GetDefaultValue() != "" && p.GetHidden():
		return []string{p.GetDefaultValue()}
	}
	return []string{open}
}

// pattern returns the origin of a URL, or why it is none.
func pattern(text string) (origin, wrong string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.Contains(scheme, open) {
		return "", "may be any URL"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority := strings.ToLower(rest[:end])
	host, port, withPort := strings.Cut(authority, ":")
	switch {
	case strings.Contains(port, open) || strings.Contains(port, ":") || strings.Contains(authority, "@"):
		return "", "has a host that cannot be told in advance"
	case !withPort && scheme == "http":
		port = "80"
	case !withPort:
		port = "443"
	}
	if last := strings.LastIndex(host, open); last >= 0 {
		_, suffix, _ := strings.Cut(host[last:], ".")
		if !OneOwner(suffix) {
			return "", "has a host that owners of connections choose"
		}
		return checkOrigin(scheme, "*."+suffix, suffix, port)
	}
	return checkOrigin(scheme, host, host, port)
}

// OneOwner reports whether all hosts below a domain can be taken for those of one
// owner: it has two labels at least, and is none under which everybody can
// register.
func OneOwner(domain string) bool {
	icann, public := publicsuffix.PublicSuffix(domain)
	return strings.Count(domain, ".") >= 1 && (!public || icann != domain)
}

// checkOrigin returns the pattern if the host that it is about is one.
func checkOrigin(scheme, shown, host, port string) (origin, wrong string) {
	if wrong := checkURL(scheme + "://" + net.JoinHostPort(host, port) + "/"); wrong != "" {
		return "", wrong
	}
	return scheme + "://" + net.JoinHostPort(shown, port), ""
}
