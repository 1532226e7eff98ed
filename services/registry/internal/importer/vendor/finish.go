package vendor

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Finish reads the extensions of the root and whatever refers to operations. It
// is called once, when all operations are in def.
func (r *Reader) Finish(def *connectorv1.Definition, root *document.Node) (interpreted []string) {
	operations := make(map[string]*connectorv1.Operation, len(def.GetOperations()))
	for _, op := range def.GetOperations() {
		operations[op.GetOperationId()] = op
	}
	c := &calls{r: r, operations: operations}
	for _, f := range r.found {
		c.feature(f)
	}
	if n := root.Get("x-ms-capabilities"); n != nil && r.capabilities(c, def, n) {
		interpreted = append(interpreted, "x-ms-capabilities")
	}
	r.checkReferences(operations)
	r.found, r.sides, r.marks, r.references = nil, nil, nil, nil
	return interpreted
}

// capabilities reads the operation that tests a connection, and those with which
// people choose a file.
func (r *Reader) capabilities(c *calls, def *connectorv1.Definition, n *document.Node) (complete bool) {
	complete = n.Is(document.Object)
	for _, member := range n.Children() {
		switch member.Key() {
		case "testConnection":
			def.ConnectionTest = c.connectionTest(member)
			complete = complete && def.GetConnectionTest() != nil && onlyKeys(member, "operationId", "parameters")
		case "file-picker":
			complete = c.filePicker(def, member) && complete
		default:
			complete = false
		}
	}
	return complete
}

func (c *calls) connectionTest(n *document.Node) *connectorv1.ConnectionTest {
	id := n.Str("operationId")
	if c.operations[id] == nil {
		c.r.warn("TestOperationUnknown", n, "name an operation of the document",
			"the operation %q that tests a connection does not exist; connections cannot be tested", id)
		return nil
	}
	input := []byte("{}")
	if p := n.Get("parameters"); p.Is(document.Object) {
		input = p.JSON()
	}
	return &connectorv1.ConnectionTest{OperationId: id, Input: input}
}

// filePicker reads with which operations people browse the files of the API.
func (c *calls) filePicker(def *connectorv1.Definition, n *document.Node) (complete bool) {
	open, browse := n.Get("open"), n.Get("browse")
	if !open.Is(document.Object) || !browse.Is(document.Object) {
		c.r.warn("FilePickerInvalid", n, "name an operation in \"open\" and one in \"browse\"",
			"the file picker does not say how files are listed; it is ignored")
		return false
	}
	nobody := &connectorv1.Operation{}
	picker := &connectorv1.FilePicker{
		ItemsPath:     dots(n.Str("value-collection")),
		TitlePath:     dots(n.Str("value-title")),
		FolderPath:    dots(n.Str("value-folder-property")),
		MediaTypePath: dots(n.Str("value-media-property")),
	}
	if picker.Open = c.call(nobody, open); picker.GetOpen() == nil {
		return false
	}
	if picker.Browse = c.call(nobody, browse); picker.GetBrowse() == nil {
		return false
	}
	def.FilePicker = picker
	return onlyKeys(n, "open", "browse", "value-collection", "value-title", "value-folder-property", "value-media-property") &&
		onlyKeys(open, "operationId", "parameters") && onlyKeys(browse, "operationId", "parameters")
}

// onlyKeys reports whether an object has no other members.
func onlyKeys(n *document.Node, keys ...string) bool {
	known := 0
	for _, key := range keys {
		if n.Get(key) != nil {
			known++
		}
	}
	return known == len(n.Children())
}
