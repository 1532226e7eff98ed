package openapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// inputs2 sets consumes, produces and the parameters of Swagger 2.0, where the
// body, or each field of a form, is a parameter.
func (r *rendering) inputs2(o *tree.Object, op *connectorv1.Operation, at place) {
	if types := contentTypes(op.GetRequestBody().GetContents()); len(types) > 0 && !isOnlyJSON(types) {
		o.Texts("consumes", types)
	}
	if types := answerTypes(op); len(types) > 0 && !isOnlyJSON(types) {
		o.Texts("produces", types)
	}
	var list tree.List
	for i, p := range op.GetParameters() {
		if written := r.parameter2(p, at.at("parameters", i)); written != nil {
			list = append(list, written)
		}
	}
	if op.GetRequestBody() != nil {
		body := r.body2(op.GetRequestBody(), at.in("requestBody"))
		if isBodyFirst(op) {
			list = append(body, list...)
		} else {
			list = append(list, body...)
		}
	}
	if len(list) > 0 {
		o.Set("parameters", list)
	}
}

// isBodyFirst reports whether the dynamic features of an operation begin with one
// of its body: they have the order of the source.
func isBodyFirst(op *connectorv1.Operation) bool {
	dynamics := op.GetDynamics()
	return len(dynamics) > 0 && strings.HasPrefix(dynamics[0].GetPointer(), "/body")
}

// parameter2 returns a parameter that is not the body, nil if there is none such
// in Swagger 2.0.
func (r *rendering) parameter2(p *connectorv1.Parameter, at place) *tree.Object {
	isPath := p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
	if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE {
		r.lost(at, "%s has no parameters in cookies; %q is left out", r.version, p.GetName())
		return nil
	}
	o := tree.New().Set("name", tree.String(p.GetName())).
		Text("in", parameterLocations[p.GetLocation()]).
		Text("description", p.GetDescription()).
		True("required", p.GetRequired() || isPath).
		True("allowEmptyValue", p.GetAllowEmptyValue())
	if p.GetContentType() != "" || p.GetAllowReserved() {
		r.lost(at, "%s cannot say how the value of the parameter %q is encoded", r.version, p.GetName())
	}
	r.flat(o, p.GetSchema(), at)
	r.collection(o, p.GetStyle(), p.GetExplode(), p.GetName(), at)
	parameterExtensions(o, p)
	if p.GetDeprecated() && !has(p.GetExtensions(), "x-deprecated") {
		o.Set("x-deprecated", tree.Bool(true))
	}
	r.sample(o, p, at)
	r.extend(o, p.GetExtensions(), at)
	return o
}

// sample writes an example, for which the vendor has an extension.
func (r *rendering) sample(o *tree.Object, p *connectorv1.Parameter, at place) {
	if len(p.GetExamples()) == 0 || has(p.GetExtensions(), "x-ms-test-value") {
		return
	}
	if json.Valid(p.GetExamples()[0]) {
		o.Set("x-ms-test-value", tree.Raw(p.GetExamples()[0]))
	}
	if len(p.GetExamples()) > 1 {
		r.approximated(at, "%s has one example of the parameter %q; the others are left out", r.version, p.GetName())
	}
}

// formats are the values of collectionFormat.
var formats = map[connectorv1.ParameterStyle]string{
	connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED: "ssv",
	connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED:   "tsv",
	connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED:  "pipes",
}

// collection sets collectionFormat where it is not the default: commas.
func (r *rendering) collection(o *tree.Object, style connectorv1.ParameterStyle, explode bool, name string, at place) {
	isArray := o.Get("type") == tree.String("array")
	isForm := style == connectorv1.ParameterStyle_PARAMETER_STYLE_FORM ||
		(style == connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED && o.Get("in") == tree.String("query"))
	switch style {
	case connectorv1.ParameterStyle_PARAMETER_STYLE_LABEL, connectorv1.ParameterStyle_PARAMETER_STYLE_MATRIX,
		connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT:
		r.lost(at, "%s cannot write the value of %q in the style %q", r.version, name, styles[style])
		return
	default:
	}
	switch {
	case !isArray:
	case isForm && explode:
		o.Text("collectionFormat", "multi")
	default:
		o.Text("collectionFormat", formats[style])
	}
}

// valueKeywords are those that describe a value that is not a body.
var valueKeywords = []string{
	"type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
	"minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "const",
}

// plain returns the schema that a reference stands for, if it is one of values
// that can be written without schemas, else the schema itself.
func (r *rendering) plain(n *document.Node) *document.Node {
	target := r.follow(n)
	if target == nil || target.Str("type") == "object" || target.Get("type") == nil {
		return n
	}
	return target
}

// flat sets the keywords of a schema beside what else is said of a parameter or
// header.
func (r *rendering) flat(o *tree.Object, schema []byte, at place) {
	doc, err := document.Parse("schema.json", schema)
	if err != nil || !doc.Root().Is(document.Object) {
		if len(schema) > 0 {
			r.approximated(at, "%s cannot write the schema here; text is accepted", r.version)
		}
		o.Text("type", "string")
		return
	}
	r.flatten(o, r.plain(doc.Root()), at, "")
}

// describing are the keywords that say nothing about which values are valid.
var describing = []string{"title", "description", "example", "examples", "deprecated", "readOnly", "writeOnly", "xml"}

