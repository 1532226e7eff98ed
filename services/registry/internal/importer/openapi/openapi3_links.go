package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxLinks is the number of links of one response that are read.
const maxLinks = 256

// pendingLink is a link whose operation may stand further down.
type pendingLink struct {
	response *connectorv1.Response
	link     *connectorv1.ResponseLink
	node     *document.Node
}

// readLinks reads what can be done after a response. Where links lead is found
// out when all operations are known.
func (t *translation) readLinks(response *connectorv1.Response, n *document.Node) {
	for _, c := range firstOf(n.Children(), maxLinks) {
		node := t.resolve(c)
		if node == nil {
			continue
		}
		link := &connectorv1.ResponseLink{Name: c.Key(), Description: node.Str("description")}
		for _, p := range firstOf(node.Get("parameters").Children(), MaxParameters) {
			link.Arguments = append(link.Arguments, &connectorv1.LinkArgument{Name: withoutLocation(p.Key()), Json: t.json(p)})
		}
		if body := node.Get("requestBody"); body != nil {
			link.RequestBody = t.json(body)
		}
		if server := node.Get("server"); server != nil {
			t.note("LinkServerIgnored", server, "the server of a link is ignored; the operation's own is used")
		}
		t.links = append(t.links, pendingLink{response: response, link: link, node: node})
	}
}

// withoutLocation returns the name of a parameter that may be written as
// "path.id".
func withoutLocation(name string) string {
	if in, rest, ok := strings.Cut(name, "."); ok && slices.Contains([]string{"path", "query", "header", "cookie"}, in) {
		return rest
	}
	return name
}

// resolveLinks adds the links whose operations exist to their responses.
func (t *translation) resolveLinks() {
	for _, p := range t.links {
		id := scalarText(p.node.Get("operationId"))
		if ref := p.node.Get("operationRef"); id == "" && ref.Is(document.String) {
			id = t.operationIDs[t.peek(t.lookup(ref, ref.Text()))]
		}
		if _, known := t.ids[id]; !known || id == "" {
			t.warn("LinkTargetUnknown", p.node, "name an operation of the document",
				"the operation that the link %q leads to does not exist; it is ignored", p.link.GetName())
			continue
		}
		p.link.OperationId = id
		p.response.Links = append(p.response.Links, p.link)
	}
}
