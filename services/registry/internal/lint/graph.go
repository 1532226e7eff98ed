package lint

import "github.com/ferrule-dev/ferrule/services/registry/internal/document"

// side is where schemas are used.
type side uint8

const (
	input side = 1 << iota
	output
)

// graph is which definitions refer to which others: what is right in a response
// can be wrong in a request, and a definition does not say where it is used.
type graph struct {
	// uses are the references inside a definition.
	uses map[*document.Node][]*document.Node
	// required are those of them that no value can do without.
	required map[*document.Node][]*document.Node
	// direct are the references from requests and responses.
	direct map[*document.Node]side
	// order are the definitions with required references, as they were found.
	order []*document.Node
	// later are reports that wait for the end of the walk.
	later []waiting
}

// waiting is a report about something in a definition that counts only if the
// definition is used on this side; for output, and not on the other.
type waiting struct {
	owner *document.Node
	on    side
	send  func()
}

func newGraph() graph {
	return graph{
		uses: map[*document.Node][]*document.Node{}, required: map[*document.Node][]*document.Node{},
		direct: map[*document.Node]side{},
	}
}

// refer notes a reference to a definition.
func (g *graph) refer(s *schema, to *document.Node) {
	if s.owner == nil {
		g.direct[to] |= s.side
		return
	}
	g.uses[s.owner] = append(g.uses[s.owner], to)
	if s.certain {
		if g.required[s.owner] == nil {
			g.order = append(g.order, s.owner)
		}
		g.required[s.owner] = append(g.required[s.owner], to)
	}
}

// reached returns the definitions that are used on a side.
func (g *graph) reached(on side) map[*document.Node]bool {
	found := map[*document.Node]bool{}
	var open []*document.Node
	for n, sides := range g.direct {
		if sides&on != 0 {
			open = append(open, n)
		}
	}
	for len(open) > 0 {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if found[n] {
			continue
		}
		found[n] = true
		open = append(open, g.uses[n]...)
	}
	return found
}

// flush sends the reports that turned out to count.
func (g *graph) flush() {
	if len(g.later) == 0 {
		return
	}
	inputs, outputs := g.reached(input), g.reached(output)
	for _, w := range g.later {
		if w.on == input && inputs[w.owner] || w.on == output && outputs[w.owner] && !inputs[w.owner] {
			w.send()
		}
	}
	g.later = nil
}

// loops returns definitions that require themselves, by way of others or not: no
// finite value satisfies them. Each loop has one of its members in the list.
func (g *graph) loops() []*document.Node {
	const (
		open   = 1
		closed = 2
	)
	type step struct {
		node *document.Node
		next int
	}
	var found []*document.Node
	state := map[*document.Node]int{}
	for _, start := range g.order {
		if state[start] != 0 {
			continue
		}
		stack := []step{{start, 0}}
		state[start] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(g.required[top.node]) {
				state[top.node] = closed
				stack = stack[:len(stack)-1]
				continue
			}
			to := g.required[top.node][top.next]
			top.next++
			switch state[to] {
			case open:
				found = append(found, to)
			case 0:
				state[to] = open
				stack = append(stack, step{to, 0})
			}
		}
	}
	return found
}
