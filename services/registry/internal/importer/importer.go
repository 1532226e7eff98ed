// Package importer is the registry's list of source formats.
//
// [Set.Import] finds out which format a source has and translates it. A new
// format is a folder beside this file with a [format.Importer], and one line in
// [All].
//
//	src, err := format.NewSource(files)
//	result, err := importer.All().Import(ctx, src, "")
package importer

import (
	"context"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/native"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// Set is an ordered list of importers: the first that detects its format reads
// the source, so what is more special stands further up.
type Set []format.Importer

// All returns the importers of all formats that are supported.
func All() Set {
	return Set{
		connectorpackage.Importer{},
		native.Importer{},
		openapi.V3{},
		openapi.V2{},
		postman.Importer{},
	}
}

// Import translates src with the importer of the named format, or, if want is
// empty, of the format that it detects. If none does, the error is that of the
// first file that cannot be parsed, or else DOCUMENT_FORMAT_UNKNOWN.
func (s Set) Import(ctx context.Context, src *format.Source, want format.ID) (*format.Result, error) {
	i := slices.IndexFunc(s, func(imp format.Importer) bool {
		if want != "" {
			return imp.Format() == want
		}
		return imp.Detect(src)
	})
	if i < 0 {
		return nil, unknown(src)
	}
	return s[i].Import(ctx, src)
}

// unknown prefers to say that a file is broken, since that is why nobody knows
// it, and then what the file is, if it is something that is known elsewhere.
func unknown(src *format.Source) error {
	for _, path := range src.Candidates() {
		doc, err := src.Document(path)
		if err != nil {
			return err
		}
		for key, name := range foreign {
			if v := doc.Root().Get(key); v != nil {
				return fault.Invalid(fault.ReasonDocumentFormatUnknown,
					"%q is %s, which cannot be imported; convert it to OpenAPI", path, strings.TrimSpace(name+" "+v.Text()))
			}
		}
	}
	return fault.Invalid(fault.ReasonDocumentFormatUnknown,
		"no file is in a format that can be imported; send an OpenAPI document, a connector package or a Postman collection")
}

// foreign names formats by a member that only their documents have at the root.
var foreign = map[string]string{
	"openapi":        "OpenAPI",
	"swaggerVersion": "Swagger",
	"asyncapi":       "AsyncAPI",
}
