package openapi

import (
	"context"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/derive"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// translation is the work on one description.
type translation struct {
	root    *document.Node
	files   *files
	dialect dialect
	vendor  *vendor.Reader
	def     *connectorv1.Definition
	places  *format.Places

	budget budget

	// ids are the operation ids that the document gives, true once they are
	// taken, and those that were made up. suffixes are how often one was.
	ids      map[string]bool
	suffixes map[string]int
	// operationIDs are the ids by the nodes of the operations.
	operationIDs map[*document.Node]string
	// items are the path items that were read: several paths may share one.
	items map[*document.Node]bool
	// referred is whether an operation that is a reference was reported.
	referred bool
	// connectable is whether parameter sets are made for all ways to connect; it is
	// false where the caller replaces them.
	connectable bool
	// schemes are the security schemes by id, and spelling is how the source
	// writes those of the Authorization header.
	schemes  map[string]*connectorv1.SecurityScheme
	spelling map[string]string
	// unsupported are the schemes that no connection can be made for, prefixes is
	// what keys begin with, and hints are settings of sign-ins; all by scheme.
	unsupported map[string]authkind.Kind
	prefixes    map[string]string
	hints       map[string]*oauthHint
	// named is the object that holds the named schemas.
	named *document.Node
	// promoted are the names of other schemas that references lead to; names are
	// those that are taken, and queue holds the schemas still to be written.
	promoted map[*document.Node]string
	names    map[string]bool
	queue    []*document.Node
	// written are the texts that were made of nodes, so that what is shared is
	// written and reported once.
	written map[writing][]byte
	// patterns are the regular expressions that were seen, true if they can be
	// checked.
	patterns map[string]bool
	// removals are webhook registrations that wait for the operation that
	// removes them; links are those that wait for their targets.
	removals []removal
	links    []pendingLink
}

// writing is a text that is made of a node.
type writing struct {
	node *document.Node
	form form
}

// form is what a node is written as.
type form int

const (
	// asItIs is JSON text.
	asItIs form = iota
	// asSchema is the schema that the node is.
	asSchema
	// asValue is the schema that is among the members of a parameter or header.
	asValue
)

func newTranslation(set *files) *translation {
	t := &translation{
		root: set.main.doc.Root(), files: set, def: &connectorv1.Definition{}, places: &format.Places{},
		ids: map[string]bool{}, suffixes: map[string]int{}, operationIDs: map[*document.Node]string{}, items: map[*document.Node]bool{},
		schemes: map[string]*connectorv1.SecurityScheme{}, spelling: map[string]string{},
		unsupported: map[string]authkind.Kind{}, prefixes: map[string]string{}, hints: map[string]*oauthHint{},
		promoted: map[*document.Node]string{}, names: map[string]bool{},
		written: map[writing][]byte{}, patterns: map[string]bool{},
	}
	t.dialect = swagger2{t}
	if minor := minorOf(t.root); minor >= 0 {
		t.dialect = openapi3{t, minor}
	}
	t.named = t.dialect.schemaMap()
	t.vendor = vendor.New(t, func(ref *document.Node) *document.Node { return t.lookup(ref, ref.Text()) })
	return t
}

// run translates everything.
func (t *translation) run(ctx context.Context) (*connectorv1.Definition, error) {
	t.files.main.place.Remarks()
	if why, pointer := t.dialect.invalid(); why != "" {
		path := t.files.main.doc.Path()
		return nil, fault.Invalid(fault.ReasonDocumentInvalid, "%q has no operations: %s", path, why).
			With("path", path).With("pointer", pointer)
	}
	t.info()
	t.def.Servers = t.dialect.readServers()
	t.tags()
	t.securitySchemes()
	if err := t.operations(ctx); err != nil {
		return nil, err
	}
	t.linkRemovals()
	t.resolveLinks()
	if err := t.schemas(ctx); err != nil {
		return nil, err
	}
	t.def.ParameterSets = t.parameterSets()
	interpreted := t.vendor.Finish(t.def, t.root)
	interpreted = append(interpreted, pathsExtension, hostExtension, metadataExtension, docsExtension)
	t.def.Extensions = append(t.def.Extensions, t.extensions(t.root, interpreted...)...)
	if err := t.budget.check(t.root, nil); err != nil {
		return nil, err
	}
	derive.Operations(t.def)
	t.script()
	t.ferrule()
	return t.def, nil
}

// Report adds a finding about a node of any of the files.
func (t *translation) Report(s format.Severity, code string, at *document.Node, remedy, message string, args ...any) {
	t.files.of(at).place.Report(s, code, at, remedy, message, args...)
}

func (t *translation) note(code string, at *document.Node, message string, args ...any) {
	t.Report(format.Info, code, at, "", message, args...)
}

func (t *translation) warn(code string, at *document.Node, remedy, message string, args ...any) {
	t.Report(format.Warning, code, at, remedy, message, args...)
}

// json returns a node as JSON text, made once.
func (t *translation) json(n *document.Node) []byte {
	key := writing{n, asItIs}
	text, ok := t.written[key]
	if !ok && n != nil && !t.budget.exhausted() {
		text = t.budget.spend(n.JSON())
		t.written[key] = text
	}
	return text
}

// canceled is the error of an ended context.
func canceled(ctx context.Context, doing string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
