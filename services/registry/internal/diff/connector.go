package diff

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// connector compares what is not part of an operation.
func (c *comparison) connector() {
	c.servers("", c.base.GetServers(), c.revision.GetServers())
	c.sets()
	c.schemes()
	c.policies()
	c.scripts()
	c.rateLimits()
	if !equalLists(c.base.GetErrorRules(), c.revision.GetErrorRules()) {
		c.add(Risky, "error-rules-changed", "", "error rules", "failures may be reported for other reasons, or other answers as failures")
	}
	for _, part := range []struct {
		name       string
		old, fresh proto.Message
	}{
		{"connection test", c.base.GetConnectionTest(), c.revision.GetConnectionTest()},
		{"file picker", c.base.GetFilePicker(), c.revision.GetFilePicker()},
	} {
		if !proto.Equal(part.old, part.fresh) {
			c.add(Risky, strings.ReplaceAll(part.name, " ", "-")+"-changed", "", part.name, "the %s changed", part.name)
		}
	}
	if !proto.Equal(c.base.GetInfo(), c.revision.GetInfo()) {
		c.add(None, "info-changed", "", "info", "texts or the look of the connector changed")
	}
	if !equalLists(c.base.GetTags(), c.revision.GetTags()) {
		c.add(None, "tags-changed", "", "tags", "the groups of operations changed")
	}
	if !equalLists(c.base.GetExtensions(), c.revision.GetExtensions()) {
		c.add(None, "extensions-changed", "", "extensions", "extensions changed that mean nothing here")
	}
}

// shaping are the policies that give bodies another shape, or send requests
// elsewhere: callers notice when they come, go or change.
var shaping = map[string]bool{
	"convertarraytoobject": true,
	"convertobjecttoarray": true,
	"dynamichosturl":       true,
	"dynamicsubdomain":     true,
	"moveproperties":       true,
	"pollingtrigger":       true,
	"routerequesttocode":   true,
	"setvaluefromurl":      true,
	"stringtoarray":        true,
}

// policies compares instances by what they do, whatever they are called. Those
// of one template that differ on both sides are changed ones.
func (c *comparison) policies() {
	old, fresh := untitled(c.base.GetPolicies()), untitled(c.revision.GetPolicies())
	if equalLists(old, fresh) {
		if !equalLists(c.base.GetPolicies(), c.revision.GetPolicies()) {
			c.add(None, "policies-renamed", "", "policies", "policies have other titles")
		}
		return
	}
	gone, come := without(old, fresh), without(fresh, old)
	if len(gone) == 0 && len(come) == 0 {
		c.add(Risky, "policies-reordered", "", "policies", "policies are applied in another order, or how often changed")
	}
	for _, p := range gone {
		i := slices.IndexFunc(come, func(q *connectorv1.Policy) bool { return q.GetTemplateId() == p.GetTemplateId() })
		if i < 0 {
			c.policy("removed", "is gone", p)
			continue
		}
		come = slices.Delete(come, i, i+1)
		c.policy("changed", "changed", p)
	}
	for _, p := range come {
		c.policy("added", "is new", p)
	}
}

func (c *comparison) policy(code, what string, p *connectorv1.Policy) {
	impact := Risky
	if shaping[p.GetTemplateId()] {
		impact = Breaking
	}
	c.add(impact, "policy-"+code, "", "policy "+p.GetTemplateId(), "a policy %q %s", p.GetTemplateId(), what)
}

func untitled(list []*connectorv1.Policy) []*connectorv1.Policy {
	out := make([]*connectorv1.Policy, len(list))
	for i, p := range list {
		out[i] = shallow(p)
		out[i].Title, out[i].Extensions = "", nil
	}
	return out
}

// without returns the policies that have no equal in the other list.
func without(list, other []*connectorv1.Policy) []*connectorv1.Policy {
	keys := make(map[string]bool, len(other))
	for _, p := range other {
		keys[keyOf(p)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(p *connectorv1.Policy) bool { return keys[keyOf(p)] })
}

// keyOf is equal for equal policies.
func keyOf(p *connectorv1.Policy) string {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return ""
	}
	return string(text)
}

// origins returns where servers are, each once, in order.
func origins(list []*connectorv1.Server) []string {
	var all []string
	for _, s := range list {
		if o := originOf(s.GetUrlTemplate()); !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return all
}

// originOf is scheme, host and port of a URL template.
func originOf(template string) string {
	scheme, rest, ok := strings.Cut(template, "://")
	if !ok {
		scheme, rest = "", template
	}
	host, _, _ := strings.Cut(rest, "/")
	if !ok {
		return strings.ToLower(host)
	}
	return strings.ToLower(scheme + "://" + host)
}
