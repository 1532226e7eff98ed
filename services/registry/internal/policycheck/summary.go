package policycheck

import (
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxListed is how many operations a sentence names.
const maxListed = 5

// fail says that a policy keeps calls of the operations that it is for from being made.
func (c *check) fail(policy int) {
	c.refused[policy] = true
	ids := c.list[policy].GetOperationIds()
	c.refusesAll = c.refusesAll || len(ids) == 0
	for _, id := range ids {
		c.refusedIDs[id] = true
	}
}

// summary says what all of it means for callers; false if nothing is refused.
func (c *check) summary() (format.Finding, bool) {
	if len(c.refused) == 0 {
		return format.Finding{}, false
	}
	total, refused := 0, []string(nil)
	for _, op := range c.taken().GetOperations() {
		total++
		if c.refusesAll || c.refusedIDs[op.GetOperationId()] {
			refused = append(refused, op.GetOperationId())
		}
	}
	policies := "1 policy cannot be applied"
	if n := len(c.refused); n > 1 {
		policies = fmt.Sprintf("%d policies cannot be applied", n)
	}
	calls := "no operation needs it" // all that it names are unknown
	if n := len(refused); n > 0 {
		noun := "operations"
		if total == 1 {
			noun = "operation"
		}
		calls = fmt.Sprintf("calls of %d of %d %s will be refused: %s", n, total, noun, enumerated(refused))
	}
	f := c.trial.Places.Locate("/policies")
	f.Severity, f.Code, f.Remedy, f.Message = format.Error, format.CallsRefused, "correct the policies that are listed", policies+"; "+calls
	return f, true
}

// findings returns all of them.
func (c *check) findings() []format.Finding {
	list := make([]format.Finding, 0, len(c.found)+1)
	if f, some := c.summary(); some {
		list = append(list, f)
	}
	for _, f := range c.found {
		list = append(list, f.Finding)
	}
	return list
}

// listed is "the operation A" or "the operations A, B and 3 more".
func listed(noun string, names []string) string {
	if len(names) != 1 {
		noun += "s"
	}
	return "the " + noun + " " + enumerated(names)
}

func enumerated(names []string) string {
	text := strings.Join(names[:min(len(names), maxListed)], ", ")
	if more := len(names) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
