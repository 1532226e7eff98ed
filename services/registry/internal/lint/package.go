package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// maxFile is the greatest size of a document, a script or an icon: 1 MB.
const maxFile = 1_000_000

// properties is the second document of a connector package.
type properties struct {
	// root is its member "properties".
	root *document.Node
	doc  *swagger
	// files are all of the package.
	files []format.File
}

// packageRules are about what stands beside the document in a connector package.
var packageRules = []rule{
	{
		"IconBrandColorMissing", fails,
		"there is no \"iconBrandColor\"", "add the colour behind the icon", onProperties(func(p *properties, hit report) {
			if p.root.GetFold("iconBrandColor").Text() == "" {
				hit(p.root)
			}
		}),
	},
	{
		"IconBrandColorNotAllowed", fails,
		"the brand colour %q is one that nobody chose", "take another than #007ee5 and #ffffff", onProperties(func(p *properties, hit report) {
			n := p.root.GetFold("iconBrandColor")
			if c := strings.ToLower(n.Text()); c == "#007ee5" || c == "#ffffff" {
				hit(n, n.Text())
			}
		}),
	},
	{
		"PublisherMissing", fails,
		"there is no \"publisher\"", "add who publishes the connector", onProperties(lacksText("publisher")),
	},
	{
		"StackOwnerMissing", fails,
		"there is no \"stackOwner\"", "add who owns the service", onProperties(lacksText("stackOwner")),
	},
	{
		"PublisherNotAlphanumeric", warns,
		"%q has other characters than letters, digits and spaces", "write the plain name", onProperties(func(p *properties, hit report) {
			for _, key := range []string{"publisher", "stackOwner"} {
				if n := p.root.GetFold(key); strings.ContainsFunc(n.Text(), isOdd) {
					hit(n, n.Text())
				}
			}
		}),
	},
	{
		"CapabilityUnknown", warns,
		"%q is no capability", "use \"actions\", \"triggers\", \"gateway\" or \"cloud\"", onProperties(func(p *properties, hit report) {
			for _, n := range p.root.GetFold("capabilities").Children() {
				if !slices.Contains(capabilities, strings.ToLower(n.Text())) {
					hit(n, n.Text())
				}
			}
		}),
	},
	{
		"RedirectModeNotPerConnector", warns,
		"the redirect URL is shared by all connectors (redirectMode %q)", "write \"GlobalPerConnector\"", onProperties(redirectMode),
	},
	{
		"IdentityProviderUnknown", warns,
		"%q is no identity provider that is known", "check its spelling", onProperties(unknownProvider),
	},
	{
		"ConnectionParameterTextMissing", warns,
		"the connection parameter %q has no name or description to show", "add both to \"uiDefinition\"", onProperties(parameterTexts),
	},
	{
		"ScriptOperationNotFound", fails,
		"there is no operation %q for the script", "name an operation of the document", onProperties(func(p *properties, hit report) {
			for _, n := range p.root.GetFold("scriptOperations").Children() {
				if p.doc.byID[n.Text()] == nil {
					hit(n, n.Text())
				}
			}
		}),
	},
	{
		"FileTooLarge", fails,
		"the file %q is larger than 1 MB", "make it smaller", onProperties(func(p *properties, hit report) {
			for _, f := range p.files {
				if len(f.Content) > maxFile {
					hit(p.root, f.Path)
				}
			}
		}),
	},
}

func lacksText(key string) func(*properties, report) {
	return func(p *properties, hit report) {
		if strings.TrimSpace(p.root.GetFold(key).Text()) == "" {
			hit(p.root)
		}
	}
}

var capabilities = []string{"actions", "triggers", "gateway", "cloud", "cloud only", "tabular", "blob", "composite", "general", "vnetgateway"}

// eachParameter hands the connection parameters of all sets to f.
func (p *properties) eachParameter(f func(n *document.Node)) {
	for _, n := range p.root.GetFold("connectionParameters").Children() {
		f(n)
	}
	for _, set := range p.root.GetFold("connectionParameterSets").GetFold("values").Children() {
		for _, n := range set.GetFold("parameters").Children() {
			f(n)
		}
	}
}

func (p *properties) eachOAuth(f func(settings *document.Node)) {
	p.eachParameter(func(n *document.Node) {
		if settings := n.GetFold("oAuthSettings"); settings.Is(document.Object) {
			f(settings)
		}
	})
}

func redirectMode(p *properties, hit report) {
	p.eachOAuth(func(settings *document.Node) {
		n := settings.GetFold("redirectMode")
		if !strings.EqualFold(n.Text(), "GlobalPerConnector") {
			if n == nil {
				n = settings
			}
			hit(n, settings.GetFold("redirectMode").Text())
		}
	})
}

var providers = []string{
	"oauth2", "oauth2generic", "oauth2pkce", "oauth2pkcewithprm", "aad", "aadcertificate", "facebook", "github", "google", "dropbox",
	"salesforce", "salesforcev2", "linkedin", "instagram", "twitter", "docusign",
}

func unknownProvider(p *properties, hit report) {
	p.eachOAuth(func(settings *document.Node) {
		if n := settings.GetFold("identityProvider"); !slices.Contains(providers, strings.ToLower(n.Text())) {
			hit(settings, n.Text())
		}
	})
}

func parameterTexts(p *properties, hit report) {
	p.eachParameter(func(n *document.Node) {
		ui := n.GetFold("uiDefinition")
		hidden := ui.GetFold("constraints").GetFold("hidden").Text() == "true"
		if hidden || n.GetFold("oAuthSettings") != nil {
			return
		}
		if ui.GetFold("displayName").Text() == "" || ui.GetFold("description").Text() == "" && ui.GetFold("schema").GetFold("description").Text() == "" {
			hit(n, n.Key())
		}
	})
}

// isOdd reports whether a character belongs into no name.
func isOdd(r rune) bool { return r < ' ' || strings.ContainsRune("<>{}[]\"\\|^`", r) }
