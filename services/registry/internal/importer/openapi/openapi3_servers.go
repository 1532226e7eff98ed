package openapi

import (
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

func (d openapi3) host() string {
	for _, n := range d.root.Get("servers").Children() {
		address := placeholder.ReplaceAllStringFunc(n.Str("url"), func(name string) string {
			return scalarText(n.Get("variables").Get(strings.Trim(name, "{}")).Get("default"))
		})
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return u.Hostname()
		}
	}
	return ""
}

// readServers reads the servers of the document. Without any the API is where
// the document is.
func (d openapi3) readServers() []*connectorv1.Server {
	if n := d.root.Get(hostExtension); n.Str("hostTemplate") != "" {
		return d.parameterizedHost(n)
	}
	list := d.root.Get("servers")
	if len(list.Children()) > 0 {
		return d.serverList(list)
	}
	if address := d.files.main.url; address != nil {
		return []*connectorv1.Server{{UrlTemplate: address.Scheme + "://" + address.Host}}
	}
	d.warn("HostMissing", d.root, "add \"servers\"", "the document names no server; every connection needs a server URL")
	return nil
}

// serversOf reads the servers of an operation, or else of its path; nil if they
// are those of the document.
func (t *translation) serversOf(item, n *document.Node) []*connectorv1.Server {
	for _, at := range []*document.Node{n, item} {
		if list := at.Get("servers"); len(list.Children()) > 0 {
			return t.serverList(list)
		}
	}
	return nil
}

func (t *translation) serverList(list *document.Node) []*connectorv1.Server {
	var servers []*connectorv1.Server
	for _, n := range firstOf(list.Children(), maxServers) {
		if server := t.server(n); server != nil {
			servers = append(servers, server)
		}
	}
	return servers
}

// server reads one server; nil, and reported, if it cannot be used.
func (t *translation) server(n *document.Node) *connectorv1.Server {
	template := strings.TrimSpace(n.Str("url"))
	if !n.Is(document.Object) || (template == "" && n.Get("url") == nil) {
		t.warn("ServerInvalid", n, "add the URL", "the server has no URL; it is ignored")
		return nil
	}
	server := &connectorv1.Server{Description: n.Str("description")}
	if server.GetDescription() == "" {
		server.Description = n.Str("name")
	}
	server.Variables = t.serverVariables(n.Get("variables"))
	server.UrlTemplate = t.wholeVariable(template, server)
	if !t.absolute(server, n) || !t.checkServer(server, n) {
		return nil
	}
	return server
}

func (t *translation) serverVariables(n *document.Node) []*connectorv1.ServerVariable {
	var list []*connectorv1.ServerVariable
	for _, c := range firstOf(n.Children(), MaxParameters) {
		v := &connectorv1.ServerVariable{
			Name: c.Key(), DefaultValue: scalarText(c.Get("default")), Description: c.Str("description"),
		}
		for _, e := range firstOf(c.Get("enum").Children(), MaxParameters) {
			v.AllowedValues = append(v.AllowedValues, scalarText(e))
		}
		allowed := len(v.GetAllowedValues()) == 0
		for _, a := range v.GetAllowedValues() {
			allowed = allowed || a == v.GetDefaultValue()
		}
		if !allowed {
			t.warn("ServerVariableInvalid", c, "make the default one of \"enum\"",
				"the default %q of the variable %q is not one of its values; %q is used", v.GetDefaultValue(), c.Key(), v.GetAllowedValues()[0])
			v.DefaultValue = v.GetAllowedValues()[0]
		}
		list = append(list, v)
	}
	return list
}

// wholeVariable replaces a variable that is the start of the URL by its default:
// what a server is cannot be chosen as a whole.
func (t *translation) wholeVariable(template string, server *connectorv1.Server) string {
	name, rest, ok := strings.Cut(strings.TrimPrefix(template, "{"), "}")
	if !strings.HasPrefix(template, "{") || !ok {
		return template
	}
	for _, v := range server.GetVariables() {
		if v.GetName() == name && (strings.HasPrefix(rest, "://") || strings.Contains(v.GetDefaultValue(), "://")) {
			return v.GetDefaultValue() + rest
		}
	}
	if strings.HasPrefix(rest, "://") {
		return "https" + rest
	}
	return template
}

// absolute completes the URL of a server, which is relative to the document. It
// is false, and reported, if nobody knows where that is.
func (t *translation) absolute(server *connectorv1.Server, n *document.Node) bool {
	template := server.GetUrlTemplate()
	if cut := strings.IndexAny(template, "?#"); cut >= 0 {
		t.warn("ServerInvalid", n, "remove the query and the fragment", "the server %q has a query or a fragment, which is ignored", template)
		template = template[:cut]
	}
	scheme, _, found := strings.Cut(template, "://")
	if found && !strings.Contains(scheme, "/") {
		server.UrlTemplate = template
		if s := strings.ToLower(scheme); s != "https" && s != "http" {
			t.note("SchemeUnsupported", n, "the scheme of the server %q is not supported; it is ignored", template)
			return false
		}
		server.UrlTemplate = strings.ToLower(scheme) + template[len(scheme):]
		return true
	}
	first, _, _ := strings.Cut(template, "/")
	switch base := t.files.of(n).url; {
	case strings.HasPrefix(template, "//"):
		server.UrlTemplate = "https:" + template
	case base != nil:
		server.UrlTemplate = base.Scheme + "://" + base.Host + relativeTo(base.Path, template)
	case strings.Contains(first, ".") && strings.Trim(first, ".") != "":
		server.UrlTemplate = "https://" + template
		t.warn("ServerInvalid", n, "write an absolute URL", "the server %q has no scheme; %q is used", template, server.GetUrlTemplate())
	case len(t.def.GetServers()) > 0:
		t.besideServer(server, t.def.GetServers()[0], template)
		t.note("ServerRelative", n, "the server %q is relative to where the document is, which is not known; %q is used, which is relative to the document's server",
			template, server.GetUrlTemplate())
	default:
		t.warn("ServerRelative", n, "write an absolute URL",
			"the server %q is relative to where the document is, which is not known; every connection needs a server URL", template)
		return false
	}
	return true
}

// besideServer completes the URL of a path's or an operation's server by that of
// the document: without one its calls would go to wherever the others go.
func (t *translation) besideServer(server, root *connectorv1.Server, template string) {
	scheme, rest, _ := strings.Cut(root.GetUrlTemplate(), "://")
	host, path, _ := strings.Cut(rest, "/")
	server.UrlTemplate = scheme + "://" + host + relativeTo("/"+path, template)
	for _, v := range root.GetVariables() {
		if !slices.ContainsFunc(server.GetVariables(), func(own *connectorv1.ServerVariable) bool { return own.GetName() == v.GetName() }) {
			server.Variables = append(server.Variables, proto.CloneOf(v))
		}
	}
}

// relativeTo resolves the path of a server, whose braces are no part of URLs.
func relativeTo(base, template string) string {
	if strings.HasPrefix(template, "/") {
		return template
	}
	dir := base[:strings.LastIndexByte(base, '/')+1]
	joined := (&url.URL{Path: dir}).JoinPath(template).Path
	if !strings.HasPrefix(joined, "/") {
		joined = "/" + joined
	}
	return joined
}
