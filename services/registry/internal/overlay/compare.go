package overlay

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Difference is something that a definition says and a document does not, or the
// other way round.
type Difference struct {
	// Pointer leads to the object of the document that gets the extension.
	Pointer string
	// Key is the name of the extension, JSON its value.
	Key  string
	JSON []byte
	// Was is the fingerprint of what the document says without the extension, for
	// [Was]; empty where it says nothing in its place.
	Was string
	// Model leads to the field in the definition.
	Model string
	// Operation is the id of the operation that it is part of, if any.
	Operation string
	// Field is the name of the field for people: that in the definition's JSON
	// form, or "schema" for the text of a named schema.
	Field string
}

// Compare returns the extensions that the document with this root needs, of which
// got was imported, so that importing it gives want. It fails only if want has
// text that is no JSON.
func Compare(want, got *connectorv1.Definition, root *document.Node) ([]Difference, error) {
	c := &comparison{root: root}
	if err := c.compare(want.ProtoReflect(), unit{got.ProtoReflect(), root}, ""); err != nil {
		return nil, err
	}
	return c.found, c.operations(want, got)
}

type comparison struct {
	root      *document.Node
	found     []Difference
	operation string
}

// compare compares all fields of want with what stands for them.
func (c *comparison) compare(want protoreflect.Message, got unit, model string) error {
	fields := want.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if ignored(f) || f.FullName() == operationsField || same(f, want, got.message) {
			continue
		}
		if err := c.field(f, want, got, model+"/"+f.JSONName()); err != nil {
			return err
		}
	}
	return nil
}

const operationsField = "ferrule.connector.v1.Definition.operations"

// same reports whether both messages have the same value of a field.
func same(f protoreflect.FieldDescriptor, a, b protoreflect.Message) bool {
	return a.Has(f) == b.Has(f) && a.Get(f).Equal(b.Get(f))
}

// field descends where the parts of the field have objects of their own, and
// otherwise notes the whole field.
func (c *comparison) field(f protoreflect.FieldDescriptor, want protoreflect.Message, got unit, model string) error {
	wanted, parts := (unit{want, got.node}).parts(c.root, f), got.parts(c.root, f)
	if !alike(wanted, parts) {
		return c.note(f, want, got, model)
	}
	for i, part := range parts {
		at := model
		if f.IsList() {
			at += "/" + strconv.Itoa(i)
		}
		if err := c.compare(wanted[i].message, part, at); err != nil {
			return err
		}
	}
	return nil
}

// alike reports whether both lists have the same members, and those of the
// document that differ are objects of their own.
func alike(wanted, parts []unit) bool {
	if len(wanted) == 0 || len(wanted) != len(parts) {
		return false
	}
	for i, w := range wanted {
		p := parts[i]
		if name(w.message.Interface()) != name(p.message.Interface()) {
			return false
		}
		if !p.node.Is(document.Object) && !protoreflect.ValueOfMessage(w.message).Equal(protoreflect.ValueOfMessage(p.message)) {
			return false
		}
	}
	return true
}

func (c *comparison) note(f protoreflect.FieldDescriptor, want protoreflect.Message, got unit, model string) error {
	text, err := encode(want, f)
	if err != nil {
		return err
	}
	name := f.JSONName()
	if Key(f) == schemaKey {
		name = "schema"
	}
	was := ""
	if got.message != nil {
		if was, err = fingerprint(got.message, f); err != nil {
			return err
		}
	}
	c.found = append(c.found, Difference{
		Pointer: got.node.Pointer(), Key: Key(f), JSON: text, Was: was, Model: model, Operation: c.operation, Field: name,
	})
	return nil
}

// operations compares the operations with the same ids, and notes those that the
// document has no place for.
func (c *comparison) operations(want, got *connectorv1.Definition) error {
	byID := make(map[string]*connectorv1.Operation, len(got.GetOperations()))
	for _, op := range got.GetOperations() {
		byID[op.GetOperationId()] = op
	}
	place := operation(c.root, nil)
	missing := &connectorv1.Definition{}
	for i, op := range want.GetOperations() {
		found := byID[op.GetOperationId()]
		node := place(found)
		if node == nil {
			op = proto.CloneOf(op)
			op.SourcePointer = ""
			missing.Operations = append(missing.Operations, op)
			continue
		}
		c.operation = op.GetOperationId()
		if err := c.compare(op.ProtoReflect(), unit{found.ProtoReflect(), node}, "/operations/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	c.operation = ""
	return c.rest(want, got, missing)
}

// rest notes the operations that are missing, and the order if it is another.
func (c *comparison) rest(want, got, missing *connectorv1.Definition) error {
	f := want.ProtoReflect().Descriptor().Fields().ByName("operations")
	if len(missing.GetOperations()) > 0 {
		if err := c.note(f, missing.ProtoReflect(), unit{nil, c.root}, "/operations"); err != nil {
			return err
		}
	}
	order := ids(want)
	if slices.Equal(order, slices.Concat(ids(got), ids(missing))) {
		return nil
	}
	c.found = append(c.found, Difference{
		Key: Order, JSON: texts(order), Model: "/operations", Field: "operations",
	})
	return nil
}

func ids(def *connectorv1.Definition) []string {
	list := make([]string, 0, len(def.GetOperations()))
	for _, op := range def.GetOperations() {
		list = append(list, op.GetOperationId())
	}
	return list
}

func texts(list []string) []byte {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = document.AppendString(b, s)
	}
	return append(b, ']')
}
