package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// MaxInput is the largest input of a call, in bytes.
	MaxInput = 10 << 20
	// bodyInput is the member of an input that holds the body.
	bodyInput = "body"
	// usualParameters is how many parameters most operations have at most.
	usualParameters = 8
	// maxViolations bounds what one answer lists; the first are enough to see
	// what is going on.
	maxViolations = 50
)

// Arguments are the inputs of one call: read, checked and completed with
// defaults. They share memory with the input.
type Arguments struct {
	values []jsontext.Value // by parameter; nil: not sent
	body   jsontext.Value   // nil: not given
	// contentType chooses the representation of the body, where the operation does
	// not declare that input; nil: not given.
	contentType jsontext.Value
	sent        representation
	// constants is the part of the input that the description prescribes.
	constants []member

	// These are here because they would be three more pieces of memory of each call.
	few   [usualParameters]jsontext.Value // room for values
	found violations                      // of the reading or writing under way
}

// newArguments returns arguments of an operation without values.
func newArguments(o *Operation) *Arguments {
	args := &Arguments{found: violations{operation: o.ID()}}
	if args.values = args.few[:]; len(o.parameters) > len(args.few) {
		args.values = make([]jsontext.Value, len(o.parameters))
	}
	args.values = args.values[:len(o.parameters)]
	return args
}

// prescribed returns the part of an input that the description prescribes, nil for
// none.
func (a *Arguments) prescribed(input string) jsontext.Value {
	return property(a.constants, input)
}

// violations collects what is wrong with an input, so that a caller learns all
// of it at once.
type violations struct {
	operation string
	list      []fault.Violation
	byType    []int // of the list, see [Fault]
	hints     nearest.Hints
}

// full reports whether nothing more is listed, so that looking for it is in vain.
func (v *violations) full() bool { return len(v.list) >= maxViolations }

func (v *violations) add(field, description string) {
	if !v.full() {
		v.list = append(v.list, fault.Violation{Field: field, Description: description})
	}
}

// addByType adds what no other value of the same type would mend.
func (v *violations) addByType(field, description string) {
	if !v.full() {
		v.byType = append(v.byType, len(v.list))
	}
	v.add(field, description)
}

// once adds what is wrong with a field, unless something is known about it already:
// what cannot be written is mostly so because it is of the wrong type.
func (v *violations) once(field, description string) {
	if !slices.ContainsFunc(v.list, func(have fault.Violation) bool { return have.Field == field }) {
		v.add(field, description)
	}
}

// amend adds to the description of the violation with the index, if there is one.
func (v *violations) amend(index int, more string) {
	if index < len(v.list) {
		v.list[index].Description += more
	}
}

func (v *violations) err() error {
	if len(v.list) == 0 {
		return nil
	}
	first := v.list[0]
	f := fault.Invalid(fault.ReasonInputInvalid,
		"the input does not fit operation %q: %s %s", v.operation, subject(first.Field), first.Description)
	if len(v.list) > 1 {
		f = fault.Invalid(fault.ReasonInputInvalid,
			"the input does not fit operation %q: %s %s, and %d more; see the violations",
			v.operation, subject(first.Field), first.Description, len(v.list)-1)
	}
	f = f.With("operation", v.operation)
	for _, one := range v.list {
		f = f.Field(one.Field, one.Description)
	}
	return f
}

func subject(field string) string {
	if field == "" {
		return "it"
	}
	return strconv.Quote(field)
}

// Read decodes the input of a call, one JSON object of at most [MaxInput]
// bytes; empty means no input. Everything that does not fit is in one error,
// INPUT_INVALID, with a violation for each: members that are missing, unknown or
// of the wrong type, by their path as in "items.id" or "body.name". The result
// shares memory with input.
func (o *Operation) Read(input []byte) (*Arguments, error) {
	return o.ReadPrescribed(input, nil)
}

