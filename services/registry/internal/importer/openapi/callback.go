package openapi

import (
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// callbackMark is the extension on the property that takes the callback URL.
const callbackMark = "x-ms-notification-url"

// callback returns the JSON pointer into an invocation's input where the callback
// URL goes, or "" if nothing is marked. The first mark in the order of the
// source counts.
func (t *translation) callback(places []place) string {
	for _, p := range places {
		if marked(p.node) {
			return p.pointer
		}
		if found, ok := t.findMark(p.schema, map[*document.Node]bool{}); ok {
			return p.pointer + found
		}
	}
	return ""
}

// findMark searches a body's schema through references, properties and the parts
// of allOf. Each schema is looked at once: recursion is normal, and a mark that
// is deeper inside itself is no place to write to.
func (t *translation) findMark(schema *document.Node, seen map[*document.Node]bool) (pointer string, found bool) {
	if schema == nil || seen[schema] || t.budget.visits > maxVisits {
		return "", false
	}
	t.budget.visits++
	seen[schema] = true
	if marked(schema) {
		return "", true
	}
	if ref := schema.Get("$ref"); ref.Is(document.String) {
		if target := t.lookup(ref, ref.Text()); target != nil {
			if pointer, found = t.findMark(target, seen); found {
				return pointer, true
			}
		}
	}
	for _, property := range schema.Get("properties").Children() {
		if pointer, found = t.findMark(property, seen); found {
			return "/" + document.EscapeToken(property.Key()) + pointer, true
		}
	}
	for _, part := range schema.Get("allOf").Children() {
		if pointer, found = t.findMark(part, seen); found {
			return pointer, true
		}
	}
	if items := schema.Get("items"); items.Is(document.Object) {
		// A list of registrations gets one element.
		if pointer, found = t.findMark(items, seen); found {
			return "/0" + pointer, true
		}
	}
	return "", false
}

func marked(n *document.Node) bool {
	value, _ := vendor.Flag(n.Get(callbackMark))
	return value
}
