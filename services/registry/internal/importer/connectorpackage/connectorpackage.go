// Package connectorpackage imports connector packages: a directory with a
// Swagger 2.0 document (apiDefinition.swagger.json), what a connection asks for
// and how calls are transformed (apiProperties.json), and optionally custom code
// (script.csx, and script.js, which runs) and a picture (icon.png). Other files are kept as part of the
// source and not read. The same connector as part of a solution, where each of
// these things is a file of its own, is read as well: see [layout].
//
// The document is translated by package openapi. The properties then replace
// the parameter sets, which the document can only guess at, and add policies,
// scripts and branding. How the value of a connection parameter reaches a
// request is nowhere written down in such a package: [pair] holds the rules.
// Whether policies can be applied is asked of package policycheck, as it is of
// those of all formats.
package connectorpackage

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// Importer reads connector packages.
type Importer struct{}

var _ format.Importer = Importer{}

// Format returns [format.ConnectorPackage].
func (Importer) Format() format.ID { return format.ConnectorPackage }

// Detect reports whether both files of a package are there, or a connector of a
// solution. Their content is looked at by Import: a package with a broken file is
// a broken package, not an unknown format.
func (Importer) Detect(src *format.Source) bool {
	return (len(src.Named(definitionFile)) > 0 && len(src.Named(propertiesFile)) > 0) || len(definitionParts(src)) > 0
}

// Import translates the package. Files that are missing or there several times
// are DOCUMENT_INVALID.
func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	files, err := find(src)
	if err != nil {
		return nil, err
	}
	if !openapi.IsSwagger(files.definition) && !openapi.IsOpenAPI3(files.definition) {
		return nil, invalid(files.definition, "/swagger", "it does not say that it is Swagger 2.0; add \"swagger\": \"2.0\"")
	}
	var findings format.Findings
	place := findings.In(files.definition, format.SeveralFiles)
	def, written, err := openapi.Translate(ctx, files.definition, place)
	if err != nil {
		return nil, err
	}
	if openapi.IsOpenAPI3(files.definition) {
		place.Report(format.Info, "DefinitionIsOpenAPI3", files.definition.Root().Get("openapi"), "",
			"the definition is OpenAPI %s; other platforms read packages with Swagger 2.0 only", files.definition.Root().Str("openapi"))
	}
	p := &pack{
		def: def, layout: files, places: map[*document.Node]*format.Place{},
		stated: map[*connectorv1.ConnectionParameter]bool{}, written: written,
	}
	for _, doc := range files.documents {
		p.places[doc.Root()] = findings.In(doc, format.SeveralFiles)
		p.places[doc.Root()].Remarks()
		p.main = p.places[doc.Root()]
	}
	if p.main == nil {
		p.main = place
	}
	p.wrapper()
	p.branding()
	p.icon()
	p.sets()
	p.policies()
	p.scripts()
	p.tellUnplaced()
	return &format.Result{Format: format.ConnectorPackage, Definition: def, Findings: findings.Sorted(), Places: written}, nil
}

func invalid(doc *document.Document, pointer, why string) error {
	return fault.Invalid(fault.ReasonDocumentInvalid, "%q cannot be imported: %s", doc.Path(), why).
		With("path", doc.Path()).With("pointer", pointer)
}

// pack is the work on one package.
type pack struct {
	*layout

	def *connectorv1.Definition
	// places are where findings about the documents go, by their roots; main is
	// that of findings about nothing in particular.
	places map[*document.Node]*format.Place
	main   *format.Place
	// stated are the parameters of which the package says whether they are
	// required.
	stated map[*connectorv1.ConnectionParameter]bool
	// unpaired says that a security definition found no parameter.
	unpaired bool
	// written are where policies and custom code stand.
	written *format.Places
}

func (p *pack) warn(code string, at *document.Node, remedy, message string, args ...any) {
	p.report(format.Warning, code, at, remedy, message, args...)
}

func (p *pack) report(s format.Severity, code string, at *document.Node, remedy, message string, args ...any) {
	place := p.placeOf(at)
	if place == nil {
		place, at = p.main, nil
	}
	place.Report(s, code, at, remedy, message, args...)
}

// placeOf is where findings about a node go; nil if it is in no document of the
// properties.
func (p *pack) placeOf(at *document.Node) *format.Place {
	root := at
	for root.Parent() != nil {
		root = root.Parent()
	}
	return p.places[root]
}

// stands says where a value of the definition is written.
func (p *pack) stands(at *document.Node, pointer string) {
	if place := p.placeOf(at); place != nil {
		p.written.Put(pointer, place, at)
	}
}

// property returns one of the properties of the package, by its name in any case.
func (p *pack) property(name string) *document.Node {
	if part, ok := p.parts[strings.ToLower(name)]; ok {
		return part
	}
	return p.root.GetFold(name)
}

// wrapper reports what stands beside the properties instead of among them.
func (p *pack) wrapper() {
	if p.root == nil {
		return
	}
	if p.root.Parent() == nil {
		p.warn("PropertiesWrapperMissing", p.root, "put everything into an object \"properties\"",
			"the file has no object \"properties\"; its members were taken for the properties")
		return
	}
	for _, c := range p.root.Parent().Children() {
		if c != p.root {
			p.report(format.Info, "PropertyUnknown", c, "", "%q has no meaning beside \"properties\" and is ignored", c.Key())
		}
	}
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
	info.Publisher = strings.TrimSpace(firstText(p.property("publisher")))
	info.StackOwner = strings.TrimSpace(firstText(p.property("stackOwner")))
	for _, c := range p.property("capabilities").Children() {
		if c.Is(document.String) {
			info.Capabilities = append(info.Capabilities, c.Text())
		}
	}
	color := p.property("iconBrandColor")
	written := color.Text()
	if written == "" {
		written = p.color
	}
	switch text := strings.ToLower(strings.TrimSpace(written)); {
	case isColor(text):
		info.BrandColor = text
	case text != "":
		p.warn("BrandColorInvalid", color, "write \"#rrggbb\"", "the brand colour %q is none; it is ignored", written)
	}
	for _, c := range p.root.Children() {
		switch key := strings.ToLower(c.Key()); {
		case knownKeys[key]:
		case strings.Contains(key, ":") && c.Is(document.Object):
			p.warn("PropertyMisplaced", c, "move it into \"connectionParameters\"", "%q is a connection parameter in the wrong place; it is ignored", c.Key())
		default:
			p.report(format.Info, "PropertyUnknown", c, "", "%q has no meaning in a connector package and is ignored", c.Key())
		}
	}
}

func isColor(text string) bool {
	digits, ok := strings.CutPrefix(text, "#")
	return ok && len(digits) == 6 && strings.Trim(digits, "0123456789abcdef") == ""
}
