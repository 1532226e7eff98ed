package openapi

import (
	"context"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// pathsExtension holds path items whose keys have a query string, which the
// specification does not allow.
const pathsExtension = "x-ms-paths"

// operations reads all paths in the order of the source.
func (t *translation) operations(ctx context.Context) error {
	t.reserveIDs()
	seen := map[string]*document.Node{}
	for _, container := range []*document.Node{t.root.Get("paths"), t.root.Get(pathsExtension)} {
		for _, p := range container.Children() {
			if err := canceled(ctx, "import paths"); err != nil {
				return err
			}
			if isExtension(p.Key()) {
				t.def.Extensions = append(t.def.Extensions, t.extension(p))
				continue
			}
			item := t.resolve(p)
			if item == nil {
				continue
			}
			t.checkAmbiguity(p, seen)
			if err := t.pathItem(p, item); err != nil {
				return err
			}
		}
	}
	if err := t.webhooks(ctx); err != nil {
		return err
	}
	if len(t.def.GetOperations()) == 0 {
		t.warn("NoOperations", t.root.Get("paths"), "add operations", "the document has no operations")
	}
	return nil
}

// checkAmbiguity reports paths that differ only in case or in the names of their
// parameters: many servers cannot tell them apart.
func (t *translation) checkAmbiguity(p *document.Node, seen map[string]*document.Node) {
	if len(p.Key()) > maxPathBytes {
		return
	}
	shape := strings.ToLower(p.Key())
	if strings.Contains(shape, "{") {
		shape = placeholder.ReplaceAllString(shape, "{}")
	}
	if other := seen[shape]; other != nil {
		t.note("PathAmbiguous", p, "the path differs from %q only in case or in the names of parameters; both are kept", other.Key())
		return
	}
	seen[shape] = p
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
	path = t.repaired(p, path)
	return t.each(item, func(method string, n *document.Node) error {
		op := t.operation(path, method, item, n)
		op.SourcePointer = t.sourcePointer(p, item, n)
		t.def.Operations = append(t.def.Operations, op)
		return t.budget.check(n, t.def.GetOperations())
	})
}

// each calls do for the operations of a path item, and reports what is neither
// an operation nor anything else.
func (t *translation) each(item *document.Node, do func(method string, n *document.Node) error) error {
	if err := t.budget.check(item, nil); err != nil {
		return err
	}
	known := t.items[item]
	t.items[item] = true
	for _, n := range item.Children() {
		switch key := n.Key(); {
		case key == additional && t.dialect.isMember(key):
			for _, extra := range n.Children() {
				if err := t.additional(extra, do); err != nil {
					return err
				}
			}
		case t.dialect.isMethod(key):
			if err := t.method(n, do); err != nil {
				return err
			}
		case known, t.dialect.isMember(key), isExtension(key):
		default:
			t.note("KeyUnknown", n, "%q has no meaning in a path and is ignored", key)
		}
	}
	return nil
}

// method reads the operation whose key is its method.
func (t *translation) method(n *document.Node, do func(method string, n *document.Node) error) error {
	if !n.Is(document.Object) {
		t.warn("ObjectExpected", n, "write an object", "the operation is %s instead of an object; it is ignored", n.Kind())
		return nil
	}
	if strings.ToLower(n.Key()) != n.Key() {
		t.note("MethodUpperCase", n, "the method %q is written in lower case in OpenAPI", n.Key())
	}
	return t.elsewhere(n, do)
}

// elsewhere hands on the operation n, or the one that it refers to. OpenAPI has
// references to path items only, but large descriptions consist of such ones.
func (t *translation) elsewhere(n *document.Node, do func(method string, n *document.Node) error) error {
	target := n
	if ref := n.Get("$ref"); ref.Is(document.String) {
		if !t.referred {
			t.referred = true
			t.note("OperationReference", n,
				"the operation is a reference, which OpenAPI allows for whole path items; it and others like it are read from where they stand")
		}
		if target = t.resolve(n); target == nil {
			return nil
		}
	}
	return do(strings.ToUpper(n.Key()), target)
}

// additional is the member of a path item that holds the operations of other
// methods.
const additional = "additionalOperations"

// token is what a method may be (RFC 9110, section 5.6.2).
var token = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")

// additional reads one operation whose key is its method as it is sent.
func (t *translation) additional(n *document.Node, do func(method string, n *document.Node) error) error {
	if !n.Is(document.Object) || !token.MatchString(n.Key()) {
		t.warn("MethodInvalid", n, "write an operation under the name of its method",
			"%q is no method with an operation; it is ignored", n.Key())
		return nil
	}
	return t.elsewhere(n, do)
}

// sourcePointer returns where the operation n stands. The item of the path p may
// be elsewhere.
func (t *translation) sourcePointer(p, item, n *document.Node) string {
	if p == item && n.Parent() == item {
		return "/" + document.EscapeToken(p.Parent().Key()) + "/" + document.EscapeToken(p.Key()) + "/" + document.EscapeToken(n.Key())
	}
	pointer := n.Pointer()
	if in := t.files.of(n); in != t.files.main {
		pointer = in.path + "#" + pointer
	}
	return pointer
}

// reserveIDs notes the ids that the document gives, so that no generated one
// takes an id that stands further down.
func (t *translation) reserveIDs() {
	for n := range t.allOperations() {
		if id := scalarText(n.Get("operationId")); id != "" {
			t.ids[id] = false
		}
	}
}

// allOperations goes through the operations of all paths and webhooks, without
// reporting anything.
func (t *translation) allOperations() iter.Seq[*document.Node] {
	return func(yield func(*document.Node) bool) {
		for _, container := range []*document.Node{t.root.Get("paths"), t.root.Get(pathsExtension), t.root.Get(webhooksKey)} {
			for _, p := range container.Children() {
				item := t.peek(p)
				if item != p {
					t.budget.work += len(item.Children())
				}
				if t.budget.exhausted() || !t.yieldItem(item, yield) {
					return
				}
			}
		}
	}
}

func (t *translation) yieldItem(item *document.Node, yield func(*document.Node) bool) bool {
	for _, n := range item.Children() {
		if t.dialect.isMethod(n.Key()) && !t.yieldOperation(n, yield) {
			return false
		}
		if n.Key() != additional {
			continue
		}
		for _, extra := range n.Children() {
			if !t.yieldOperation(extra, yield) {
				return false
			}
		}
	}
	return true
}

// yieldOperation goes on where a reference leads.
func (t *translation) yieldOperation(n *document.Node, yield func(*document.Node) bool) bool {
	target := t.peek(n)
	if target != n {
		t.budget.work += len(target.Children())
	}
	return target == nil || yield(target)
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
	t.operationIDs[n] = id
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
