package lint

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// maxCategories is how many categories a connector may have.
const maxCategories = 2

// metadataRules are about the outermost members of a document.
var metadataRules = []rule{
	{
		"SpecificationVersionIncorrect", fails,
		"the version of the format is %s", "write \"swagger\": \"2.0\"", onDocument(func(d *swagger, hit report) {
			if n := d.root.Get("swagger"); !n.Is(document.String) || n.Text() != "2.0" {
				hit(n, quoted(n))
			}
		}),
	},
	{
		"BasePathNotValid", fails,
		"the base path %q does not start with \"/\"", "write \"/\" in front of it", onDocument(func(d *swagger, hit report) {
			if n := d.root.Get("basePath"); n != nil && !strings.HasPrefix(n.Text(), "/") {
				hit(n, n.Text())
			}
		}),
	},
	{
		"HostNameNotValid", fails,
		"the host %q is not only a host", "write the host without scheme and path", onDocument(badHost),
	},
	{
		"ContactEmailNotValid", fails,
		"%q is no address of a mailbox", "write one, in ASCII", onDocument(badEmail),
	},
	{
		"UrlNotValid", fails,
		"%q is no absolute URL", "write it with its scheme and host", onDocument(badURLs),
	},
	{
		"ConnectorMetadataPropertiesMissing", fails,
		"\"x-ms-connector-metadata\" does not say %q", "add it", onDocument(metadataMissing),
	},
	{
		"InvalidConnectorCategory", fails,
		"%q is no category", "choose from the list in the vendor's documentation", onDocument(func(d *swagger, hit report) {
			categories(d, func(n *document.Node, list []string) {
				for _, c := range list {
					if !slices.Contains(knownCategories, c) {
						hit(n, c)
					}
				}
			})
		}),
	},
	{
		"TooManyConnectorCategories", warns,
		"the connector has %d categories; 2 are allowed", "choose two", onDocument(func(d *swagger, hit report) {
			categories(d, func(n *document.Node, list []string) {
				if len(list) > maxCategories {
					hit(n, len(list))
				}
			})
		}),
	},
	{
		"TagRedefined", fails,
		"the tag %q is defined twice", "remove one", onDocument(sameTags),
	},
	{
		"RequiredPropertyMissing", fails,
		"the member %q is missing", "add it", onDocument(membersMissing),
	},
	{
		"RequiredPropertyMissing", fails,
		"the member %q is missing", "add it", onParameter(parameterIncomplete),
	},
	{
		"RequiredPropertyMissing", fails,
		"the member %q is missing", "add it", onResponse(func(r *response, hit report) {
			if r.node == r.target && r.node.Get("$ref") == nil && r.node.Get("description") == nil {
				hit(r.node, "description")
			}
		}),
	},
	{
		"RequiredValueEmpty", fails,
		"the member %q is empty", "say what it is", onDocument(valuesEmpty),
	},
	{
		"RequiredValueEmpty", fails,
		"the member %q is empty", "say what it is", onOperation(func(o *operation, hit report) {
			for _, key := range []string{"operationId", "summary", "description"} {
				emptyText(o.node.Get(key), hit)
			}
		}),
	},
	{
		"JsonTypeIncorrect", fails,
		"%q should be %s and is %s", "write it so", onDocument(wrongTypes),
	},
	{
		"JsonTypeIncorrect", fails,
		"%q should be %s and is %s", "write it so", onOperation(func(o *operation, hit report) {
			typed(o.node, operationTypes, hit)
		}),
	},
	{
		"JsonValueNotInEnum", fails,
		"%q cannot be %s", "write \"path\", \"query\", \"header\", \"body\" or \"formData\"", onParameter(wrongLocation),
	},
	{
		"JsonValueNotInEnum", fails,
		"%q cannot be %s", "write a value that is defined", onOperation(func(o *operation, hit report) {
			if n := o.node.Get("x-ms-trigger"); n != nil && n.Text() != "single" && n.Text() != "batch" {
				hit(n, "x-ms-trigger", quoted(n))
			}
		}),
	},
	{
		"JsonValueNotInEnum", fails,
		"%q cannot be %s", "write \"important\", \"advanced\" or \"internal\"", onSchema(wrongVisibility),
	},
}

func badHost(d *swagger, hit report) {
	n := d.root.Get("host")
	text := n.Text()
	if n == nil || text == "" {
		return
	}
	u, err := url.Parse("https://" + text)
	if err != nil || u.Host != text || strings.ContainsAny(text, "/@ {}") {
		hit(n, text)
	}
}

func badEmail(d *swagger, hit report) {
	n := d.root.Get("info").Get("contact").Get("email")
	if n == nil {
		return
	}
	a, err := mail.ParseAddress(n.Text())
	if err != nil || a.Address != n.Text() || !isASCII(n.Text()) {
		hit(n, cut(n.Text(), 60))
	}
}

