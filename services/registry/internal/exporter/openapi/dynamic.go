package openapi

import (
	"bytes"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// dynamicPrefix is what the vendor's extensions for dynamic features begin with.
const dynamicPrefix = "x-ms-dynamic-"

// dynamics writes dynamic features in the vendor's notation beside the values that
// they are for. Operations that were imported in that notation still have it, at
// places that only its readers understand, and get nothing twice. Values inside
// named schemas, which other operations share, get none here.
func (r *rendering) dynamics(o *tree.Object, op *connectorv1.Operation) {
	if len(op.GetDynamics()) == 0 || r.notatedSchemas || isNotated(op) {
		return
	}
	for _, d := range op.GetDynamics() {
		if at := r.valueAt(o, op, d); at != nil {
			writeDynamic(at, d)
		}
	}
}

// isNotated reports whether the operation has the vendor's notation somewhere.
func isNotated(op *connectorv1.Operation) bool {
	var texts [][]byte
	for _, p := range op.GetParameters() {
		if slices.ContainsFunc(p.GetExtensions(), func(e *connectorv1.Extension) bool {
			return strings.HasPrefix(e.GetName(), dynamicPrefix)
		}) {
			return true
		}
		texts = append(texts, p.GetSchema())
	}
	for _, c := range op.GetRequestBody().GetContents() {
		texts = append(texts, c.GetSchema())
	}
	for _, response := range op.GetResponses() {
		for _, c := range response.GetContents() {
			texts = append(texts, c.GetSchema())
		}
	}
	return slices.ContainsFunc(texts, hasNotation)
}

func hasNotation(schema []byte) bool { return bytes.Contains(schema, []byte(`"`+dynamicPrefix)) }

// valueAt returns the parameter or schema that stands for a value, nil if it is
// not part of the operation itself.
func (r *rendering) valueAt(o *tree.Object, op *connectorv1.Operation, d *connectorv1.DynamicFeature) *tree.Object {
	path := tokens(d.GetPointer())
	if d.GetSide() == connectorv1.DynamicSide_DYNAMIC_SIDE_OUTPUT {
		return inSchema(r.answerSchema(o, op), path)
	}
	if len(path) == 0 {
		return nil
	}
	list, _ := o.Get("parameters").(tree.List)
	for _, v := range list {
		p, _ := v.(*tree.Object)
		in, _ := p.Get("in").(tree.String)
		name, _ := p.Get("name").(tree.String)
		switch {
		case in == "body" && path[0] == "body":
			return inSchema(p.At([]string{"schema"}), path[1:])
		case in == "formData" && len(path) == 2 && path[0] == "body" && string(name) == path[1],
			in != "formData" && len(path) == 1 && string(name) == path[0]:
			return p
		}
	}
	if path[0] != "body" || len(op.GetRequestBody().GetContents()) == 0 {
		return nil
	}
	media := op.GetRequestBody().GetContents()[0].GetMediaType()
	return inSchema(o.At([]string{"requestBody", "content", media, "schema"}), path[1:])
}

// answerSchema returns the schema of the first answer that means success.
func (r *rendering) answerSchema(o *tree.Object, op *connectorv1.Operation) *tree.Object {
	for _, response := range op.GetResponses() {
		if !strings.HasPrefix(response.GetStatus(), "2") || len(response.GetContents()) == 0 {
			continue
		}
		if r.version.isSwagger() {
			return o.At([]string{"responses", response.GetStatus(), "schema"})
		}
		return o.At([]string{"responses", response.GetStatus(), "content", response.GetContents()[0].GetMediaType(), "schema"})
	}
	return nil
}

// inSchema descends through properties and items.
func inSchema(schema *tree.Object, path []string) *tree.Object {
	for _, token := range path {
		if schema == nil {
			return nil
		}
		if token == "*" {
			schema = schema.At([]string{"items"})
			continue
		}
		schema = schema.At([]string{"properties", token})
	}
	if schema == nil || schema.Has("$ref") {
		return nil
	}
	return schema
}

func writeDynamic(o *tree.Object, d *connectorv1.DynamicFeature) {
	switch kind := d.GetKind().(type) {
	case *connectorv1.DynamicFeature_Values:
		v := kind.Values
		if isSimple(v.GetCall()) && !o.Has(dynamicPrefix+"values") {
			o.Set(dynamicPrefix+"values", called(v.GetCall(), plainArguments(v.GetCall())).
				Text("value-collection", slashes(v.GetItemsPath())).Text("value-path", slashes(v.GetValuePath())).
				Text("value-title", slashes(v.GetTitlePath())).Text("value-description", slashes(v.GetDescriptionPath())).
				Text("value-selectable", slashes(v.GetSelectablePath())))
			return
		}
		o.Set(dynamicPrefix+"list", called(v.GetCall(), pathArguments(v.GetCall())).
			Text("itemsPath", slashes(v.GetItemsPath())).Text("itemValuePath", slashes(v.GetValuePath())).
			Text("itemTitlePath", slashes(v.GetTitlePath())))
	case *connectorv1.DynamicFeature_Schema:
		s := kind.Schema
		if s.GetPropertiesOnly() {
			o.Set(dynamicPrefix+"schema", called(s.GetCall(), plainArguments(s.GetCall())).Text("value-path", slashes(s.GetPath())))
			return
		}
		o.Set(dynamicPrefix+"properties", called(s.GetCall(), pathArguments(s.GetCall())).Text("itemValuePath", slashes(s.GetPath())))
	case *connectorv1.DynamicFeature_Tree:
		settings := tree.New().Set("canSelectParentNodes", tree.Bool(kind.Tree.GetParentsSelectable())).
			Set("canSelectLeafNodes", tree.Bool(kind.Tree.GetLeavesSelectable()))
		written := tree.New().Set("settings", settings)
		if kind.Tree.GetOpen() != nil {
			written.Set("open", branch(kind.Tree.GetOpen()))
		}
		if kind.Tree.GetBrowse() != nil {
			written.Set("browse", branch(kind.Tree.GetBrowse()))
		}
		o.Set(dynamicPrefix+"tree", written)
	}
}

func branch(b *connectorv1.DynamicBranch) *tree.Object {
	return called(b.GetCall(), pathArguments(b.GetCall())).
		Text("itemsPath", slashes(b.GetItemsPath())).Text("itemValuePath", slashes(b.GetValuePath())).
		Text("itemTitlePath", slashes(b.GetTitlePath())).Text("itemFullTitlePath", slashes(b.GetFullTitlePath())).
		Text("itemIsParent", b.GetParentExpression()).Text("selectableFilter", b.GetSelectableExpression())
}

// called names what is called: an operation, or something of the platform.
func called(c *connectorv1.DynamicCall, arguments *tree.Object) *tree.Object {
	o := tree.New().Text("operationId", c.GetOperationId())
	if name := c.GetCapability(); strings.Contains(name, ".") {
		o.Text("builtInOperation", name)
	} else {
		o.Text("capability", name)
	}
	return o.Some("parameters", arguments)
}

// isSimple reports whether all arguments can be named without a path.
func isSimple(c *connectorv1.DynamicCall) bool {
	for _, a := range c.GetArguments() {
		if strings.Count(a.GetPointer(), "/") != 1 || strings.Count(a.GetInput(), "/") > 1 || a.GetItemPath() != "" {
			return false
		}
	}
	return true
}

// plainArguments are constants, or parameters by their names.
func plainArguments(c *connectorv1.DynamicCall) *tree.Object {
	o := tree.New()
	for _, a := range c.GetArguments() {
		value := tree.Value(tree.Raw(a.GetJson()))
		if a.GetInput() != "" {
			value = tree.New().Set("parameter", tree.String(pathString(a.GetInput())))
		}
		o.Set(pathString(a.GetPointer()), value)
	}
	return o
}

// pathArguments are objects that say where a value comes from.
func pathArguments(c *connectorv1.DynamicCall) *tree.Object {
	o := tree.New()
	for _, a := range c.GetArguments() {
		from := tree.New()
		switch {
		case a.GetInput() != "":
			from.Set("parameterReference", tree.String(pathString(a.GetInput())))
		case a.GetItemPath() != "":
			from.Set("selectedItemValuePath", tree.String(slashes(a.GetItemPath())))
		default:
			from.Set("value", tree.Raw(a.GetJson()))
		}
		o.Set(pathString(a.GetPointer()), from)
	}
	return o
}

// pathString is a JSON pointer in the vendor's notation.
func pathString(pointer string) string {
	return document.UnescapeToken(strings.TrimPrefix(pointer, "/"))
}

// slashes is a dot path in the vendor's notation.
func slashes(path string) string { return strings.ReplaceAll(path, ".", "/") }
