package openapi

import "github.com/ferrule-dev/ferrule/services/registry/internal/document"

// maxExamples is the number of examples of one value that are read.
const maxExamples = 64

// examplesOf reads the examples of a parameter or a body as JSON text: the one
// of "example", then those of "examples". Examples at other addresses are not
// fetched.
func (t *translation) examplesOf(n *document.Node) [][]byte {
	var list [][]byte
	if one := n.Get("example"); one != nil {
		list = append(list, t.json(one))
	}
	for _, c := range firstOf(n.Get("examples").Children(), maxExamples) {
		e := t.resolve(c)
		if e == nil {
			continue
		}
		switch {
		case e.Get("value") != nil:
			list = append(list, t.json(e.Get("value")))
		case e.Get("dataValue") != nil:
			list = append(list, t.json(e.Get("dataValue")))
		case e.Get("serializedValue").Is(document.String):
			list = append(list, t.json(e.Get("serializedValue")))
		case e.Get("externalValue") != nil:
			t.note("ExampleElsewhere", e, "the example is at %q and not part of the description", e.Str("externalValue"))
		}
	}
	return list
}
