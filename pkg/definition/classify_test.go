package definition

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// each calls f for every field of the model.
func each(md protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, f func(protoreflect.FieldDescriptor)) {
	if seen[md.FullName()] {
		return
	}
	seen[md.FullName()] = true
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		f(fd)
		if fd.Kind() == protoreflect.MessageKind && !isDuration(fd.Message()) {
			each(fd.Message(), seen, f)
		}
	}
}

func TestEveryFieldOfTheModelHasAForm(t *testing.T) {
	root := (&connectorv1.Definition{}).ProtoReflect().Descriptor()
	found := map[protoreflect.FullName]bool{}
	each(root, map[protoreflect.FullName]bool{}, func(fd protoreflect.FieldDescriptor) {
		switch fd.Kind() {
		case protoreflect.BytesKind:
			found[fd.FullName()] = true
			if !jsonText[fd.FullName()] {
				t.Errorf("%s holds bytes and is not in the list of JSON texts", fd.FullName())
			}
		case protoreflect.EnumKind:
			if first := string(fd.Enum().Values().Get(0).Name()); !strings.HasSuffix(first, "_UNSPECIFIED") {
				t.Errorf("the first value of %s is %s", fd.Enum().FullName(), first)
			}
			for i := range fd.Enum().Values().Len() {
				if name := string(fd.Enum().Values().Get(i).Name()); !strings.HasPrefix(name, enumPrefix(fd.Enum())) {
					t.Errorf("%s does not start with %s", name, enumPrefix(fd.Enum()))
				}
			}
		case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.MessageKind:
		default:
			t.Errorf("%s is of the kind %s, which is not written", fd.FullName(), fd.Kind())
		}
		if fd.IsMap() && (fd.MapKey().Kind() != protoreflect.StringKind || fd.MapValue().Kind() != protoreflect.StringKind) {
			t.Errorf("%s is not a map of texts", fd.FullName())
		}
	})
	for name := range jsonText {
		if !found[name] {
			t.Errorf("%s is listed and not in the model", name)
		}
	}
	for name := range schemaText {
		if !jsonText[name] {
			t.Errorf("%s is a schema and not JSON", name)
		}
	}
}
