package vendor

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxArguments is the greatest number of arguments of a call.
const maxArguments = 100

// calls turns what was found into calls, once all operations are known.
type calls struct {
	r          *Reader
	operations map[string]*connectorv1.Operation
	// visits bounds the search for properties in schemas that are shared.
	visits int
}

// feature adds what was found to its operation.
func (c *calls) feature(f found) {
	if f.into != nil {
		if call := c.call(f.op, f.at); call != nil {
			f.into.Target, f.into.Arguments = call.GetTarget(), call.GetArguments()
		} else {
			f.op.Trigger.Simulation = nil
		}
		return
	}
	d := &connectorv1.DynamicFeature{Side: f.side, Pointer: f.pointer}
	switch f.kind {
	case "x-ms-dynamic-tree":
		tree := c.tree(f)
		if tree == nil {
			return
		}
		d.Kind = &connectorv1.DynamicFeature_Tree{Tree: tree}
	case "x-ms-dynamic-schema", "x-ms-dynamic-properties":
		call := c.call(f.op, f.at)
		if call == nil {
			return
		}
		d.Kind = &connectorv1.DynamicFeature_Schema{Schema: c.schema(f, call)}
	default:
		call := c.call(f.op, f.at)
		if call == nil {
			return
		}
		d.Kind = &connectorv1.DynamicFeature_Values{Values: c.values(f, call)}
	}
	f.op.Dynamics = append(f.op.Dynamics, d)
}

// values reads both forms of a list of choices.
func (c *calls) values(f found, call *connectorv1.DynamicCall) *connectorv1.DynamicValues {
	items, value, title, description, selectable := "value-collection", "value-path", "value-title", "value-description", "value-selectable"
	if f.kind == "x-ms-dynamic-list" {
		items, value, title, description, selectable = "itemsPath", "itemValuePath", "itemTitlePath", "itemDescriptionPath", "itemSelectablePath"
	}
	v := &connectorv1.DynamicValues{
		Call: call, ItemsPath: dots(f.at.Str(items)), ValuePath: dots(f.at.Str(value)), TitlePath: dots(f.at.Str(title)),
		DescriptionPath: dots(f.at.Str(description)), SelectablePath: dots(f.at.Str(selectable)),
	}
	list := c.checkList(call, f.at.Get(items))
	c.checkPath(call, f.at.Get(value), list)
	c.checkPath(call, f.at.Get(title), list)
	return v
}

// schema reads both forms of a schema that the API supplies. The older one names
// the properties of an object where it names nothing, the newer one a schema.
func (c *calls) schema(f found, call *connectorv1.DynamicCall) *connectorv1.DynamicSchema {
	key := "itemValuePath"
	if f.kind == "x-ms-dynamic-schema" {
		key = "value-path"
	}
	path := f.at.Get(key)
	s := &connectorv1.DynamicSchema{Call: call, Path: dots(path.Text())}
	if key == "value-path" {
		s.PropertiesOnly = s.GetPath() == "" || s.GetPath() == "properties" || strings.HasSuffix(s.GetPath(), ".properties")
	}
	c.checkPath(call, path, c.answer(call))
	return s
}

func (c *calls) tree(f found) *connectorv1.DynamicTree {
	open, browse := c.branch(f, "open"), c.branch(f, "browse")
	if open == nil || browse == nil {
		return nil
	}
	tree := &connectorv1.DynamicTree{Open: open, Browse: browse, LeavesSelectable: true}
	settings := f.at.Get("settings")
	tree.ParentsSelectable, _ = Flag(settings.Get("canSelectParentNodes"))
	if leaves, present := Flag(settings.Get("canSelectLeafNodes")); present {
		tree.LeavesSelectable = leaves
	}
	return tree
}

