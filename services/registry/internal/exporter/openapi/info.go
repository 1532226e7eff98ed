package openapi

import (
	"encoding/json"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// info returns the info object.
func (r *rendering) info() *tree.Object {
	i := r.def.GetInfo()
	o := tree.New().Set("title", tree.String(i.GetTitle()))
	if r.version == V31 {
		o.Text("summary", i.GetSummary())
	}
	o.Text("description", i.GetDescription()).Text("termsOfService", i.GetTermsOfService())
	if c := i.GetContact(); c != nil {
		o.Set("contact", tree.New().Text("name", c.GetName()).Text("url", c.GetUrl()).Text("email", c.GetEmail()))
	}
	if l := i.GetLicense(); l != nil {
		license := tree.New().Set("name", tree.String(l.GetName()))
		if r.version == V31 && l.GetUrl() == "" {
			license.Text("identifier", l.GetIdentifier()) // one of the two, not both
		}
		o.Set("license", license.Text("url", l.GetUrl()))
	}
	o.Set("version", tree.String(i.GetVersion()))
	at := place{pointer: "/info"}
	if !has(i.GetExtensions(), "x-ms-keywords") {
		o.Texts("x-ms-keywords", i.GetKeywords())
	}
	if url := i.GetIcon().GetUrl() + i.GetIcon().GetFile(); url != "" && !has(i.GetExtensions(), "x-logo") && r.version != vendorV2 {
		o.Set("x-logo", tree.New().Text("url", url))
	}
	r.extend(o, i.GetExtensions(), at)
	return o
}

// The links that x-ms-connector-metadata has names for, as importers describe
// them.
const (
	website       = "Website"
	privacyPolicy = "Privacy policy"
)

// rootExtensions sets what stands at the end of the root: documentation, the
// vendor's extensions that the model interprets, and the others.
func (r *rendering) rootExtensions() {
	kept := r.def.GetExtensions()
	var others []*connectorv1.Link
	for _, l := range r.def.GetInfo().GetLinks() {
		if l.GetDescription() != website && l.GetDescription() != privacyPolicy {
			others = append(others, l)
		}
	}
	if len(others) > 0 {
		r.doc.Set("externalDocs", link(others[0]))
		others = others[1:]
	}
	if len(others) > 0 && !has(kept, "x-ms-docs") {
		var list tree.List
		for _, l := range others {
			list = append(list, link(l))
		}
		r.doc.Set("x-ms-docs", list)
	}
	if !has(kept, "x-ms-connector-metadata") {
		r.metadata()
	}
	if !has(kept, "x-ms-capabilities") {
		r.capabilities()
	}
	r.extend(r.doc, kept, place{})
}

func link(l *connectorv1.Link) *tree.Object {
	return tree.New().Text("description", l.GetDescription()).Text("url", l.GetUrl())
}

// metadata sets x-ms-connector-metadata.
func (r *rendering) metadata() {
	var list tree.List
	add := func(name, value string) {
		list = append(list, tree.New().Text("propertyName", name).Text("propertyValue", value))
	}
	for _, l := range r.def.GetInfo().GetLinks() {
		if slices.Contains([]string{website, privacyPolicy}, l.GetDescription()) {
			add(l.GetDescription(), l.GetUrl())
		}
	}
	if categories := r.def.GetInfo().GetCategories(); len(categories) > 0 {
		add("Categories", strings.Join(categories, ";"))
	}
	if len(list) > 0 {
		r.doc.Set("x-ms-connector-metadata", list)
	}
}

// capabilities sets x-ms-capabilities of the root.
func (r *rendering) capabilities() {
	o := tree.New()
	if t := r.def.GetConnectionTest(); t != nil {
		test := tree.New().Text("operationId", t.GetOperationId())
		if input := t.GetInput(); len(input) > 0 && string(input) != "{}" && json.Valid(input) {
			test.Set("parameters", tree.Raw(input))
		}
		o.Set("testConnection", test)
	}
	if p := r.def.GetFilePicker(); p != nil {
		picker := tree.New()
		if p.GetOpen() != nil {
			picker.Set("open", pickerCall(p.GetOpen()))
		}
		if p.GetBrowse() != nil {
			picker.Set("browse", pickerCall(p.GetBrowse()))
		}
		picker.Text("value-title", p.GetTitlePath()).Text("value-collection", p.GetItemsPath()).
			Text("value-folder-property", p.GetFolderPath()).Text("value-media-property", p.GetMediaTypePath())
		o.Set("file-picker", picker)
	}
	r.doc.Some("x-ms-capabilities", o)
}

// pickerCall writes a call of the file picker, whose arguments come from the
// item that was chosen.
func pickerCall(c *connectorv1.DynamicCall) *tree.Object {
	o := tree.New().Text("operationId", c.GetOperationId())
	arguments := tree.New()
	for _, a := range c.GetArguments() {
		name := strings.TrimPrefix(a.GetPointer(), "/")
		switch {
		case a.GetItemPath() != "":
			arguments.Set(name, tree.New().Text("value-property", a.GetItemPath()))
		case a.GetInput() != "":
			arguments.Set(name, tree.New().Text("parameter", strings.TrimPrefix(a.GetInput(), "/")))
		default:
			arguments.Set(name, tree.Raw(a.GetJson()))
		}
	}
	return o.Some("parameters", arguments)
}
