package overlay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Apply sets the fields of def, which was imported from the document with this
// root, to what the extensions say. It reports extensions that cannot be read,
// which are left out, with a [ValueError] if it knows one. It returns those that it has
// read, or would have. Where the extensions make a definition contradict itself
// that did not before, those that do are left out, or all of them if nobody can
// tell which.
func Apply(root *document.Node, def *connectorv1.Definition, report func(at *document.Node, err error)) (read []*document.Node) {
	a := &application{root: root, report: report}
	a.collect(unit{def.ProtoReflect(), root})
	for _, s := range a.statements {
		read = append(read, s.node)
	}
	extra := root.Get(Operations)
	order := root.Get(Order)
	if len(a.statements) == 0 && len(a.marked) == 0 && extra == nil && order == nil && root.Get(SchemeIDs) == nil {
		return read
	}
	before := proto.CloneOf(def)
	RenameSchemes(root, def)
	var applied []value
	for _, s := range a.current() {
		was := value{s, s.owner.Has(s.field), s.owner.Get(s.field)}
		if err := decode(s.owner, s.field, s.node); err != nil {
			report(s.node, err)
			continue
		}
		applied = append(applied, was)
	}
	a.add(def, extra)
	arrange(def, order)
	if definition.Validate(def) == nil || definition.Validate(before) != nil {
		return read
	}
	err := a.withdraw(def, applied)
	if err == nil {
		return read
	}
	report(root, fmt.Errorf("the extensions contradict the document: %w", err))
	proto.Reset(def)
	proto.Merge(def, before)
	return read
}

// statement is one extension, and the field that it is for.
type statement struct {
	owner protoreflect.Message
	field protoreflect.FieldDescriptor
	node  *document.Node
	// was has fingerprints of the object's fields, nil if nobody says.
	was *document.Node
}

type application struct {
	root       *document.Node
	report     func(at *document.Node, err error)
	statements []statement
	// marked are the objects with fingerprints.
	marked []protoreflect.Message
}

// current takes the extensions from the objects, and returns the statements whose
// fields are what they were. All are looked at before any counts.
func (a *application) current() []statement {
	names := map[protoreflect.Message][]string{}
	for _, m := range a.marked {
		names[m] = append(names[m], Was)
	}
	for _, s := range a.statements {
		names[s.owner] = append(names[s.owner], s.node.Key())
	}
	for m, list := range names {
		strip(m, list...)
	}
	return slices.DeleteFunc(slices.Clone(a.statements), func(s statement) bool {
		stale, err := s.stale()
		if err == nil && stale {
			err = ErrStale
		}
		if err != nil {
			a.report(s.node, err)
		}
		return err != nil
	})
}

// collect finds the extensions of the parts of an object and then its own, which
// may replace the parts. Nothing changes before all are found.
func (a *application) collect(u unit) {
	if u.node == nil {
		return
	}
	fields := u.message.Descriptor().Fields()
	for i := range fields.Len() {
		for _, part := range u.parts(a.root, fields.Get(i)) {
			a.collect(part)
		}
	}
	was := u.node.Get(Was)
	if was != nil {
		a.marked = append(a.marked, u.message)
	}
	for _, n := range u.node.Children() {
		if !strings.HasPrefix(n.Key(), Prefix) {
			continue
		}
		if f := field(u.message.Descriptor(), n.Key()); f != nil && f.FullName() != operationsField {
			a.statements = append(a.statements, statement{u.message, f, n, was})
		}
	}
}

// strip removes an extension that was read from those that the model does not
// interpret.
func strip(m protoreflect.Message, names ...string) {
	if s, ok := m.Interface().(*connectorv1.Schema); ok {
		without(s, names)
		return
	}
	holder, ok := m.Interface().(interface {
		GetExtensions() []*connectorv1.Extension
	})
	if !ok {
		return
	}
	isRead := func(e *connectorv1.Extension) bool { return slices.Contains(names, e.GetName()) }
	if !slices.ContainsFunc(holder.GetExtensions(), isRead) {
		return
	}
	f := m.Descriptor().Fields().ByName("extensions")
	kept := slices.DeleteFunc(slices.Clone(holder.GetExtensions()), isRead)
	m.Clear(f)
	for _, e := range kept {
		m.Mutable(f).List().Append(protoreflect.ValueOfMessage(e.ProtoReflect()))
	}
}

// add adds the operations that have no place, without those whose ids are taken.
func (a *application) add(def *connectorv1.Definition, extra *document.Node) {
	strip(def.ProtoReflect(), Operations, Order, SchemeIDs)
	if extra == nil {
		return
	}
	read := &connectorv1.Definition{}
	f := read.ProtoReflect().Descriptor().Fields().ByName("operations")
	if err := decode(read.ProtoReflect(), f, extra); err != nil {
		a.report(extra, err)
		return
	}
	taken := map[string]bool{}
	for _, op := range def.GetOperations() {
		taken[op.GetOperationId()] = true
	}
	for i, op := range read.GetOperations() {
		if taken[op.GetOperationId()] || op.GetOperationId() == "" {
			a.report(extra.Children()[i], fmt.Errorf("the operation id %q is used before", op.GetOperationId()))
			continue
		}
		taken[op.GetOperationId()] = true
		op.SourcePointer = extra.Children()[i].Pointer()
		def.Operations = append(def.Operations, op)
	}
}

// arrange puts the operations in the order of the list; those that it does not
// name follow.
func arrange(def *connectorv1.Definition, order *document.Node) {
	if order == nil {
		return
	}
	rank := make(map[string]int, len(order.Children()))
	for i, n := range order.Children() {
		rank[n.Text()] = i + 1
	}
	last := len(order.Children()) + 1
	place := func(op *connectorv1.Operation) int {
		if r := rank[op.GetOperationId()]; r > 0 {
			return r
		}
		return last
	}
	slices.SortStableFunc(def.GetOperations(), func(a, b *connectorv1.Operation) int { return cmp.Compare(place(a), place(b)) })
}
