package overlay

import (
	"bytes"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// modelReference and ownReference are the key of a reference inside the
	// definition, in the model and in extensions: "#/$defs/…" leads nowhere in the
	// documents that hold them, and their readers follow every "$ref".
	modelReference = "$ref"
	ownReference   = Prefix + "ref"
	// inside is what such references begin with.
	inside = "#/"
)

// rekeyed returns the JSON text of a node with the references inside the
// definition under another key.
func rekeyed(n *document.Node, from, to string) []byte {
	text := n.JSON()
	if !bytes.Contains(text, []byte(`"`+from+`"`)) {
		return text
	}
	return appendRekeyed(nil, n, from, to)
}

func appendRekeyed(b []byte, n *document.Node, from, to string) []byte {
	switch {
	case n.Is(document.Object):
		b = append(b, '{')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			key := c.Key()
			if key == from && c.Is(document.String) && strings.HasPrefix(c.Text(), inside) {
				key = to
			}
			b = appendRekeyed(append(document.AppendString(b, key), ':'), c, from, to)
		}
		return append(b, '}')
	case n.Is(document.Array):
		b = append(b, '[')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendRekeyed(b, c, from, to)
		}
		return append(b, ']')
	}
	return n.AppendJSON(b)
}
