package lint

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// serverNode is where a server of the connector is written.
func (m *model) serverNode(template string) *document.Node {
	if m.format == postman.Format {
		return m.requestedAt(template)
	}
	for _, pointer := range []string{"/host", "/servers"} {
		if n := m.at(pointer); n != nil {
			return n
		}
	}
	return nil
}

// requestedAt is where a collection, which lists no servers, names one: the first
// request to it or the variable that holds it, or else the first request.
func (m *model) requestedAt(template string) *document.Node {
	if m.hosts == nil {
		m.hosts = map[string]*document.Node{}
		m.collectRequests()
		m.collectVariables()
	}
	if n := m.hosts[hostOf(template)]; n != nil {
		return n
	}
	return m.hosts[""]
}

// name notes where a host is named; "" is the first place.
func (m *model) name(text string, at *document.Node) {
	for _, host := range []string{hostOf(text), ""} {
		if m.hosts[host] == nil {
			m.hosts[host] = at
		}
	}
}

func (m *model) collectRequests() {
	for _, op := range m.def.GetOperations() {
		n := m.node(op)
		for _, url := range []*document.Node{n.Get("request").Get("url"), n.Get("url")} {
			switch {
			case url.Is(document.String):
				m.name(url.Text(), url)
			case url.Str("raw") != "":
				m.name(url.Str("raw"), url)
			}
		}
	}
}

// collectVariables looks at those of the collection and at those of the
// environments beside it.
func (m *model) collectVariables() {
	for _, doc := range m.all() {
		for _, pointer := range []string{"/variable", "/collection/variable", "/values", "/environment/values"} {
			for _, v := range doc.Root().At(pointer).Children() {
				if value := v.Get("value"); value.Is(document.String) && value.Text() != "" {
					m.name(value.Text(), value)
				}
			}
		}
	}
}

// hostOf is the host of a URL, with its port; scheme and path may be missing.
func hostOf(url string) string {
	if _, rest, found := strings.Cut(url, "://"); found {
		url = rest
	}
	if end := strings.IndexAny(url, "/?#"); end >= 0 {
		url = url[:end]
	}
	return strings.ToLower(url)
}
