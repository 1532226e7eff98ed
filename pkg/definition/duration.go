package definition

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// isDuration reports whether a message is a length of time, whose form is a text
// such as "300s" or "1.5s", as the JSON mapping has it.
func isDuration(md protoreflect.MessageDescriptor) bool {
	return md.FullName() == (&durationpb.Duration{}).ProtoReflect().Descriptor().FullName()
}

func (e encoder) duration(m protoreflect.Message) error {
	text, err := protojson.Marshal(m.Interface())
	if err != nil {
		return fmt.Errorf("write duration: %w", err)
	}
	return e.out.WriteValue(jsontext.Value(text))
}

func (d decoder) duration(m protoreflect.Message) error {
	if err := d.expect('"', "text"); err != nil {
		return err
	}
	text, err := d.in.ReadValue()
	if err != nil {
		return err
	}
	if protojson.Unmarshal(text, m.Interface()) != nil {
		return d.invalid("the value at %q must be a number of seconds such as \"300s\", not %.80s", d.in.StackPointer(), text)
	}
	return nil
}
