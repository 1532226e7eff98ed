package definition

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Unmarshal reads what [Marshal] writes. It is strict: members that the model
// does not have, values of another type, null, and members that are there twice
// are DEFINITION_INVALID with the metadata "pointer". Text that is not JSON is
// DOCUMENT_SYNTAX with "line" and "column". JSON texts of the definition become
// compact; nothing else about them changes.
//
// It does not ask whether the definition makes sense: see [Validate].
func Unmarshal(data []byte) (*connectorv1.Definition, error) {
	if len(data) > MaxBytes {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge,
			"the definition has %d bytes and at most %d are accepted; leave out operations", len(data), MaxBytes).
			With("limit", strconv.Itoa(MaxBytes))
	}
	if depth(data) > MaxDepth+maxAround {
		return nil, fault.Invalid(fault.ReasonDocumentTooDeep,
			"the definition has more than %d objects and arrays inside each other; make its schemas flatter", MaxDepth).
			With("limit", strconv.Itoa(MaxDepth))
	}
	d := decoder{jsontext.NewDecoder(bytes.NewBuffer(data))}
	def := &connectorv1.Definition{}
	if err := d.message(def.ProtoReflect(), envelope); err != nil {
		return nil, d.fault(err, data)
	}
	if len(bytes.Trim(data[d.in.InputOffset():], " \t\r\n")) > 0 {
		return nil, d.invalid("there is more text behind the definition; remove it")
	}
	return def, nil
}

type decoder struct {
	in *jsontext.Decoder
}

// outermost says whether a message is the whole document.
type outermost int

const (
	inside outermost = iota
	envelope
)

// invalid is a fault at the current place.
func (d decoder) invalid(format string, args ...any) *fault.Error {
	at := string(d.in.StackPointer())
	return fault.Invalid(fault.ReasonDefinitionInvalid, format, args...).With("pointer", at).Field(at, "see the message")
}

