// Package connectorpackage imports connector packages: a directory with a
// Swagger 2.0 document (apiDefinition.swagger.json), what a connection asks for
// and how calls are transformed (apiProperties.json), and optionally custom code
// (script.csx). Other files are kept as part of the source and not read.
//
// The document is translated by package openapi. The properties then replace
// the parameter sets, which the document can only guess at, and add policies,
// scripts and branding. How the value of a connection parameter reaches a
// request is nowhere written down in such a package: [pair] holds the rules.
package connectorpackage

import (
	"context"
	"path"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// The files of a package.
const (
	definitionFile = "apiDefinition.swagger.json"
	propertiesFile = "apiProperties.json"
	scriptFile     = "script.csx"
)

// Importer reads connector packages.
type Importer struct{}

var _ format.Importer = Importer{}

// Format returns [format.ConnectorPackage].
func (Importer) Format() format.ID { return format.ConnectorPackage }

// Detect reports whether both files of a package are there. Their content is
// looked at by Import: a package with a broken file is a broken package, not an
// unknown format.
func (Importer) Detect(src *format.Source) bool {
	return len(src.Named(definitionFile)) > 0 && len(src.Named(propertiesFile)) > 0
}

// Import translates the package. Files that are missing or there several times
// are DOCUMENT_INVALID.
func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	definition, err := only(src, definitionFile)
	if err != nil {
		return nil, err
	}
	properties, err := only(src, propertiesFile)
	if err != nil {
		return nil, err
	}
	if !openapi.IsSwagger(definition) {
		return nil, invalid(definition, "/swagger", "it does not say that it is Swagger 2.0; add \"swagger\": \"2.0\"")
	}
	root := properties.Root().GetFold("properties")
	if !root.Is(document.Object) {
		return nil, invalid(properties, "/properties", "it has no object \"properties\"; add one")
	}
	var findings format.Findings
	def, err := openapi.Translate(ctx, definition, findings.In(definition, format.SeveralFiles))
	if err != nil {
		return nil, err
	}
	p := &pack{
		def: def, root: root, place: findings.In(properties, format.SeveralFiles), kinds: kindsOf(def),
		stated: map[*connectorv1.ConnectionParameter]bool{},
	}
	p.place.Remarks()
	p.branding()
	p.sets()
	p.policies()
	p.scripts(src.Named(scriptFile))
	return &format.Result{Format: format.ConnectorPackage, Definition: def, Findings: findings.Sorted()}, nil
}

// only parses the one file of that name.
func only(src *format.Source, name string) (*document.Document, error) {
	paths := src.Named(name)
	switch {
	case len(paths) == 0:
		return nil, fault.Invalid(fault.ReasonDocumentInvalid,
			"a connector package needs the file %q; add it", name).With("path", name)
	case len(paths) > 1:
		return nil, fault.Invalid(fault.ReasonDocumentInvalid,
			"there are several files %q, in %q and %q; import one package at a time", name, path.Dir(paths[0]), path.Dir(paths[1])).
			With("path", paths[1])
	}
	return src.Document(paths[0])
}

func invalid(doc *document.Document, pointer, why string) error {
	return fault.Invalid(fault.ReasonDocumentInvalid, "%q cannot be imported: %s", doc.Path(), why).
		With("path", doc.Path()).With("pointer", pointer)
}

// pack is the work on one package.
type pack struct {
	def   *connectorv1.Definition
	root  *document.Node
	place *format.Place
	// kinds are the kinds of the operations by id.
	kinds map[string]connectorv1.OperationKind
	// stated are the parameters of which the package says whether they are
	// required.
	stated map[*connectorv1.ConnectionParameter]bool
}

func kindsOf(def *connectorv1.Definition) map[string]connectorv1.OperationKind {
	kinds := make(map[string]connectorv1.OperationKind, len(def.GetOperations()))
	for _, op := range def.GetOperations() {
		kinds[op.GetOperationId()] = op.GetKind()
	}
	return kinds
}

func (p *pack) warn(code string, at *document.Node, remedy, message string, args ...any) {
	p.place.Report(format.Warning, code, at, remedy, message, args...)
}

// knownKeys are the members of "properties" that something reads.
var knownKeys = map[string]bool{
	"iconbrandcolor": true, "capabilities": true, "connectionparameters": true, "connectionparametersets": true,
	"policytemplateinstances": true, "scriptoperations": true, "publisher": true, "stackowner": true,
}

// branding reads who the connector is. Keys are compared without case, as those
// who write these files do.
func (p *pack) branding() {
	info := p.def.GetInfo()
	info.Publisher = strings.TrimSpace(p.root.GetFold("publisher").Text())
	info.StackOwner = strings.TrimSpace(p.root.GetFold("stackOwner").Text())
	for _, c := range p.root.GetFold("capabilities").Children() {
		if c.Is(document.String) {
			info.Capabilities = append(info.Capabilities, c.Text())
		}
	}
	color := p.root.GetFold("iconBrandColor")
	switch text := strings.ToLower(strings.TrimSpace(color.Text())); {
	case isColor(text):
		info.BrandColor = text
	case text != "":
		p.warn("BrandColorInvalid", color, "write \"#rrggbb\"", "the brand colour %q is none; it is ignored", color.Text())
	}
	for _, c := range p.root.Children() {
		if !knownKeys[strings.ToLower(c.Key())] {
			p.place.Report(format.Info, "PropertyUnknown", c, "", "%q has no meaning in a connector package and is ignored", c.Key())
		}
	}
}

func isColor(text string) bool {
	digits, ok := strings.CutPrefix(text, "#")
	return ok && len(digits) == 6 && strings.Trim(digits, "0123456789abcdef") == ""
}
