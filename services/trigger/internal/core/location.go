package core

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// pathsOf returns what a location may mean below the server of the API, the most
// likely first: the URL that it is by the standard, or relative to the collection
// that the registration was added to; below the base path of the description, or
// as it is written, which is what APIs mean who leave out their base path.
func pathsOf(at target, ref *url.URL) []string {
	var paths []string
	for _, server := range serversOf(at) {
		base, err := url.Parse(server)
		if err != nil {
			continue
		}
		base.Path = strings.TrimSuffix(base.Path, "/")
		collection, _, _ := strings.Cut(at.op.GetPath(), "?")
		call := base.JoinPath(collection)
		for _, full := range []*url.URL{call.ResolveReference(ref), call.JoinPath("/").ResolveReference(ref)} {
			paths = append(paths, pathsBelow(base, full)...)
		}
	}
	return paths
}

// pathsBelow returns the path of a URL below a server, and the path as it is;
// nothing if the URL is of another host.
func pathsBelow(base, full *url.URL) []string {
	if !strings.EqualFold(full.Scheme, base.Scheme) || !strings.EqualFold(full.Host, base.Host) {
		return nil
	}
	path := full.EscapedPath()
	if below, ok := strings.CutPrefix(path, base.EscapedPath()); ok && strings.HasPrefix(below, "/") {
		return []string{below, path}
	}
	return []string{path}
}

// serversOf returns the URLs at which the connection reaches the API.
func serversOf(at target) []string {
	if at.conn.ServerURL != "" {
		return []string{at.conn.ServerURL}
	}
	servers := at.op.GetServers()
	if len(servers) == 0 {
		servers = at.def.GetServers()
	}
	var urls []string
	for _, server := range servers {
		text := server.GetUrlTemplate()
		for _, v := range server.GetVariables() {
			value, ok := at.conn.Parameters[v.GetName()]
			if !ok || value == "" {
				value = v.GetDefaultValue()
			}
			text = strings.ReplaceAll(text, "{"+v.GetName()+"}", value)
		}
		urls = append(urls, text)
	}
	return urls
}

// deletionOf finds the DELETE operation with a path, and the values of its path
// parameters. Of several the one with the fewest parameters counts.
func deletionOf(def *connectorv1.Definition, path string) (best *connectorv1.Operation, values map[string]string) {
	for _, op := range def.GetOperations() {
		if op.GetMethod() != http.MethodDelete || op.GetRequiresScript() {
			continue
		}
		found, ok := matchPath(op, path)
		if ok && (best == nil || len(found) < len(values)) {
			best, values = op, found
		}
	}
	return best, values
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// plainly writes delimiters as they are that need not be escaped in a path (RFC 3986,
// section 3.3), for some APIs escape them and descriptions do not.
var plainly = strings.NewReplacer( //nolint:gochecknoglobals // a constant
	"%28", "(", "%29", ")", "%27", "'", "%2C", ",", "%2c", ",", "%3D", "=", "%3d", "=", "%3A", ":", "%3a", ":", "%40", "@",
	"%24", "$", "%26", "&", "%2B", "+", "%2b", "+", "%3B", ";", "%3b", ";", "%21", "!", "%2A", "*", "%2a", "*",
)

// matchPath reads the path parameters of an operation from an escaped path.
func matchPath(op *connectorv1.Operation, path string) (map[string]string, bool) {
	template, _, _ := strings.Cut(op.GetPath(), "?")
	template, path = plainly.Replace(template), plainly.Replace(path)
	var names []string
	var pattern strings.Builder
	rest := template
	for _, span := range placeholder.FindAllStringIndex(template, -1) {
		at := span[0] - (len(template) - len(rest))
		pattern.WriteString(regexp.QuoteMeta(rest[:at]))
		pattern.WriteString("([^/]+)")
		names = append(names, template[span[0]+1:span[1]-1])
		rest = template[span[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(rest))
	found := regexp.MustCompile("^" + pattern.String() + "/?$").FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		value, err := unescaped(op, name, found[i+1])
		if err != nil {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}

// unescaped undoes what the runtime will do to a path parameter again.
func unescaped(op *connectorv1.Operation, name, text string) (string, error) {
	value, err := url.PathUnescape(text)
	if err == nil && slices.ContainsFunc(op.GetParameters(), func(p *connectorv1.Parameter) bool {
		return p.GetName() == name && p.GetUrlEncoding() == connectorv1.UrlEncoding_URL_ENCODING_DOUBLE
	}) {
		value, err = url.PathUnescape(value)
	}
	return value, err
}
