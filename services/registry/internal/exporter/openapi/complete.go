package openapi

import (
	"context"
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	importer "github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// complete imports what was written, and adds what is missing in extensions of
// this platform.
func complete(ctx context.Context, doc *tree.Object, def *connectorv1.Definition, findings *target.Findings) error {
	got, root, err := readBack(ctx, tree.Compact(doc))
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("export: %w", ctx.Err())
		}
		// Most likely the document is larger than what is ever imported.
		findings.Lost("", "", "the document cannot be read back, so that nobody knows whether it is complete: %v", err)
		return nil
	}
	overlay.RenameSchemes(root, got)
	differences, err := overlay.Compare(def, got, root)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for _, d := range differences {
		o := doc.At(tokens(d.Pointer))
		if o == nil {
			findings.Lost(d.Model, d.Operation, "%q has no place in the document", d.Field)
			continue
		}
		o.Set(d.Key, tree.Raw(d.JSON))
		if d.Was != "" {
			o.Object(overlay.Was).Text(strings.TrimPrefix(d.Key, overlay.Prefix), d.Was)
		}
		findings.Extension(d.Model, d.Operation, "%q is kept in %q; other tools ignore it", d.Field, d.Key)
	}
	return nil
}

// readBack imports a document.
func readBack(ctx context.Context, content []byte) (*connectorv1.Definition, *document.Node, error) {
	const name = "openapi.json"
	src, err := format.NewSource([]format.File{{Path: name, Content: content}})
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	doc, err := src.Document(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	var with format.Importer = importer.V3{}
	if importer.IsSwagger(doc) {
		with = importer.V2{}
	}
	result, err := with.Import(ctx, src)
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	return result.Definition, doc.Root(), nil
}

// tokens returns the unescaped tokens of a JSON pointer.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	list := strings.Split(pointer[1:], "/")
	for i, t := range list {
		list[i] = document.UnescapeToken(t)
	}
	return list
}
