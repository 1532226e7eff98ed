package connectorpackage

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of what a connection may be asked for. The most that a public
// package uses are 7 sets and 13 parameters.
const (
	maxSets       = 32
	maxParameters = 100
)

// sets reads the ways to make a connection: the named sets first, then the plain
// parameters, which may exist beside them. Those of the description count where it
// is about a way to authenticate that is not supported, and nothing is asked for.
func (p *pack) sets() {
	described := p.def.GetParameterSets()
	p.def.ParameterSets = nil
	values := p.property("connectionParameterSets").GetFold("values").Children()
	for i, n := range values {
		if i == maxSets {
			p.warn("ParameterSetsTooMany", n, "remove some", "there are more than %d parameter sets; the rest is ignored", maxSets)
			break
		}
		p.addSet(n)
	}
	plain := p.property("connectionParameters")
	if len(values)+len(plain.Children()) == 0 && len(described) == 1 && described[0].GetUnsupported() != nil {
		p.def.ParameterSets = described // a package that asks for nothing does not make the API take it
		return
	}
	if len(p.def.GetParameterSets()) == 0 || len(plain.Children()) > 0 {
		p.def.ParameterSets = append(p.def.ParameterSets, &connectorv1.ParameterSet{
			Name: p.freeName("default"), Parameters: p.parameters(plain),
		})
	}
	p.placements()
}

func (p *pack) addSet(n *document.Node) {
	name := firstText(n.GetFold("name"))
	if name == "" || p.freeName(name) != name {
		old := name
		if name == "" {
			name = "default"
		}
		name = p.freeName(name)
		p.warn("ParameterSetNameInvalid", n, "give each set its own name", "the name %q is missing or used before; %q is used", old, name)
	}
	set := &connectorv1.ParameterSet{
		Name:        name,
		Title:       n.GetFold("uiDefinition").GetFold("displayName").Text(),
		Description: n.GetFold("uiDefinition").GetFold("description").Text(),
		Parameters:  p.parameters(n.GetFold("parameters")),
	}
	if metadata := n.GetFold("metadata"); metadata.Is(document.Object) {
		set.Metadata = withoutSecret(metadata)
	}
	if sharing, stated := truth(n.GetFold("metadata").GetFold("allowSharing")); stated {
		set.SharingForbidden = !sharing
	}
	p.def.ParameterSets = append(p.def.ParameterSets, set)
}

// freeName returns the name, or the name with underscores if it is taken.
func (p *pack) freeName(name string) string {
	for slices.ContainsFunc(p.def.GetParameterSets(), func(s *connectorv1.ParameterSet) bool { return s.GetName() == name }) {
		name += "_"
	}
	return name
}

func (p *pack) parameters(n *document.Node) []*connectorv1.ConnectionParameter {
	var list []*connectorv1.ConnectionParameter
	for i, c := range n.Children() {
		if i == maxParameters {
			p.warn("ConnectionParametersTooMany", c, "remove some",
				"there are more than %d connection parameters; the rest is ignored", maxParameters)
			break
		}
		if !c.Is(document.Object) {
			p.warn("ObjectExpected", c, "write an object", "the parameter %q is %s instead of an object; it is ignored", c.Key(), c.Kind())
			continue
		}
		if c.Key() == "" {
			p.warn("ConnectionParameterNameMissing", c, "give it a name", "a connection parameter has no name; it is ignored")
			continue
		}
		list = append(list, p.parameter(c))
	}
	p.checkSubParameters(n, list)
	p.checkGateway(n, list)
	return list
}

// checkSubParameters looks at parameters like "token:tenant", which give settings
// of the OAuth parameter before the colon.
func (p *pack) checkSubParameters(n *document.Node, list []*connectorv1.ConnectionParameter) {
	for _, parameter := range list {
		owner, _, isSub := strings.Cut(parameter.GetName(), ":")
		if !isSub {
			continue
		}
		at := n.Get(parameter.GetName())
		if !slices.ContainsFunc(list, func(o *connectorv1.ConnectionParameter) bool {
			return strings.EqualFold(o.GetName(), owner) && o.GetType() == oauthType
		}) {
			p.warn("SubParameterWithoutOwner", at, "add the OAuth parameter, or rename this one",
				"the parameter %q belongs to the OAuth parameter %q, which does not exist; it has no effect", parameter.GetName(), owner)
		}
		switch parameter.GetType() {
		case stringType, secretType, boolType, integerType, certificateType:
		default:
			p.warn("SubParameterTypeInvalid", at, "use \"string\" or \"securestring\"",
				"the parameter %q gives a setting of %q, which is always text", parameter.GetName(), owner)
		}
	}
}

const (
	stringType  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	boolType    = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL
	integerType = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER

	certificateType = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
)

// types are the spellings of the parameter types in lower case.
var types = map[string]connectorv1.ConnectionParameterType{
	"string":            stringType,
	"securestring":      secretType,
	"bool":              boolType,
	"boolean":           boolType,
	"int":               integerType,
	"integer":           integerType,
	"oauthsetting":      oauthType,
	"gatewaysetting":    connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT,
	"clientcertificate": certificateType,
	// What other platforms have, as the next best thing; substitutes says so.
	"array": stringType, "object": stringType, "secureobject": secretType, "connection": stringType, "managedidentity": stringType,
}