// flatten sets the keywords of the schema n, and those that are called allowed.
func (r *rendering) flatten(o *tree.Object, n *document.Node, at place, allowed string) {
	d := &dialect{rendering: r, at: at}
	for _, c := range n.Children() {
		isOwn := allowed != "" && (c.Key() == allowed || strings.HasPrefix(c.Key(), "x-"))
		switch {
		case slices.Contains(valueKeywords, c.Key()):
			d.keyword(o, n, c)
		case isOwn && !o.Has(c.Key()):
			o.Set(c.Key(), tree.From(c))
		case slices.Contains(describing, c.Key()):
			// What only describes a value is said by the parameter, or changes nothing.
		case !isOwn:
			r.approximated(at, "%s has no %q in the schema of a parameter or header; it is left out", r.version, c.Key())
		}
	}
	if o.Get("type") == tree.String("object") || (!o.Has("type") && r.version == V2) {
		if len(n.Children()) > 0 {
			r.approximated(at, "%s has only plain values and lists here; text is accepted", r.version)
		}
		o.Set("type", tree.String("string"))
	}
}

// body2 returns the body parameter, or the fields of the form.
func (r *rendering) body2(b *connectorv1.RequestBody, at place) tree.List {
	contents := b.GetContents()
	if len(contents) > 0 && isFormKind(contents[0].GetKind()) {
		if fields, ok := r.form(b, at); ok {
			return fields
		}
	}
	name := b.GetName()
	if name == "" {
		name = "body"
	}
	o := tree.New().Text("name", name).Text("in", "body").Text("description", b.GetDescription()).True("required", b.GetRequired())
	for i, c := range contents {
		at := at.at("contents", i)
		if !bytes.Equal(c.GetSchema(), contents[0].GetSchema()) {
			r.lost(at, "%s has one schema for all media types; that of %q is left out", r.version, c.GetMediaType())
		}
		if len(c.GetExamples()) > 0 {
			r.lost(at, "%s has no examples of bodies", r.version)
		}
	}
	schema := tree.Value(tree.New())
	if len(contents) > 0 && len(contents[0].GetSchema()) > 0 {
		schema = r.schema(contents[0].GetSchema(), at.at("contents", 0))
	}
	o.Set("schema", schema)
	vendor{object: o, kept: b.GetExtensions()}.set("x-ms-summary", text(b.GetSummary()))
	r.extend(o, b.GetExtensions(), at)
	return tree.List{o}
}

func isFormKind(k connectorv1.BodyKind) bool {
	return k == connectorv1.BodyKind_BODY_KIND_FORM || k == connectorv1.BodyKind_BODY_KIND_MULTIPART
}

// form returns one parameter for each property of the form; it is false if the
// properties are not known.
func (r *rendering) form(b *connectorv1.RequestBody, at place) (tree.List, bool) {
	content := b.GetContents()[0]
	root := r.formSchema(content.GetSchema())
	if root == nil {
		r.approximated(at, "%s has no forms whose fields are not listed; it is written as a body", r.version)
		return nil, false
	}
	required := map[string]bool{}
	for _, c := range root.Get("required").Children() {
		required[c.Text()] = true
	}
	if b.GetRequired() != (len(required) > 0) {
		r.approximated(at, "%s requires a form if it requires one of its fields", r.version)
	}
	var fields tree.List
	for _, property := range root.Get("properties").Children() {
		fields = append(fields, r.field(property, content, required[property.Key()], at))
	}
	return fields, true
}

// formSchema returns the object with the properties of a form, nil if there is
// none.
func (r *rendering) formSchema(schema []byte) *document.Node {
	doc, err := document.Parse("schema.json", schema)
	if err != nil {
		return nil
	}
	root := r.follow(doc.Root())
	if len(root.Get("properties").Children()) == 0 {
		return nil
	}
	return root
}

// follow returns the schema that a chain of references ends at; nil if it has no
// end.
func (r *rendering) follow(n *document.Node) *document.Node {
	const hops = 8
	for range hops {
		if parts := n.Get("allOf").Children(); len(parts) == 1 && n.Get("type") == nil && n.Get("properties") == nil {
			n = parts[0]
		}
		name, isReference := strings.CutPrefix(n.Str("$ref"), modelPrefix)
		if !isReference {
			return n
		}
		n = r.named(document.UnescapeToken(name))
	}
	return nil
}

// named returns a named schema, parsed once; nil if there is none.
func (r *rendering) named(name string) *document.Node {
	root, known := r.parsed[name]
	if known {
		return root
	}
	if doc, err := document.Parse("schema.json", r.schemas[name]); err == nil {
		root = doc.Root()
	}
	r.parsed[name] = root
	return root
}

// field returns one field of a form.
func (r *rendering) field(property *document.Node, content *connectorv1.MediaType, required bool, at place) *tree.Object {
	o := tree.New().Set("name", tree.String(property.Key())).Text("in", "formData").True("required", required)
	r.flatten(o, r.plain(property), at, "description")
	for _, e := range content.GetEncodings() {
		if e.GetProperty() != property.Key() {
			continue
		}
		if e.GetFile() {
			o.Set("type", tree.String("file"))
		}
		r.collection(o, e.GetStyle(), e.GetExplode(), property.Key(), at)
		if e.GetContentType() != "" || len(e.GetHeaders()) > 0 || e.GetAllowReserved() {
			r.lost(at, "%s cannot say how the field %q is encoded", r.version, property.Key())
		}
	}
	return o
}
