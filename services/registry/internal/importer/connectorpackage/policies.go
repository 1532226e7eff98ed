package connectorpackage

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	parameterPrefix = "x-ms-apimTemplateParameter."
	sectionKey      = "x-ms-apimTemplate-policySection"
	operationsKey   = "x-ms-apimTemplate-operationName"

	// pollingTemplate makes a polling trigger of an operation.
	pollingTemplate = "pollingtrigger"

	// maxPolicies is the greatest number of policies; the most that a public
	// package uses are 40.
	maxPolicies = 1000
)

// policies reads the policy instances, whose order is the order in which they
// are applied.
func (p *pack) policies() {
	for i, n := range p.property("policyTemplateInstances").Children() {
		if i == maxPolicies {
			p.warn("PoliciesTooMany", n, "remove some", "there are more than %d policies; the rest is ignored", maxPolicies)
			return
		}
		id := strings.ToLower(strings.TrimSpace(n.GetFold("templateId").Text()))
		if id == "" {
			p.warn("PolicyTemplateMissing", n, "add templateId", "the policy names no template; it is ignored")
			continue
		}
		policy := p.policy(id, n)
		p.checkPolicy(policy, n)
		p.def.Policies = append(p.def.Policies, policy)
		if id == pollingTemplate {
			p.poll(policy, n)
		}
	}
}

func (p *pack) policy(id string, n *document.Node) *connectorv1.Policy {
	policy := &connectorv1.Policy{TemplateId: id, Title: firstText(n.GetFold("title"))}
	for _, c := range n.GetFold("parameters").Children() {
		name, isParameter := cutPrefixFold(c.Key(), parameterPrefix)
		switch {
		case isParameter:
			policy.Parameters = append(policy.Parameters, &connectorv1.PolicyParameter{Name: name, Json: c.JSON()})
		case strings.EqualFold(c.Key(), sectionKey):
			policy.Section = p.section(c)
		case strings.EqualFold(c.Key(), operationsKey):
			policy.OperationIds = p.operationIDs(c, "policy "+id)
		default:
			policy.Extensions = append(policy.Extensions, &connectorv1.Extension{Name: c.Key(), Json: c.JSON()})
		}
	}
	for _, c := range n.Children() {
		switch strings.ToLower(c.Key()) {
		case "templateid", "title", "parameters":
		default:
			policy.Extensions = append(policy.Extensions, &connectorv1.Extension{Name: c.Key(), Json: c.JSON()})
		}
	}
	return policy
}

func (p *pack) section(n *document.Node) connectorv1.PolicySection {
	switch strings.ToLower(n.Text()) {
	case "request":
		return connectorv1.PolicySection_POLICY_SECTION_REQUEST
	case "response":
		return connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	case "failure":
		return connectorv1.PolicySection_POLICY_SECTION_FAILURE
	case "":
	default:
		p.warn("PolicySectionUnknown", n, "write \"Request\", \"Response\" or \"Failure\"",
			"the policy section %q is not known; the template's own is used", n.Text())
	}
	return connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED
}

// operationIDs reads a list of operations. Unknown ones stay in it: without them
// a list that names nothing else would be empty, which means all.
func (p *pack) operationIDs(n *document.Node, what string) []string {
	nodes := n.Children()
	if n.Is(document.String) {
		nodes = []*document.Node{n}
	}
	var ids []string
	for _, c := range nodes {
		if !c.Is(document.String) || c.Text() == "" {
			continue
		}
		if _, known := p.kinds[c.Text()]; !known {
			p.report(format.Info, "OperationUnknown", c, "name an operation of the definition",
				"the operation %q of %s does not exist", c.Text(), what)
		}
		ids = append(ids, c.Text())
	}
	return ids
}

// poll makes the operations of a polling policy polling triggers by policy; one
// without a list is for all triggers that poll.
func (p *pack) poll(policy *connectorv1.Policy, n *document.Node) {
	listed := map[string]bool{}
	for _, id := range policy.GetOperationIds() {
		listed[id] = true
	}
	for _, op := range p.def.GetOperations() {
		polling := op.GetTrigger().GetPolling()
		if polling == nil && listed[op.GetOperationId()] {
			p.warn("PollingPolicyWithoutTrigger", n, "mark the operation with \"x-ms-trigger\", or remove the policy",
				"the operation %q is no polling trigger; the policy has no effect on it", op.GetOperationId())
		}
		if polling == nil || (len(listed) > 0 && !listed[op.GetOperationId()]) {
			continue
		}
		if polling.GetProtocol() == connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE {
			polling.Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY
		}
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
