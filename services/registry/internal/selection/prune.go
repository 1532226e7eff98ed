package selection

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// shallow copies a message; what it holds is shared.
func shallow[M proto.Message](m M) M {
	out := m.ProtoReflect().New()
	m.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		out.Set(fd, v)
		return true
	})
	return out.Interface().(M) //nolint:errcheck,forcetypeassert // New makes a message of the same type
}

// cloned copies a message with all that it holds.
func cloned[M proto.Message](m M) M { return proto.CloneOf(m) }

// prune removes what no operation refers to any more.
func prune(def *connectorv1.Definition) {
	def.Schemas = usedSchemas(def)
	def.Tags = usedTags(def)
	pruneSecurity(def)
}

// usedSchemas returns the schemas that operations refer to, and those that these
// refer to.
func usedSchemas(def *connectorv1.Definition) []*connectorv1.Schema {
	byName := make(map[string]*connectorv1.Schema, len(def.GetSchemas()))
	for _, s := range def.GetSchemas() {
		byName[s.GetName()] = s
	}
	used := make(map[string]bool, len(byName))
	var queue []*connectorv1.Schema
	use := func(name string) {
		if s := byName[name]; s != nil && !used[name] {
			used[name] = true
			queue = append(queue, s)
		}
	}
	for _, op := range def.GetOperations() {
		texts(op.ProtoReflect(), func(text []byte) { references(text, use) })
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		references(s.GetJson(), use)
	}
	return slices.DeleteFunc(slices.Clone(def.GetSchemas()), func(s *connectorv1.Schema) bool { return !used[s.GetName()] })
}

// texts calls f with all JSON texts in a message.
func texts(m protoreflect.Message, f func([]byte)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			if fd.Kind() == protoreflect.MessageKind {
				texts(v.Message(), f)
			} else {
				f(v.Bytes())
			}
		}
		switch {
		case fd.Kind() != protoreflect.MessageKind && fd.Kind() != protoreflect.BytesKind, fd.IsMap():
		case fd.IsList():
			for i := range v.List().Len() {
				one(v.List().Get(i))
			}
		default:
			one(v)
		}
		return true
	})
}

// references calls f with the names of all schemas that a JSON text refers to,
// also in places where a reader of schemas would not look: a schema too many
// does no harm.
func references(text []byte, f func(name string)) {
	const prefix = "#/$defs/"
	if !bytes.Contains(text, []byte("$defs")) && !bytes.Contains(text, []byte(`\u`)) {
		return
	}
	in := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))
	for {
		t, err := in.ReadToken()
		if err != nil {
			return
		}
		if t.Kind() != '"' {
			continue
		}
		if rest, ok := strings.CutPrefix(t.String(), prefix); ok {
			name, _, _ := strings.Cut(rest, "/")
			f(document.UnescapeToken(name))
		}
	}
}

// usedTags returns the tags that operations have, and the tags that hold these.
func usedTags(def *connectorv1.Definition) []*connectorv1.Tag {
	parents := make(map[string]string, len(def.GetTags()))
	for _, t := range def.GetTags() {
		parents[t.GetName()] = t.GetParent()
	}
	used := make(map[string]bool, len(parents))
	for _, op := range def.GetOperations() {
		for _, tag := range op.GetTags() {
			for ; tag != "" && !used[tag]; tag = parents[tag] {
				used[tag] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(def.GetTags()), func(t *connectorv1.Tag) bool { return !used[t.GetName()] })
}

// pruneSecurity removes the ways to make a connection that no operation accepts
// any more, and then the schemes that nothing refers to.
func pruneSecurity(def *connectorv1.Definition) {
	used := map[string]bool{}
	anything := false // some operation takes whatever the connection has
	for _, op := range def.GetOperations() {
		anything = anything || len(op.GetSecurity()) == 0
		for _, alternative := range op.GetSecurity() {
			for _, ref := range alternative.GetSchemes() {
				used[ref.GetSchemeId()] = true
			}
		}
	}
	if !anything {
		left := slices.DeleteFunc(slices.Clone(def.GetParameterSets()), func(s *connectorv1.ParameterSet) bool { return useless(s, used) })
		if len(left) > 0 {
			def.ParameterSets = left
		}
	}
	for _, s := range def.GetParameterSets() {
		for _, p := range s.GetPlacements() {
			used[p.GetSchemeId()] = true
		}
	}
	def.SecuritySchemes = slices.DeleteFunc(slices.Clone(def.GetSecuritySchemes()),
		func(s *connectorv1.SecurityScheme) bool { return !used[s.GetId()] })
}

// useless reports whether all that a set does is to satisfy schemes that are not
// used.
func useless(s *connectorv1.ParameterSet, used map[string]bool) bool {
	for _, p := range s.GetPlacements() {
		if p.GetSchemeId() == "" || used[p.GetSchemeId()] {
			return false
		}
	}
	return len(s.GetPlacements()) > 0
}
