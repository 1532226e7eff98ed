package policycheck

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// statusTemplate and pollingTemplate need something of the definition.
	statusTemplate  = "setconnectionstatustounauthenticated"
	pollingTemplate = "pollingtrigger"
	// packagePrefix is what the names of parameters begin with in packages.
	packagePrefix = "x-ms-apimTemplateParameter."
	// invalidValue is the code of findings about values.
	invalidValue = "PolicyParameterValueInvalid"
)

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
		"setheader":              {[]string{"name", "value"}, []string{"existsAction"}, []connectorv1.PolicySection{request, response, failure}},
		"setqueryparameter":      {[]string{"name", "value"}, []string{"existsAction"}, body[:1]},
		"dynamichosturl":         host,
		"dynamicsubdomain":       host,
		"routerequesttoendpoint": {[]string{"newPath"}, []string{"httpMethod"}, body[:1]},
		"setvaluefromurl":        {[]string{"parameterTemplate", "parameterValueUrl", "parameterValuePathTemplate"}, []string{"httpMethod"}, body[:1]},
		"updatenextlink":         {[]string{"nextLinkPropertyName"}, []string{"nextLinkParentPropertyPath"}, body[1:]},
		statusTemplate:           {[]string{"statusCode"}, nil, body[1:]},
		pollingTemplate:          {[]string{"triggerConfig", "triggerDataPath"}, nil, nil},
		"setproperty":            {[]string{"newPropertyParentPathTemplate", "newPropertySubPathTemplate", "propertyValuePathTemplate"}, nil, body},
		"convertarraytoobject":   {[]string{"propertyParentPath", "keyWithinCollectionPath", "newPropertyPath"}, []string{"propertySubPath", "retainKey"}, body},
		"convertobjecttoarray":   {[]string{"propertyParentPath", "newPropertyPath"}, []string{"propertySubPath", "keyName", "valueName"}, body},
		"stringtoarray":          {[]string{"propertyParentPath", "delimiterList", "childPropertyName", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"stringreplace":          {[]string{"propertyParentPath", "sourceString", "replacementString", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"encodepropertyvalue":    {[]string{"propertyParentPath", "newPropertyPath"}, []string{"propertySubPath"}, body},
		"moveproperties":         {[]string{"srcParentPath", "dstParentPath"}, []string{"srcSubPath", "dstSubPath", "copyOnlySubProperties"}, body},
		"routerequesttocode":     nil,
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

// compare compares a policy with its template.
func (c *check) compare(i int, p *connectorv1.Policy) {
	id := strings.ToLower(p.GetTemplateId())
	t, known := c.catalogue[id]
	if t == nil {
		c.unsupported(i, p, known)
		return
	}
	section := p.GetSection()
	if section != connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED && t.sections != nil && !slices.Contains(t.sections, section) {
		c.warn(at(i, "section"), "PolicySectionInvalid", "write "+sectionNames(t.sections)+" as its section", "a policy %q cannot be used in this section", id)
	}
	given := map[string]bool{}
	for k, parameter := range p.GetParameters() {
		given[strings.ToLower(parameter.GetName())] = true
		c.compareParameter(i, k, id, t, parameter)
	}
	for _, name := range t.required {
		if !given[strings.ToLower(name)] {
			c.missing(i, p, name)
		}
	}
	if id == statusTemplate && c.trial.Definition.GetConnectionTest() == nil {
		c.warn(at(i), "PolicyWithoutConnectionTest", "name an operation that tests connections",
			"the policy %q works on the operation that tests connections, and there is none", id)
	}
	if id == pollingTemplate {
		c.polling(i, p)
	}
}

// unsupported reports a template that nobody can apply.
func (c *check) unsupported(i int, p *connectorv1.Policy, known bool) {
	remedy, message := "use a known template", "the policy template %q is not known; calls of its operations are refused"
	if known {
		remedy, message = "remove the policy; custom code of a connector is in script.js", "the policy template %q is not supported; calls of its operations are refused"
	}
	if meant := nearest.To(strings.ToLower(p.GetTemplateId()), slices.Sorted(maps.Keys(c.catalogue))); !known && len(meant) > 0 {
		remedy = didYouMean(meant[0])
	}
	c.fails(at(i, "templateId"), format.PolicyTemplateUnknown, remedy, message, p.GetTemplateId())
	c.fail(i)
}

// missing reports a parameter that is not there. In packages people forget what all
// names begin with: the importer cannot know such a parameter.
func (c *check) missing(i int, p *connectorv1.Policy, name string) {
	remedy := "add the parameter " + strconv.Quote(name)
	if slices.ContainsFunc(p.GetExtensions(), func(e *connectorv1.Extension) bool { return strings.EqualFold(e.GetName(), name) }) {
		remedy = fmt.Sprintf("write %q instead of %q", packagePrefix+name, name)
	}
	c.value(at(i), name, "PolicyParameterMissing", remedy, "the policy %q has no parameter %q; it cannot work", p.GetTemplateId(), name)
}

// sectionNames lists sections as people write them.
func sectionNames(list []connectorv1.PolicySection) string {
	var names []string
	for _, s := range list {
		names = append(names, strings.TrimPrefix(s.String(), "POLICY_SECTION_"))
	}
	return strings.Join(names, " or ")
}

// polling reports the operations of a policy for triggers that are none.
func (c *check) polling(i int, p *connectorv1.Policy) {
	for k, id := range p.GetOperationIds() {
		if op := c.operations[id]; op != nil && op.GetTrigger().GetPolling() == nil {
			c.warn(at(i, "operationIds", k), "PollingPolicyWithoutTrigger", "make the operation a polling trigger, or remove it from the policy",
				"the operation %q is no polling trigger; the policy has no effect on it", id)
		}
	}
}

func (c *check) compareParameter(i, k int, id string, t *template, p *connectorv1.PolicyParameter) {
	name := p.GetName()
	isName := func(known string) bool { return strings.EqualFold(known, name) }
	all := slices.Concat(t.required, t.optional)
	if !slices.ContainsFunc(all, isName) {
		remedy := "remove it, or correct its name"
		if meant := nearest.To(name, all); len(meant) > 0 {
			remedy = didYouMean(meant[0])
		}
		c.warn(at(i, "parameters", k, "name"), "PolicyParameterUnknown", remedy, "the policy %q has no parameter %q; it is ignored", id, name)
		return
	}
	place := at(i, "parameters", k, "json")
	text, fault := valueText(p)
	if fault != "" && !isName("triggerConfig") {
		c.value(place, name, invalidValue, "write text in quotes", "the value of %q is %s instead of text", name, fault)
		return
	}
	if isName("statusCode") {
		if code, err := strconv.Atoi(strings.TrimSpace(text)); err != nil || code < 100 || code > 599 {
			c.value(place, name, invalidValue, "write a status between 100 and 599", "%q is no status code", text)
		}
		return
	}
	allowed := allowedPolicyValues(id, name)
	if allowed == nil || text == "" || (strings.Contains(text, "@") && text != originalMethod) {
		return
	}
	if !slices.ContainsFunc(allowed, func(v string) bool { return strings.EqualFold(v, text) }) {
		c.value(place, name, invalidValue, "write one of "+strings.Join(allowed, ", "), "%q is no value of %q", text, name)
	}
}

// value reports what is wrong with the value of a parameter.
func (c *check) value(pointer, parameter, code, remedy, message string, args ...any) {
	before := len(c.found)
	c.warn(pointer, code, remedy, message, args...)
	if len(c.found) > before {
		c.found[before].about = parameter
	}
}

// valueText returns the value of a parameter as text, or what it is instead.
func valueText(p *connectorv1.PolicyParameter) (text, instead string) {
	raw := jsontext.Value(p.GetJson())
	switch raw.Kind() { //nolint:exhaustive // all others are written as they are
	case '"':
		plain, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "", "broken text"
		}
		return string(plain), ""
	case '{':
		return "", "an object"
	case '[':
		return "", "a list"
	case 'n':
		return "", "null"
	}
	return string(raw), ""
}
