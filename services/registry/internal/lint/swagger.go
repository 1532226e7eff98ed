package lint

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxList is how many parameters of one operation, or arguments of one call, are
// looked at: they are compared with each other.
const maxList = 2000

// methods are the keys of a path that are operations.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// swagger is one Swagger 2.0 document, with the operations that it has.
type swagger struct {
	root *document.Node
	// content is its file.
	content []byte
	def     *connectorv1.Definition

	paths      []*pathItem
	operations []*operation
	// byID finds the first operation with an id.
	byID map[string]*operation
	// resolved are references by their text; nil for those to nowhere.
	resolved map[string]*document.Node
	// sizes are those of definitions.
	sizes map[*document.Node]size
	graph graph
}

// pathItem is one path.
type pathItem struct {
	doc  *swagger
	node *document.Node
	path string
	// parameters are those of all its operations.
	parameters []*parameter
	operations []*operation
}

// operation is one operation.
type operation struct {
	doc  *swagger
	item *pathItem
	node *document.Node
	// method is in lower case.
	method      string
	id          string
	summary     string
	description string
	deprecated  bool
	internal    bool
	// trigger is "single", "batch" or "".
	trigger string
	// own are its parameters, all those and the path's that it does not replace.
	own, all  []*parameter
	body      *parameter
	responses []*response
	// consumes and produces are its own or the document's.
	consumes, produces *document.Node
	// takesURL is whether its body has a notification URL: it subscribes to a
	// webhook.
	takesURL bool
}

// isWebhook reports whether the operation registers a webhook.
func (o *operation) isWebhook() bool {
	return o.takesURL || o.trigger != "" && o.item.node.Get("x-ms-notification-content") != nil
}

// parameter is a parameter where it is used or declared.
type parameter struct {
	doc *swagger
	// operation and item say where it is used; both nil for those that are
	// declared for all.
	operation *operation
	item      *pathItem
	// node is what is written; target is what it refers to, or node.
	node, target *document.Node
	name, in     string
	required     bool
	internal     bool
}

// isReference reports whether the parameter is declared elsewhere.
func (p *parameter) isReference() bool { return p.node != p.target }

// typ is the type of its values.
func (p *parameter) typ() string {
	if p.in == "body" {
		return p.doc.typeOf(p.target.Get("schema"))
	}
	return p.target.Str("type")
}

// response is a response where it is used or declared.
type response struct {
	doc *swagger
	// operation is nil for those that are declared for all.
	operation    *operation
	node, target *document.Node
	status       string
	schema       *document.Node
}

// newSwagger collects the operations of a document; it does not look into
// schemas.
func newSwagger(root *document.Node, content []byte, def *connectorv1.Definition) *swagger {
	d := &swagger{
		root: root, content: content, def: def, byID: map[string]*operation{}, resolved: map[string]*document.Node{},
		sizes: map[*document.Node]size{}, graph: newGraph(),
	}
	for _, n := range root.Get("paths").Children() {
		if strings.HasPrefix(n.Key(), "x-") {
			continue
		}
		item := &pathItem{doc: d, node: n, path: n.Key()}
		for _, p := range some(n.Get("parameters")) {
			item.parameters = append(item.parameters, d.parameter(p, item, nil))
		}
		for _, m := range n.Children() {
			if slices.Contains(methods, m.Key()) && m.Is(document.Object) {
				item.operations = append(item.operations, d.operation(m, item))
			}
		}
		d.paths = append(d.paths, item)
		d.operations = append(d.operations, item.operations...)
	}
	return d
}

