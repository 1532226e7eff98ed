package lint

import (
	"mime"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// unsupportedRules are about what Swagger has and the vendor's products do not,
// and the other way round.
var unsupportedRules = []rule{
	{
		"CollectionFormatValueNotSupported", warns,
		"the list is sent as %q", "use \"csv\"", onSchema(func(s *schema, hit report) {
			if s.collection != nil && s.collection.Text() != "csv" {
				hit(s.collection, s.collection.Text())
			}
		}),
	},
	{
		"MimeTypeNotSupported", warns,
		"bodies of type %q cannot be built from fields", "use JSON, text or a form", onDocument(func(d *swagger, hit report) {
			mimes(d, "consumes", func(n *document.Node) {
				if valid(n.Text()) && !supported(n.Text()) {
					hit(n, n.Text())
				}
			})
		}),
	},
	{
		"MimeTypeNotValid", fails,
		"%q is no MIME type", "write a type such as \"application/json\"", onDocument(func(d *swagger, hit report) {
			for _, key := range []string{"consumes", "produces"} {
				mimes(d, key, func(n *document.Node) {
					if !valid(n.Text()) {
						hit(n, n.Text())
					}
				})
			}
		}),
	},
	{
		"SwaggerKeywordNotSupported", warns,
		"the keyword %q does not exist in Swagger 2.0, or not here", "remove it, or say it another way", onSchema(func(s *schema, hit report) {
			if s.unsupported != nil {
				hit(s.unsupported, s.unsupported.Key())
			}
		}),
	},
	{
		"SchemeNotSupported", fails,
		"the scheme %q is that of web sockets", "write \"https\"", onDocument(func(d *swagger, hit report) {
			schemes(d, func(n *document.Node) {
				if n.Text() == "ws" || n.Text() == "wss" {
					hit(n, n.Text())
				}
			})
		}),
	},
	{
		"SchemeNotValid", fails,
		"%q is no scheme", "write \"https\"", onDocument(func(d *swagger, hit report) {
			schemes(d, func(n *document.Node) {
				if !slices.Contains([]string{"http", "https", "ws", "wss"}, n.Text()) {
					hit(n, n.Text())
				}
			})
		}),
	},
}

// mimes hands the MIME types of document and operations to f.
func mimes(d *swagger, key string, f func(*document.Node)) {
	for _, n := range d.root.Get(key).Children() {
		f(n)
	}
	for _, o := range d.operations {
		for _, n := range o.node.Get(key).Children() {
			f(n)
		}
	}
}

func schemes(d *swagger, f func(*document.Node)) {
	for _, n := range d.root.Get("schemes").Children() {
		f(n)
	}
	for _, o := range d.operations {
		for _, n := range o.node.Get("schemes").Children() {
			f(n)
		}
	}
}

func valid(text string) bool {
	t, _, err := mime.ParseMediaType(text)
	return err == nil && strings.Count(t, "/") == 1
}

// supported reports whether designers can build bodies of the type.
func supported(text string) bool {
	t, _, _ := mime.ParseMediaType(text)
	return strings.HasPrefix(t, "text/") || strings.HasPrefix(t, "image/") || strings.HasSuffix(t, "json") ||
		slices.Contains([]string{multipart, urlEncoded, "application/octet-stream", "application/pdf", "application/xml", "*/*"}, t)
}
