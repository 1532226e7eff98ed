package document

import "github.com/go-json-experiment/json/jsontext"

// AppendJSON appends the node as compact JSON text: members in the order of the
// source, numbers with their own digits. A nil node is null.
func (n *Node) AppendJSON(b []byte) []byte {
	switch n.Kind() {
	case Invalid:
		return append(b, "null"...)
	case String:
		return AppendString(b, n.text)
	case Array:
		b = append(b, '[')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.AppendJSON(b)
		}
		return append(b, ']')
	case Object:
		b = append(b, '{')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(AppendString(b, c.key), ':')
			b = c.AppendJSON(b)
		}
		return append(b, '}')
	case Null, Bool, Number:
	}
	return append(b, n.text...)
}

// JSON returns the node as compact JSON text, nil for a nil node.
func (n *Node) JSON() []byte {
	if n == nil {
		return nil
	}
	return n.AppendJSON(nil)
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil {
		// Only text that is not UTF-8 gets here, and the result is valid even
		// so: each bad byte is U+FFFD.
		return quoted
	}
	return quoted
}
