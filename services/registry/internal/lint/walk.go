package lint

import (
	"context"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// walk hands everything in a document to the rules, in the order of the source.
// Its recursion is bounded by the depth of documents.
type walk struct {
	ctx   context.Context //nolint:containedctx // of the one call that the walk is
	doc   *swagger
	rules *ruleset
	// schemas are reused, one for each depth.
	schemas []*schema
}

func (w *walk) run() {
	apply(w.rules.documents, w.doc)
	for _, item := range w.doc.paths {
		if w.ctx.Err() != nil {
			return
		}
		w.path(item)
	}
	for _, n := range w.doc.root.Get("parameters").Children() {
		w.parameter(w.doc.parameter(n, nil, nil))
	}
	for _, n := range w.doc.root.Get("responses").Children() {
		w.response(w.doc.response(n, nil))
	}
	for _, n := range w.doc.root.Get("definitions").Children() {
		if w.ctx.Err() != nil {
			return
		}
		w.schema(schema{node: n, owner: n, certain: true}, 0)
	}
	w.doc.graph.flush()
	apply(w.rules.ends, w.doc)
}

func (w *walk) path(item *pathItem) {
	apply(w.rules.paths, item)
	for _, p := range item.parameters {
		w.parameter(p)
	}
	for _, o := range item.operations {
		apply(w.rules.operations, o)
		for _, p := range o.own {
			w.parameter(p)
		}
		for _, r := range o.responses {
			w.response(r)
		}
	}
	if content := item.node.Get("x-ms-notification-content").Get("schema"); content.Is(document.Object) {
		w.schema(schema{node: content, side: output}, 0)
	}
}

func (w *walk) parameter(p *parameter) {
	apply(w.rules.parameters, p)
	if p.isReference() || p.node.Get("$ref") != nil {
		return
	}
	if p.in == "body" {
		if n := p.node.Get("schema"); n.Is(document.Object) {
			w.schema(schema{node: n, operation: p.operation, parameter: p, side: input, internal: p.internal, required: p.required}, 0)
		}
		return
	}
	w.schema(schema{node: p.node, kind: asParameter, operation: p.operation, parameter: p, side: input, required: p.required}, 0)
}

func (w *walk) response(r *response) {
	apply(w.rules.responses, r)
	if r.node != r.target {
		return
	}
	if n := r.node.Get("schema"); n.Is(document.Object) {
		w.schema(schema{node: n, operation: r.operation, side: output}, 0)
	}
	for _, h := range r.node.Get("headers").Children() {
		w.schema(schema{node: h, kind: asHeader, operation: r.operation, side: output}, 0)
	}
}

// schema hands a schema and those inside it to the rules. What of is given says
// where it stands; its keywords are read here.
func (w *walk) schema(of schema, depth int) {
	if len(w.schemas) == depth {
		w.schemas = append(w.schemas, new(schema))
	}
	s := w.schemas[depth]
	*s = of
	s.doc = w.doc
	s.internal = s.internal || isInternal(s.node)
	s.read()
	if target := w.doc.resolve(s.ref, "#/definitions/"); target != nil {
		w.doc.graph.refer(s, target)
	}
	apply(w.rules.schemas, s)
	w.dynamics(s)
	w.inside(s, depth+1)
}

// inside walks through the schemas inside a schema.
func (w *walk) inside(s *schema, depth int) {
	child := schema{
		operation: s.operation, parameter: s.parameter, parent: s, owner: s.owner, side: s.side, internal: s.internal,
	}
	required := make(map[string]bool, len(s.requires.Children()))
	for _, r := range s.requires.Children() {
		required[r.Text()] = true
	}
	for _, p := range s.properties.Children() {
		if !p.Is(document.Object) {
			continue
		}
		of := child
		of.node, of.property, of.required = p, p.Key(), required[p.Key()]
		of.certain = s.certain && of.required
		w.schema(of, depth)
	}
	for _, p := range s.allOf.Children() {
		of := child
		of.node, of.certain, of.required = p, s.certain, true
		w.schema(of, depth)
	}
	if s.items.Is(document.Object) {
		of := child
		of.node = s.items
		if s.kind != asSchema {
			of.kind = asItems
		}
		w.schema(of, depth)
	}
	if s.additional.Is(document.Object) {
		of := child
		of.node = s.additional
		w.schema(of, depth)
	}
}

// dynamics hands the dynamic extensions of a schema to the rules.
func (w *walk) dynamics(s *schema) {
	for _, n := range []*document.Node{s.values, s.list, s.schemaOf, s.propertiesOf} {
		if n.Is(document.Object) {
			apply(w.rules.dynamics, w.doc.dynamic(s, n, strings.TrimPrefix(n.Key(), "x-ms-dynamic-")))
		}
	}
	for _, branch := range []string{"open", "browse"} {
		if n := s.tree.Get(branch); n.Is(document.Object) {
			apply(w.rules.dynamics, w.doc.dynamic(s, n, branch))
		}
	}
}
