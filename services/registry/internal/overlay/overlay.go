// Package overlay is how OpenAPI documents hold what only the connector model can
// say: in extensions of this platform, beside the object that they are about.
//
// An extension is called "x-ferrule-" and the name of a field of the model, with
// "-" between its words. Its value is that of the field, as package definition
// writes it, or null where the field is absent. It counts whatever else the
// document says:
//
//	object of the document                 object of the model
//	the root                               Definition
//	info                                   Info
//	an operation                           Operation
//	a parameter of an operation            Parameter
//	requestBody (OpenAPI 3)                RequestBody
//	a response                             Response
//	a media type (OpenAPI 3)               MediaType
//	a header of a response                 ResponseHeader
//	a named schema                         Schema; its text is "x-ferrule-schema"
//
// "x-ferrule-was" beside extensions has a fingerprint of what the object said
// without them when they were written. An extension whose object says something
// else by now is left out: somebody has edited the document, and means it.
// References to schemas are "x-ferrule-ref" instead of "$ref" in the values
// of extensions, since they lead nowhere in the document.
//
// Three extensions of the root are special. "x-ferrule-operations" lists whole
// operations that have no place under "paths"; they are added. The list
// "x-ferrule-operation-order" has the ids of all operations in their order, where
// the document has another. The object "x-ferrule-scheme-ids" has the ids of
// security schemes that OpenAPI 3 does not allow, under those that the document
// uses instead.
//
// [Compare] finds the extensions that a document needs to say the same as a
// definition, and [Apply] reads them back:
//
//	"get": {
//	  "operationId": "ListItems",
//	  "x-ferrule-requires-script": true
//	}
package overlay

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// Prefix is what all extensions of this platform begin with.
	Prefix = "x-ferrule-"
	// Operations is the extension for operations without a place.
	Operations = Prefix + "operations"
	// Order is the extension for the order of operations.
	Order = Prefix + "operation-order"
	// schemaKey is the extension for the text of a named schema.
	schemaKey = Prefix + "schema"
)

// Key returns the name of the extension for a field of the model.
func Key(field protoreflect.FieldDescriptor) string {
	if field.FullName() == "ferrule.connector.v1.Schema.json" {
		return schemaKey
	}
	return Prefix + strings.ReplaceAll(string(field.Name()), "_", "-")
}

// field returns the field that an extension is for, nil if there is none.
func field(m protoreflect.MessageDescriptor, key string) protoreflect.FieldDescriptor {
	fields := m.Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); Key(f) == key && !ignored(f) {
			return f
		}
	}
	return nil
}

// objects are the objects of documents that extensions stand in, as people call them.
var objects = map[protoreflect.FullName]string{
	"ferrule.connector.v1.Definition":     "the root",
	"ferrule.connector.v1.Info":           "info",
	"ferrule.connector.v1.Operation":      "an operation",
	"ferrule.connector.v1.Parameter":      "a parameter of an operation",
	"ferrule.connector.v1.RequestBody":    "the requestBody of an operation",
	"ferrule.connector.v1.MediaType":      "a media type",
	"ferrule.connector.v1.Response":       "a response",
	"ferrule.connector.v1.ResponseHeader": "a header of a response",
	"ferrule.connector.v1.Schema":         "a named schema",
}

// Names returns the names of all extensions of this package with the objects that they
// stand in, as people call them.
func Names() map[string][]string {
	names := map[string][]string{Operations: {"the root"}, Order: {"the root"}, SchemeIDs: {"the root"}}
	for _, place := range slices.Sorted(maps.Keys(objects)) {
		fields := descriptor(place).Fields()
		for i := range fields.Len() {
			if f := fields.Get(i); !ignored(f) && Key(f) != Operations {
				names[Key(f)] = append(names[Key(f)], objects[place])
			}
		}
	}
	return names
}

// descriptor is that of a message for which there are extensions.
func descriptor(name protoreflect.FullName) protoreflect.MessageDescriptor {
	return forms[name].in(&connectorv1.Definition{}).ProtoReflect().Descriptor()
}

