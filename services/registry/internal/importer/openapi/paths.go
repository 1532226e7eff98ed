package openapi

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// methods are those of Swagger 2.0.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// isMethod tells operations from other members of a path item. Some authors
// write methods in upper case.
func isMethod(key string) bool { return slices.Contains(methods, strings.ToLower(key)) }

// operations reads all paths in the order of the source.
func (t *translation) operations(ctx context.Context) error {
	t.reserveIDs()
	for _, p := range t.root.Get("paths").Children() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("import paths: %w", err)
		}
		if isExtension(p.Key()) {
			t.def.Extensions = append(t.def.Extensions, t.extension(p))
			continue
		}
		item := t.resolve(p)
		if item == nil {
			continue
		}
		if err := t.pathItem(p, item); err != nil {
			return err
		}
	}
	if len(t.def.GetOperations()) == 0 {
		t.warn("NoOperations", t.root.Get("paths"), "add operations", "the document has no operations")
	}
	return nil
}

// pathOf returns the path template of a path item.
func (t *translation) pathOf(p *document.Node) string {
	if strings.HasPrefix(p.Key(), "/") {
		return p.Key()
	}
	t.warn("PathRelative", p, "start the path with \"/\"", "the path %q does not start with \"/\"; it was added", p.Key())
	return "/" + p.Key()
}

// pathItem reads the operations of the path p, whose item may be elsewhere.
func (t *translation) pathItem(p, item *document.Node) error {
	path := t.pathOf(p)
	if len(path) > maxPathBytes {
		t.warn("PathTooLong", p, "shorten the path", "the path is longer than %d bytes; it is ignored", maxPathBytes)
		return nil
	}
	for _, n := range item.Children() {
		switch {
		case isMethod(n.Key()):
			if !n.Is(document.Object) {
				t.warn("ObjectExpected", n, "write an object", "the operation is %s instead of an object; it is ignored", n.Kind())
				continue
			}
			if strings.ToLower(n.Key()) != n.Key() {
				t.note("MethodUpperCase", n, "the method %q is written in lower case in Swagger 2.0", n.Key())
			}
			t.def.Operations = append(t.def.Operations, t.operation(path, item, n))
			if err := t.budget.check(n, t.def.GetOperations()); err != nil {
				return err
			}
		case n.Key() == "parameters", n.Key() == "$ref", isExtension(n.Key()):
		default:
			t.note("KeyUnknown", n, "%q has no meaning in a path and is ignored", n.Key())
		}
	}
	return nil
}

// reserveIDs notes the ids that the document gives, so that no generated one
// takes an id that stands further down.
func (t *translation) reserveIDs() {
	for _, p := range t.root.Get("paths").Children() {
		for _, n := range p.Children() {
			if id := scalarText(n.Get("operationId")); isMethod(n.Key()) && id != "" {
				t.ids[id] = false
			}
		}
	}
}

// operationID returns the id that the source gives, or one that depends on
// nothing but method and path, so that it stays the same when the document is
// reordered or extended.
func (t *translation) operationID(method, path string, n *document.Node) string {
	id := scalarText(n.Get("operationId"))
	switch taken, known := t.ids[id]; {
	case id == "":
		id = t.unique(generatedID(method, path))
		t.warn("OperationIdMissing", n, "add an operationId", "the operation has no id; %q is used", id)
	case known && taken:
		old := id
		id = t.unique(generatedID(method, path))
		t.warn("OperationIdDuplicate", n.Get("operationId"), "give each operation its own id",
			"the id %q is used before; %q is used here", old, id)
	}
	t.ids[id] = true
	return id
}

func (t *translation) unique(id string) string {
	for candidate := id; ; candidate = id + "_" + strconv.Itoa(t.suffixes[id]+1) {
		if _, known := t.ids[candidate]; !known {
			return candidate
		}
		t.suffixes[id]++ // the next one need not try what was tried
	}
}

// generatedID makes "GetItemsByIdTags" of GET /items/{id}/tags.
func generatedID(method, path string) string {
	var b strings.Builder
	capital := func(word string) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	capital(strings.ToLower(method))
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' }) {
		words := strings.FieldsFunc(segment, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		})
		if strings.HasPrefix(segment, "{") && len(words) > 0 {
			b.WriteString("By")
		}
		for _, w := range words {
			capital(w)
		}
	}
	return b.String()
}

// family reads x-ms-api-annotation, which ties versions of an operation
// together. It reports whether nothing else is in it.
func family(n *document.Node) (f *connectorv1.OperationFamily, complete bool) {
	if n.Str("family") == "" {
		return nil, false
	}
	// A revision that is no number is left at zero: it is older than all others.
	revision, err := strconv.ParseInt(scalarText(n.Get("revision")), 10, 32)
	if err != nil {
		revision = 0
	}
	f = &connectorv1.OperationFamily{Name: n.Str("family"), Revision: int32(revision), Status: n.Str("status")}
	for _, c := range n.Children() {
		if !slices.Contains([]string{"family", "revision", "status"}, c.Key()) {
			return f, false
		}
	}
	return f, true
}
