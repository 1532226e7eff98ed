// Package openapi imports OpenAPI documents of the versions 2.0 (Swagger), 3.0,
// 3.1 and 3.2, JSON or YAML, in one file or several, with the vendor extensions
// that connectors use.
//
// [V2] and [V3] are the source formats. [Translate] is the part that connector
// packages reuse: it turns one Swagger 2.0 document into a definition and
// reports what it repaired. [References] lists the other documents that a
// document is made of, for those who have to fetch them first. Documents in the
// wild break their specification constantly, so nothing is refused that can be
// given a meaning: unknown types, keywords of the wrong kind, references to
// nowhere, missing operation ids and undeclared path parameters are repaired and
// reported.
//
// Both versions share one [translation]: references, schemas, ids, extensions,
// security, triggers. What differs is behind the interface [dialect], in the
// files swagger2*.go and openapi3*.go.
//
// A security scheme says in extensions what the specification has no words for:
//
//	x-ferrule-value-template        text that is sent, with "{value}" for the key
//	x-ferrule-hmac                  a signature under a shared secret (HmacScheme)
//	x-ferrule-aws-signature         service and region of a signature of AWS
//	x-amazon-apigateway-authtype    the same in AWS's own words: "awsSigv4"
//	x-ferrule-oauth                 provider, grant and settings of a sign-in
//
// Ways to authenticate that no connection can be made for are reported, and no
// parameter set asks for them.
//
// Schemas come out as JSON Schema 2020-12 whatever they were: boolean exclusive
// bounds become numbers, files become binary strings, "nullable" a type,
// "example" a list of examples; references to named schemas read
// "#/$defs/{name}". The order of properties and all vendor extensions are those
// of the source.
package openapi

import (
	"context"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// V2 reads sources with one Swagger 2.0 document, which may refer to the other
// files. Files that nothing refers to are kept and not read.
type V2 struct{}

// V3 reads sources with one OpenAPI 3 document, which may refer to the other
// files. Files that nothing refers to are kept and not read.
type V3 struct{}

var (
	_ format.Importer = V2{}
	_ format.Importer = V3{}
)

// Format returns [format.OpenAPI2].
func (V2) Format() format.ID { return format.OpenAPI2 }

// Detect reports whether there is a Swagger 2.0 document.
func (V2) Detect(src *format.Source) bool { return len(find(src, IsSwagger)) > 0 }

// Import translates the document, or of several the only one that the others do
// not refer to. If there is none or none such, the error is DOCUMENT_INVALID, or
// the fault of a file that could not be parsed.
func (V2) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	found := find(src, IsSwagger)
	if len(found) != 1 {
		return nil, notOne(src, found, "Swagger 2.0", "swagger", "2.0")
	}
	return translateSource(ctx, src, found[0], format.OpenAPI2)
}

// Format returns [format.OpenAPI3].
func (V3) Format() format.ID { return format.OpenAPI3 }

// Detect reports whether there is an OpenAPI 3 document.
func (V3) Detect(src *format.Source) bool { return len(find(src, IsOpenAPI3)) > 0 }

// Import translates the document, with errors like those of [V2.Import].
func (V3) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	found := find(src, IsOpenAPI3)
	if len(found) != 1 {
		return nil, notOne(src, found, "OpenAPI 3", "openapi", "3.1.0")
	}
	return translateSource(ctx, src, found[0], format.OpenAPI3)
}

// translateSource translates the document doc of src.
func translateSource(ctx context.Context, src *format.Source, doc *document.Document, id format.ID) (*format.Result, error) {
	var findings format.Findings
	count := format.OneFile
	if len(src.Files()) > 1 {
		count = format.SeveralFiles
	}
	set := newFiles(doc, findings.In(doc, count))
	set.source, set.findings = src, &findings
	set.main.url = addressOf(src, doc)
	t := newTranslation(set)
	t.connectable = true
	def, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	return &format.Result{Format: id, Definition: def, Findings: findings.Sorted(), Places: t.places}, nil
}

// find returns the documents of a version that are not part of another one; all
// of them, if each is.
func find(src *format.Source, is func(*document.Document) bool) []*document.Document {
	var all []*document.Document
	for _, path := range src.Candidates() {
		if doc, err := src.Document(path); err == nil && is(doc) {
			all = append(all, doc)
		}
	}
	if len(all) > 1 {
		if found := roots(src, all); len(found) > 0 {
			return found
		}
	}
	return all
}

// roots returns those documents that no other one refers to.
func roots(src *format.Source, all []*document.Document) []*document.Document {
	parts := map[string]bool{}
	for _, doc := range all {
		base := &file{path: doc.Path(), url: addressOf(src, doc)}
		for _, ref := range References(doc) {
			if path := base.relative(src, ref); path != doc.Path() {
				parts[path] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(doc *document.Document) bool { return parts[doc.Path()] })
}

// IsSwagger reports whether the document says that it is Swagger 2.0.
func IsSwagger(doc *document.Document) bool {
	switch doc.Root().Get("swagger").Text() {
	case "2.0", "2":
		return true
	}
	return false
}

// IsOpenAPI3 reports whether the document says that it is OpenAPI 3 of any minor
// version.
func IsOpenAPI3(doc *document.Document) bool {
	return doc.Root().Get("swagger") == nil && minorOf(doc.Root()) >= 0
}

// maxListed is how many documents an error names.
const maxListed = 5

func notOne(src *format.Source, found []*document.Document, name, key, value string) error {
	if len(found) > 1 {
		var paths []string
		for _, doc := range firstOf(found, maxListed) {
			paths = append(paths, doc.Path())
		}
		list := strings.Join(paths, ", ")
		if more := len(found) - len(paths); more > 0 {
			list += " and " + strconv.Itoa(more) + " more"
		}
		return fault.Invalid(fault.ReasonDocumentInvalid,
			"there are several OpenAPI documents: %s; name one of them, and send no others but those that it refers to", list)
	}
	for _, path := range src.Candidates() {
		if _, err := src.Document(path); err != nil {
			return err
		}
	}
	return fault.Invalid(fault.ReasonDocumentInvalid,
		"no file says that it is %s; add %q: %q or choose another format", name, key, value).With("pointer", "/"+key)
}

// Translate turns a Swagger 2.0 document into a definition, with parameter sets
// derived from its security definitions, one for each, and reports to place.
// References to other files lead nowhere. Its errors are DOCUMENT_INVALID, where there is
// nothing to import, DOCUMENT_TOO_LARGE for what exceeds the limits of this
// package, and those of ctx. The places are those of [format.Result].
func Translate(ctx context.Context, doc *document.Document, place *format.Place) (*connectorv1.Definition, *format.Places, error) {
	t := newTranslation(newFiles(doc, place))
	def, err := t.run(ctx)
	return def, t.places, err
}