func (c *calls) branch(f found, key string) *connectorv1.DynamicBranch {
	n := f.at.Get(key)
	if !n.Is(document.Object) {
		c.r.warn("DynamicFeatureInvalid", f.at, "name an operation in \"open\" and one in \"browse\"",
			"the tree has no object %q; it is ignored", key)
		return nil
	}
	call := c.call(f.op, n)
	if call == nil {
		return nil
	}
	list := c.checkList(call, n.Get("itemsPath"))
	c.checkPath(call, n.Get("itemValuePath"), list)
	return &connectorv1.DynamicBranch{
		Call: call, ItemsPath: dots(n.Str("itemsPath")), ValuePath: dots(n.Str("itemValuePath")),
		TitlePath: dots(n.Str("itemTitlePath")), FullTitlePath: dots(n.Str("itemFullTitlePath")),
		ParentExpression: n.Str("itemIsParent"), SelectableExpression: n.Str("selectableFilter"),
	}
}

// call reads which operation is called with what; nil, and reported, if it says
// neither that nor names something of the platform.
func (c *calls) call(own *connectorv1.Operation, n *document.Node) *connectorv1.DynamicCall {
	call := &connectorv1.DynamicCall{}
	id := n.Str("operationId")
	var target *connectorv1.Operation
	switch capability := n.Str("capability") + n.Str("builtInOperation"); {
	case id != "":
		if target = c.operations[id]; target == nil {
			c.r.warn("DynamicOperationUnknown", n, "name an operation of the document",
				"the operation %q that is asked here does not exist; what it should supply is not known", id)
		}
		call.Target = &connectorv1.DynamicCall_OperationId{OperationId: id}
	case capability != "":
		call.Target = &connectorv1.DynamicCall_Capability{Capability: capability}
	default:
		c.r.warn("DynamicOperationMissing", n, "add \"operationId\"", "nothing says which operation is asked here; it is ignored")
		return nil
	}
	for i, a := range n.Get("parameters").Children() {
		if i == maxArguments {
			c.r.warn("DynamicArgumentsTooMany", a, "remove some", "there are more than %d arguments; the rest is ignored", maxArguments)
			break
		}
		call.Arguments = append(call.Arguments, c.argument(own, target, a))
	}
	return call
}

// argument reads one argument, in either style: the older names parameters, the
// newer writes paths and says whether they are values or references.
func (c *calls) argument(own, target *connectorv1.Operation, n *document.Node) *connectorv1.DynamicArgument {
	pointer, required := c.inputOf(target, n.Key(), n)
	a := &connectorv1.DynamicArgument{Pointer: pointer}
	constant := n
	if n.Is(document.Object) && len(n.Children()) <= 2 {
		for _, key := range []string{"parameter", "parameterReference"} {
			if ref := n.Get(key); ref.Is(document.String) {
				a.Value = &connectorv1.DynamicArgument_Input{Input: c.reference(own, ref)}
				a.Required = required
			}
		}
		for _, key := range []string{"selectedItemValuePath", "value-property"} {
			if path := n.Get(key); path.Is(document.String) {
				a.Value = &connectorv1.DynamicArgument_ItemPath{ItemPath: dots(path.Text())}
			}
		}
		if stated, present := Flag(n.Get("required")); present {
			a.Required = stated
		}
		if v := n.Get("value"); v != nil {
			constant = v
		}
	}
	if a.GetValue() == nil {
		a.Value = &connectorv1.DynamicArgument_Json{Json: constant.JSON()}
	}
	return a
}

// inputOf returns where a value goes in the input of the operation that is
// called, and whether it is required there. The first part of the path is the
// name of a parameter, or of the body.
func (c *calls) inputOf(target *connectorv1.Operation, path string, at *document.Node) (pointer string, required bool) {
	pointer, known, required := c.lookUp(target, path)
	if target != nil && !known {
		c.r.warn("DynamicParameterUnknown", at, "name a parameter of the operation",
			"the operation %q has no parameter %q; it is sent under this name", target.GetOperationId(), path)
	}
	return pointer, required
}

// reference returns what an operation's own input a path refers to.
func (c *calls) reference(own *connectorv1.Operation, n *document.Node) string {
	pointer, known, _ := c.lookUp(own, n.Text())
	if own.GetOperationId() != "" && !known {
		c.r.warn("DynamicReferenceUnknown", n, "refer to a parameter of the operation, or to \"body/\" and a property",
			"the operation %q has no parameter %q that could be referred to; there will be no value", own.GetOperationId(), n.Text())
	}
	return pointer
}

