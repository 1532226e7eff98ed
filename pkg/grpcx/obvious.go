package grpcx

import (
	"slices"
	"sync"

	validatepb "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// obvious says at a glance of most requests that they keep the rules of their fields:
// texts and numbers in their bounds, and nothing set that takes a closer look. Whatever
// it is not sure of is left to protovalidate, which walks through all of a message with
// all that is in it, for some 3 us of a call with nine fields. It is safe for
// concurrent use.
type obvious struct {
	known sync.Map // of protoreflect.MessageDescriptor to []glance; nil is for "never sure"
}

// glance is what a field has to be.
type glance struct {
	field    protoreflect.FieldDescriptor
	kind     glanceKind
	min, max int64
}

type glanceKind int

const (
	unset glanceKind = iota
	ofLength
	inRange
	ofEnum
)

// right reports whether a message surely keeps its rules.
func (o *obvious) right(m protoreflect.Message) bool {
	found, ok := o.known.Load(m.Descriptor())
	if !ok {
		found, _ = o.known.LoadOrStore(m.Descriptor(), glancesAt(m.Descriptor()))
	}
	glances := found.([]glance) //nolint:errcheck,forcetypeassert // nothing else is in the map
	if glances == nil {
		return false
	}
	for i := range glances {
		if !glances[i].right(m) {
			return false
		}
	}
	return true
}

func (g *glance) right(m protoreflect.Message) bool {
	switch g.kind {
	case ofLength: // characters are not more than bytes, and one at least if there are any
		n := int64(len(m.Get(g.field).String()))
		return g.min <= n && n <= g.max
	case inRange:
		n := m.Get(g.field).Int()
		return g.min <= n && n <= g.max
	case ofEnum:
		return g.field.Enum().Values().ByNumber(m.Get(g.field).Enum()) != nil
	case unset:
	}
	return !m.Has(g.field)
}

// glancesAt returns what the fields of a message have to be; nil if its rules are of
// other kinds.
func glancesAt(d protoreflect.MessageDescriptor) []glance {
	if !free(d) {
		return nil
	}
	out := []glance{}
	for i := range d.Fields().Len() {
		field := d.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(field)
		if err != nil {
			return nil
		}
		if rules == nil && harmless(field, nil) {
			continue
		}
		g, ok := glanceAt(field, rules)
		if !ok {
			return nil
		}
		out = append(out, g)
	}
	return out
}

// free reports whether a message has no rules as a whole.
func free(d protoreflect.MessageDescriptor) bool {
	if rules, err := protovalidate.ResolveMessageRules(d); err != nil || rules != nil {
		return false
	}
	for i := range d.Oneofs().Len() {
		if rules, err := protovalidate.ResolveOneofRules(d.Oneofs().Get(i)); err != nil || rules != nil {
			return false
		}
	}
	return true
}

// harmless reports whether a field without rules can break none, whatever is in it:
// nor does anything in a message in it. within are the messages around it.
func harmless(field protoreflect.FieldDescriptor, within []protoreflect.FullName) bool {
	if field.IsMap() {
		field = field.MapValue()
	}
	d := field.Message()
	if d == nil || slices.Contains(within, d.FullName()) {
		return true
	}
	if !free(d) {
		return false
	}
	within = append(slices.Clone(within), d.FullName())
	for i := range d.Fields().Len() {
		inner := d.Fields().Get(i)
		if rules, err := protovalidate.ResolveFieldRules(inner); err != nil || rules != nil || !harmless(inner, within) {
			return false
		}
	}
	return true
}

// glanceAt returns what a field has to be to keep its rules, false if that cannot be
// seen at a glance.
func glanceAt(field protoreflect.FieldDescriptor, rules *validatepb.FieldRules) (glance, bool) {
	g := glance{field: field}
	if field.IsMap() || field.IsList() || field.Message() != nil {
		// Without a value there is nothing to break a rule but these.
		return g, rules == nil || only(rules, "repeated", "map", "duration", "timestamp") &&
			only(rules.GetRepeated(), "max_items", "unique", "items") && only(rules.GetMap(), "max_pairs", "keys", "values")
	}
	if field.HasPresence() || field.ContainingOneof() != nil {
		return g, false
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		g.kind, g.min, g.max = ofLength, int64(rules.GetString().GetMinLen()), int64(min(rules.GetString().GetMaxLen(), 1<<32))
		return g, g.min <= 1 && rules.GetString().HasMaxLen() && only(rules, "string") && only(rules.GetString(), "min_len", "max_len")
	case protoreflect.Int32Kind:
		g.kind, g.min, g.max = inRange, int64(rules.GetInt32().GetGte()), int64(rules.GetInt32().GetLte())
		return g, rules.GetInt32().HasGte() && rules.GetInt32().HasLte() && g.min <= g.max && only(rules, "int32") && only(rules.GetInt32(), "gte", "lte")
	case protoreflect.EnumKind:
		g.kind = ofEnum
		return g, only(rules, "enum") && only(rules.GetEnum(), "defined_only")
	default:
		return g, false
	}
}

// only reports whether no other fields of a message are set, known or not.
func only(m proto.Message, names ...protoreflect.Name) bool {
	all := true
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		all = slices.Contains(names, field.Name())
		return all
	})
	return all && len(m.ProtoReflect().GetUnknown()) == 0
}
