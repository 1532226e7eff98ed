// Package postman imports Postman collections of the versions 1, 2.0 and 2.1,
// together with the environments and globals that are exported beside them.
//
// A collection holds requests, not operations: what a caller may choose has to
// be read from examples. Each request becomes one operation, even where several
// have the same method and path. Folders become tags, variables in host names
// become server variables, variables in paths path parameters; the values of a
// request become examples, and saved responses become examples and schemas.
// Nothing but path parameters and variables without a value is required.
//
// All versions are read into one [collection] first, by one reader for version 1
// and one for versions 2, and translated from there, so that the same collection
// in several versions gives the same connector.
//
// Collections are full of secrets. None gets into a definition: credentials
// become connection parameters, whatever is called like a secret loses its
// value, and a finding asks to revoke what stands in the file.
package postman

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Format is a Postman collection of any version.
const Format format.ID = "postman"

// Importer reads sources with exactly one collection. Environments and globals
// beside it supply values of variables; other files are kept and not read.
type Importer struct{}

var _ format.Importer = Importer{}

// Format returns [Format].
func (Importer) Format() format.ID { return Format }

// Detect reports whether exactly one file is a collection.
func (Importer) Detect(src *format.Source) bool {
	return len(find(src).collections) == 1
}

// Import translates the collection. If the format was asked for and there is not
// exactly one, the error is the fault of the first file that cannot be parsed,
// or else DOCUMENT_INVALID. More than [MaxOperations] requests, and requests
// that would make a definition larger than [MaxDefinitionBytes], are
// DOCUMENT_TOO_LARGE.
func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	found := find(src)
	if len(found.collections) != 1 {
		return nil, notOne(src, len(found.collections))
	}
	var findings format.Findings
	files := format.OneFile
	if len(src.Files()) > 1 {
		files = format.SeveralFiles
	}
	doc := found.collections[0]
	place := findings.In(doc, files)
	place.Remarks()
	t := newTranslation(doc, place)
	for _, d := range found.globals {
		t.globals = append(t.globals, t.scopeIn(findings.In(d, files), unwrapped(d).Get("values")))
	}
	for _, d := range found.environments {
		t.environments = append(t.environments, environment{
			name:  strings.TrimSpace(unwrapped(d).Str("name")),
			scope: t.scopeIn(findings.In(d, files), unwrapped(d).Get("values")),
		})
	}
	t.beside(src, found)
	def, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	return &format.Result{Format: Format, Definition: def, Findings: findings.Sorted()}, nil
}

// found are the documents of a source by what they are.
type found struct {
	collections, environments, globals []*document.Document
}

func find(src *format.Source) found {
	var all found
	for _, path := range src.Candidates() {
		doc, err := src.Document(path)
		if err != nil {
			continue
		}
		switch root := unwrapped(doc); {
		case isVersion2(root), isVersion1(root):
			all.collections = append(all.collections, doc)
		case isEnvironment(root) && root.Str("_postman_variable_scope") == "globals":
			all.globals = append(all.globals, doc)
		case isEnvironment(root):
			all.environments = append(all.environments, doc)
		}
	}
	return all
}

// unwrapped returns the collection or environment in a document. Postman's own API
// answers with an object around it.
func unwrapped(doc *document.Document) *document.Node {
	for _, key := range []string{"collection", "environment"} {
		if inner := doc.Root().Get(key); inner.Is(document.Object) && len(doc.Root().Children()) == 1 {
			return inner
		}
	}
	return doc.Root()
}

// isVersion2 tells by the schema that collections name, or, where tools leave it
// out, by what only collections have.
func isVersion2(root *document.Node) bool {
	info := root.Get("info")
	if !root.Get("item").Is(document.Array) || !info.Is(document.Object) {
		return false
	}
	return strings.Contains(info.Str("schema"), "postman") || info.Get("_postman_id") != nil
}

func isVersion1(root *document.Node) bool {
	return root.Get("requests").Is(document.Array) && root.Get("name").Is(document.String) &&
		(root.Get("order") != nil || root.Get("folders") != nil || root.Get("id") != nil) && root.Get("info") == nil
}

func isEnvironment(root *document.Node) bool {
	return root.Get("values").Is(document.Array) &&
		(root.Get("_postman_variable_scope") != nil || root.Get("name").Is(document.String))
}

func notOne(src *format.Source, count int) error {
	if count > 1 {
		return fault.Invalid(fault.ReasonDocumentInvalid,
			"%d of the files are Postman collections; import them one at a time", count)
	}
	for _, path := range src.Candidates() {
		if _, err := src.Document(path); err != nil {
			return err
		}
	}
	return fault.Invalid(fault.ReasonDocumentInvalid,
		"no file is a Postman collection; export it as collection v2.1, or choose another format").With("pointer", "/info/schema")
}

// beside reports what stands beside the collection and does not count as much as
// somebody may think.
func (t *translation) beside(src *format.Source, found found) {
	for _, path := range src.Candidates() {
		if _, err := src.Document(path); err != nil {
			t.warn("FileUnreadable", nil, "correct the file, or leave it out", "%q cannot be read and is ignored", path)
		}
	}
	if len(found.environments) > 1 {
		t.note("SeveralEnvironments", nil, "values are those of the environment %q; the others only say where the API is",
			shorten(t.environments[0].name))
	}
}

// run reads the collection and translates it.
func (t *translation) run(ctx context.Context) (*connectorv1.Definition, error) {
	read := t.readVersion2
	if !isVersion2(unwrapped(t.doc)) {
		read = t.readVersion1
	}
	if err := read(ctx); err != nil {
		return nil, err
	}
	if err := t.translate(ctx); err != nil {
		return nil, err
	}
	return t.def, nil
}
