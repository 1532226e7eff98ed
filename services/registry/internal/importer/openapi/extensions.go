package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// isExtension tells vendor keys from those of the specification.
func isExtension(key string) bool { return strings.HasPrefix(key, "x-") }

func (t *translation) extension(n *document.Node) *connectorv1.Extension {
	return &connectorv1.Extension{Name: n.Key(), Json: t.json(n)}
}

// extensions returns the vendor extensions of an object in the order of the
// source, without those that the caller has interpreted.
func (t *translation) extensions(n *document.Node, interpreted ...string) []*connectorv1.Extension {
	var list []*connectorv1.Extension
	for _, c := range n.Children() {
		if !isExtension(c.Key()) || slices.Contains(interpreted, c.Key()) {
			continue
		}
		t.vendor.Name(c)
		list = append(list, t.extension(c))
	}
	return list
}

// visibility reads x-ms-visibility, whose values are written in any case.
func (t *translation) visibility(n *document.Node) connectorv1.Visibility {
	v := n.Get("x-ms-visibility")
	switch strings.ToLower(strings.TrimSpace(v.Text())) {
	case "", "none", "null":
		return connectorv1.Visibility_VISIBILITY_UNSPECIFIED
	case "important":
		return connectorv1.Visibility_VISIBILITY_IMPORTANT
	case "advanced":
		return connectorv1.Visibility_VISIBILITY_ADVANCED
	case "internal":
		return connectorv1.Visibility_VISIBILITY_INTERNAL
	}
	t.warn("VisibilityUnknown", v, "write \"important\", \"advanced\" or \"internal\"",
		"the visibility %q is not known; it is shown normally", v.Text())
	return connectorv1.Visibility_VISIBILITY_UNSPECIFIED
}
