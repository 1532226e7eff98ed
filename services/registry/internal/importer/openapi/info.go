package openapi

import (
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
		Description:    n.Str("description"),
		Version:        scalarText(n.Get("version")),
		TermsOfService: n.Str("termsOfService"),
		Extensions:     t.extensions(n),
	}
	if c := n.Get("contact"); c.Is(document.Object) {
		info.Contact = &connectorv1.Contact{Name: c.Str("name"), Url: c.Str("url"), Email: c.Str("email")}
	}
	if l := n.Get("license"); l.Is(document.Object) {
		info.License = &connectorv1.License{Name: l.Str("name"), Url: l.Str("url")}
	}
	if info.GetTitle() == "" {
		info.Title = "API"
		if host := t.root.Str("host"); host != "" {
			info.Title = host
		}
		t.warn("TitleMissing", t.root, "add info.title", "the document has no title; %q is used", info.GetTitle())
	}
	t.def.Info = info
	t.documentation()
	t.metadata()
}

// documentation reads the links that the document as a whole has.
func (t *translation) documentation() {
	if d := t.root.Get("externalDocs"); d.Str("url") != "" {
		t.link(d.Str("url"), d.Str("description"))
	}
	docs := t.root.Get("x-ms-docs")
	for _, d := range docs.Children() {
		t.link(d.Str("url"), d.Str("description"))
	}
}

// metadata reads x-ms-connector-metadata, a list of names and values. Names
// without a place in the model stay in the extension.
func (t *translation) metadata() {
	n := t.root.Get("x-ms-connector-metadata")
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
	for _, n := range t.root.Get("tags").Children() {
		if name := n.Str("name"); name != "" {
			t.def.Tags = append(t.def.Tags, &connectorv1.Tag{Name: name, Description: n.Str("description")})
		}
	}
}

// capabilities reads the operation that tests a connection. Other capabilities
// stay in the extension.
func (t *translation) capabilities() {
	n := t.root.Get("x-ms-capabilities")
	test := n.Get("testConnection")
	if len(n.Children()) > 1 || (n != nil && test == nil) {
		t.def.Extensions = append(t.def.Extensions, t.extension(n))
	}
	if test == nil {
		return
	}
	id := test.Str("operationId")
	if !t.ids[id] {
		t.warn("TestOperationUnknown", test, "name an operation of the document",
			"the operation %q that tests a connection does not exist; connections cannot be tested", id)
		return
	}
	input := []byte("{}")
	if p := test.Get("parameters"); p.Is(document.Object) {
		input = p.JSON()
	}
	t.def.ConnectionTest = &connectorv1.ConnectionTest{OperationId: id, Input: input}
}

// scalarText returns the text of a string or number: versions are written both
// ways.
func scalarText(n *document.Node) string {
	if n.Is(document.String) || n.Is(document.Number) || n.Is(document.Bool) {
		return n.Text()
	}
	return ""
}
