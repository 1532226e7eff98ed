package openapi

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// placeholder is a name in braces, in host names and in paths.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// servers makes one server of each scheme of the host.
func (t *translation) servers() {
	host := t.host()
	if host == "" {
		return
	}
	base := strings.Trim(t.root.Str("basePath"), "/ ")
	if base != "" {
		base = "/" + base
	}
	for _, scheme := range t.transports() {
		template := scheme + "://" + host + base
		if u, err := url.Parse(placeholder.ReplaceAllString(template, "x")); err != nil || u.Hostname() == "" {
			t.warn("HostInvalid", t.root.Get("host"), "write the host name, with a port if needed, and nothing else",
				"the host %q is not one; every connection needs a server URL", host)
			return
		}
		server := &connectorv1.Server{UrlTemplate: template}
		for _, v := range placeholder.FindAllStringSubmatch(template, -1) {
			server.Variables = append(server.Variables, &connectorv1.ServerVariable{Name: v[1]})
		}
		t.def.Servers = append(t.def.Servers, server)
	}
}

// host returns the host without what does not belong there.
func (t *translation) host() string {
	n := t.root.Get("host")
	host := strings.TrimSpace(n.Text())
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