// lookUp returns the pointer into an operation's input that a path means.
func (c *calls) lookUp(op *connectorv1.Operation, path string) (pointer string, known, required bool) {
	path = strings.Trim(path, "/")
	for _, p := range op.GetParameters() {
		if p.GetName() == path {
			return "/" + document.EscapeToken(path), true, p.GetRequired()
		}
	}
	head, rest, deeper := strings.Cut(path, "/")
	for _, p := range op.GetParameters() {
		if deeper && p.GetName() == head {
			return "/" + document.EscapeToken(head) + pointerOf(rest), true, false
		}
	}
	body := op.GetRequestBody()
	if body == nil {
		return pointerOf(path), false, false
	}
	if head == body.GetName() || head == "body" {
		if !deeper {
			return "/body", true, body.GetRequired()
		}
		return "/body" + pointerOf(rest), true, false
	}
	// A property of the body by its bare name, or from there on by names with dots
	// between them: a field of a form, or what older documents write.
	if c.hasProperty(op, head) {
		return "/body" + pointerOf(path), true, false
	}
	if first, _, dotted := strings.Cut(head, "."); dotted && c.hasProperty(op, first) {
		return "/body" + pointerOf(strings.ReplaceAll(path, ".", "/")), true, false
	}
	return pointerOf(path), false, false
}

func pointerOf(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, "/") {
		b.WriteString("/" + document.EscapeToken(part))
	}
	return b.String()
}

// hasProperty reports whether the body of an operation has the property, at its
// top.
func (c *calls) hasProperty(op *connectorv1.Operation, name string) bool {
	s := c.r.sides[op.GetOperationId()]
	if s == nil {
		return false
	}
	if slices.Contains(s.fields, name) {
		return true
	}
	n, _ := c.step(s.body, name, 0)
	return n != nil
}

// answer returns the schema of what a call returns, nil if nothing is known.
func (c *calls) answer(call *connectorv1.DynamicCall) *document.Node {
	if s := c.r.sides[call.GetOperationId()]; s != nil {
		return s.answer
	}
	return nil
}

// checkList follows the path of a list. Without a path, the list is the answer or
// its first member that is one.
func (c *calls) checkList(call *connectorv1.DynamicCall, path *document.Node) *document.Node {
	answer := c.answer(call)
	if path.Text() != "" {
		return c.checkPath(call, path, answer)
	}
	answer = c.r.follow(answer)
	if answer.Get("items") != nil {
		return answer
	}
	for _, p := range answer.Get("properties").Children() {
		if p = c.r.follow(p); p.Get("items") != nil {
			return p
		}
	}
	return nil
}

// checkPath follows a path from a schema on and reports a part that the answer
// does not have. It returns nil where the path leaves what the description says.
func (c *calls) checkPath(call *connectorv1.DynamicCall, path, from *document.Node) *document.Node {
	for part := range strings.SplitSeq(dots(path.Text()), ".") {
		if from == nil || part == "" {
			return from
		}
		next, open := c.step(from, part, 0)
		if next == nil {
			if !open {
				c.r.once(format.Info, "DynamicPathUnknown", path, "correct the path, or describe the property",
					"the answer of operation %q has no property %q as described", call.GetOperationId(), part)
			}
			return nil
		}
		from = next
	}
	return from
}

// step returns the schema of a property, of the items where the schema is that of
// a list. open says that there may be properties that nobody describes.
func (c *calls) step(n *document.Node, name string, level int) (found *document.Node, open bool) {
	n = c.r.follow(n)
	c.visits++
	if n == nil || level > maxHops || c.visits > maxVisits {
		return nil, true
	}
	if p := n.Get("properties").Get(name); p != nil {
		return p, false
	}
	for _, key := range featureKeys {
		open = open || n.Get(key) != nil
	}
	described := n.Get("properties") != nil
	if items := n.Get("items"); items.Is(document.Object) {
		return c.step(items, name, level+1)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range n.Get(key).Children() {
			p, partOpen := c.step(part, name, level+4)
			if p != nil {
				return p, false
			}
			described = true
			open = open || partOpen
		}
	}
	extra := n.Get("additionalProperties")
	return nil, open || !described || extra.Is(document.Object) || extra.Text() == "true"
}
