package diff_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// filled sets all fields of a message; of a choice the one with this index.
func filled(m protoreflect.Message, choice int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if of := fd.ContainingOneof(); of != nil && of.Fields().Get(choice%of.Fields().Len()) != fd {
			continue
		}
		switch {
		case fd.IsMap():
			m.Mutable(fd).Map().Set(protoreflect.ValueOfString("tokenUrl").MapKey(), protoreflect.ValueOfString("v"))
			m.Mutable(fd).Map().Set(protoreflect.ValueOfString("k").MapKey(), protoreflect.ValueOfString("v"))
		case fd.IsList() && fd.Kind() == protoreflect.MessageKind:
			filled(m.Mutable(fd).List().AppendMutable().Message(), choice)
		case fd.IsList():
			m.Mutable(fd).List().Append(some(fd, "a"))
		case fd.Kind() == protoreflect.MessageKind:
			filled(m.Mutable(fd).Message(), choice)
		default:
			m.Set(fd, some(fd, "a"))
		}
	}
}

// some is a value of a field's type; different texts give different values.
func some(fd protoreflect.FieldDescriptor, text string) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "a")
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(text[0]))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(text[0]))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(text[0]-'a') + 1)
	case protoreflect.BytesKind:
		if text == "a" {
			return protoreflect.ValueOfBytes([]byte(`{"type":"string"}`))
		}
		return protoreflect.ValueOfBytes([]byte(`{"type":"integer"}`))
	default:
		return protoreflect.ValueOfString(text)
	}
}

// mutate calls f once for every value in a message, changed, and changes it back.
func mutate(m protoreflect.Message, f func(protoreflect.FieldDescriptor)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			k := protoreflect.ValueOfString("k").MapKey()
			v.Map().Set(k, protoreflect.ValueOfString("b"))
			f(fd)
			v.Map().Set(k, protoreflect.ValueOfString("v"))
		case fd.IsList() && fd.Kind() == protoreflect.MessageKind:
			mutate(v.List().Get(0).Message(), f)
		case fd.IsList():
			v.List().Set(0, some(fd, "b"))
			f(fd)
			v.List().Set(0, some(fd, "a"))
		case fd.Kind() == protoreflect.MessageKind:
			mutate(v.Message(), f)
		default:
			other := some(fd, "b")
			if fd.Kind() == protoreflect.EnumKind && other.Enum() == v.Enum() {
				other = some(fd, "a")
			}
			m.Set(fd, other)
			f(fd)
			m.Set(fd, v)
		}
		return true
	})
}

// Whatever a revision changes has a word of its own, but for what is listed here.
// A new field of the model that nobody compares fails this test.
func TestEveryFieldIsComparedOrKnowinglyNot(t *testing.T) {
	silent := map[string]bool{}
	for choice := range 8 {
		base := &connectorv1.Definition{}
		filled(base.ProtoReflect(), choice)
		base.Operations[0].Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
		if choice%2 == 0 {
			base.Operations[0].Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
		}
		base.Operations[0].Parameters[0].Location = connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
		base.Operations[0].Responses[0].Status = "200"
		changed := proto.CloneOf(base)
		mutate(changed.ProtoReflect(), func(fd protoreflect.FieldDescriptor) {
			d := compare(t, base, changed)
			if d.Total == 0 {
				t.Errorf("%s is not noticed", fd.FullName())
			} else if d.Changes[0].Code == "texts-changed" {
				silent[string(fd.FullName().Parent().Name())+"."+string(fd.Name())] = true
			}
		})
	}
	want := []string{
		"AllowedValue.title",
		"ConnectionParameter.clear_text", "ConnectionParameter.description", "ConnectionParameter.hidden", "ConnectionParameter.order",
		"ConnectionParameter.required", // there is a default
		"ConnectionParameter.source", "ConnectionParameter.title",
		"Extension.json", "Extension.name", // of parameters, bodies, answers
		"LinkArgument.json", "LinkArgument.name",
		"MediaType.examples",
		"Operation.source_pointer",
		"Parameter.description", "Parameter.examples", "Parameter.summary",
		"Parameter.visibility", // it is shown in another place
		"ParameterSet.description", "ParameterSet.metadata", "ParameterSet.title",
		"RequestBody.description", "RequestBody.name", "RequestBody.summary",
		"Response.description",
		"ResponseHeader.deprecated", "ResponseHeader.description", "ResponseHeader.summary",
		"ResponseLink.description", "ResponseLink.name", "ResponseLink.operation_id", "ResponseLink.request_body",
		"Schema.json", "Schema.name", // nobody refers to it
		"Server.description", "ServerVariable.description",
		"UnsupportedAuthentication.remedy",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(silent))); diff != "" {
		t.Errorf("fields without a word of their own (-want +got):\n%s", diff)
	}
}
