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
	for _, path := range in.Source.Candidates() {
		doc, err := in.Source.Document(path)
		if err != nil || !isMain(doc.Root()) {
			continue
		}
		t.main = place{doc: doc}
		if len(in.Source.Files()) > 1 {
			t.main.path = path
		}
		break
	}
	return t
}

// isMain reports whether a document is one that others belong to.
func isMain(root *document.Node) bool {
	for _, key := range []string{"swagger", "openapi", "info", "requests", "operations"} {
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
}

// node is where an operation stands, or nil if that is another file.
func (m *model) node(op *connectorv1.Operation) *document.Node {
	if m.doc == nil || !strings.HasPrefix(op.GetSourcePointer(), "/") {
		return nil
	}
	return m.doc.Root().At(op.GetSourcePointer())
}

// at is a member of the document, or nil.
func (m *model) at(pointer string) *document.Node {
	if m.doc == nil {
		return nil
	}
	return m.doc.Root().At(pointer)
}

func (t *target) model() *model {
	return &model{def: t.result.Definition, doc: t.main.doc, format: t.result.Format}
}

func (t *target) checkDefault(ctx context.Context) {
	t.checkModel(ctx, defaultRules)
}

func (t *target) checkModel(ctx context.Context, rules []rule) {
	set := bind(rules, t.collector.report(t.main))
	for i := range set.models {
		if ctx.Err() != nil {
			return
		}
		set.models[i].check(t.model(), set.models[i].report)
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
