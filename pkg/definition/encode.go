package definition

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Marshal writes the definition as indented JSON with a line feed at its end.
// The same definition gives the same bytes: members stand in the order of the
// model, map keys are sorted, and JSON texts keep the order, the numbers and the
// strings that they have. A text that is not JSON is DEFINITION_INVALID.
func Marshal(def *connectorv1.Definition) ([]byte, error) {
	var out bytes.Buffer
	e := encoder{jsontext.NewEncoder(&out, jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true))}
	if err := e.definition(def.ProtoReflect()); err != nil {
		return nil, fault.Invalid(fault.ReasonDefinitionInvalid,
			"the definition cannot be written at %q; every text must be UTF-8 and every schema, example and value JSON", e.out.StackPointer()).
			With("pointer", string(e.out.StackPointer())).Because(err)
	}
	return out.Bytes(), nil
}

type encoder struct {
	out *jsontext.Encoder
}

func (e encoder) definition(m protoreflect.Message) error {
	if err := e.tokens(jsontext.BeginObject, jsontext.String(VersionKey), jsontext.String(Version)); err != nil {
		return err
	}
	if err := e.members(m); err != nil {
		return err
	}
	return e.tokens(jsontext.EndObject)
}

func (e encoder) tokens(tokens ...jsontext.Token) error {
	for _, t := range tokens {
		if err := e.out.WriteToken(t); err != nil {
			return fmt.Errorf("write token: %w", err)
		}
	}
	return nil
}

func (e encoder) members(m protoreflect.Message) error {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		if err := e.tokens(jsontext.String(fd.JSONName())); err != nil {
			return err
		}
		if err := e.field(fd, m.Get(fd)); err != nil {
			return err
		}
	}
	return nil
}

func (e encoder) field(fd protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch {
	case fd.IsMap():
		return e.textMap(v.Map())
	case fd.IsList():
		if err := e.tokens(jsontext.BeginArray); err != nil {
			return err
		}
		for i := range v.List().Len() {
			if err := e.value(fd, v.List().Get(i)); err != nil {
				return err
			}
		}
		return e.tokens(jsontext.EndArray)
	default:
		return e.value(fd, v)
	}
}

// textMap writes a map of texts, which is the only kind that the model has.
func (e encoder) textMap(m protoreflect.Map) error {
	keys := make([]string, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k.String())
		return true
	})
	slices.Sort(keys)
	if err := e.tokens(jsontext.BeginObject); err != nil {
		return err
	}
	for _, k := range keys {
		v := m.Get(protoreflect.ValueOfString(k).MapKey()).String()
		if err := e.tokens(jsontext.String(k), jsontext.String(v)); err != nil {
			return err
		}
	}
	return e.tokens(jsontext.EndObject)
}

func (e encoder) value(fd protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		if isDuration(fd.Message()) {
			return e.duration(v.Message())
		}
		if err := e.tokens(jsontext.BeginObject); err != nil {
			return err
		}
		if err := e.members(v.Message()); err != nil {
			return err
		}
		return e.tokens(jsontext.EndObject)
	case protoreflect.StringKind:
		return e.tokens(jsontext.String(v.String()))
	case protoreflect.BoolKind:
		return e.tokens(jsontext.Bool(v.Bool()))
	case protoreflect.Int32Kind:
		return e.tokens(jsontext.Int(v.Int()))
	case protoreflect.EnumKind:
		known := fd.Enum().Values().ByNumber(v.Enum())
		if known == nil {
			return fmt.Errorf("%s has no value %d", fd.Enum().FullName(), v.Enum())
		}
		return e.tokens(jsontext.String(string(known.Name())[len(enumPrefix(fd.Enum())):]))
	case protoreflect.BytesKind:
		if !jsonText[fd.FullName()] {
			return fmt.Errorf("the bytes of %s have no JSON form", fd.FullName())
		}
		if depth(v.Bytes()) > MaxDepth {
			return fmt.Errorf("the JSON text is more than %d deep", MaxDepth)
		}
		if err := e.out.WriteValue(v.Bytes()); err != nil {
			return fmt.Errorf("write JSON text: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("%s has no JSON form", fd.FullName())
	}
}

// depth returns the greatest number of objects and arrays inside each other in
// JSON text. It does not check the text.
func depth(text []byte) int {
	deepest, level, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// enumPrefix is what all values of an enumeration start with: "BODY_KIND_" for
// those of BodyKind. The first value of each is "…UNSPECIFIED".
func enumPrefix(ed protoreflect.EnumDescriptor) string {
	const first = "UNSPECIFIED"
	name := string(ed.Values().Get(0).Name())
	return name[:len(name)-len(first)]
}
