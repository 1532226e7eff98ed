package diff

import (
	"bytes"
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// operations compares the operations of both definitions.
func (c *comparison) operations(ctx context.Context) error {
	c.rank = make(map[string]int)
	for _, list := range [][]*connectorv1.Operation{c.base.GetOperations(), c.revision.GetOperations()} {
		for _, op := range list {
			if _, ok := c.rank[op.GetOperationId()]; !ok {
				c.rank[op.GetOperationId()] = len(c.rank) + 1
			}
		}
	}
	var both []pair
	var removed, added []*connectorv1.Operation
	each(c.base.GetOperations(), c.revision.GetOperations(), (*connectorv1.Operation).GetOperationId,
		func(_ string, old, fresh *connectorv1.Operation) {
			switch {
			case fresh == nil:
				removed = append(removed, old)
			case old == nil:
				added = append(added, fresh)
			default:
				both = append(both, pair{old, fresh})
			}
		})
	c.comings(removed, added)
	old, fresh := newSchemas(c.base), newSchemas(c.revision)
	touched := touched(old, fresh)
	var differing []pair
	for _, p := range both {
		same := sameOperation(p.old, p.fresh)
		if !same {
			c.facts(p.old, p.fresh)
		}
		if !same && !sameShape(p, old, fresh) || len(touched) > 0 && (reaches(p.old, old, touched) || reaches(p.fresh, fresh, touched)) {
			differing = append(differing, p)
		}
	}
	c.visibility(both, old, fresh)
	return c.shapes(ctx, differing, old, fresh)
}

// comings reports operations that are gone, new, or both under another id.
func (c *comparison) comings(removed, added []*connectorv1.Operation) {
	type place struct{ method, path string }
	byPlace := map[place]*connectorv1.Operation{}
	for _, op := range added {
		if op.GetPath() != "" {
			byPlace[place{op.GetMethod(), op.GetPath()}] = op
		}
	}
	renamed := map[string]bool{}
	for _, op := range removed {
		if fresh := byPlace[place{op.GetMethod(), op.GetPath()}]; fresh != nil {
			renamed[fresh.GetOperationId()] = true
			c.add(Breaking, "operation-id-changed", op.GetOperationId(), "operation id",
				"the operation is now called %q; callers name it by its old id", fresh.GetOperationId())
			continue
		}
		c.add(Breaking, "operation-removed", op.GetOperationId(), "operation", "the operation was removed")
	}
	for _, op := range added {
		if !renamed[op.GetOperationId()] {
			c.add(Compatible, "operation-added", op.GetOperationId(), "operation", "the operation is new")
		}
	}
}

// sameOperation reports whether nothing about an operation changed but its place
// in the source.
func sameOperation(old, fresh *connectorv1.Operation) bool {
	if old.GetSourcePointer() == fresh.GetSourcePointer() {
		return proto.Equal(old, fresh)
	}
	moved := shallow(fresh)
	moved.SourcePointer = old.GetSourcePointer()
	return proto.Equal(old, moved)
}

// shallow copies a message; what it holds is shared.
func shallow[M proto.Message](m M) M {
	out := m.ProtoReflect().New()
	m.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		out.Set(fd, v)
		return true
	})
	return out.Interface().(M) //nolint:errcheck,forcetypeassert // New makes a message of the same type
}

// touched returns the names of the schemas that differ in more than their texts,
// and of those that reach one that does.
func touched(old, fresh *schemas) map[string]bool {
	marked := map[string]bool{}
	var queue []string
	for name, s := range old.source {
		if other := fresh.source[name]; other == nil || !bytes.Equal(s.GetJson(), other.GetJson()) {
			if !bytes.Equal(old.named(name).text, fresh.named(name).text) {
				queue = append(queue, name)
			}
		}
	}
	for name := range fresh.source {
		if old.source[name] == nil {
			queue = append(queue, name)
		}
	}
	if len(queue) == 0 {
		return nil
	}
	users := map[string][]string{}
	for _, s := range []*schemas{old, fresh} {
		for name := range s.source {
			for _, ref := range s.named(name).refs {
				users[ref] = append(users[ref], name)
			}
		}
	}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if !marked[name] {
			marked[name] = true
			queue = append(queue, users[name]...)
		}
	}
	return marked
}

// reaches reports whether an operation refers to one of the schemas.
func reaches(op *connectorv1.Operation, s *schemas, touched map[string]bool) bool {
	found := false
	look := func(text []byte) {
		if found || !bytes.Contains(text, []byte("$ref")) {
			return
		}
		for _, ref := range s.rewrite(text).refs {
			found = found || touched[ref]
		}
	}
	for _, p := range op.GetParameters() {
		look(p.GetSchema())
	}
	for _, m := range op.GetRequestBody().GetContents() {
		look(m.GetSchema())
	}
	for _, r := range op.GetResponses() {
		for _, m := range r.GetContents() {
			look(m.GetSchema())
		}
		for _, h := range r.GetHeaders() {
			look(h.GetSchema())
		}
	}
	look(op.GetTrigger().GetWebhook().GetNotificationSchema())
	return found
}