func (d *swagger) operation(n *document.Node, item *pathItem) *operation {
	o := &operation{
		doc: d, item: item, node: n, method: n.Key(), id: n.Str("operationId"), summary: n.Str("summary"),
		description: n.Str("description"), deprecated: n.True("deprecated"), trigger: strings.ToLower(n.Str("x-ms-trigger")),
		internal: isInternal(n), consumes: n.Get("consumes"), produces: n.Get("produces"),
	}
	if o.consumes == nil {
		o.consumes = d.root.Get("consumes")
	}
	if o.produces == nil {
		o.produces = d.root.Get("produces")
	}
	for _, p := range some(n.Get("parameters")) {
		o.own = append(o.own, d.parameter(p, item, o))
	}
	o.all = slices.Clone(o.own)
	for _, p := range item.parameters {
		if !slices.ContainsFunc(o.own, func(own *parameter) bool { return own.name == p.name && own.in == p.in }) {
			o.all = append(o.all, p)
		}
	}
	for _, p := range o.all {
		if p.in == "body" && o.body == nil {
			o.body = p
		}
	}
	o.takesURL = d.hasURL(o.body, n)
	for _, r := range n.Get("responses").Children() {
		if !strings.HasPrefix(r.Key(), "x-") {
			o.responses = append(o.responses, d.response(r, o))
		}
	}
	if _, taken := d.byID[o.id]; !taken && o.id != "" {
		d.byID[o.id] = o
	}
	return o
}

// keep drops the operations that were not selected for the definition, so that no
// rule looks at them. They can still be called by dynamic extensions.
func (d *swagger) keep(def *connectorv1.Definition) {
	if len(def.GetOperations()) >= len(d.operations) {
		return
	}
	selected := make(map[string]bool, len(def.GetOperations()))
	for _, op := range def.GetOperations() {
		selected[op.GetSourcePointer()] = true
	}
	dropped := func(o *operation) bool { return !selected[o.node.Pointer()] }
	d.operations = slices.DeleteFunc(d.operations, dropped)
	for _, item := range d.paths {
		item.operations = slices.DeleteFunc(item.operations, dropped)
	}
	d.paths = slices.DeleteFunc(d.paths, func(item *pathItem) bool { return len(item.operations) == 0 })
}

// hasURL reports whether a body, or the operation itself as some write, says
// where notifications go to.
func (d *swagger) hasURL(body *parameter, n *document.Node) bool {
	if n.Get("x-ms-notification-url") != nil {
		return true
	}
	return body != nil && d.findURL(body.target.Get("schema"), map[*document.Node]bool{}, 0)
}

// findURL looks for a notification URL as deep as they are in practice, and into
// each schema once.
func (d *swagger) findURL(n *document.Node, seen map[*document.Node]bool, depth int) bool {
	if n = d.deref(n); n == nil || depth > 8 || seen[n] {
		return false
	}
	seen[n] = true
	if n.True("x-ms-notification-url") {
		return true
	}
	for _, list := range []*document.Node{n.Get("properties"), n.Get("allOf")} {
		for _, p := range list.Children() {
			if d.findURL(p, seen, depth+1) {
				return true
			}
		}
	}
	return d.findURL(n.Get("items"), seen, depth+1)
}

// some are the first children of a list: those of which nobody has more.
func some(list *document.Node) []*document.Node {
	children := list.Children()
	return children[:min(len(children), maxList)]
}

func (d *swagger) parameter(n *document.Node, item *pathItem, o *operation) *parameter {
	p := &parameter{doc: d, item: item, operation: o, node: n, target: n}
	if target := d.resolve(n.Str("$ref"), "#/parameters/"); target != nil {
		p.target = target
	}
	p.name, p.in, p.required, p.internal = p.target.Str("name"), p.target.Str("in"), p.target.True("required"), isInternal(p.target)
	return p
}

func (d *swagger) response(n *document.Node, o *operation) *response {
	r := &response{doc: d, operation: o, node: n, target: n, status: n.Key()}
	if target := d.resolve(n.Str("$ref"), "#/responses/"); target != nil {
		r.target = target
	}
	r.schema = r.target.Get("schema")
	return r
}

func isInternal(n *document.Node) bool {
	return strings.EqualFold(n.Str("x-ms-visibility"), "internal")
}

// success is the schema of the operation's successful response: that of the
// lowest status, or of the default response.
func (o *operation) success() *document.Node {
	var best *response
	for _, r := range o.responses {
		if strings.HasPrefix(r.status, "2") && r.schema != nil && (best == nil || r.status < best.status) {
			best = r
		}
	}
	if best != nil {
		return best.schema
	}
	for _, r := range o.responses {
		if r.status == "default" {
			return r.schema
		}
	}
	return nil
}
