package connectorpackage

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxPolicyFaults is how many faults of policies are reported: who has more has
// the same one everywhere.
const maxPolicyFaults = 200

// template is what a policy template accepts.
type template struct {
	// required and optional are the names of its parameters.
	required, optional []string
	// sections are the sides of a call that it works on; nil means any.
	sections []connectorv1.PolicySection
}

// templates are the policy templates that are known. A nil one accepts anything.
func templates() map[string]*template {
	const (
		request  = connectorv1.PolicySection_POLICY_SECTION_REQUEST
		response = connectorv1.PolicySection_POLICY_SECTION_RESPONSE
		failure  = connectorv1.PolicySection_POLICY_SECTION_FAILURE
	)
	body := []connectorv1.PolicySection{request, response}
	host := &template{required: []string{"urlTemplate"}, sections: body[:1]}
	return map[string]*template{
		"setheader":                            {[]string{"name", "value"}, []string{"existsAction"}, []connectorv1.PolicySection{request, response, failure}},
		"setqueryparameter":                    {[]string{"name", "value"}, []string{"existsAction"}, body[:1]},
		"dynamichosturl":                       host,
		"dynamicsubdomain":                     host,
		"routerequesttoendpoint":               {[]string{"newPath"}, []string{"httpMethod"}, body[:1]},
		"setvaluefromurl":                      {[]string{"parameterTemplate", "parameterValueUrl", "parameterValuePathTemplate"}, []string{"httpMethod"}, body[:1]},
		"updatenextlink":                       {[]string{"nextLinkPropertyName"}, []string{"nextLinkParentPropertyPath"}, body[1:]},
		"setconnectionstatustounauthenticated": {[]string{"statusCode"}, nil, body[1:]},
		"pollingtrigger":                       {[]string{"triggerConfig", "triggerDataPath"}, nil, nil},
		"setproperty":                          {[]string{"newPropertyParentPathTemplate", "newPropertySubPathTemplate", "propertyValuePathTemplate"}, nil, body},
		"convertarraytoobject":                 {[]string{"propertyParentPath", "keyWithinCollectionPath", "newPropertyPath"}, []string{"propertySubPath", "retainKey"}, body},
		"convertobjecttoarray":                 {[]string{"propertyParentPath", "newPropertyPath"}, []string{"propertySubPath", "keyName", "valueName"}, body},
		"stringtoarray":                        {[]string{"propertyParentPath", "delimiterList", "childPropertyName", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"stringreplace":                        {[]string{"propertyParentPath", "sourceString", "replacementString", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"encodepropertyvalue":                  {[]string{"propertyParentPath", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"moveproperties":                       {[]string{"srcParentPath", "dstParentPath"}, []string{"srcSubPath", "dstSubPath", "copyOnlySubProperties"}, body},
		"routerequesttocode":                   nil,
	}
}

// originalMethod is a value of httpMethod that keeps the method.
const originalMethod = "@Request.OriginalHTTPMethod"

// allowedValues returns the values that a parameter of a template may have, nil
// if it may have any.
func allowedPolicyValues(id, parameter string) []string {
	switch strings.ToLower(parameter) {
	case "existsaction":
		return []string{"override", "skip", "append"}
	case "retainkey", "copyonlysubproperties":
		return []string{"true", "false"}
	case "httpmethod":
		if id == "setvaluefromurl" {
			return []string{"GET", "POST", "PUT"}
		}
		return []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", originalMethod}
	}
	return nil
}

// checkPolicy compares a policy with its template. Nothing is left out: the
// runtime decides what it can do with it.
func (p *pack) checkPolicy(policy *connectorv1.Policy, n *document.Node) {
	t, known := p.catalogue[policy.GetTemplateId()]
	if !known {
		p.policyFault("PolicyTemplateUnknown", n, "use a known template",
			"the policy template %q is not known; calls that need it fail", policy.GetTemplateId())
	}
	if t == nil {
		return
	}
	section := policy.GetSection()
	if section != connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED && t.sections != nil && !slices.Contains(t.sections, section) {
		p.policyFault("PolicySectionInvalid", memberFold(n, sectionKey), "move it to the other side of the call",
			"a policy %q cannot be used in this section", policy.GetTemplateId())
	}
	given := map[string]bool{}
	for _, c := range n.GetFold("parameters").Children() {
		if name, ok := cutPrefixFold(c.Key(), parameterPrefix); ok {
			given[strings.ToLower(name)] = true
			p.checkPolicyParameter(policy.GetTemplateId(), t, name, c)
		}
	}
	for _, name := range t.required {
		if !given[strings.ToLower(name)] {
			p.policyFault("PolicyParameterMissing", n, "add \""+parameterPrefix+name+"\"",
				"the policy %q has no %q; it cannot work", policy.GetTemplateId(), name)
		}
	}
	if policy.GetTemplateId() == "setconnectionstatustounauthenticated" && p.def.GetConnectionTest() == nil {
		p.policyFault("PolicyWithoutConnectionTest", n, "name an operation that tests connections in \"x-ms-capabilities\"",
			"the policy %q works on the operation that tests connections, and there is none", policy.GetTemplateId())
	}
}

func memberFold(n *document.Node, key string) *document.Node {
	if m := n.GetFold("parameters").GetFold(key); m != nil {
		return m
	}
	return n
}

func (p *pack) checkPolicyParameter(id string, t *template, name string, n *document.Node) {
	isName := func(known string) bool { return strings.EqualFold(known, name) }
	if !slices.ContainsFunc(t.required, isName) && !slices.ContainsFunc(t.optional, isName) {
		p.policyFault("PolicyParameterUnknown", n, "remove it, or correct its name",
			"the policy %q has no parameter %q; it is ignored", id, name)
		return
	}
	if isName("statusCode") {
		if code, err := strconv.Atoi(n.Text()); err != nil || code < 100 || code > 599 {
			p.policyFault("PolicyParameterValueInvalid", n, "write a status between 100 and 599", "%q is no status code", n.Text())
		}
		return
	}
	allowed := allowedPolicyValues(id, name)
	if allowed == nil || (strings.Contains(n.Text(), "@") && n.Text() != originalMethod) {
		return
	}
	if !slices.ContainsFunc(allowed, func(v string) bool { return strings.EqualFold(v, n.Text()) }) {
		p.policyFault("PolicyParameterValueInvalid", n, "write one of "+strings.Join(allowed, ", "),
			"%q is no value of %q", n.Text(), name)
	}
}

func (p *pack) policyFault(code string, at *document.Node, remedy, message string, args ...any) {
	if p.policyFaults++; p.policyFaults <= maxPolicyFaults {
		p.warn(code, at, remedy, message, args...)
	}
}