// substitutes says what becomes of the types that the model does not have.
var substitutes = map[string]string{
	"array":           "its value is a list as JSON text",
	"object":          "its value is an object as JSON text",
	"secureobject":    "its value is an object as JSON text, kept as a secret",
	"connection":      "connections to other connectors do not exist here; its value is plain text",
	"managedidentity": "managed identities do not exist here; its value is plain text that nothing uses",
}

func (p *pack) parameter(n *document.Node) *connectorv1.ConnectionParameter {
	ui := n.GetFold("uiDefinition")
	constraints := ui.GetFold("constraints")
	parameter := &connectorv1.ConnectionParameter{
		Name:          n.Key(),
		Type:          p.typeOf(n),
		Title:         ui.GetFold("displayName").Text(),
		Description:   description(ui),
		DefaultValue:  firstText(n.GetFold("defaultValue"), constraints.GetFold("default")),
		AllowedValues: allowedValues(n, constraints),
		Source:        withoutSecret(n),
	}
	parameter.Required, p.stated[parameter] = truth(constraints.GetFold("required"))
	parameter.Hidden, _ = truth(constraints.GetFold("hidden"))
	parameter.ClearText, _ = truth(constraints.GetFold("clearText"))
	parameter.Order = p.order(ui, constraints)
	parameter.Capabilities = texts(constraints.GetFold("capability"))
	parameter.Conditions = conditions(constraints)
	if parameter.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH {
		parameter.Oauth = p.oauth(n.GetFold("oAuthSettings"))
	}
	return parameter
}

func (p *pack) typeOf(n *document.Node) connectorv1.ConnectionParameterType {
	written := n.GetFold("type")
	name := strings.ToLower(strings.TrimSpace(written.Text()))
	if t, known := types[name]; known {
		if substitute := substitutes[name]; substitute != "" {
			p.warn("ConnectionParameterTypeUnsupported", n, "use another type",
				"the type %q of connection parameter %q has no counterpart: %s", written.Text(), n.Key(), substitute)
		}
		return t
	}
	p.warn("ConnectionParameterTypeUnknown", n, "write \"string\", \"securestring\", \"int\", \"bool\" or \"oauthSetting\"",
		"the type %q of connection parameter %q is not known; it is kept as a secret", written.Text(), n.Key())
	return connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
}

// order reads the position among the parameters, which is in one of two places.
func (p *pack) order(ui, constraints *document.Node) int32 {
	n := constraints.GetFold("tabIndex")
	if n == nil {
		n = ui.GetFold("tabIndex")
	}
	if n == nil {
		return 0
	}
	position, err := strconv.ParseInt(n.Text(), 10, 32)
	if err != nil {
		p.warn("ParameterOrderInvalid", n, "write a number", "the position %q is no number; the parameter comes last", n.Text())
		return 0
	}
	return int32(position)
}

// conditions reads which values of other parameters a parameter depends on.
func conditions(constraints *document.Node) []*connectorv1.ParameterCondition {
	var list []*connectorv1.ParameterCondition
	for _, c := range constraints.GetFold("dependencies").Children() {
		values := texts(c.GetFold("values"))
		if len(values) == 0 {
			values = texts(c)
		}
		list = append(list, &connectorv1.ParameterCondition{Parameter: c.Key(), Values: values})
	}
	if d := constraints.GetFold("dependentParameter"); d.Is(document.Object) {
		list = append(list, &connectorv1.ParameterCondition{
			Parameter: firstText(d.GetFold("parameter")), Values: texts(d.GetFold("value")),
		})
	}
	return list
}

// texts returns the scalars of a list as text; one scalar is a list of one.
func texts(n *document.Node) []string {
	nodes := n.Children()
	if !n.Is(document.Array) && !n.Is(document.Object) {
		nodes = []*document.Node{n}
	}
	var list []string
	for _, c := range nodes {
		if value := text(c); value != "" && !c.Is(document.Object) && !c.Is(document.Array) {
			list = append(list, value)
		}
	}
	return list
}

// description returns the help text, which moved over the years.
func description(ui *document.Node) string {
	return firstText(ui.GetFold("description"), ui.GetFold("schema").GetFold("description"), ui.GetFold("tooltip"))
}

func firstText(nodes ...*document.Node) string {
	for _, n := range nodes {
		if text := n.Text(); text != "" && !n.Is(document.Null) {
			return text
		}
	}
	return ""
}

// allowedValues reads the choices, which are written in two ways.
func allowedValues(n, constraints *document.Node) []*connectorv1.AllowedValue {
	var list []*connectorv1.AllowedValue
	for _, source := range []*document.Node{n.GetFold("allowedValues"), constraints.GetFold("allowedValues")} {
		for _, c := range source.Children() {
			title := firstText(c.GetFold("text"), c.GetFold("uiDefinition").GetFold("displayName"))
			value := c.GetFold("value").Text()
			if c.Is(document.String) {
				value = c.Text()
			}
			list = append(list, &connectorv1.AllowedValue{Value: value, Title: title})
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

// truth reads a boolean, which is text more often than not.
func truth(n *document.Node) (value, stated bool) {
	switch strings.ToLower(strings.TrimSpace(n.Text())) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}
