package overlay

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// form is where a definition that holds nothing else has a message: package
// definition writes and reads whole definitions.
type form struct {
	// pointer leads to it in the definition's JSON form.
	pointer string
	// in returns it, and makes it and what is around it if need be.
	in func(*connectorv1.Definition) proto.Message
}

// forms are those of the messages that extensions are for.
var forms = map[protoreflect.FullName]form{
	"ferrule.connector.v1.Definition": {"", func(d *connectorv1.Definition) proto.Message { return d }},
	"ferrule.connector.v1.Info": {"/info", func(d *connectorv1.Definition) proto.Message {
		if d.Info == nil {
			d.Info = &connectorv1.Info{}
		}
		return d.GetInfo()
	}},
	"ferrule.connector.v1.Schema": {"/schemas/0", func(d *connectorv1.Definition) proto.Message { return first(&d.Schemas) }},
	"ferrule.connector.v1.Operation": {"/operations/0", func(d *connectorv1.Definition) proto.Message {
		return first(&d.Operations)
	}},
	"ferrule.connector.v1.Parameter": {"/operations/0/parameters/0", func(d *connectorv1.Definition) proto.Message {
		return first(&first(&d.Operations).Parameters)
	}},
	"ferrule.connector.v1.RequestBody": {"/operations/0/requestBody", func(d *connectorv1.Definition) proto.Message {
		return body(d)
	}},
	"ferrule.connector.v1.MediaType": {"/operations/0/requestBody/contents/0", func(d *connectorv1.Definition) proto.Message {
		return first(&body(d).Contents)
	}},
	"ferrule.connector.v1.Response": {"/operations/0/responses/0", func(d *connectorv1.Definition) proto.Message {
		return first(&first(&d.Operations).Responses)
	}},
	"ferrule.connector.v1.ResponseHeader": {"/operations/0/responses/0/headers/0", func(d *connectorv1.Definition) proto.Message {
		return first(&first(&first(&d.Operations).Responses).Headers)
	}},
}

func body(d *connectorv1.Definition) *connectorv1.RequestBody {
	op := first(&d.Operations)
	if op.RequestBody == nil {
		op.RequestBody = &connectorv1.RequestBody{}
	}
	return op.GetRequestBody()
}

// first returns the first element of a list and adds one to an empty list.
func first[T any](list *[]*T) *T {
	if len(*list) == 0 {
		*list = append(*list, new(T))
	}
	return (*list)[0]
}

// encode returns the value of a field as JSON text, null if it is absent.
func encode(m protoreflect.Message, f protoreflect.FieldDescriptor) ([]byte, error) {
	if !m.Has(f) {
		return []byte("null"), nil
	}
	form := forms[m.Descriptor().FullName()]
	alone := &connectorv1.Definition{}
	form.in(alone).ProtoReflect().Set(f, m.Get(f))
	text, err := definition.Marshal(alone)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Name(), err)
	}
	doc, err := document.Parse("value.json", text)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return rekeyed(doc.Root().At(form.pointer).Get(f.JSONName()), modelReference, ownReference), nil
}

// decode sets a field to what a node says, which null clears.
func decode(m protoreflect.Message, f protoreflect.FieldDescriptor, n *document.Node) error {
	if n.Is(document.Null) {
		m.Clear(f)
		return nil
	}
	form := forms[m.Descriptor().FullName()]
	read, err := definition.Unmarshal(around(form.pointer+"/"+f.JSONName(), rekeyed(n, ownReference, modelReference)))
	if err != nil {
		return Explain(n, form.pointer+"/"+f.JSONName(), err)
	}
	m.Clear(f) // what is read may be the default, which is not there
	if found := form.in(read).ProtoReflect(); found.Has(f) {
		m.Set(f, found.Get(f))
	}
	return nil
}

// around returns the JSON form of a definition that holds nothing but the value
// at pointer.
func around(pointer string, value []byte) []byte {
	open, closed := `{"`+definition.VersionKey+`":"`+definition.Version+`"`, "}"
	separator := ","
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if token == "0" {
			open, closed = open[:len(open)-1]+"[{", "}]"+closed[1:]
			separator = ""
			continue
		}
		open += separator + `"` + token + `":{`
		closed = "}" + closed
		separator = ""
	}
	// The last object that was opened is the value itself.
	return append(append([]byte(open[:len(open)-1]), value...), closed[1:]...)
}
