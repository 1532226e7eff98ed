package lint

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// target is a description and where findings about it go.
type target struct {
	source    *format.Source
	result    *format.Result
	collector *collector
	// main is the document that describes operations.
	main place
	// properties is the second document of a connector package.
	properties place
}

func newTarget(in Input, c *collector) *target {
	t := &target{source: in.Source, result: in.Result, collector: c}
	if in.Result.Format == format.ConnectorPackage {
		t.main = t.named("apiDefinition.swagger.json")
		t.properties = t.named("apiProperties.json")
		return t
	}
	t.main = t.findMain()
	return t
}

// findMain returns the document that has the operations of the definition: of
// several that may be it, the first with most of those that are looked for.
func (t *target) findMain() place {
	var found place
	best := -1
	for _, path := range t.source.Candidates() {
		doc, err := t.source.Document(path)
		if err != nil || !isMain(doc.Root()) {
			continue
		}
		if n := t.owned(doc); n > best {
			found, best = place{doc: doc}, n
			if len(t.source.Files()) > 1 {
				found.path = path
			}
		}
	}
	return found
}

// maxProbes is how many operations are looked for to tell documents apart.
const maxProbes = 64

// owned counts operations that are where the definition says, if doc is the first
// document.
func (t *target) owned(doc *document.Document) int {
	ops := t.result.Definition.GetOperations()
	count := 0
	for _, op := range ops[:min(len(ops), maxProbes)] {
		if strings.HasPrefix(op.GetSourcePointer(), "/") && doc.Root().At(op.GetSourcePointer()) != nil {
			count++
		}
	}
	return count
}

// isMain reports whether a document is one that others belong to.
func isMain(root *document.Node) bool {
	for _, key := range []string{"swagger", "openapi", "info", "requests", "operations", "collection"} {
		if root.Get(key) != nil {
			return true
		}
	}
	return false
}

func (t *target) named(name string) place {
	for _, path := range t.source.Named(name) {
		if doc, err := t.source.Document(path); err == nil {
			return place{doc: doc, path: path}
		}
	}
	return place{}
}

func (t *target) content(path string) []byte {
	for _, f := range t.source.Files() {
		if f.Path == path || path == "" {
			return f.Content
		}
	}
	return nil
}

// model is a definition, with the places of its operations.
type model struct {
	def *connectorv1.Definition
	doc *document.Document
	// format is what it was read from.
	format format.ID
	// file returns another document of the source, nil if there is none; all
	// returns those that can be read.
	file func(path string) *document.Document
	all  func() []*document.Document
	// hosts are the places where hosts are named; nil until they are asked for.
	hosts map[string]*document.Node
}

// node is where an operation stands, or nil if nobody knows.
func (m *model) node(op *connectorv1.Operation) *document.Node {
	pointer := op.GetSourcePointer()
	if m.doc == nil || strings.HasPrefix(pointer, "/") {
		return m.at(pointer)
	}
	path, pointer, found := strings.Cut(pointer, "#/")
	if !found {
		return nil
	}
	if doc := m.file(path); doc != nil {
		return doc.Root().At("/" + pointer)
	}
	return nil
}

// at is a member of the document, or nil.
func (m *model) at(pointer string) *document.Node {
	if m.doc == nil || pointer == "" {
		return nil
	}
	return m.doc.Root().At(pointer)
}

func (t *target) model() *model {
	return &model{def: t.result.Definition, doc: t.main.doc, format: t.result.Format, file: t.file, all: t.documents}
}

// file returns a document of the source whose nodes may be reported, or nil.
func (t *target) file(path string) *document.Document {
	doc, err := t.source.Document(path)
	if err != nil {
		return nil
	}
	if doc != t.main.doc {
		t.collector.others[doc.Root()] = place{doc: doc, path: path}
	}
	return doc
}

func (t *target) documents() []*document.Document {
	var all []*document.Document
	for _, path := range t.source.Candidates() {
		if doc := t.file(path); doc != nil {
			all = append(all, doc)
		}
	}
	return all
}

func (t *target) checkDefault(ctx context.Context) {
	t.checkModel(ctx, defaultRules)
}

func (t *target) checkModel(ctx context.Context, rules []rule) {
	set := bind(rules, t.collector.report(t.main))
	m := t.model()
	for i := range set.models {
		if ctx.Err() != nil {
			return
		}
		set.models[i].check(m, set.models[i].report)
	}
}

// checkCertification applies the rules for Swagger 2.0, or, to what is in another
// format, those that can be.
func (t *target) checkCertification(ctx context.Context) {
	if t.main.doc == nil || t.main.doc.Root().Get("swagger") == nil {
		t.checkModel(ctx, otherFormatRules)
		return
	}
	rules := certificationRules()
	doc := newSwagger(t.main.doc.Root(), t.content(t.main.path), t.result.Definition)
	doc.keep(t.result.Definition)
	w := &walk{ctx: ctx, doc: doc, rules: bind(rules, t.collector.report(t.main))}
	w.run()
	if root := t.properties.root(); root != nil {
		apply(bind(rules, t.collector.report(t.properties)).properties, &properties{root: root, doc: doc, files: t.source.Files()})
	}
}

func (p place) root() *document.Node {
	if p.doc == nil {
		return nil
	}
	return p.doc.Root().GetFold("properties")
}
