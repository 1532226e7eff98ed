package connectorpackage

import (
	"bytes"
	"net/http"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxIcon is the greatest size of a picture.
const maxIcon = 1 << 20

// icon finds the picture of the connector: the first file called "icon" that is
// one.
func (p *pack) icon() {
	for _, f := range p.pictures {
		switch {
		case len(f.Content) > maxIcon:
			p.main.Report(format.Warning, "IconTooLarge", nil, "send one of at most 1 MiB",
				"the picture %q has more than 1 MiB; it is not used", f.Path)
		case !isPicture(f.Content):
			p.main.Report(format.Warning, "IconInvalid", nil, "send a PNG, JPEG, GIF, WebP or SVG",
				"the file %q is no picture; it is not used", f.Path)
		default:
			p.def.Info.Icon = &connectorv1.Icon{Place: &connectorv1.Icon_File{File: f.Path}}
			return
		}
	}
}

// isPicture goes by the content, which is what a reader will get.
func isPicture(content []byte) bool {
	switch http.DetectContentType(content) {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	head := strings.ToLower(string(content[:min(len(content), 512)]))
	return strings.Contains(head, "<svg") && !bytes.Contains(content[:min(len(content), 512)], []byte{0})
}
