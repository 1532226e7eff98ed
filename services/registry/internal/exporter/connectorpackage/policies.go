package connectorpackage

import (
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

const (
	parameterPrefix = "x-ms-apimTemplateParameter."
	sectionKey      = "x-ms-apimTemplate-policySection"
	operationsKey   = "x-ms-apimTemplate-operationName"
)

// sections are the vendor's names of the sides of a call.
var sections = map[connectorv1.PolicySection]string{
	connectorv1.PolicySection_POLICY_SECTION_REQUEST:  "Request",
	connectorv1.PolicySection_POLICY_SECTION_RESPONSE: "Response",
	connectorv1.PolicySection_POLICY_SECTION_FAILURE:  "Failure",
}

// policies returns the policies in their order.
func (p *pack) policies() tree.List {
	var list tree.List
	for _, policy := range p.def.GetPolicies() {
		o := tree.New().Text("templateId", policy.GetTemplateId()).Text("title", policy.GetTitle())
		parameters := tree.New()
		for _, a := range policy.GetParameters() {
			parameters.Set(parameterPrefix+a.GetName(), tree.Raw(a.GetJson()))
		}
		parameters.Text(sectionKey, sections[policy.GetSection()]).Texts(operationsKey, policy.GetOperationIds())
		o.Set("parameters", parameters)
		for _, e := range policy.GetExtensions() {
			in := o
			if strings.HasPrefix(e.GetName(), "x-ms-apim") {
				in = parameters
			}
			in.Set(e.GetName(), tree.Raw(e.GetJson()))
		}
		list = append(list, o)
	}
	return list
}

// headers returns policies that write credentials which Swagger 2.0 has no
// scheme for into their header.
func (p *pack) headers() tree.List {
	var list tree.List
	seen := map[string]bool{}
	for i, set := range p.def.GetParameterSets() {
		for j, c := range set.GetPlacements() {
			at := fmt.Sprintf("/parameterSets/%d/placements/%d", i, j)
			name, value, title := p.header(set, c, at)
			if name == "" || seen[name+value] {
				continue
			}
			seen[name+value] = true
			p.findings.Approximated(at, "", "a package has no %s; a policy sets the header %q", title, name)
			list = append(list, setHeader(title, name, value))
		}
	}
	return list
}

// header returns the header that a placement needs a policy for; its name is ""
// if it needs none.
func (p *pack) header(set *connectorv1.ParameterSet, c *connectorv1.CredentialPlacement, at string) (name, value, title string) {
	parameter := func(name string) string { return "@connectionParameters('" + name + "','')" }
	switch kind := c.GetKind().(type) {
	case *connectorv1.CredentialPlacement_Bearer:
		if isOAuth(set, kind.Bearer.GetParameter()) {
			return "", "", ""
		}
		return "Authorization", "Bearer " + parameter(kind.Bearer.GetParameter()), "bearer token"
	case *connectorv1.CredentialPlacement_Authorization:
		return "Authorization", kind.Authorization.GetScheme() + " " + parameter(kind.Authorization.GetParameter()),
			kind.Authorization.GetScheme() + " authentication"
	case *connectorv1.CredentialPlacement_ApiKey:
		if kind.ApiKey.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE {
			return "Cookie", kind.ApiKey.GetName() + "=" + parameter(kind.ApiKey.GetParameter()), "key in a cookie"
		}
		template := kind.ApiKey.GetTemplate()
		switch {
		case template == "":
		case kind.ApiKey.GetLocation() == connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER:
			return kind.ApiKey.GetName(), strings.ReplaceAll(template, "{value}", parameter(kind.ApiKey.GetParameter())), "template for keys"
		default:
			p.findings.Lost(at, "", "a package has no template for keys in the query; owners of connections have to give %q with the key in it", template)
		}
	case *connectorv1.CredentialPlacement_AwsSignature, *connectorv1.CredentialPlacement_Hmac:
		p.findings.Lost(at, "", "a package has no signatures of requests; calls are sent without one unless custom code adds it")
	case *connectorv1.CredentialPlacement_Digest:
		p.findings.Lost(at, "", "a package has no digest authentication")
	case *connectorv1.CredentialPlacement_Certificate:
		p.findings.Lost(at, "", "a package has no client certificates")
	}
	return "", "", ""
}

func isOAuth(set *connectorv1.ParameterSet, name string) bool {
	for _, c := range set.GetParameters() {
		if c.GetName() == name {
			return c.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
		}
	}
	return false
}

func setHeader(title, name, value string) *tree.Object {
	return tree.New().Text("templateId", "setheader").Text("title", strings.ToUpper(title[:1])+title[1:]).
		Set("parameters", tree.New().
			Text(parameterPrefix+"name", name).
			Text(parameterPrefix+"value", value).
			Text(parameterPrefix+"existsAction", "override").
			Text(sectionKey, sections[connectorv1.PolicySection_POLICY_SECTION_REQUEST]))
}
