package diff

import (
	"bytes"
	"encoding/json"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// maxSteps is the number of steps that are taken through the schemas of one
// operation. The differ goes every way from reference to reference that does not
// run in a circle; where all schemas refer to each other there are more of them
// than anybody can wait for. A way counts as many steps as it is long, since the
// differ repeats all of it for whatever it finds at its end.
const maxSteps = 500_000

// maxAllSteps is the same for all operations together.
const maxAllSteps = 10 * maxSteps

// sameShape reports whether inputs and answers of a pair are written alike, so
// that they can only differ in the schemas that they refer to.
func sameShape(p pair, old, fresh *schemas) bool {
	before, err := json.Marshal(parts(&writer{schemas: old}, p.old))
	if err != nil {
		return false
	}
	after, err := json.Marshal(parts(&writer{schemas: fresh}, settled(p.old, p.fresh)))
	return err == nil && bytes.Equal(before, after)
}

// parts are all that the differ compares of an operation.
func parts(w *writer, op *connectorv1.Operation) []oasOperation {
	all := []oasOperation{w.operation(op)}
	if hook := op.GetTrigger().GetWebhook(); hook != nil {
		all = append(all, w.notification(op, hook))
	}
	return all
}

// dense reports whether an operation reaches schemas that refer to each other in
// more ways than can be followed. What it follows is taken off the budget.
func dense(op *connectorv1.Operation, s *schemas, budget *int) bool {
	w := &writer{schemas: s}
	parts(w, op)
	left := min(maxSteps, *budget)
	before := left
	var path []string
	var follow func(refs []string)
	follow = func(refs []string) {
		for _, name := range refs {
			if left -= 1 + len(path); left < 0 {
				return
			}
			if !slices.Contains(path, name) {
				path = append(path, name)
				follow(s.named(name).refs)
				path = path[:len(path)-1]
			}
		}
	}
	follow(w.refs)
	*budget -= before - max(left, 0)
	return left < 0
}
