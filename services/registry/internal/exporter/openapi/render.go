package openapi

import (
	"bytes"
	"encoding/json"
	"strconv"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// Swagger returns the Swagger 2.0 document of a connector package, as far as the
// specification and the vendor's extensions can say it, and reports the rest.
func Swagger(def *connectorv1.Definition, findings *target.Findings) *tree.Object {
	return render(vendorV2, def, findings)
}

func render(v Version, def *connectorv1.Definition, findings *target.Findings) *tree.Object {
	r := &rendering{
		version: v, def: def, findings: findings, doc: tree.New(),
		schemas: map[string][]byte{}, parsed: map[string]*document.Node{}, kept: map[string]bool{},
	}
	for _, s := range def.GetSchemas() {
		r.schemas[s.GetName()] = s.GetJson()
		r.notatedSchemas = r.notatedSchemas || hasNotation(s.GetJson())
	}
	r.document()
	return r.doc
}

// rendering is the work on one document.
type rendering struct {
	version  Version
	def      *connectorv1.Definition
	findings *target.Findings
	doc      *tree.Object
	// schemas are the named schemas of the definition; parsed are those that
	// were looked into.
	schemas map[string][]byte
	parsed  map[string]*document.Node
	// notatedSchemas says that some have the vendor's notation for dynamic
	// features.
	notatedSchemas bool
	// shared is the security that operations inherit from the root.
	shared []*connectorv1.SecurityRequirement
	// expressible are the security schemes that the document has.
	expressible map[string]bool
	// schemeIDs are the ids that the document uses instead of those of the model.
	schemeIDs map[string]string
	// kept are the keywords of schemas that connector packages hold although their
	// version does not have them, and that were reported.
	kept map[string]bool
}

// document sets the root's members in the order of the specification.
func (r *rendering) document() {
	switch r.version {
	case V31:
		r.doc.Text("openapi", "3.1.1")
	case V30:
		r.doc.Text("openapi", "3.0.4")
	default:
		r.doc.Text("swagger", "2.0")
	}
	r.doc.Set("info", r.info())
	schemes := r.securitySchemes()
	r.shared = r.sharedSecurity()
	if r.version.isSwagger() {
		r.host()
		r.commonMedia()
	} else if servers := r.servers(r.def.GetServers()); len(servers) > 0 {
		r.doc.Set("servers", servers)
	}
	r.doc.Set("paths", tree.New())
	if r.version == V31 && r.hasWebhooks() {
		r.doc.Set("webhooks", tree.New())
	}
	r.operations()
	if r.version.isSwagger() {
		r.doc.Some("definitions", r.definitions())
		r.doc.Some("securityDefinitions", schemes)
	} else {
		components := tree.New().Some("schemas", r.definitions()).Some("securitySchemes", schemes)
		r.doc.Some("components", components)
	}
	if len(r.shared) > 0 {
		r.doc.Set("security", r.security(r.shared, "/operations", ""))
	}
	r.tags()
	r.rootExtensions()
	r.renamedSchemes()
}

// definitions returns the named schemas.
func (r *rendering) definitions() *tree.Object {
	named := tree.New()
	for i, s := range r.def.GetSchemas() {
		at := place{pointer: "/schemas/" + strconv.Itoa(i)}
		if !r.version.isSwagger() && !isComponentName(s.GetName()) {
			r.findings.Approximated(at.pointer, "", "the name %q has characters that %s does not allow; it is kept", s.GetName(), r.version)
		}
		named.Set(s.GetName(), r.schema(s.GetJson(), at))
	}
	return named
}

// isComponentName reports whether OpenAPI 3 allows the name.
func isComponentName(name string) bool {
	for _, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

func (r *rendering) tags() {
	var list tree.List
	for i, t := range r.def.GetTags() {
		tag := tree.New().Set("name", tree.String(t.GetName())).Text("description", t.GetDescription())
		if t.GetDocumentationUrl() != "" {
			tag.Set("externalDocs", tree.New().Text("url", t.GetDocumentationUrl()))
		}
		r.extend(tag, t.GetExtensions(), place{pointer: "/tags/" + strconv.Itoa(i)})
		list = append(list, tag)
	}
	if len(list) > 0 {
		r.doc.Set("tags", list)
	}
}

// place is where something stands in the definition, for findings.
type place struct {
	pointer   string
	operation string
}

func (p place) in(token string) place {
	return place{pointer: p.pointer + "/" + document.EscapeToken(token), operation: p.operation}
}

func (p place) at(list string, i int) place {
	return place{pointer: p.pointer + "/" + list + "/" + strconv.Itoa(i), operation: p.operation}
}

func (r *rendering) lost(at place, message string, args ...any) {
	r.findings.Lost(at.pointer, at.operation, message, args...)
}

func (r *rendering) approximated(at place, message string, args ...any) {
	r.findings.Approximated(at.pointer, at.operation, message, args...)
}

// extend adds the extensions that the model does not interpret, in their order.
func (r *rendering) extend(o *tree.Object, extensions []*connectorv1.Extension, at place) {
	for i, e := range extensions {
		if o.Has(e.GetName()) && bytes.Equal(tree.Compact(o.Get(e.GetName())), e.GetJson()) {
			continue // said already, for instance "x-nullable"
		}
		if !json.Valid(e.GetJson()) || o.Has(e.GetName()) {
			r.lost(at.at("extensions", i), "the extension %q cannot be written here", e.GetName())
			continue
		}
		o.Set(e.GetName(), r.foreign(e.GetJson()))
	}
}

// has reports whether an extension is kept, so that it need not be made of what
// the model understood of it.
func has(extensions []*connectorv1.Extension, name string) bool {
	for _, e := range extensions {
		if e.GetName() == name {
			return true
		}
	}
	return false
}
