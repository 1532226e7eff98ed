package connectorpackage

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// maxTemplateBytes is how long a template of a provider is that is looked into.
	maxTemplateBytes = 8 << 10
	// maxUnknownPlaceholders is how many unknown placeholders of one provider are
	// reported.
	maxUnknownPlaceholders = 20
)

// placeholdersOfProviders are those that templates of an OAuth provider can
// always use, in lower case.
var placeholdersOfProviders = []string{
	"clientid", "clientsecret", "redirecturl", "state", "scopes", "code", "refreshtoken",
}

// checkTemplates looks at the templates of the settings n: what nobody fills in
// is empty, and a secret has no place in a URL that a browser opens. beside are
// the connection parameters of the set.
func (p *pack) checkTemplates(settings *connectorv1.OAuthSettings, n, beside *document.Node) {
	known := slices.Clone(placeholdersOfProviders)
	add := func(name string) { known = append(known, strings.ToLower(name)) }
	for name := range settings.GetCustomParameters() {
		add(name)
	}
	for _, a := range settings.GetAdditionalParameters() {
		add(a.GetName())
	}
	for _, c := range beside.Children() {
		add(c.Key())
		if _, name, isSub := strings.Cut(c.Key(), ":"); isSub {
			add(name)
		}
	}
	for _, c := range n.GetFold("customParameters").Children() {
		value := c
		if c.Is(document.Object) {
			value = c.GetFold("value")
		}
		if strings.Contains(strings.ToLower(c.Key()), "template") {
			p.checkTemplate(c, value.Text(), known)
		}
	}
}

func (p *pack) checkTemplate(n *document.Node, template string, known []string) {
	reported := 0
	for _, name := range placeholdersIn(template) {
		lower := strings.ToLower(name)
		if lower == "clientsecret" && strings.HasPrefix(strings.ToLower(n.Key()), "authorizationurl") {
			p.warn("ClientSecretInURL", n, "take {"+name+"} out: providers do not need it there",
				"%q puts the client secret into a URL that the browser of whoever signs in opens and keeps", n.Key())
		}
		if slices.Contains(known, lower) || reported == maxUnknownPlaceholders {
			continue
		}
		reported++
		p.report(format.Info, "OAuthPlaceholderUnknown", n, "", "nothing gives %q in %q a value; it stands for nothing", "{"+name+"}", n.Key())
	}
}

// placeholdersIn returns what is in braces, each once, in order.
func placeholdersIn(template string) []string {
	var names []string
	for rest := template; len(template) <= maxTemplateBytes; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			break
		}
		name, _, closed := strings.Cut(after, "}")
		if closed && isPlaceholderName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
		rest = after
	}
	return names
}

// isPlaceholderName tells names from JSON that templates of bodies hold.
func isPlaceholderName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r == '_' || r == '-' || r == '.' || r == ':' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	})
}

// checkGateway reports sign-ins as a user of Windows, which happen on a machine in
// a private network and with protocols that are not spoken here.
func (p *pack) checkGateway(n *document.Node, list []*connectorv1.ConnectionParameter) {
	isAgent := func(c *connectorv1.ConnectionParameter) bool {
		return c.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT
	}
	if !slices.ContainsFunc(list, isAgent) {
		return
	}
	isWindows := func(v *connectorv1.AllowedValue) bool { return strings.EqualFold(v.GetValue(), "windows") }
	for _, c := range list {
		if !strings.EqualFold(c.GetName(), "authType") {
			continue
		}
		if strings.EqualFold(c.GetDefaultValue(), "windows") || slices.ContainsFunc(c.GetAllowedValues(), isWindows) {
			p.warn("AuthKindNotSupported", n.Get(c.GetName()), "use another way to authenticate, or put a proxy that does NTLM in front of the API",
				"signing in as a user of Windows is not supported; connections that choose it cannot be used")
		}
	}
}
