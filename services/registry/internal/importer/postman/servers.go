package postman

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// place is where one request goes.
type place struct {
	// server is nil if it is not known.
	server *connectorv1.Server
	// key tells servers apart; empty for requests that name none.
	key string
	// path is the rest of the URL.
	path string
	// variable is the name of the variable that should have held the server.
	variable string
}

// placeOf splits the URL of a request into server and path.
func (t *translation) placeOf(r *request, env scope) place {
	base := r.address.base
	scheme, rest, hasScheme := strings.Cut(base, "://")
	if !hasScheme {
		scheme, rest = "", strings.TrimPrefix(base, "//")
		switch loc := template.FindStringIndex(base); {
		case base == "", base[0] == '/' && !strings.HasPrefix(base, "//"):
			return place{path: base}
		case len(loc) > 0 && loc[0] == 0:
			return t.variablePlace(r, env, base[:loc[1]], base[loc[1]:])
		}
	}
	scheme, _ = t.expand(scheme, r, env)
	host, path := cutPath(rest)
	return t.hostPlace(r, env, scheme, host, path)
}

// cutPath splits at the first slash that is not in a template.
func cutPath(s string) (host, path string) {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// variablePlace reads a URL that starts with a variable, which may hold a whole
// URL, or part of one.
func (t *translation) variablePlace(r *request, env scope, variable, rest string) place {
	name := nameOf(variable)
	value, _ := t.expand(variable, r, env)
	if only(value) != "" { // not known
		if rest == "" || rest[0] == '/' {
			return place{key: variable, path: rest, variable: name}
		}
		host, path := cutPath(rest)
		return t.hostPlace(r, env, "", variable+host, path)
	}
	value, _, _ = strings.Cut(value, "#")
	value, _, _ = strings.Cut(value, "?")
	scheme, authority, ok := strings.Cut(value, "://")
	if !ok {
		scheme, authority = "", strings.TrimPrefix(value, "//")
	}
	host, path := cutPath(authority)
	if rest != "" && rest[0] != '/' {
		more, after := cutPath(rest)
		switch {
		case path == "": // the rest of the host, or a port
			host, rest = host+more, after
		case strings.HasSuffix(path, "/"):
			rest = "/" + rest
		default:
			path, rest = path+more, after
		}
	}
	p := t.hostPlace(r, env, scheme, host, "")
	path = strings.TrimRight(path, "/")
	if p.server == nil { // only a path, it seems
		p.path = path + rest
		return p
	}
	text, variables := t.serverTemplate(r, env, path)
	p.server.UrlTemplate += text
	addVariables(p.server, variables)
	p.key, p.path = key(p.server), rest
	return p
}

// hostPlace makes the server of a host, which may have variables in it.
func (t *translation) hostPlace(r *request, env scope, scheme, host, path string) place {
	if v := only(host); v != "" { // a variable called "host" often holds a whole URL
		if value, _ := t.expand(host, r, env); strings.Contains(value, "/") {
			_, after, ok := strings.Cut(value, "://")
			if !ok {
				after = value
			}
			inner, prefix := cutPath(after)
			host, path = inner, strings.TrimRight(prefix, "/")+path
		}
	}
	text, variables := t.serverTemplate(r, env, host)
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
	case "":
		if scheme = "https"; isLocal(text) {
			scheme = "http"
		}
		if !t.once("scheme of "+text, nil) {
			t.note("SchemeMissing", r.address.node, "the URL has no scheme; %s is used", scheme)
		}
	default:
		t.warn("SchemeUnsupported", r.address.node, "use a URL that starts with https://",
			"the scheme %q is not supported; https is used", shorten(scheme))
		scheme = "https"
	}
	server := &connectorv1.Server{UrlTemplate: scheme + "://" + text}
	addVariables(server, variables)
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		addVariables(server, []*connectorv1.ServerVariable{{Name: m[1]}})
	}
	if u, err := url.Parse(scheme + "://" + named.ReplaceAllString(text, "1")); err != nil || u.Hostname() == "" || strings.ContainsAny(host, " \t\r\n<>\"\\") {
		t.warn("UrlInvalid", r.address.node, "correct the host", "the URL has no valid host; the server of the collection is used")
		return place{path: path}
	}
	return place{server: server, key: key(server), path: path}
}

// named is a name in braces, as it stands in a server's URL.
var named = regexp.MustCompile(`\{([^{}]+)\}`)

