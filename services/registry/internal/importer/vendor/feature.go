package vendor

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// maxFeatures is the greatest number of dynamic features of a definition, and
	// maxVisits that of schemas that are looked into for them: schemas that refer
	// to each other let a few bytes stand for many.
	maxFeatures = 50_000
	maxVisits   = 1_000_000
	// maxPerOperation is the greatest number of schemas that are looked into for
	// one operation.
	maxPerOperation = 20_000
	// maxLevels is how deep features are looked for.
	maxLevels = 64
)

// The kinds of features in the order in which they should be preferred: the
// oldest form first, which everybody reads.
var featureKeys = []string{
	"x-ms-dynamic-values", "x-ms-dynamic-list", "x-ms-dynamic-tree", "x-ms-dynamic-schema", "x-ms-dynamic-properties",
}

// found is a dynamic feature that was found, or another call.
type found struct {
	op      *connectorv1.Operation
	side    connectorv1.DynamicSide
	pointer string
	kind    string
	at      *document.Node
	// into is the call, if it is not that of a feature.
	into *connectorv1.DynamicCall
}

// sides are the nodes of an operation that calls refer to.
type sides struct {
	// body and answer are schemas, nil if there is none.
	body, answer *document.Node
	// fields are the names of a form's fields, where they are described one by one.
	fields []string
}

// search is the search in one operation.
type search struct {
	r      *Reader
	op     *connectorv1.Operation
	side   connectorv1.DynamicSide
	open   map[*document.Node]bool
	visits int
}

// features finds the dynamic features of an operation, and notes its body and
// answer, which other operations' features refer to.
func (r *Reader) features(op *connectorv1.Operation, item, n, content *document.Node) {
	if op.GetTrigger().GetPolling() != nil {
		for _, p := range r.parameters(item, n) {
			r.cursor(op, p)
		}
	}
	if r.marks == nil {
		r.marks = r.mark(n)
	}
	if len(r.marks.nodes) == 0 {
		return
	}
	own := &sides{}
	r.sides[op.GetOperationId()] = own
	s := &search{r: r, op: op, side: connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT, open: map[*document.Node]bool{}}
	for _, p := range r.parameters(item, n) {
		name := "/" + document.EscapeToken(p.Str("name"))
		switch p.Str("in") {
		case "body":
			own.body = p.Get("schema")
			name = "/body"
		case "formData":
			own.fields = append(own.fields, p.Str("name"))
			name = "/body" + name
		}
		s.schema(p, name, 0)
		s.schema(p.Get("schema"), name, 0)
	}
	if body := firstSchema(r.follow(n.Get("requestBody"))); body != nil {
		own.body = body
		s.schema(body, "/body", 0)
	}
	own.answer = r.answer(n)
	s.side = connectorv1.DynamicSide_DYNAMIC_SIDE_OUTPUT
	if schema := content.Get("schema"); schema != nil && op.GetTrigger().GetWebhook() != nil {
		s.schema(schema, "", 0) // what a webhook trigger delivers
		return
	}
	s.schema(own.answer, "", 0)
}

// parameters returns the parameters of an operation with references followed,
// its own instead of those of the path with the same name and place.
func (r *Reader) parameters(item, n *document.Node) []*document.Node {
	type identity struct{ name, in string }
	var list []*document.Node
	seen := map[identity]bool{}
	for _, source := range []*document.Node{n.Get("parameters"), item.Get("parameters")} {
		for _, c := range source.Children() {
			p := r.follow(c)
			id := identity{p.Str("name"), p.Str("in")}
			if p != nil && !seen[id] {
				seen[id] = true
				list = append(list, p)
			}
		}
	}
	return list
}

// answer returns the schema of the answer that counts: that of the first success
// that has one, or else of the default.
func (r *Reader) answer(n *document.Node) *document.Node {
	var fallback *document.Node
	for _, c := range n.Get("responses").Children() {
		response := r.follow(c)
		schema := response.Get("schema")
		if schema == nil {
			schema = firstSchema(response)
		}
		switch {
		case schema == nil:
		case strings.HasPrefix(c.Key(), "2"):
			return schema
		case c.Key() == "default":
			fallback = schema
		}
	}
	return fallback
}

// firstSchema returns the schema of the first media type that has one.
func firstSchema(n *document.Node) *document.Node {
	for _, media := range n.Get("content").Children() {
		if schema := media.Get("schema"); schema != nil {
			return schema
		}
	}
	return nil
}

// schema looks for features in a schema, at any depth, once on each way that
// leads to it and never inside itself.
func (s *search) schema(n *document.Node, pointer string, level int) {
	if n == nil || !s.r.marks.nodes[n] || s.open[n] {
		return
	}
	s.visits++
	s.r.visits++
	if level > maxLevels || s.visits > maxPerOperation || s.r.visits > maxVisits || len(s.r.found) >= maxFeatures {
		s.r.warn("DynamicFeaturesTooMany", nil, "describe fewer things as dynamic", "there are more dynamic features than are looked at; the rest is without effect")
		return
	}
	s.open[n] = true
	defer delete(s.open, n)
	for _, key := range featureKeys {
		c := n.Get(key)
		if c == nil {
			continue
		}
		if !c.Is(document.Object) {
			s.r.warn("DynamicFeatureInvalid", c, "write an object", "%q is %s instead of an object; it is ignored", key, c.Kind())
			continue
		}
		s.r.found = append(s.r.found, found{op: s.op, side: s.side, pointer: pointer, kind: key, at: c})
	}
	if ref := n.Get("$ref"); ref.Is(document.String) {
		s.schema(s.r.resolve(ref), pointer, level+1)
	}
	for _, property := range n.Get("properties").Children() {
		s.schema(property, pointer+"/"+document.EscapeToken(property.Key()), level+1)
	}
	s.schema(n.Get("items"), pointer+"/*", level+1)
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range n.Get(key).Children() {
			s.schema(part, pointer, level+1)
		}
	}
}

// cursor reads which value of the last item a parameter takes.
func (r *Reader) cursor(op *connectorv1.Operation, p *document.Node) {
	n := p.Get("x-ms-trigger-value")
	polling := op.GetTrigger().GetPolling()
	if n == nil || polling == nil {
		return
	}
	polling.Cursors = append(polling.Cursors, &connectorv1.PollingCursor{
		Parameter: p.Str("name"), ItemsPath: dots(n.Str("value-collection")), ValuePath: dots(n.Str("value-path")),
	})
}

// dots returns a path whose parts are separated by slashes, or by dots already,
// as a dot path.
func dots(path string) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimSpace(path), "/"), "/", ".")
}
