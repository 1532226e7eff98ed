package connectorpackage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// plainSet is what importers call the parameters outside of any named set.
const plainSet = "default"

// sets writes the ways to make a connection: plain parameters where there is one
// way, or where the last one has no name of its own; named sets otherwise.
func (p *pack) sets() {
	sets := p.def.GetParameterSets()
	plain := tree.New()
	if n := len(sets); n > 0 && isPlain(sets[n-1], n) {
		plain = p.parameters(n-1, sets[n-1])
		sets = sets[:n-1]
	}
	p.properties.Set("connectionParameters", plain)
	for i, s := range p.def.GetParameterSets() {
		if u := s.GetUnsupported(); u != nil {
			p.findings.Lost(fmt.Sprintf("/parameterSets/%d/unsupported", i), "",
				"a package cannot say that %s is not supported; connections would be made without credentials", u.GetKind())
		}
	}
	var values tree.List
	for i, s := range sets {
		values = append(values, p.set(i, s))
	}
	if len(values) == 0 {
		return
	}
	p.properties.Set("connectionParameterSets", tree.New().
		Set("uiDefinition", tree.New().
			Text("displayName", "Authentication type").
			Text("description", "How to authenticate")).
		Set("values", values))
}

// isPlain reports whether a set, the last of n, needs no name.
func isPlain(s *connectorv1.ParameterSet, n int) bool {
	hasName := strings.TrimRight(s.GetName(), "_") != plainSet || s.GetTitle() != "" || s.GetDescription() != ""
	return !hasName && !s.GetSharingForbidden() && len(s.GetMetadata()) == 0 && (n == 1 || len(s.GetParameters()) > 0)
}

func (p *pack) set(i int, s *connectorv1.ParameterSet) *tree.Object {
	o := tree.New().Text("name", s.GetName()).
		Set("uiDefinition", tree.New().Text("displayName", s.GetTitle()).Text("description", s.GetDescription())).
		Set("parameters", p.parameters(i, s))
	metadata := thawed(s.GetMetadata())
	if s.GetSharingForbidden() && !hasFold(metadata, "allowSharing") {
		metadata.Set("allowSharing", tree.Bool(false))
	}
	return o.Some("metadata", metadata)
}

// thawed returns JSON text that is an object as one that can be changed, an empty
// one for everything else.
func thawed(text []byte) *tree.Object {
	doc, err := document.Parse("value.json", text)
	if len(text) == 0 || err != nil {
		return tree.New()
	}
	if o, ok := tree.From(doc.Root()).(*tree.Object); ok {
		return o
	}
	return tree.New()
}

func (p *pack) parameters(i int, s *connectorv1.ParameterSet) *tree.Object {
	o := tree.New()
	for j, c := range s.GetParameters() {
		at := fmt.Sprintf("/parameterSets/%d/parameters/%d", i, j)
		isCertificate := c.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
		if isCertificate && len(c.GetSource()) == 0 { // one with an object of its own comes from a package that has them
			p.findings.Lost(at, "", "a package has no client certificates; the connection parameter %q is left out", c.GetName())
			continue
		}
		o.Set(c.GetName(), p.parameter(c, isPlaced(s, c.GetName())))
	}
	return o
}

// isPlaced reports whether a request takes the value of the parameter, so that it
// is required unless its own object says otherwise.
func isPlaced(s *connectorv1.ParameterSet, name string) bool {
	return slices.ContainsFunc(s.GetPlacements(), func(c *connectorv1.CredentialPlacement) bool {
		return slices.Contains(definition.ParametersOf(c), name)
	})
}

// typeNames are the vendor's names of the types.
var typeNames = map[connectorv1.ConnectionParameterType]string{
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING:  "string",
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET:  "securestring",
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL:    "bool",
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER: "int",
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH:   "oauthSetting",
	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT:   "gatewaySetting",

	connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE: "clientCertificate",
}