// ignored reports whether a field is no part of what a document says.
func ignored(f protoreflect.FieldDescriptor) bool {
	return f.FullName() == "ferrule.connector.v1.Operation.source_pointer"
}

// unit is an object of the model and the object of the document that stands for
// it.
type unit struct {
	message protoreflect.Message
	node    *document.Node
}

// parts returns the objects of a list, or the one object, that a field of u holds,
// with what stands for them; nil if the field has no objects of its own in
// documents.
func (u unit) parts(root *document.Node, f protoreflect.FieldDescriptor) []unit {
	in, ok := places[f.FullName()]
	if !ok || u.node == nil || !u.message.Has(f) {
		return nil
	}
	at := in(root, u.node)
	if !f.IsList() {
		m := u.message.Get(f).Message()
		return []unit{{m, at(m.Interface())}}
	}
	list := u.message.Get(f).List()
	parts := make([]unit, 0, list.Len())
	for i := range list.Len() {
		m := list.Get(i).Message()
		parts = append(parts, unit{m, at(m.Interface())})
	}
	return parts
}

// place prepares to find what stands for messages inside the object of a document
// that stands for their owner.
type place func(root, owner *document.Node) func(m proto.Message) *document.Node

// places are the fields whose messages have objects of their own.
var places = map[protoreflect.FullName]place{
	"ferrule.connector.v1.Definition.info":        member("info"),
	"ferrule.connector.v1.Definition.operations":  operation,
	"ferrule.connector.v1.Definition.schemas":     schema,
	"ferrule.connector.v1.Operation.parameters":   parameter,
	"ferrule.connector.v1.Operation.request_body": member("requestBody"),
	"ferrule.connector.v1.Operation.responses":    named("responses"),
	"ferrule.connector.v1.RequestBody.contents":   named("content"),
	"ferrule.connector.v1.Response.contents":      named("content"),
	"ferrule.connector.v1.Response.headers":       named("headers"),
}

// member finds the only message of its kind.
func member(key string) place {
	return func(_, owner *document.Node) func(proto.Message) *document.Node {
		return func(proto.Message) *document.Node { return owner.Get(key) }
	}
}

// named finds messages under their names.
func named(key string) place {
	return func(_, owner *document.Node) func(proto.Message) *document.Node {
		object := owner.Get(key)
		return func(m proto.Message) *document.Node { return object.Get(name(m)) }
	}
}

func operation(root, _ *document.Node) func(proto.Message) *document.Node {
	return func(m proto.Message) *document.Node {
		op, ok := m.(*connectorv1.Operation)
		if !ok || op.GetSourcePointer() == "" {
			return nil
		}
		return root.At(op.GetSourcePointer())
	}
}

func schema(root, _ *document.Node) func(proto.Message) *document.Node {
	definitions, components := root.Get("definitions"), root.Get("components").Get("schemas")
	return func(m proto.Message) *document.Node {
		if n := definitions.Get(name(m)); n != nil {
			return n
		}
		return components.Get(name(m))
	}
}

// parameter finds parameters that stand in the operation itself.
func parameter(_, op *document.Node) func(proto.Message) *document.Node {
	nodes := map[string]*document.Node{}
	for _, n := range op.Get("parameters").Children() {
		location := "PARAMETER_LOCATION_" + strings.ToUpper(n.Str("in"))
		nodes[location+" "+n.Str("name")] = n
	}
	return func(m proto.Message) *document.Node { return nodes[name(m)] }
}

// name is what tells a message from the others of its list, "" for those that
// are known by their place.
func name(m proto.Message) string {
	switch m := m.(type) {
	case *connectorv1.Operation:
		return m.GetOperationId()
	case *connectorv1.Schema:
		return m.GetName()
	case *connectorv1.Parameter:
		return m.GetLocation().String() + " " + m.GetName()
	case *connectorv1.Response:
		return m.GetStatus()
	case *connectorv1.MediaType:
		return m.GetMediaType()
	case *connectorv1.ResponseHeader:
		return m.GetName()
	}
	return ""
}
