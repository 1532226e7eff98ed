package connectorpackage

import (
	"slices"
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
// parameters, which may exist beside them.
func (p *pack) sets() {
	p.def.ParameterSets = nil
	values := p.root.GetFold("connectionParameterSets").GetFold("values").Children()
	for i, n := range values {
		if i == maxSets {
			p.warn("ParameterSetsTooMany", n, "remove some", "there are more than %d parameter sets; the rest is ignored", maxSets)
			break
		}
		p.addSet(n)
	}
	plain := p.root.GetFold("connectionParameters")
	if len(p.def.GetParameterSets()) == 0 || len(plain.Children()) > 0 {
		p.def.ParameterSets = append(p.def.ParameterSets, &connectorv1.ParameterSet{
			Name: p.freeName("default"), Parameters: p.parameters(plain),
		})
	}
	p.placements()
}

func (p *pack) addSet(n *document.Node) {
	name := n.Str("name")
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
		Parameters:  p.parameters(n.Get("parameters")),
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
		list = append(list, p.parameter(c))
	}
	return list
}

// types are the spellings of the parameter types in lower case.
var types = map[string]connectorv1.ConnectionParameterType{
	"string":         connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING,
	"securestring":   connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET,
	"bool":           connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL,
	"boolean":        connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL,
	"int":            connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER,
	"integer":        connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER,
	"oauthsetting":   connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH,
	"gatewaysetting": connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT,
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
	if parameter.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH {
		parameter.Oauth = p.oauth(n.GetFold("oAuthSettings"))
	}
	return parameter
}

func (p *pack) typeOf(n *document.Node) connectorv1.ConnectionParameterType {
	written := n.GetFold("type")
	if t, known := types[strings.ToLower(strings.TrimSpace(written.Text()))]; known {
		return t
	}
	p.warn("ConnectionParameterTypeUnknown", n, "write \"string\", \"securestring\", \"int\", \"bool\" or \"oauthSetting\"",
		"the type %q of connection parameter %q is not known; it is kept as a secret", written.Text(), n.Key())
	return connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
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
