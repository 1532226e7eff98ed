package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxXMLDepth = 100     // nested elements
	maxXMLNodes = 100_000 // elements and attributes
)

// xmlNode is an element as scripts see it: names with their prefix as written,
// text being that of the element itself, all pieces together.
type xmlNode struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"`
	Children   []*xmlNode        `json:"children"`
	Text       string            `json:"text"`

	text strings.Builder
}

// parseXML returns the JSON that the prelude expects: {"root": node} or
// {"error": text}. There are no document types, and so no entities beside the
// five of XML itself.
func parseXML(text string) string {
	root, err := readXML(text)
	answer := map[string]any{"root": root}
	if err != nil {
		answer = map[string]any{"error": err.Error()}
	}
	// Strings, slices and maps of them cannot fail to be written.
	out, _ := json.Marshal(answer)
	return string(out)
}

// readXML reads one document.
func readXML(text string) (*xmlNode, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	// The text is UTF-16 inside the engine by now, whatever the document says.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var r xmlReader
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the XML is not well-formed: %w", err)
		}
		if err := r.take(token); err != nil {
			line, _ := d.InputPos()
			return nil, fmt.Errorf("line %d of the XML %w", line, err)
		}
	}
	if r.root == nil || len(r.open) > 0 {
		return nil, errors.New("the XML ends before its root element does")
	}
	return r.root, nil
}

// xmlReader builds the tree of what it takes.
type xmlReader struct {
	root  *xmlNode
	open  []*xmlNode // from the root to the element that is being read
	nodes int
}

// take adds a token; its errors go on from "line 7 of the XML".
func (r *xmlReader) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		if len(r.open) == 0 || r.open[len(r.open)-1].Name != qualified(t.Name) {
			return fmt.Errorf("closes %s, which is not open", qualified(t.Name))
		}
		n := r.open[len(r.open)-1]
		n.Text = n.text.String()
		r.open = r.open[:len(r.open)-1]
	case xml.CharData:
		if len(r.open) > 0 {
			r.open[len(r.open)-1].text.Write(t)
		}
	case xml.Directive:
		return errors.New("has a document type, which is not allowed here")
	}
	return nil
}

// start opens an element.
func (r *xmlReader) start(t xml.StartElement) error {
	if r.nodes += 1 + len(t.Attr); r.nodes > maxXMLNodes || len(r.open) >= maxXMLDepth {
		return fmt.Errorf("is more than %d levels deep, or has more than %d elements before it", maxXMLDepth, maxXMLNodes)
	}
	n := newXMLNode(t)
	switch {
	case len(r.open) > 0:
		parent := r.open[len(r.open)-1]
		parent.Children = append(parent.Children, n)
	case r.root != nil:
		return errors.New("has a second root element")
	default:
		r.root = n
	}
	r.open = append(r.open, n)
	return nil
}

// newXMLNode is an element without its content.
func newXMLNode(t xml.StartElement) *xmlNode {
	n := &xmlNode{Name: qualified(t.Name), Attributes: make(map[string]string, len(t.Attr)), Children: []*xmlNode{}}
	for _, a := range t.Attr {
		n.Attributes[qualified(a.Name)] = a.Value
	}
	return n
}

// qualified is a raw name as it was written.
func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
