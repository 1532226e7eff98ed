package connectorpackage

import (
	"fmt"
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
	instances := p.property("policyTemplateInstances")
	if len(p.def.GetPolicies()) == 0 && instances != nil {
		p.stands(instances, "/policies")
	}
	if instances != nil && !instances.Is(document.Array) && !instances.Is(document.Null) {
		p.report(format.Error, format.PoliciesInvalid, instances, "write a list of policies, in square brackets",
			"\"policyTemplateInstances\" is %s instead of a list, and no policy is applied", instances.Kind())
		return
	}
	for i, n := range instances.Children() {
		if i == maxPolicies {
			p.warn("PoliciesTooMany", n, "remove some", "there are more than %d policies; the rest is ignored", maxPolicies)
			return
		}
		id := strings.ToLower(strings.TrimSpace(n.GetFold("templateId").Text()))
		if id == "" {
			p.warn(format.PolicyTemplateMissing, n, "add templateId", "the policy names no template; it is ignored")
			continue
		}
		pointer := fmt.Sprintf("/policies/%d", len(p.def.GetPolicies()))
		p.stands(n, pointer)
		policy := p.policy(id, pointer, n)
		p.def.Policies = append(p.def.Policies, policy)
		if id == pollingTemplate {
			p.poll(policy)
		}
	}
}

// policy reads one policy and says where it stands: at a pointer into the definition.
func (p *pack) policy(id, pointer string, n *document.Node) *connectorv1.Policy {
	policy := &connectorv1.Policy{TemplateId: id, Title: firstText(n.GetFold("title"))}
	for _, c := range n.GetFold("parameters").Children() {
		name, isParameter := cutPrefixFold(c.Key(), parameterPrefix)
		switch {
		case isParameter:
			p.stands(c, fmt.Sprintf("%s/parameters/%d", pointer, len(policy.GetParameters())))
			policy.Parameters = append(policy.Parameters, &connectorv1.PolicyParameter{Name: name, Json: c.JSON()})
		case strings.EqualFold(c.Key(), sectionKey):
			p.stands(c, pointer+"/section")
			policy.Section = p.section(c)
		case strings.EqualFold(c.Key(), operationsKey):
			policy.OperationIds = p.operationIDs(c, pointer)
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
		p.warn(format.PolicySectionUnknown, n, "write \"Request\", \"Response\" or \"Failure\"",
			"the policy section %q is not known; the template's own is used", n.Text())
	}
	return connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED
}

// operationIDs reads the list of operations of what is at a pointer into the
// definition. Unknown ones stay in it: without them a list that names nothing else
// would be empty, which means all.
func (p *pack) operationIDs(n *document.Node, pointer string) []string {
	nodes := n.Children()
	if n.Is(document.String) {
		nodes = []*document.Node{n}
	}
	var ids []string
	for _, c := range nodes {
		if !c.Is(document.String) || c.Text() == "" {
			continue
		}
		p.stands(c, fmt.Sprintf("%s/operationIds/%d", pointer, len(ids)))
		ids = append(ids, c.Text())
	}
	return ids
}

// poll makes the operations of a polling policy polling triggers by policy; one
// without a list is for all triggers that poll.
func (p *pack) poll(policy *connectorv1.Policy) {
	listed := map[string]bool{}
	for _, id := range policy.GetOperationIds() {
		listed[id] = true
	}
	for _, op := range p.def.GetOperations() {
		polling := op.GetTrigger().GetPolling()
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