// ReadPrescribed is [Operation.Read] for the input of a call that the description
// itself prescribes in part: constants is that part, at the same places, a JSON
// object. Rules about which values are good, such as enumerations and patterns, do
// not count for what is in both.
func (o *Operation) ReadPrescribed(input, constants []byte) (*Arguments, error) {
	if len(input) > MaxInput {
		return nil, fault.Exhausted(fault.ReasonInputTooLarge,
			"the input is longer than the limit of %d bytes; send large content through the pass-through route", MaxInput).
			With("limit", strconv.Itoa(MaxInput))
	}
	args := newArguments(o)
	found := &args.found
	if len(constants) > 0 {
		args.constants = members(constants)
	}
	if !o.take(input, args) {
		return nil, found.err()
	}
	if len(found.list) > 0 {
		// What only shows when it is written belongs into the same answer.
		o.write(args, &request.Request{}, found)
		return nil, found.err()
	}
	return args, nil
}

// take gives an input to the arguments and completes it. False means that something is
// wrong with which nothing more can be found.
func (o *Operation) take(input []byte, args *Arguments) bool {
	found := &args.found
	if len(input) > 0 {
		list, err := readObject(input)
		if err != nil {
			found.add(mistake(err))
			return false
		}
		if o.assign(list, args, found); found.full() {
			return false
		}
	}
	o.complete(args, found)
	return true
}

// mistake says where JSON text is wrong and how, without repeating its values.
func mistake(err error) (field, sentence string) {
	if e, ok := errors.AsType[inputError](err); ok {
		return "", e.Error()
	}
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return "", "must be valid json"
	case errors.Is(err, jsontext.ErrDuplicateName):
		place := join("", slices.Collect(e.JSONPointer.Tokens()))
		return strings.TrimPrefix(place, "."), "is there twice: a name may stand once in an object"
	}
	return "", fmt.Sprintf("must be valid json: there is a mistake at byte %d", e.ByteOffset)
}

// assign gives each member to its parameter. A null stands for "not given". It ends
// early when nothing more is listed of what is wrong.
func (o *Operation) assign(list []member, args *Arguments, found *violations) {
	for _, m := range list {
		index, known := o.inputs[m.name]
		switch {
		case known && m.value.Kind() == 'n':
		case known:
			args.values[index] = m.value
		case m.name == bodyInput && o.body != nil:
			args.body = m.value
		case strings.EqualFold(m.name, contentTypeField) && o.selects():
			if m.value.Kind() != 'n' {
				args.contentType = m.value
			}
		default:
			if found.full() {
				return
			}
			found.addByType(m.name, o.unknownInput(m.name, &found.hints))
		}
	}
}

func (o *Operation) unknownInput(name string, hints *nearest.Hints) string {
	const unknown = "is no input of this operation"
	if !hints.Next() {
		return unknown
	}
	var names []string
	for _, p := range o.parameters {
		names = append(names, p.input)
	}
	if o.body != nil {
		names = append(names, bodyInput)
	}
	if o.selects() {
		names = append(names, contentTypeField)
	}
	if near := nearest.To(name, names); len(near) > 0 {
		return unknown + "; did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(names) == 0 {
		return unknown + "; it takes none"
	}
	slices.Sort(names)
	return unknown + "; it takes " + strings.Join(names[:min(len(names), 10)], ", ")
}

// complete adds defaults and checks what the caller gave.
func (o *Operation) complete(args *Arguments, found *violations) {
	for i, p := range o.parameters {
		switch {
		case args.values[i] != nil:
			p.take(args, i, found)
		case p.defaultValue != nil: // its author's word; nobody else could mend it
			args.values[i] = p.defaultValue
		case p.required:
			found.add(p.input, "is required")
		}
		if p.location == inPath && args.values[i] != nil {
			p.checkSegment(args.values[i], found)
		}
	}
	if o.body != nil {
		o.body.complete(o, args, found)
	}
}
