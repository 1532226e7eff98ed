// Package openapi imports OpenAPI (Swagger) 2.0 documents, JSON or YAML, with
// the vendor extensions that connectors use.
//
// [Importer] is the source format of single documents. [Translate] is the part
// that connector packages reuse: it turns one document into a definition and
// reports what it repaired. Documents in the wild break their specification
// constantly, so nothing is refused that can be given a meaning: unknown types,
// keywords of the wrong kind, references to nowhere, missing operation ids and
// undeclared path parameters are repaired and reported.
//
// Schemas come out as JSON Schema 2020-12 whatever they were: boolean
// exclusive bounds become numbers, files become binary strings, references to
// definitions read "#/$defs/{name}". The order of properties and all vendor
// extensions are those of the source.
package openapi

import (
	"context"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Importer reads sources that are one Swagger 2.0 document. Other files beside
// it are kept and not read.
type Importer struct{}

var _ format.Importer = Importer{}

// Format returns [format.OpenAPI2].
func (Importer) Format() format.ID { return format.OpenAPI2 }

// Detect reports whether exactly one file is a Swagger 2.0 document.
func (Importer) Detect(src *format.Source) bool {
	_, count := find(src)
	return count == 1
}

// Import translates the document. If the format was asked for and no file has
// it, the error is the fault of the only file that could not be parsed, or else
// DOCUMENT_INVALID.
func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	doc, count := find(src)
	if count != 1 {
		return nil, notOne(src, count)
	}
	var findings format.Findings
	files := format.OneFile
	if len(src.Files()) > 1 {
		files = format.SeveralFiles
	}
	def, err := Translate(ctx, doc, findings.In(doc, files))
	if err != nil {
		return nil, err
	}
	return &format.Result{Format: format.OpenAPI2, Definition: def, Findings: findings.Sorted()}, nil
}

// find returns the first Swagger 2.0 document and how many there are.
func find(src *format.Source) (found *document.Document, count int) {
	for _, path := range src.Candidates() {
		doc, err := src.Document(path)
		if err != nil || !IsSwagger(doc) {
			continue
		}
		if count++; found == nil {
			found = doc
		}
	}
	return found, count
}

// IsSwagger reports whether the document says that it is Swagger 2.0.
func IsSwagger(doc *document.Document) bool {
	switch doc.Root().Get("swagger").Text() {
	case "2.0", "2":
		return true
	}
	return false
}

func notOne(src *format.Source, count int) error {
	if count > 1 {
		return fault.Invalid(fault.ReasonDocumentInvalid,
			"%d of the files are Swagger 2.0 documents; import them one at a time", count)
	}
	for _, path := range src.Candidates() {
		if _, err := src.Document(path); err != nil {
			return err
		}
	}
	return fault.Invalid(fault.ReasonDocumentInvalid,
		"no file says that it is Swagger 2.0; add \"swagger\": \"2.0\" or choose another format").With("pointer", "/swagger")
}

// Translate turns a Swagger 2.0 document into a definition, with parameter sets
// derived from its security definitions, and reports to place. Its errors are
// DOCUMENT_INVALID, where there is nothing to import, DOCUMENT_TOO_LARGE for
// more than [MaxOperations], and those of ctx.
func Translate(ctx context.Context, doc *document.Document, place *format.Place) (*connectorv1.Definition, error) {
	t := &translation{
		root: doc.Root(), place: place, def: &connectorv1.Definition{},
		ids: map[string]bool{}, suffixes: map[string]int{}, promoted: map[string]string{},
		schemes: map[string]*connectorv1.SecurityScheme{},
	}
	place.Remarks()
	if !t.root.Get("paths").Is(document.Object) {
		return nil, fault.Invalid(fault.ReasonDocumentInvalid,
			"%q has no operations: \"paths\" is %s; add an object", doc.Path(), t.root.Get("paths").Kind()).
			With("path", doc.Path()).With("pointer", "/paths")
	}
	t.info()
	t.servers()
	t.tags()
	t.securitySchemes()
	if err := t.operations(ctx); err != nil {
		return nil, err
	}
	t.links()
	t.schemas()
	if err := t.budget.check(t.root.Get("definitions"), nil); err != nil {
		return nil, err
	}
	t.capabilities()
	t.def.ParameterSets = t.parameterSets()
	t.def.Extensions = append(t.def.Extensions, t.extensions(t.root,
		"x-ms-capabilities", "x-ms-connector-metadata", "x-ms-docs")...)
	return t.def, nil
}

// translation is the work on one document.
type translation struct {
	root  *document.Node
	place *format.Place
	def   *connectorv1.Definition

	budget budget

	// ids are the operation ids that the document gives, true once they are
	// taken, and those that were made up. suffixes are how often one was.
	ids      map[string]bool
	suffixes map[string]int
	// schemes are the security schemes by id.
	schemes map[string]*connectorv1.SecurityScheme
	// promoted maps pointers outside "/definitions" that schemas refer to, to
	// the names under which those schemas are added; queue holds those that are
	// still to be written.
	promoted map[string]string
	queue    []string
	// removals are webhook registrations that wait for the operation that
	// removes them.
	removals []removal
}

func (t *translation) note(code string, at *document.Node, message string, args ...any) {
	t.place.Report(format.Info, code, at, "", message, args...)
}

func (t *translation) warn(code string, at *document.Node, remedy, message string, args ...any) {
	t.place.Report(format.Warning, code, at, remedy, message, args...)
}
