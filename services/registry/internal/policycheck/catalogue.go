package policycheck

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/policytext"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// statusTemplate and pollingTemplate need something of the definition.
	statusTemplate  = "setconnectionstatustounauthenticated"
	pollingTemplate = "pollingtrigger"
	// codeTemplate is known, and applied nowhere.
	codeTemplate = "routerequesttocode"
	// packagePrefix is what the names of parameters begin with in packages.
	packagePrefix = "x-ms-apimTemplateParameter."
	// invalidValue is the code of findings about values.
	invalidValue = "PolicyParameterValueInvalid"
)

// compare compares a policy with its template.
func (c *check) compare(i int, p *connectorv1.Policy) {
	id := strings.ToLower(p.GetTemplateId())
	t, known := policytext.TemplateOf(id)
	if !known {
		c.unsupported(i, p)
		return
	}
	section := p.GetSection()
	if section != connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED && !slices.Contains(t.Sections, section) {
		c.warn(at(i, "section"), "PolicySectionInvalid", "write "+sectionNames(t.Sections)+" as its section", "a policy %q cannot be used in this section", id)
	}
	given := map[string]bool{}
	for k, parameter := range p.GetParameters() {
		given[strings.ToLower(parameter.GetName())] = true
		c.compareParameter(i, k, id, t, parameter)
	}
	for _, parameter := range t.Required {
		if !given[strings.ToLower(parameter.Name)] {
			c.missing(i, p, parameter.Name)
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
func (c *check) unsupported(i int, p *connectorv1.Policy) {
	id := strings.ToLower(p.GetTemplateId())
	remedy, message := "use a known template", "the policy template %q is not known; calls of its operations are refused"
	if id == codeTemplate {
		remedy, message = "remove the policy; custom code of a connector is in script.js", "the policy template %q is not supported; calls of its operations are refused"
	} else if meant := nearest.To(id, policytext.TemplateIDs()); len(meant) > 0 {
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

func (c *check) compareParameter(i, k int, id string, t policytext.Template, p *connectorv1.PolicyParameter) {
	name := p.GetName()
	isName := func(known string) bool { return strings.EqualFold(known, name) }
	accepted, known := t.Parameter(name)
	if !known {
		remedy := "remove it, or correct its name"
		if meant := nearest.To(name, t.Names()); len(meant) > 0 {
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
	allowed := accepted.Allowed
	if allowed == nil || text == "" || (strings.Contains(text, "@") && text != policytext.OriginalMethod) {
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
