package core

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// ExportFormat is a format that connectors are written in. The empty one is that
// of the revision's own source.
type ExportFormat string

// The export formats.
const (
	ExportConnectorPackage ExportFormat = "connector-package"
	ExportOpenAPI31        ExportFormat = "openapi3.1"
	ExportOpenAPI30        ExportFormat = "openapi3.0"
	ExportOpenAPI2         ExportFormat = "openapi2"
	ExportPostman          ExportFormat = "postman"
	ExportFerrule          ExportFormat = "ferrule"
)

// Exported is a written connector.
type Exported struct {
	// Files are what was written.
	Files []format.File
	// Findings say what the format cannot express.
	Findings []format.Finding
	// Verbatim is whether the files are the revision's own source.
	Verbatim bool
}

// Export writes a revision in a format. In the format of its own source, a
// revision that was neither edited nor selected is that source, byte for byte.
func (g *Registry) Export(ctx context.Context, name resource.Revision, to ExportFormat) (Exported, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return Exported{}, err
	}
	defer leave()
	var rev Revision
	var content Content
	var verbatim bool
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if rev, err = revision(r, name); err != nil {
			return err
		}
		if content.Files, err = r.Source(rev); err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		verbatim = !rev.Edited && rev.Selection.All() && (to == "" || to == sourceIs(rev.Format, content.Files))
		if !verbatim {
			_, content, err = contentOf(r, rev.Name)
		}
		return err
	})
	if err != nil {
		return Exported{}, err
	}
	if verbatim {
		return Exported{Files: content.Files, Verbatim: true}, nil
	}
	if to == "" {
		to = nearest(rev.Format)
	}
	out, err := g.deps.Tools.Export(ctx, to, content)
	if err != nil {
		return Exported{}, fmt.Errorf("export %s: %w", rev.Name, err)
	}
	return out, nil
}

// sourceIs returns the export format that a source is in already; "" if none is
// exactly that.
func sourceIs(id format.ID, files []format.File) ExportFormat {
	switch id {
	case format.OpenAPI2:
		return ExportOpenAPI2
	case format.ConnectorPackage:
		return ExportConnectorPackage
	case format.OpenAPI3:
		return openAPIVersion(files)
	case postman:
		if slices.ContainsFunc(files, func(f format.File) bool { return bytes.Contains(f.Content, []byte(postman21)) }) {
			return ExportPostman
		}
	case ownFormat:
		return ExportFerrule
	}
	return ""
}

// Formats whose importers name them.
const (
	postman format.ID = "postman"
)

// postman21 is part of the schema that collections of the version 2.1 name.
const postman21 = "/collection/v2.1.0/"

// nearest returns the export format for sources of a format.
func nearest(id format.ID) ExportFormat {
	switch id {
	case format.OpenAPI2:
		return ExportOpenAPI2
	case format.ConnectorPackage:
		return ExportConnectorPackage
	case format.OpenAPI3:
		return ExportOpenAPI31
	case postman:
		return ExportPostman
	default:
		return ExportFerrule
	}
}

// yamlVersion is the version of an OpenAPI document in YAML: a key of the root
// has no space before it.
var yamlVersion = regexp.MustCompile(`(?m)^["']?openapi["']?[ \t]*:[ \t]*["']?(3\.[01])\.`)

// openAPIVersion looks for the version in the first file that has one.
func openAPIVersion(files []format.File) ExportFormat {
	for _, f := range files {
		version := jsonVersion(f.Content)
		if m := yamlVersion.FindSubmatch(f.Content); version == "" && m != nil {
			version = string(m[1])
		}
		switch {
		case strings.HasPrefix(version, "3.0"):
			return ExportOpenAPI30
		case strings.HasPrefix(version, "3.1"):
			return ExportOpenAPI31
		case version != "":
			return ""
		}
	}
	return ""
}

// jsonVersion returns the member "openapi" of a JSON object; "" if there is none
// before something that is no JSON.
func jsonVersion(content []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return ""
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return ""
		}
		if key == "openapi" {
			value, _ := decoder.Token()
			version, _ := value.(string)
			return version
		}
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return ""
		}
	}
	return ""
}