// serverTemplate turns the variables of a host into server variables with their
// values as defaults.
func (t *translation) serverTemplate(r *request, env scope, host string) (string, []*connectorv1.ServerVariable) {
	var variables []*connectorv1.ServerVariable
	text := template.ReplaceAllStringFunc(host, func(m string) string {
		name := nameOf(m)
		value, complete := t.expand(m, r, env)
		if !complete {
			if value = ""; !t.once("variable "+name, nil) {
				t.note("VariableUnknown", r.address.node, "the variable %q has no value; connections supply it", shorten(name))
			}
		}
		variables = append(variables, &connectorv1.ServerVariable{Name: identifier(name), DefaultValue: value})
		return "{" + identifier(name) + "}"
	})
	return text, variables
}

// addVariables adds variables that the server does not have yet.
func addVariables(s *connectorv1.Server, variables []*connectorv1.ServerVariable) {
	for _, v := range variables {
		same := func(o *connectorv1.ServerVariable) bool { return o.GetName() == v.GetName() }
		if !slices.ContainsFunc(s.GetVariables(), same) {
			s.Variables = append(s.Variables, v)
		}
	}
}

// key is equal for servers that are the same.
func key(s *connectorv1.Server) string {
	parts := []string{strings.ToLower(s.GetUrlTemplate())}
	for _, v := range s.GetVariables() {
		parts = append(parts, v.GetName()+"="+v.GetDefaultValue())
	}
	return strings.Join(parts, "\x00")
}

// isLocal reports whether a host is this machine or an address, where there is
// seldom a certificate.
func isLocal(host string) bool {
	if name, _, ok := strings.Cut(host, ":"); ok && strings.Count(host, ":") == 1 {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

// servers finds where most requests go, and gives the others servers of their
// own.
func (t *translation) servers(places []place) {
	counts := map[string]int{}
	main := ""
	for _, p := range places {
		if p.key != "" {
			counts[p.key]++
		}
	}
	for _, p := range places {
		if p.key != "" && (main == "" || counts[p.key] > counts[main]) {
			main = p.key
		}
	}
	for i, p := range places {
		if p.key == main && len(t.def.GetServers()) == 0 && main != "" {
			t.mainServers(t.col.requests[i], p)
			break
		}
	}
	if main == "" {
		t.warn("HostMissing", t.doc.Root(), "give the URLs a host", "no request has a host; every connection needs a server URL")
	}
	for i, p := range places {
		if p.key == "" || p.key == main {
			continue
		}
		t.otherServer(i, p, len(t.def.GetServers()) == 0)
	}
}

// mainServers are the server in each environment.
func (t *translation) mainServers(r *request, p place) {
	seen := map[string]bool{}
	add := func(s *connectorv1.Server, name string) {
		if s != nil && !seen[key(s)] {
			seen[key(s)] = true
			s.Description = secretlike.Text(name)
			t.def.Servers = append(t.def.Servers, s)
		}
	}
	t.quiet = true // what is wrong has been said for the first
	for _, env := range t.environments {
		add(t.placeOf(r, env.scope).server, env.name)
	}
	t.quiet = false
	if len(t.environments) == 0 {
		add(proto.CloneOf(p.server), "")
	}
	if len(t.def.GetServers()) == 0 {
		t.warn("HostMissing", r.address.node, "give the variable a value in the collection, or add an environment file",
			"the variable %q, which most URLs start with, has no value; every connection needs a server URL", shorten(p.variable))
	}
}

// otherServer gives an operation a server of its own.
func (t *translation) otherServer(i int, p place, mainUnknown bool) {
	server := proto.CloneOf(p.server)
	if server == nil {
		name := identifier(p.variable)
		server = &connectorv1.Server{UrlTemplate: "https://{" + name + "}", Variables: []*connectorv1.ServerVariable{{Name: name}}}
		if !t.once("host "+name, nil) {
			t.warn("HostMissing", t.col.requests[i].address.node, "give the variable a value in the collection, or add an environment file",
				"the variable %q, which the URL starts with, has no value; connections need to supply the host", shorten(p.variable))
		}
	}
	t.def.Operations[i].Servers = []*connectorv1.Server{server}
	if !t.once("server "+p.key, nil) && !mainUnknown {
		t.note("OtherServer", t.col.requests[i].address.node, "the request goes to %s and not to where most of the others go",
			shorten(server.GetUrlTemplate()))
	}
}
