package openapi

import (
	"mime"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaBinary    = "application/octet-stream"
)

// mediaTypes returns what an operation's "consumes" or "produces" lists, or else
// the document's, or else JSON. JSON comes first if it is among them: the first
// is what the runtime sends, and every value can be written as JSON.
func (t *translation) mediaTypes(n *document.Node, key string) []string {
	list := n.Get(key)
	if list == nil {
		list = t.root.Get(key)
	}
	var types []string
	for _, m := range firstOf(texts(list), maxMediaTypes) {
		if m = strings.TrimSpace(m); m != "" && !slices.Contains(types, m) {
			types = append(types, m)
		}
	}
	if len(types) == 0 {
		return []string{mediaJSON}
	}
	if i := slices.IndexFunc(types, isJSON); i > 0 {
		first := types[i]
		types = slices.Insert(slices.Delete(types, i, i+1), 0, first)
	}
	return types
}

func firstOf[T any](list []T, n int) []T { return list[:min(n, len(list))] }

func isJSON(media string) bool { return bodyKind(media) == connectorv1.BodyKind_BODY_KIND_JSON }

// bodyKind tells how a value becomes bytes of a media type. Ranges such as
// "*/*" are JSON, which is what such APIs mean.
func bodyKind(media string) connectorv1.BodyKind {
	base, _, err := mime.ParseMediaType(media)
	if err != nil {
		base, _, _ = strings.Cut(strings.ToLower(media), ";")
	}
	switch {
	case base == mediaForm:
		return connectorv1.BodyKind_BODY_KIND_FORM
	case strings.HasPrefix(base, "multipart/"):
		return connectorv1.BodyKind_BODY_KIND_MULTIPART
	case strings.HasSuffix(base, "/json"), strings.HasSuffix(base, "+json"), base == "*/*", base == "application/*":
		return connectorv1.BodyKind_BODY_KIND_JSON
	case strings.HasSuffix(base, "/xml"), strings.HasSuffix(base, "+xml"):
		return connectorv1.BodyKind_BODY_KIND_XML
	case strings.HasPrefix(base, "text/"):
		return connectorv1.BodyKind_BODY_KIND_TEXT
	}
	return connectorv1.BodyKind_BODY_KIND_BINARY
}

// isBinary reports whether a body's schema says that it is a file and nothing
// else, whatever its media type.
func (t *translation) isBinary(schema *document.Node) bool {
	schema = t.peek(schema)
	return schema.Str("type") == "file" || (schema.Str("type") == "string" && schema.Str("format") == "binary")
}
