package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// refPrefix is what references to named schemas start with.
const refPrefix = "#/$defs/"

// texts checks all JSON texts of a message and of those inside it. The schemas
// must be known before references can be judged, so it notes their names first.
func (v *validation) texts(m protoreflect.Message) {
	v.schemas = make(map[string]bool, len(v.def.GetSchemas()))
	for _, s := range v.def.GetSchemas() {
		v.schemas[s.GetName()] = true
	}
	v.textsOf("", m)
}

func (v *validation) textsOf(at string, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() != protoreflect.MessageKind && fd.Kind() != protoreflect.BytesKind || fd.IsMap() || !m.Has(fd) {
			continue
		}
		pointer := at + "/" + fd.JSONName()
		if !fd.IsList() {
			v.textAt(pointer, fd, m.Get(fd))
			continue
		}
		for i, list := 0, m.Get(fd).List(); i < list.Len(); i++ {
			v.textAt(pointer+"/"+strconv.Itoa(i), fd, list.Get(i))
		}
	}
}

func (v *validation) textAt(at string, fd protoreflect.FieldDescriptor, value protoreflect.Value) {
	if fd.Kind() == protoreflect.MessageKind {
		v.textsOf(at, value.Message())
		return
	}
	use := data
	if schemaText[fd.FullName()] {
		use = schema
	}
	if depth(value.Bytes()) > MaxDepth {
		v.wrong(at, "must be at most %d objects and arrays deep", MaxDepth)
		return
	}
	r := textReader{in: jsontext.NewDecoder(bytes.NewBuffer(value.Bytes())), schemas: v.schemas}
	err := r.value(use)
	if err == nil {
		if _, err = r.in.ReadToken(); errors.Is(err, io.EOF) {
			return
		}
		err = errors.New("there is more text behind it")
	}
	if missing, ok := errors.AsType[*missingError](err); ok {
		v.wrong(at, "refers to the schema %q at %q, which is not there", missing.name, missing.pointer)
		return
	}
	v.wrong(at, "must be JSON in UTF-8")
}

// use says what a JSON value is for.
type use int

const (
	// data is any value.
	data use = iota
	// schema is a JSON Schema.
	schema
	// schemas is an object whose members are JSON Schemas.
	schemas
)

// missingError is a reference to a schema that leads nowhere.
type missingError struct {
	name    string
	pointer jsontext.Pointer
}

func (e *missingError) Error() string { return fmt.Sprintf("the schema %q is missing", e.name) }

// textReader follows a JSON text. Its recursion is bounded by the text's depth,
// which was checked.
type textReader struct {
	in      *jsontext.Decoder
	schemas map[string]bool
}

func (r textReader) value(u use) error {
	if u == data {
		return r.in.SkipValue()
	}
	switch r.in.PeekKind() {
	case '{':
		return r.object(u)
	case '[':
		if _, err := r.in.ReadToken(); err != nil {
			return err
		}
		for r.in.PeekKind() != ']' {
			if err := r.value(u); err != nil {
				return err
			}
		}
		_, err := r.in.ReadToken()
		return err
	default:
		return r.in.SkipValue()
	}
}

func (r textReader) object(u use) error {
	if _, err := r.in.ReadToken(); err != nil {
		return err
	}
	for r.in.PeekKind() != '}' {
		t, err := r.in.ReadToken()
		if err != nil {
			return err
		}
		inner := schema
		if u == schema {
			key := t.String()
			if key == "$ref" && r.in.PeekKind() == '"' {
				if err := r.reference(); err != nil {
					return err
				}
				continue
			}
			inner = useOf(key)
		}
		if err := r.value(inner); err != nil {
			return err
		}
	}
	_, err := r.in.ReadToken()
	return err
}

// useOf says what the member of a schema holds.
func useOf(key string) use {
	switch key {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return schemas
	case "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "items", "prefixItems", "additionalItems", "contains",
		"additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema":
		return schema
	default:
		return data // also what no specification knows
	}
}

func (r textReader) reference() error {
	t, err := r.in.ReadToken()
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(t.String(), refPrefix)
	if !ok {
		return nil
	}
	token, _, _ := strings.Cut(rest, "/")
	name := strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	if !r.schemas[name] {
		return &missingError{name: name, pointer: r.in.StackPointer()}
	}
	return nil
}
