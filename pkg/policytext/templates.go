package policytext

import (
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Template is what a policy template accepts.
type Template struct {
	// Required and Optional are its parameters.
	Required, Optional []Parameter
	// Sections are the sides of a call that it works on, never none; the first one is
	// meant if a policy names none.
	Sections []connectorv1.PolicySection
}

// Parameter is one of a template.
type Parameter struct {
	// Name is compared without case, and without what names begin with in packages.
	Name string
	// Dialect is how its text is read.
	Dialect Dialect
	// Allowed are the values that it may have unless it is a call, compared without
	// case; nil for any.
	Allowed []string
}

// OriginalMethod is a value of httpMethod that keeps the method.
const OriginalMethod = "@Request.OriginalHTTPMethod"

// TemplateIDs returns the ids of all templates, in lower case and sorted.
func TemplateIDs() []string { return slices.Sorted(maps.Keys(templates)) }

// TemplateOf returns the template with an id in lower case; false if there is none. The
// template is shared and must not be changed.
func TemplateOf(id string) (Template, bool) {
	t, ok := templates[id]
	return t, ok
}

// Parameter returns a parameter by its name; false if there is none.
func (t Template) Parameter(name string) (Parameter, bool) {
	for _, list := range [...][]Parameter{t.Required, t.Optional} {
		for _, p := range list {
			if strings.EqualFold(p.Name, name) {
				return p, true
			}
		}
	}
	return Parameter{}, false
}

// Names returns the names of all parameters, those first that are required.
func (t Template) Names() []string {
	names := make([]string, 0, len(t.Required)+len(t.Optional))
	for _, p := range slices.Concat(t.Required, t.Optional) {
		names = append(names, p.Name)
	}
	return names
}

// plain are parameters that hold plain text with calls.
func plain(names ...string) []Parameter {
	list := make([]Parameter, 0, len(names))
	for _, name := range names {
		list = append(list, Parameter{Name: name})
	}
	return list
}

var (
	onRequest  = []connectorv1.PolicySection{connectorv1.PolicySection_POLICY_SECTION_REQUEST}
	onResponse = []connectorv1.PolicySection{connectorv1.PolicySection_POLICY_SECTION_RESPONSE}
	onBoth     = slices.Concat(onRequest, onResponse)
	onAll      = append(slices.Clone(onBoth), connectorv1.PolicySection_POLICY_SECTION_FAILURE)

	existsAction = []Parameter{{Name: "existsAction", Allowed: []string{"override", "skip", "append"}}}
	flag         = []string{"true", "false"}
	methods      = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", OriginalMethod}
	host         = Template{Required: []Parameter{{Name: HostParameter, Dialect: URL}}, Sections: onRequest}
)

// templates are what the runtime applies (its package policy) and the registry checks
// (its package policycheck), by id. Nobody changes them.
var templates = map[string]Template{
	"setheader":         {plain("name", "value"), existsAction, onAll},
	"setqueryparameter": {plain("name", "value"), existsAction, onRequest},
	"dynamichosturl":    host,
	"dynamicsubdomain":  host, // an alias in old packages
	"routerequesttoendpoint": {
		[]Parameter{{Name: "newPath", Dialect: Route}}, []Parameter{{Name: "httpMethod", Allowed: methods}}, onRequest,
	},
	"setvaluefromurl": {
		[]Parameter{{Name: "parameterTemplate"}, {Name: "parameterValueUrl", Dialect: Route}, {Name: "parameterValuePathTemplate"}},
		[]Parameter{{Name: "httpMethod", Allowed: []string{"GET", "POST", "PUT"}}},
		onRequest,
	},
	"updatenextlink":                       {plain("nextLinkPropertyName"), plain("nextLinkParentPropertyPath"), onResponse},
	"setconnectionstatustounauthenticated": {plain("statusCode"), nil, onResponse},
	"pollingtrigger":                       {plain("triggerConfig", "triggerDataPath"), nil, onBoth},
	"setproperty": {
		append(plain("newPropertyParentPathTemplate", "newPropertySubPathTemplate"), Parameter{Name: "propertyValuePathTemplate", Dialect: Value}),
		nil, onBoth,
	},
	"convertarraytoobject": {
		plain("propertyParentPath", "keyWithinCollectionPath", "newPropertyPath"),
		append(plain("propertySubPath"), Parameter{Name: "retainKey", Allowed: flag}), onBoth,
	},
	"convertobjecttoarray": {plain("propertyParentPath", "newPropertyPath"), plain("propertySubPath", "keyName", "valueName"), onBoth},
	"stringtoarray":        {plain("propertyParentPath", "delimiterList", "childPropertyName", "newPropertyPath"), plain("propertySubPath"), onBoth},
	"stringreplace":        {plain("propertyParentPath", "sourceString", "replacementString", "newPropertyPath"), plain("propertySubPath"), onBoth},
	"encodepropertyvalue":  {plain("propertyParentPath", "newPropertyPath"), plain("propertySubPath"), onBoth},
	"moveproperties": {
		plain("srcParentPath", "dstParentPath"),
		append(plain("srcSubPath", "dstSubPath"), Parameter{Name: "copyOnlySubProperties", Allowed: flag}), onBoth,
	},
}
