package openapi

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// openapi3 is OpenAPI 3.0, 3.1 and 3.2.
type openapi3 struct {
	*translation
	minor int
}

var _ dialect = openapi3{}

// latestMinor is the newest minor version whose specification is known here.
const latestMinor = 2

// minorOf returns the minor version of an OpenAPI 3 document, -1 if it is none.
// YAML reads "3.0" as a number.
func minorOf(root *document.Node) int {
	major, rest, _ := strings.Cut(strings.TrimSpace(scalarText(root.Get("openapi"))), ".")
	if major != "3" {
		return -1
	}
	text, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(text)
	if err != nil || minor < 0 {
		return 0
	}
	return minor
}

func (d openapi3) invalid() (why, pointer string) {
	if d.minor > latestMinor {
		d.note("VersionUnknown", d.root.Get("openapi"), "OpenAPI %s is newer than what is known here; it is read as 3.%d",
			d.root.Get("openapi").Text(), latestMinor)
	}
	for _, key := range []string{"paths", webhooksKey, pathsExtension} {
		if d.root.Get(key).Is(document.Object) {
			return "", ""
		}
	}
	if paths := d.root.Get("paths"); paths != nil {
		return "\"paths\" is " + paths.Kind().String() + "; write an object", "/paths"
	}
	if d.root.Get("components").Is(document.Object) && d.minor > 0 {
		return "", "" // a library of components is a document since 3.1
	}
	return "\"paths\" is nothing; add an object", "/paths"
}

func (d openapi3) schemaMap() *document.Node { return d.root.Get("components").Get("schemas") }

func (d openapi3) schemeMap() *document.Node { return d.root.Get("components").Get("securitySchemes") }

func (d openapi3) siblings() bool { return d.minor > 0 }

// methods3 are those of OpenAPI 3.0.
var methods3 = append(slices.Clone(methods2), "trace")

func (d openapi3) isMethod(key string) bool {
	method := strings.ToLower(key)
	return slices.Contains(methods3, method) || (method == "query" && d.minor > 1)
}

func (d openapi3) isMember(key string) bool {
	return key == "parameters" || key == "servers" || key == "summary" || key == "description" || key == "$ref" ||
		(key == additional && d.minor > 1)
}

func (openapi3) locations() []string {
	return []string{"path", "query", "header", "cookie", "querystring"}
}

func (d openapi3) readOperation(op *connectorv1.Operation, path string, item, n *document.Node) []place {
	if op.GetSummary() == "" && op.GetDescription() == "" {
		op.Summary, op.Description = item.Str("summary"), item.Str("description")
	}
	in := d.usable(d.inputs(item, n))
	op.Parameters = d.parameters(path, in, n, d.parameter3)
	op.Parameters = append(op.Parameters, d.queryStrings(op.GetParameters(), in)...)
	op.Servers = d.serversOf(item, n)
	body := d.resolveOptional(n.Get("requestBody"))
	op.RequestBody = d.requestBody(body)
	var places []place
	for _, p := range in {
		places = append(places, place{pointer: "/" + document.EscapeToken(p.Str("name")), node: p, schema: p.Get("schema")})
	}
	d.callbacks(op, n)
	return append(places, bodyPlaces(body)...)
}

// bodyPlaces returns the body as a place for a callback URL.
func bodyPlaces(body *document.Node) []place {
	contents := body.Get("content").Children()
	if len(contents) == 0 {
		return nil
	}
	return []place{{pointer: "/body", schema: contents[0].Get("schema")}}
}

// resolveOptional is resolve for what may be absent.
func (t *translation) resolveOptional(n *document.Node) *document.Node {
	if n == nil {
		return nil
	}
	return t.resolve(n)
}

func (d openapi3) readResponse(response *connectorv1.Response, r, _ *document.Node) {
	if response.GetDescription() == "" {
		response.Description = r.Str("summary")
	}
	response.Headers = slices.DeleteFunc(response.GetHeaders(), func(h *connectorv1.ResponseHeader) bool {
		return strings.EqualFold(h.GetName(), "Content-Type") // the media type is said elsewhere
	})
	response.Contents = d.contents(r.Get("content"), isAnswer)
	d.readLinks(response, r.Get("links"))
}

func (d openapi3) readHeader(h *connectorv1.ResponseHeader, n *document.Node) {
	h.Required, _ = vendor.Flag(n.Get("required"))
	h.Deprecated, _ = vendor.Flag(n.Get("deprecated"))
	h.Schema = d.schemaOf(n.Get("schema"))
	if contents := n.Get("content").Children(); h.GetSchema() == nil && len(contents) > 0 {
		h.Schema = d.schemaOf(contents[0].Get("schema"))
	}
}
