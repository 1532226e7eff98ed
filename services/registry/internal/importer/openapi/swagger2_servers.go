package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// readServers makes one server of each scheme of the host.
func (d swagger2) readServers() []*connectorv1.Server {
	t := d.translation
	if n := t.root.Get(hostExtension); n.Str("hostTemplate") != "" {
		return t.parameterizedHost(n)
	}
	if list := t.root.Get("servers"); t.root.Get("host") == nil && len(list.Children()) > 0 {
		t.note("KeyOfOpenAPI3", list, "\"servers\" is not part of Swagger 2.0; it is read as OpenAPI 3 means it")
		return t.serverList(list)
	}
	host := t.hostOf()
	if host == "" {
		return nil
	}
	base := strings.Trim(t.root.Str("basePath"), "/ ")
	if base != "" {
		base = "/" + base
	}
	var servers []*connectorv1.Server
	for _, scheme := range t.transports() {
		server := &connectorv1.Server{UrlTemplate: scheme + "://" + host + base}
		if !isAddress(server.GetUrlTemplate()) {
			t.warn("HostInvalid", t.root.Get("host"), "write the host name, with a port if needed, and nothing else",
				"the host %q is not one; every connection needs a server URL", host)
			return nil
		}
		for _, name := range placeholders(server.GetUrlTemplate()) {
			server.Variables = append(server.Variables, &connectorv1.ServerVariable{Name: name})
		}
		servers = append(servers, server)
	}
	return servers
}

// hostOf returns the host without what does not belong there.
func (t *translation) hostOf() string {
	n := t.root.Get("host")
	host := strings.TrimSpace(n.Text())
	if n != nil && !n.Is(document.String) {
		t.warn("HostInvalid", n, "write the host name, with a port if needed, and nothing else",
			"the host is %s; every connection needs a server URL", n.Kind())
		return ""
	}
	if host == "" && t.files.main.url != nil {
		return t.files.main.url.Host
	}
	if host == "" {
		t.warn("HostMissing", t.root, "add the host",
			"the document names no host; every connection needs a server URL")
		return ""
	}
	clean := host
	if _, rest, ok := strings.Cut(clean, "://"); ok {
		clean = rest
	}
	clean, _, _ = strings.Cut(clean, "/")
	if clean != host {
		t.warn("HostInvalid", n, "write the host name, with a port if needed, and nothing else",
			"the host %q has a scheme or a path; %q is used", host, clean)
	}
	return clean
}

// transports returns http and https as far as the document lists them. https comes
// first: the first server is used by default, and it carries credentials.
func (t *translation) transports() []string {
	n := t.root.Get("schemes")
	var schemes []string
	for _, s := range n.Children() {
		switch scheme := strings.ToLower(s.Text()); scheme {
		case "https", "http":
			if !slices.Contains(schemes, scheme) {
				schemes = append(schemes, scheme)
			}
		default:
			t.note("SchemeUnsupported", s, "the scheme %q is not supported and ignored", s.Text())
		}
	}
	if at := t.files.main.url; len(schemes) == 0 && n == nil && at != nil && at.Host == t.hostOf() && (at.Scheme == "http" || at.Scheme == "https") {
		return []string{at.Scheme} // what the document itself was read by
	}
	if len(schemes) == 0 {
		if n.Is(document.Invalid) {
			t.note("SchemeMissing", t.root, "the document names no scheme; https is used")
		}
		return []string{"https"}
	}
	slices.Sort(schemes)
	slices.Reverse(schemes)
	return schemes
}

// hostExtension describes a host with parameters: {"hostTemplate",
// "useSchemePrefix", "parameters": […]}.
const hostExtension = "x-ms-parameterized-host"

// parameterizedHost makes a server of the extension. Its parameters are those of
// operations, and their values part of the address.
func (t *translation) parameterizedHost(n *document.Node) []*connectorv1.Server {
	template := strings.TrimRight(n.Str("hostTemplate"), "/ ")
	if prefix, written := vendor.Flag(n.Get("useSchemePrefix")); (prefix || !written) && !strings.Contains(template, "://") {
		template = t.transports()[0] + "://" + template
	}
	if base := strings.Trim(t.root.Str("basePath"), "/ "); base != "" {
		template += "/" + base
	}
	server := &connectorv1.Server{UrlTemplate: template}
	for _, c := range firstOf(n.Get("parameters").Children(), MaxParameters) {
		p := t.resolve(c)
		if p.Str("name") == "" {
			continue
		}
		server.Variables = append(server.Variables, &connectorv1.ServerVariable{
			Name: p.Str("name"), Description: p.Str("description"), DefaultValue: scalarText(p.Get("default")),
			AllowedValues: texts(p.Get("enum")),
		})
	}
	if !t.checkServer(server, n) {
		return nil
	}
	return []*connectorv1.Server{server}
}
