package openapi

import (
	"net/url"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// info reads the info object. Titles are needed to show anything at all, so a
// missing one is made up.
func (t *translation) info() {
	n := t.root.Get("info")
	info := &connectorv1.Info{
		Title:          strings.TrimSpace(n.Str("title")),
		Summary:        n.Str("summary"),
		Description:    n.Str("description"),
		Version:        scalarText(n.Get("version")),
		TermsOfService: n.Str("termsOfService"),
	}
	if c := n.Get("contact"); c.Is(document.Object) {
		info.Contact = &connectorv1.Contact{Name: c.Str("name"), Url: c.Str("url"), Email: c.Str("email")}
	}
	if l := n.Get("license"); l.Is(document.Object) {
		info.License = &connectorv1.License{Name: l.Str("name"), Url: l.Str("url"), Identifier: l.Str("identifier")}
	}
	if info.GetTitle() == "" {
		info.Title = "API"
		if host := t.dialect.host(); host != "" {
			info.Title = host
		}
		t.warn("TitleMissing", t.root, "add info.title", "the document has no title; %q is used", info.GetTitle())
	}
	t.def.Info = info
	interpreted := t.vendor.Info(info, n)
	if t.icon(info, n.Get(logoExtension)) {
		interpreted = append(interpreted, logoExtension)
	}
	info.Extensions = t.extensions(n, interpreted...)
	t.documentation()
	t.metadata()
}

const (
	// docsExtension lists documentation: [{"url", "description"}].
	docsExtension = "x-ms-docs"
	// metadataExtension is a list of {"propertyName", "propertyValue"}.
	metadataExtension = "x-ms-connector-metadata"
)

// logoExtension is the picture of an API: {"url": …}.
const logoExtension = "x-logo"

// icon reads the picture, which may be a file of the source. It reports whether
// nothing else is said about it.
func (t *translation) icon(info *connectorv1.Info, n *document.Node) (complete bool) {
	text := n.Str("url")
	if n.Is(document.String) {
		text = n.Text()
	}
	u, err := url.Parse(text)
	switch {
	case text == "" || err != nil:
		return false
	case u.IsAbs() && u.Host != "":
		info.Icon = &connectorv1.Icon{Place: &connectorv1.Icon_Url{Url: text}}
	case t.files.source == nil:
		return false
	default:
		file := t.files.main.relative(t.files.source, text)
		if file == "" {
			return false
		}
		info.Icon = &connectorv1.Icon{Place: &connectorv1.Icon_File{File: file}}
	}
	return len(n.Children()) == 1
}

// documentation reads the links that the document as a whole has.
func (t *translation) documentation() {
	if d := t.root.Get("externalDocs"); d.Str("url") != "" {
		t.link(d.Str("url"), d.Str("description"))
	}
	docs := t.root.Get(docsExtension)
	for _, d := range docs.Children() {
		t.link(d.Str("url"), d.Str("description"))
	}
}

// metadata reads x-ms-connector-metadata, a list of names and values. Names
// without a place in the model stay in the extension.
func (t *translation) metadata() {
	n := t.root.Get(metadataExtension)
	left := false
	for _, item := range n.Children() {
		value := strings.TrimSpace(scalarText(item.GetFold("propertyValue")))
		switch name := strings.ToLower(strings.TrimSpace(item.Str("propertyName"))); name {
		case "website":
			t.link(value, "Website")
		case "privacy policy":
			t.link(value, "Privacy policy")
		case "categories":
			for c := range strings.SplitSeq(value, ";") {
				if c = strings.TrimSpace(c); c != "" {
					t.def.Info.Categories = append(t.def.Info.Categories, c)
				}
			}
		default:
			left = true
		}
	}
	if left {
		t.def.Extensions = append(t.def.Extensions, t.extension(n))
	}
}

func (t *translation) link(url, description string) {
	if url != "" {
		t.def.Info.Links = append(t.def.Info.Links, &connectorv1.Link{Url: url, Description: description})
	}
}

// tags reads the groups of operations.
func (t *translation) tags() {
	seen := map[string]bool{}
	for _, n := range t.root.Get("tags").Children() {
		if seen[n.Str("name")] {
			t.warn("TagDuplicate", n, "remove one of them", "the tag %q is there more than once; the first one counts", n.Str("name"))
			continue
		}
		if name := n.Str("name"); name != "" {
			seen[name] = true
			t.def.Tags = append(t.def.Tags, &connectorv1.Tag{
				Name: name, Summary: n.Str("summary"), Description: n.Str("description"), Parent: n.Str("parent"),
				DocumentationUrl: n.Get("externalDocs").Str("url"), Extensions: t.extensions(n),
			})
		}
	}
}

// scalarText returns the text of a string or number: versions are written both
// ways.
func scalarText(n *document.Node) string {
	if n.Is(document.String) || n.Is(document.Number) || n.Is(document.Bool) {
		return n.Text()
	}
	return ""
}