// fault says where a text stops being JSON; faults stay as they are.
func (d decoder) fault(err error, data []byte) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return fault.Invalid(fault.ReasonDocumentSyntax, "the definition is not complete; its JSON ends too early").Because(err)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fault.Invalid(fault.ReasonDefinitionInvalid, "the member at %q is there twice; remove one of them", syntactic.JSONPointer).
			With("pointer", string(syntactic.JSONPointer))
	}
	before := data[:min(int(syntactic.ByteOffset), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	return fault.Invalid(fault.ReasonDocumentSyntax, "line %d, column %d is not JSON; correct it", line, column).
		With("line", strconv.Itoa(line)).With("column", strconv.Itoa(column)).
		With("pointer", string(syntactic.JSONPointer)).Because(err)
}

// expect makes sure that a value of the kind comes next.
func (d decoder) expect(k jsontext.Kind, what string) error {
	switch got := d.in.PeekKind(); got {
	case k:
		return nil
	case 0:
		_, err := d.in.ReadToken()
		return err
	default:
		_, err := d.in.ReadValue()
		if err != nil {
			return err
		}
		return d.invalid("the value at %q must be %s, not %s", d.in.StackPointer(), what, kindName(got))
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	default:
		return "null"
	}
}

func (d decoder) message(m protoreflect.Message, where outermost) error {
	if isDuration(m.Descriptor()) {
		return d.duration(m)
	}
	if err := d.expect('{', "an object"); err != nil {
		return err
	}
	if _, err := d.in.ReadToken(); err != nil {
		return err
	}
	versioned := false
	for d.in.PeekKind() != '}' {
		t, err := d.in.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		if where == envelope && name == VersionKey {
			versioned = true
			if err := d.version(); err != nil {
				return err
			}
			continue
		}
		if err := d.member(m, name); err != nil {
			return err
		}
	}
	if _, err := d.in.ReadToken(); err != nil {
		return err
	}
	if where == envelope && !versioned {
		return d.invalid("the member %q is missing; start the definition with %q: %q", VersionKey, VersionKey, Version)
	}
	return nil
}

func (d decoder) version() error {
	got, err := d.text()
	if err == nil && got != Version {
		return d.invalid("the version %q of the format is not known; use %q", got, Version)
	}
	return err
}

func (d decoder) member(m protoreflect.Message, name string) error {
	fd := m.Descriptor().Fields().ByJSONName(name)
	if fd == nil {
		names := known(m.Descriptor())
		return d.invalid("the member %q at %q is not known; use one of %s", name, d.in.StackPointer(), names).With("given", name).With("known", names)
	}
	if of := fd.ContainingOneof(); of != nil {
		if other := m.WhichOneof(of); other != nil {
			return d.invalid("the member %q at %q excludes %q; remove one of them", name, d.in.StackPointer(), other.JSONName())
		}
	}
	switch {
	case fd.IsMap():
		return d.textMap(m.Mutable(fd).Map())
	case fd.IsList():
		return d.list(fd, m.Mutable(fd).List())
	case fd.Kind() == protoreflect.MessageKind:
		return d.message(m.Mutable(fd).Message(), inside)
	default:
		v, err := d.scalar(fd)
		if err == nil {
			m.Set(fd, v)
		}
		return err
	}
}

func known(md protoreflect.MessageDescriptor) string {
	names := make([]string, md.Fields().Len())
	for i := range names {
		names[i] = md.Fields().Get(i).JSONName()
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (d decoder) textMap(m protoreflect.Map) error {
	if err := d.expect('{', "an object"); err != nil {
		return err
	}
	if _, err := d.in.ReadToken(); err != nil {
		return err
	}
	for d.in.PeekKind() != '}' {
		t, err := d.in.ReadToken()
		if err != nil {
			return err
		}
		key := protoreflect.ValueOfString(t.String()).MapKey()
		v, err := d.text()
		if err != nil {
			return err
		}
		m.Set(key, protoreflect.ValueOfString(v))
	}
	_, err := d.in.ReadToken()
	return err
}

func (d decoder) list(fd protoreflect.FieldDescriptor, list protoreflect.List) error {
	if err := d.expect('[', "an array"); err != nil {
		return err
	}
	if _, err := d.in.ReadToken(); err != nil {
		return err
	}
	for d.in.PeekKind() != ']' {
		if fd.Kind() == protoreflect.MessageKind {
			if err := d.message(list.AppendMutable().Message(), inside); err != nil {
				return err
			}
			continue
		}
		v, err := d.scalar(fd)
		if err != nil {
			return err
		}
		list.Append(v)
	}
	_, err := d.in.ReadToken()
	return err
}

func (d decoder) text() (string, error) {
	if err := d.expect('"', "text"); err != nil {
		return "", err
	}
	t, err := d.in.ReadToken()
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

func (d decoder) scalar(fd protoreflect.FieldDescriptor) (protoreflect.Value, error) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		s, err := d.text()
		return protoreflect.ValueOfString(s), err
	case protoreflect.BoolKind:
		b, err := d.bool()
		return protoreflect.ValueOfBool(b), err
	case protoreflect.Int32Kind:
		n, err := d.int32()
		return protoreflect.ValueOfInt32(n), err
	case protoreflect.EnumKind:
		return d.enum(fd.Enum())
	case protoreflect.BytesKind:
		return d.json(fd)
	default:
		return protoreflect.Value{}, d.invalid("the member %q has no JSON form", fd.JSONName())
	}
}

func (d decoder) bool() (bool, error) {
	if d.in.PeekKind() == 'f' {
		_, err := d.in.ReadToken()
		return false, err
	}
	if err := d.expect('t', "true or false"); err != nil {
		return false, err
	}
	_, err := d.in.ReadToken()
	return true, err
}

func (d decoder) int32() (int32, error) {
	if err := d.expect('0', "a number"); err != nil {
		return 0, err
	}
	v, err := d.in.ReadValue()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(v), 10, 32)
	if err != nil {
		return 0, d.invalid("the value at %q must be a whole number up to %d", d.in.StackPointer(), math.MaxInt32)
	}
	return int32(n), nil
}

func (d decoder) enum(ed protoreflect.EnumDescriptor) (protoreflect.Value, error) {
	s, err := d.text()
	if err != nil {
		return protoreflect.Value{}, err
	}
	prefix := enumPrefix(ed)
	name := strings.TrimPrefix(strings.ToUpper(strings.ReplaceAll(s, "-", "_")), prefix)
	if v := ed.Values().ByName(protoreflect.Name(prefix + name)); v != nil {
		return protoreflect.ValueOfEnum(v.Number()), nil
	}
	words := make([]string, 0, ed.Values().Len())
	for i := 1; i < ed.Values().Len(); i++ {
		words = append(words, string(ed.Values().Get(i).Name())[len(prefix):])
	}
	names := strings.Join(words, ", ")
	return protoreflect.Value{}, d.invalid("%q at %q is not known; use one of %s", s, d.in.StackPointer(), names).With("given", s).With("known", names)
}

func (d decoder) json(fd protoreflect.FieldDescriptor) (protoreflect.Value, error) {
	if !jsonText[fd.FullName()] {
		return protoreflect.Value{}, d.invalid("the member %q has no JSON form", fd.JSONName())
	}
	v, err := d.in.ReadValue()
	if err != nil {
		return protoreflect.Value{}, err
	}
	v = v.Clone()
	if err := v.Compact(); err != nil {
		return protoreflect.Value{}, err
	}
	if depth(v) > MaxDepth {
		return protoreflect.Value{}, d.invalid("the value at %q is more than %d objects and arrays deep; make it flatter", d.in.StackPointer(), MaxDepth)
	}
	return protoreflect.ValueOfBytes(v), nil
}
