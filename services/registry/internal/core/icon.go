package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// MaxIconBytes is the greatest size of a picture that is handed out.
const MaxIconBytes = 1 << 20

// Icon is the picture of a connector.
type Icon struct {
	// ContentType is the media type under which it is safe to show.
	ContentType string
	// Content is the file, byte for byte.
	Content []byte
}

// Icon returns the picture of a revision, or ICON_NOT_FOUND if its source has
// none, or one that is larger than [MaxIconBytes] or no picture.
func (g *Registry) Icon(ctx context.Context, name resource.Revision) (Icon, error) {
	var content []byte
	err := g.deps.Store.View(ctx, func(r Reader) error {
		rev, err := revision(r, name)
		if err != nil {
			return err
		}
		def, err := r.Connection(rev.Name)
		if err != nil {
			return fmt.Errorf("read definition: %w", err)
		}
		file := def.GetInfo().GetIcon().GetFile()
		if file == "" {
			return nil
		}
		content, err = r.File(rev, file)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("read picture: %w", err)
		}
		return nil
	})
	if err != nil {
		return Icon{}, err
	}
	kind, ok := pictureType(content)
	if !ok {
		return Icon{}, fault.NotFound(fault.ReasonIconNotFound,
			"connector %q has no picture; put one into its description and import it again", name.Connector).
			With("connector", name.Parent().String())
	}
	return Icon{ContentType: kind, Content: content}, nil
}

// pictureType recognises a picture by its first bytes, whatever its name is, and
// returns the media type that it may be shown as. SVG is a document that can
// hold scripts: it is handed out as bytes that no browser renders by itself.
func pictureType(content []byte) (mediaType string, ok bool) {
	if len(content) > MaxIconBytes {
		return "", false
	}
	for _, p := range pictures {
		if bytes.HasPrefix(content, p.start) && bytes.HasPrefix(content[min(p.at, len(content)):], p.then) {
			return p.mediaType, true
		}
	}
	return "application/octet-stream", isSVG(content)
}

// pictures are the kinds of pictures that are handed out as such: what they
// start with, and what follows at an offset.
var pictures = []struct {
	mediaType string
	start     []byte
	at        int
	then      []byte
}{
	{mediaType: "image/png", start: []byte("\x89PNG\r\n\x1a\n")},
	{mediaType: "image/jpeg", start: []byte("\xff\xd8\xff")},
	{mediaType: "image/gif", start: []byte("GIF87a")},
	{mediaType: "image/gif", start: []byte("GIF89a")},
	{mediaType: "image/webp", start: []byte("RIFF"), at: 8, then: []byte("WEBP")},
}

// svgHead is how far into a file its root element is looked for.
const svgHead = 4096

func isSVG(content []byte) bool {
	head := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head[:min(len(head), svgHead)], []byte("<svg"))
}