func badURLs(d *swagger, hit report) {
	info := d.root.Get("info")
	for _, n := range []*document.Node{
		info.Get("contact").Get("url"), info.Get("license").Get("url"), d.root.Get("externalDocs").Get("url"),
	} {
		if n != nil && !isURLText(n.Text()) {
			hit(n, cut(n.Text(), 60))
		}
	}
	for _, s := range d.root.Get("securityDefinitions").Children() {
		for _, key := range []string{"authorizationUrl", "tokenUrl"} {
			if n := s.Get(key); n != nil && !isURLText(n.Text()) {
				hit(n, cut(n.Text(), 60))
			}
		}
	}
}

func isURLText(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// metadata are the properties of "x-ms-connector-metadata" that are required.
var metadata = []string{"Website", "Privacy policy", "Categories"}

func metadataMissing(d *swagger, hit report) {
	list := d.root.Get("x-ms-connector-metadata")
	for _, name := range metadata {
		if !slices.ContainsFunc(list.Children(), func(n *document.Node) bool {
			return strings.EqualFold(n.Str("propertyName"), name) && n.Str("propertyValue") != ""
		}) {
			hit(list, name)
		}
	}
}

var knownCategories = []string{
	"AI", "Business Management", "Business Intelligence", "Collaboration", "Commerce", "Communication", "Content and Files", "Finance",
	"Data", "Human Resources", "Internet of Things", "IT Operations", "Lifestyle and Entertainment", "Marketing", "Productivity",
	"Sales and CRM", "Security", "Social Media", "Website",
}

func categories(d *swagger, f func(n *document.Node, list []string)) {
	for _, n := range d.root.Get("x-ms-connector-metadata").Children() {
		if !strings.EqualFold(n.Str("propertyName"), "Categories") || n.Str("propertyValue") == "" {
			continue
		}
		var list []string
		for c := range strings.SplitSeq(n.Str("propertyValue"), ";") {
			if c = strings.TrimSpace(c); c != "" {
				list = append(list, c)
			}
		}
		f(n, list)
	}
}

func sameTags(d *swagger, hit report) {
	seen := map[string]bool{}
	for _, t := range d.root.Get("tags").Children() {
		name := t.Str("name")
		if seen[name] {
			hit(t, name)
		}
		seen[name] = true
	}
}

func membersMissing(d *swagger, hit report) {
	for _, key := range []string{"info", "paths", "host"} {
		if d.root.Get(key) == nil {
			hit(d.root, key)
		}
	}
	info := d.root.Get("info")
	for _, key := range []string{"title", "description", "version", "contact"} {
		if info != nil && info.Get(key) == nil {
			hit(info, key)
		}
	}
}

func parameterIncomplete(p *parameter, hit report) {
	if p.isReference() || p.node.Get("$ref") != nil {
		return
	}
	for _, key := range []string{"name", "in"} {
		if p.node.Get(key) == nil {
			hit(p.node, key)
		}
	}
}

func emptyText(n *document.Node, hit report) {
	if n.Is(document.String) && strings.TrimSpace(n.Text()) == "" {
		hit(n, n.Key())
	}
}

func valuesEmpty(d *swagger, hit report) {
	for _, key := range []string{"title", "description", "version"} {
		emptyText(d.root.Get("info").Get(key), hit)
	}
	emptyText(d.root.Get("host"), hit)
}

// The kinds of members that are read.
var (
	documentTypes = map[string]document.Kind{
		"info": document.Object, "paths": document.Object, "definitions": document.Object, "parameters": document.Object,
		"responses": document.Object, "securityDefinitions": document.Object, "security": document.Array, "tags": document.Array,
		"schemes": document.Array, "consumes": document.Array, "produces": document.Array, "host": document.String,
		"basePath": document.String, "x-ms-connector-metadata": document.Array,
	}
	operationTypes = map[string]document.Kind{
		"summary": document.String, "description": document.String, "operationId": document.String, "deprecated": document.Bool,
		"parameters": document.Array, "responses": document.Object, "tags": document.Array, "consumes": document.Array,
		"produces": document.Array, "schemes": document.Array, "security": document.Array, "x-ms-api-annotation": document.Object,
	}
)

func wrongTypes(d *swagger, hit report) { typed(d.root, documentTypes, hit) }

func typed(n *document.Node, types map[string]document.Kind, hit report) {
	for _, m := range n.Children() {
		if want, known := types[m.Key()]; known && !m.Is(want) {
			hit(m, m.Key(), want.String(), m.Kind().String())
		}
	}
}

func wrongLocation(p *parameter, hit report) {
	n := p.node.Get("in")
	if n != nil && !slices.Contains([]string{"path", "query", "header", "body", "formData"}, n.Text()) {
		hit(n, "in", quoted(n))
	}
}

func wrongVisibility(s *schema, hit report) {
	if s.visibility == nil {
		return
	}
	switch strings.ToLower(s.visibility.Text()) {
	case "important", "advanced", "internal", "none", "":
		return
	}
	hit(s.visibility, "x-ms-visibility", quoted(s.visibility))
}
