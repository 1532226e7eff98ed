package selection

import (
	"cmp"
	"fmt"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxSuggestions is the number of entries for which similar names are looked up.
const maxSuggestions = 10

// choice is the work of one application. The slices have one element for each
// operation.
type choice struct {
	def      *connectorv1.Definition
	index    map[string]int // of an operation id
	chosen   []bool
	excluded []bool
	kept     []bool // chosen, or needed by one that is
	findings []format.Finding
	suggest  int
}

func newChoice(def *connectorv1.Definition) *choice {
	n := len(def.GetOperations())
	c := &choice{
		def: def, index: make(map[string]int, n), chosen: make([]bool, n), excluded: make([]bool, n), kept: make([]bool, n),
	}
	for i, op := range def.GetOperations() {
		c.index[op.GetOperationId()] = i
	}
	return c
}

// mark returns which operations the entries choose, and reports those entries
// that choose none.
func (c *choice) mark(entries []entry) []bool {
	marked := make([]bool, len(c.def.GetOperations()))
	for i := range entries {
		found := false
		for j, op := range c.def.GetOperations() {
			if entries[i].chooses(op) {
				marked[j], found = true, true
			}
		}
		if !found {
			c.unmatched(&entries[i])
		}
	}
	return marked
}

func (c *choice) report(s format.Severity, code, pointer, remedy, message string, args ...any) {
	if len(c.findings) < format.MaxFindings {
		c.findings = append(c.findings, format.Finding{
			Severity: s, Code: code, Message: fmt.Sprintf(message, args...), Remedy: remedy, Pointer: pointer,
		})
	}
}

// sorted returns the findings, worst first.
func (c *choice) sorted() []format.Finding {
	slices.SortStableFunc(c.findings, func(a, b format.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return c.findings
}

func (c *choice) unmatched(e *entry) {
	remedy := "look at the operations of the description"
	if c.suggest++; c.suggest <= maxSuggestions {
		if similar := nearest.To(e.exact, c.names(e.of)); len(similar) > 0 {
			remedy = fmt.Sprintf("did you mean %q?", similar)
		}
	}
	c.report(format.Warning, CodeUnmatched, "", remedy, "the entry %q of the selection chooses no operation", e.text)
}

// names are all that an entry could have meant.
func (c *choice) names(of part) []string {
	var names []string
	for _, op := range c.def.GetOperations() {
		switch of {
		case byTag:
			names = append(names, op.GetTags()...)
		case byPath:
			names = append(names, op.GetPath())
		default:
			names = append(names, op.GetOperationId())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reduce makes the definition that is left.
func (c *choice) reduce() *connectorv1.Definition {
	out := shallow(c.def)
	c.keepNeeded(out)
	out.Operations = nil
	for i, op := range c.def.GetOperations() {
		if c.kept[i] {
			out.Operations = append(out.Operations, c.operation(i, op))
		}
	}
	out.Policies = c.policies()
	out.Scripts = c.scripts()
	out.ErrorRules = c.errorRules()
	prune(out)
	return out
}

// keepNeeded marks the chosen operations and all that they need, and drops the
// parts of the definition that need an operation that was excluded.
func (c *choice) keepNeeded(out *connectorv1.Definition) {
	var queue []int
	keep := func(id, why string) {
		i, ok := c.index[id]
		if !ok || c.kept[i] || c.excluded[i] {
			return
		}
		c.kept[i] = true
		queue = append(queue, i)
		if !c.chosen[i] {
			c.report(format.Info, CodeKept, c.def.GetOperations()[i].GetSourcePointer(), "",
				"the operation %q was not chosen; it stays, hidden from people, since %s needs it", id, why)
		}
	}
	for i, op := range c.def.GetOperations() {
		if c.chosen[i] {
			keep(op.GetOperationId(), "")
		}
	}
	if id := out.GetConnectionTest().GetOperationId(); id != "" {
		keep(id, "the test of connections")
		if c.gone(id) {
			out.ConnectionTest = nil
			c.removed("", "the test of connections is gone", id)
		}
	}
	files := []string{out.GetFilePicker().GetOpen().GetOperationId(), out.GetFilePicker().GetBrowse().GetOperationId()}
	if i := slices.IndexFunc(files, c.excludes); i >= 0 {
		out.FilePicker = nil
		c.removed("", "the choice of files is gone", files[i])
	} else {
		for _, id := range files {
			keep(id, "the choice of files")
		}
	}
	for len(queue) > 0 {
		op := c.def.GetOperations()[queue[0]]
		queue = queue[1:]
		for _, id := range c.needs(op) {
			keep(id, fmt.Sprintf("%q", op.GetOperationId()))
		}
	}
}

// excludes reports whether an operation of the definition was excluded.
func (c *choice) excludes(id string) bool {
	i, ok := c.index[id]
	return ok && c.excluded[i]
}

// gone reports whether an operation of the definition does not stay. It is known
// once all that needs it was looked at.
func (c *choice) gone(id string) bool {
	i, ok := c.index[id]
	return ok && !c.kept[i]
}

func (c *choice) removed(pointer, what, id string) {
	c.report(format.Warning, CodeReferenceRemoved, pointer, fmt.Sprintf("do not exclude %q", id),
		"%s, since the operation %q was excluded", what, id)
}

// needs returns the ids of the operations that an operation does not work
// without, in a stable order. A dynamic feature that has to go, since one of its
// operations was excluded, needs none of them.
func (c *choice) needs(op *connectorv1.Operation) []string {
	t := op.GetTrigger()
	ids := []string{
		t.GetWebhook().GetUnsubscribeOperationId(), t.GetWebhook().GetListOperationId(), t.GetWebhook().GetGetOperationId(),
		t.GetWebhook().GetRenewal().GetOperationId(), t.GetPolling().GetNotificationOperationId(), t.GetSimulation().GetOperationId(),
	}
	for _, d := range op.GetDynamics() {
		if !slices.ContainsFunc(targets(d), c.excludes) {
			ids = append(ids, targets(d)...)
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// targets returns the ids of the operations that a dynamic feature calls; some
// may be empty.
func targets(d *connectorv1.DynamicFeature) []string {
	return []string{
		d.GetValues().GetCall().GetOperationId(), d.GetSchema().GetCall().GetOperationId(),
		d.GetTree().GetOpen().GetCall().GetOperationId(), d.GetTree().GetBrowse().GetCall().GetOperationId(),
	}
}

// policies returns those that still apply to something. One that names
// operations must not end up with none: that would mean all.
func (c *choice) policies() []*connectorv1.Policy {
	var left []*connectorv1.Policy
	for _, p := range c.def.GetPolicies() {
		ids, some := c.staying(p.GetOperationIds())
		if !some {
			continue
		}
		if len(ids) < len(p.GetOperationIds()) {
			p = shallow(p)
			p.OperationIds = ids
		}
		left = append(left, p)
	}
	return left
}

func (c *choice) scripts() []*connectorv1.Script {
	var left []*connectorv1.Script
	for _, s := range c.def.GetScripts() {
		ids, some := c.staying(s.GetOperationIds())
		if !some {
			continue
		}
		if len(ids) < len(s.GetOperationIds()) {
			s = shallow(s)
			s.OperationIds = ids
		}
		left = append(left, s)
	}
	return left
}

func (c *choice) errorRules() []*connectorv1.ErrorRule {
	var left []*connectorv1.ErrorRule
	for _, r := range c.def.GetErrorRules() {
		ids, some := c.staying(r.GetOperationIds())
		if !some {
			continue
		}
		if len(ids) < len(r.GetOperationIds()) {
			r = shallow(r)
			r.OperationIds = ids
		}
		left = append(left, r)
	}
	return left
}

// staying returns the ids of operations that stay, and whether what has these
// ids still applies to anything; without ids it applies to everything.
func (c *choice) staying(ids []string) (staying []string, some bool) {
	for _, id := range ids {
		if i, ok := c.index[id]; ok && c.kept[i] {
			staying = append(staying, id)
		}
	}
	return staying, len(ids) == 0 || len(staying) > 0
}

// operation is one that stays, without references to those that do not.
func (c *choice) operation(i int, op *connectorv1.Operation) *connectorv1.Operation {
	out := shallow(op)
	if !c.chosen[i] {
		out.Visibility = connectorv1.Visibility_VISIBILITY_INTERNAL
	}
	what := func(part string) string {
		return fmt.Sprintf("%s of the operation %q is gone", part, op.GetOperationId())
	}
	if id := op.GetTrigger().GetWebhook().GetUnsubscribeOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.GetWebhook().UnsubscribeOperationId = ""
		c.removed(op.GetSourcePointer(), what("the way to unsubscribe"), id)
	}
	if id := op.GetTrigger().GetWebhook().GetListOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.GetWebhook().ListOperationId = ""
		c.removed(op.GetSourcePointer(), what("the list of registrations"), id)
	}
	if id := op.GetTrigger().GetWebhook().GetGetOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.GetWebhook().GetOperationId = ""
		c.removed(op.GetSourcePointer(), what("the way to look after the registration"), id)
	}
	if id := op.GetTrigger().GetWebhook().GetRenewal().GetOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.GetWebhook().GetRenewal().OperationId = "" // it is registered anew instead
		c.removed(op.GetSourcePointer(), what("the renewal"), id)
	}
	if id := op.GetTrigger().GetPolling().GetNotificationOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.GetPolling().NotificationOperationId = ""
		c.removed(op.GetSourcePointer(), what("the notification"), id)
	}
	if id := op.GetTrigger().GetSimulation().GetOperationId(); c.gone(id) {
		out.Trigger = cloned(out.Trigger)
		out.Trigger.Simulation = nil
		c.removed(op.GetSourcePointer(), what("the sample event"), id)
	}
	if c.gone(op.GetFamily().GetReplacementOperationId()) {
		out.Family = cloned(out.Family)
		out.Family.ReplacementOperationId = "" // deprecated all the same
	}
	out.Dynamics = nil
	for _, d := range op.GetDynamics() {
		if j := slices.IndexFunc(targets(d), c.gone); j >= 0 {
			c.removed(op.GetSourcePointer(), what(fmt.Sprintf("the choice of %q", d.GetPointer())), targets(d)[j])
			continue
		}
		out.Dynamics = append(out.Dynamics, d)
	}
	out.Responses = c.responses(op.GetResponses())
	return out
}

// responses drops links to operations that are gone. They only say what could be
// done next, so nobody misses them.
func (c *choice) responses(responses []*connectorv1.Response) []*connectorv1.Response {
	stale := func(l *connectorv1.ResponseLink) bool { return c.gone(l.GetOperationId()) }
	out := slices.Clone(responses)
	for i, r := range out {
		if slices.ContainsFunc(r.GetLinks(), stale) {
			r = shallow(r)
			r.Links = slices.DeleteFunc(slices.Clone(r.Links), stale)
			out[i] = r
		}
	}
	return out
}