// parameter returns a connection parameter. One that comes from a package has its
// own object, of which only that is changed which the model says differently.
func (p *pack) parameter(c *connectorv1.ConnectionParameter, placed bool) *tree.Object {
	o := thawed(c.GetSource())
	if !sameType(o, c.GetType()) {
		setFold(o, "type", tree.String(typeNames[c.GetType()]))
	}
	if c.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH && c.GetOauth() != nil {
		p.oauth(o, c.GetOauth())
	}
	ui, constraints := tree.New(), tree.New()
	if inner, ok := o.Get(keyFold(o, "uiDefinition")).(*tree.Object); ok {
		ui = inner
	}
	if inner, ok := ui.Get(keyFold(ui, "constraints")).(*tree.Object); ok {
		constraints = inner
	}
	setText(ui, "displayName", c.GetTitle())
	if description(ui) != c.GetDescription() {
		setText(ui, "description", c.GetDescription())
	}
	isImplied := !hasFold(constraints, "required") && placed && len(c.GetSource()) > 0
	if !sameTruth(constraints, "required", c.GetRequired()) && !isImplied {
		setFold(constraints, "required", tree.String(strconv.FormatBool(c.GetRequired())))
	}
	if !sameTruth(constraints, "hidden", c.GetHidden()) {
		setFold(constraints, "hidden", tree.String(strconv.FormatBool(c.GetHidden())))
	}
	if c.GetClearText() && !sameTruth(constraints, "clearText", true) {
		setFold(constraints, "clearText", tree.Bool(true))
	}
	constrain(o, constraints, c)
	if constraints.Len() > 0 {
		setFold(ui, "constraints", constraints)
	}
	if ui.Len() > 0 {
		setFold(o, "uiDefinition", ui)
	}
	return o
}

// constrain says which values there are and when they are asked for, unless the
// parameter's own object does.
func constrain(o, constraints *tree.Object, c *connectorv1.ConnectionParameter) {
	if textFold(o, "defaultValue") == "" && textFold(constraints, "default") == "" {
		setText(constraints, "default", c.GetDefaultValue())
	}
	if len(c.GetSource()) > 0 {
		return
	}
	var allowed tree.List
	for _, v := range c.GetAllowedValues() {
		allowed = append(allowed, tree.New().Text("text", v.GetTitle()).Set("value", tree.String(v.GetValue())))
	}
	if len(allowed) > 0 {
		constraints.Set("allowedValues", allowed)
	}
	if c.GetOrder() != 0 {
		constraints.Set("tabIndex", tree.Int(c.GetOrder()))
	}
	constraints.Texts("capability", c.GetCapabilities())
	dependencies := tree.New()
	for _, d := range c.GetConditions() {
		dependencies.Set(d.GetParameter(), tree.New().Texts("values", d.GetValues()))
	}
	constraints.Some("dependencies", dependencies)
}

// oauth writes the settings of an OAuth parameter that its own object does not
// have.
func (p *pack) oauth(o *tree.Object, s *connectorv1.OAuthSettings) {
	if hasFold(o, "oAuthSettings") {
		return
	}
	settings := tree.New().Text("identityProvider", s.GetIdentityProvider()).
		Set("clientId", tree.String(s.GetClientId())).
		Set("scopes", tree.Strings(s.GetScopes())).
		Text("redirectMode", s.GetRedirectMode()).Text("redirectUrl", s.GetRedirectUrl())
	if s.GetGrant() != "" && s.GetGrant() != "authorizationCode" {
		p.findings.Approximated("/parameterSets", "", "a package has no name for the flow %q; people sign in", s.GetGrant())
	}
	properties := tree.New()
	for _, key := range slices.Sorted(maps.Keys(s.GetProperties())) {
		properties.Set(key, tree.String(s.GetProperties()[key]))
	}
	custom := tree.New()
	for _, key := range slices.Sorted(maps.Keys(s.GetCustomParameters())) {
		custom.Set(key, tree.New().Set("value", tree.String(s.GetCustomParameters()[key])))
	}
	settings.Some("properties", properties).Some("customParameters", custom)
	additional := tree.New()
	for _, a := range s.GetAdditionalParameters() {
		additional.Set(a.GetName(), additionalParameter(a))
	}
	o.Set("oAuthSettings", settings.Some("additionalParameters", additional))
}

func additionalParameter(a *connectorv1.OAuthAdditionalParameter) *tree.Object {
	o := tree.New().Text("type", typeNames[a.GetType()])
	var conditions tree.List
	for _, c := range a.GetConditions() {
		conditions = append(conditions, tree.New().Text("parameter", c.GetParameter()).Texts("oneOf", c.GetValues()))
	}
	if len(conditions) > 0 {
		o.Set("applicableWhen", conditions)
	}
	return o
}

// rawText returns raw JSON text without the quotes of a string.
func rawText(v tree.Value) string {
	text := tree.Compact(v)
	var s string
	if json.Unmarshal(text, &s) == nil {
		return s
	}
	return string(text)
}
