package lint

import (
	"fmt"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxPerRule is how often one rule is reported: who breaks it a hundred times
// knows it by then, and other findings need the room.
const maxPerRule = 100

// collector keeps what rules report. It is for one goroutine.
type collector struct {
	list   []format.Finding
	counts map[string]int
	// order are the rules that were reported too often.
	order []string
	// others are the documents, by their roots, that nodes may be of besides the
	// one that is being checked.
	others map[*document.Node]place
}

func newCollector() *collector {
	return &collector{counts: map[string]int{}, others: map[*document.Node]place{}}
}

// place is a document that findings point into.
type place struct {
	doc *document.Document
	// path is empty if the source is a single file.
	path string
}

// place returns where a node is, which may be in another document than at.
func (c *collector) place(n *document.Node, at place) place {
	if len(c.others) == 0 || n == nil {
		return at
	}
	for n.Parent() != nil {
		n = n.Parent()
	}
	if other, found := c.others[n]; found {
		return other
	}
	return at
}

// report returns the function that reports breaches of a rule in a document.
func (c *collector) report(at place) func(*rule) report {
	return func(r *rule) report {
		return func(n *document.Node, args ...any) {
			if !c.room(r.name) {
				return
			}
			message := r.message
			if len(args) > 0 {
				message = fmt.Sprintf(message, args...)
			}
			at := c.place(n, at)
			f := format.Finding{Severity: r.severity, Code: r.name, Message: message, Remedy: r.remedy, Path: at.path}
			if at.doc != nil {
				if n == nil {
					n = at.doc.Root()
				}
				f.Pointer = n.Pointer()
				f.Line, f.Column = at.doc.Position(n)
			}
			c.list = append(c.list, f)
		}
	}
}

// room counts a breach and reports whether it is listed.
func (c *collector) room(name string) bool {
	c.counts[name]++
	switch n := c.counts[name]; {
	case n <= maxPerRule:
		return true
	case n == maxPerRule+1:
		c.order = append(c.order, name)
	}
	return false
}

// findings returns what was reported, and how much is not listed.
func (c *collector) findings() []format.Finding {
	for _, name := range c.order {
		c.list = append(c.list, omitted(c.counts[name]-maxPerRule, name+" findings"))
	}
	return c.list
}
