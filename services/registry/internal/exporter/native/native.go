// Package native writes connectors in the platform's own format: the whole
// definition as readable JSON, as package definition has it, and beside it the
// icon and the scripts that the definition names. Nothing is lost.
package native

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// File is the name of the definition's file.
const File = "connector.ferrule.json"

// Exporter writes the native format.
type Exporter struct{}

var _ target.Exporter = Exporter{}

// Format returns [target.Ferrule].
func (Exporter) Format() target.ID { return target.Ferrule }

// Export writes the definition, and the icon and scripts as they are. It fails
// when ctx has ended, and with DEFINITION_INVALID where the definition holds text
// that is no JSON. Files that the definition names and the source does not have
// are reported as lost.
func (Exporter) Export(ctx context.Context, in target.Input) (*target.Output, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("export the native format: %w", err)
	}
	content, err := definition.Marshal(in.Definition)
	if err != nil {
		return nil, fmt.Errorf("export the native format: %w", err)
	}
	var findings target.Findings
	files := []format.File{{Path: File, Content: content}}
	for pointer, name := range named(in) {
		i := slices.IndexFunc(in.Files, func(f format.File) bool { return f.Path == name })
		isThere := slices.ContainsFunc(files, func(f format.File) bool { return f.Path == name })
		switch {
		case isThere:
		case i < 0:
			findings.Lost(pointer, "", "the file %q is not among the files of the source", name)
		default:
			files = append(files, in.Files[i])
		}
	}
	slices.SortFunc(files, func(a, b format.File) int { return cmp.Compare(a.Path, b.Path) })
	return &target.Output{Files: files, Findings: findings.Sorted()}, nil
}

// named yields the files that the definition names, with where it does.
func named(in target.Input) func(yield func(pointer, name string) bool) {
	return func(yield func(pointer, name string) bool) {
		if name := in.Definition.GetInfo().GetIcon().GetFile(); name != "" && !yield("/info/icon", name) {
			return
		}
		for i, s := range in.Definition.GetScripts() {
			// Code that the definition holds needs no file.
			if s.GetPath() != "" && s.GetSource() == "" && !yield(fmt.Sprintf("/scripts/%d", i), s.GetPath()) {
				return
			}
		}
	}
}
