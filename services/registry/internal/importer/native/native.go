// Package native reads Ferrule's own format: a definition as readable JSON, as
// package definition writes it.
//
// A document of this format is an object whose member "ferrule" is the version
// of the format. It is how people make connectors from blank, and how connectors
// travel whole.
package native

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Format is the name of the format.
const Format format.ID = "ferrule"

// Importer reads definitions.
type Importer struct{}

// Format returns [Format].
func (Importer) Format() format.ID { return Format }

// Detect reports whether one of the files is a JSON object with the member
// "ferrule".
func (Importer) Detect(src *format.Source) bool {
	_, ok := find(src)
	return ok
}

// Import reads the first file that is a definition. It repairs nothing: the
// format has no dialects, and whoever writes it by hand wants to know. What
// contradicts itself is DEFINITION_INVALID with the place in the file.
func (Importer) Import(ctx context.Context, src *format.Source) (*format.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("import a definition: %w", err)
	}
	file, ok := find(src)
	if !ok {
		return nil, fault.Invalid(fault.ReasonDocumentFormatUnknown,
			"no file is a definition; its first member is %q: %q", definition.VersionKey, definition.Version)
	}
	def, err := definition.Unmarshal(bytes.TrimPrefix(file.Content, []byte("\ufeff")))
	if err == nil {
		err = definition.Validate(def)
	}
	if err != nil {
		return nil, located(src, file.Path, err)
	}
	var findings format.Findings
	places := &format.Places{}
	if doc, err := src.Document(file.Path); err == nil {
		place := findings.In(doc, format.OneFile)
		unsupported(place, doc.Root().Get("parameterSets"), def)
		places.Put("", place, doc.Root())
	}
	return &format.Result{Format: Format, Definition: def, Findings: findings.Sorted(), Places: places}, nil
}

// unsupported reports the sets with which no connection can be made.
func unsupported(place *format.Place, sets *document.Node, def *connectorv1.Definition) {
	nodes := sets.Children()
	for i, set := range def.GetParameterSets() {
		if u := set.GetUnsupported(); u != nil && i < len(nodes) {
			place.Report(format.Warning, authkind.Code, nodes[i].Get("unsupported"), u.GetRemedy(),
				"%s authentication, of the parameter set %q, is not supported; no connection can be made with it", u.GetKind(), set.GetName())
		}
	}
}

// find returns the first file that is a definition.
func find(src *format.Source) (format.File, bool) {
	for _, path := range src.Candidates() {
		doc, err := src.Document(path)
		if err != nil || doc.Syntax() != document.JSON || doc.Root().Get(definition.VersionKey) == nil {
			continue
		}
		for _, f := range src.Files() {
			if f.Path == path {
				return f, true
			}
		}
	}
	return format.File{}, false
}

// located adds path, line and column to the fault, from the pointer that it has.
func located(src *format.Source, path string, err error) error {
	f := fault.From(err).With("path", path)
	doc, docErr := src.Document(path)
	pointer, ok := f.Meta()["pointer"]
	if docErr != nil || !ok || f.Meta()["line"] != "" {
		return f
	}
	// The member that is missing has no place; what should hold it has.
	node := doc.Root()
	for _, token := range tokens(pointer) {
		next := node.At("/" + token)
		if next == nil {
			break
		}
		node = next
	}
	line, column := doc.Position(node)
	return f.With("line", strconv.Itoa(line)).With("column", strconv.Itoa(column))
}

// tokens splits a JSON pointer; its tokens stay escaped.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	return strings.Split(pointer[1:], "/")
}
