package openapi

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// placeholder is a name in braces, in server URLs and in paths.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// placeholders returns the names in a template, each once.
func placeholders(template string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// isAddress reports whether a template can become the URL of a server.
func isAddress(template string) bool {
	if strings.Contains(template, "{}") || strings.ContainsAny(placeholder.ReplaceAllString(template, ""), "{}") {
		return false
	}
	u, err := url.Parse(placeholder.ReplaceAllString(template, "1")) // it may be a port
	return err == nil && u.Hostname() != "" && len(template) <= maxPathBytes
}

// checkServer makes a server consistent: each variable of its template is listed,
// and nothing else. It is false, and reported at n, if the template cannot become
// a URL.
func (t *translation) checkServer(server *connectorv1.Server, n *document.Node) bool {
	if !isAddress(server.GetUrlTemplate()) {
		t.warn("ServerInvalid", n, "write an absolute URL", "the server %q is no URL; it is ignored", server.GetUrlTemplate())
		return false
	}
	names := placeholders(server.GetUrlTemplate())
	defined := map[string]bool{}
	server.Variables = slices.DeleteFunc(server.GetVariables(), func(v *connectorv1.ServerVariable) bool {
		superfluous := !slices.Contains(names, v.GetName()) || defined[v.GetName()]
		defined[v.GetName()] = true
		return superfluous
	})
	for _, name := range names {
		if !slices.ContainsFunc(server.GetVariables(), func(v *connectorv1.ServerVariable) bool { return v.GetName() == name }) {
			t.warn("ServerVariableUndefined", n, "define it under \"variables\"",
				"the variable %q of the server is not defined; every connection has to give it", name)
			server.Variables = append(server.Variables, &connectorv1.ServerVariable{Name: name})
		}
	}
	server.UrlTemplate = strings.TrimRight(server.GetUrlTemplate(), "/")
	return true
}
