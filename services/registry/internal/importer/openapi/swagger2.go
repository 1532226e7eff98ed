package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// swagger2 is OpenAPI 2.0.
type swagger2 struct{ *translation }

var _ dialect = swagger2{}

func (d swagger2) invalid() (why, pointer string) {
	paths := d.root.Get("paths")
	if !paths.Is(document.Object) && !d.root.Get(pathsExtension).Is(document.Object) {
		return "\"paths\" is " + paths.Kind().String() + "; add an object", "/paths"
	}
	return "", ""
}

func (d swagger2) host() string { return d.root.Str("host") }

func (d swagger2) schemaMap() *document.Node { return d.root.Get("definitions") }

func (d swagger2) schemeMap() *document.Node { return d.root.Get("securityDefinitions") }

func (swagger2) siblings() bool { return false }

// methods2 are those of Swagger 2.0.
var methods2 = []string{"get", "put", "post", "delete", "options", "head", "patch"}

func (swagger2) isMethod(key string) bool { return slices.Contains(methods2, strings.ToLower(key)) }

func (swagger2) isMember(key string) bool { return key == "parameters" || key == "$ref" }

func (swagger2) locations() []string { return []string{"path", "query", "header", "body", "formData"} }

func (d swagger2) readOperation(op *connectorv1.Operation, path string, item, n *document.Node) []place {
	in := d.inputs(item, n)
	op.Parameters = d.parameters(path, in, n, d.parameter2)
	op.RequestBody = d.bodyOf(in, n)
	var places []place
	if newer := n.Get("requestBody"); op.GetRequestBody() == nil && newer.Is(document.Object) {
		d.note("KeyOfOpenAPI3", newer, "\"requestBody\" is not part of Swagger 2.0; it is read as OpenAPI 3 means it")
		body := d.resolve(newer)
		op.RequestBody = d.requestBody(body)
		places = append(places, bodyPlaces(body)...)
	}
	for _, p := range in {
		where := "/" + document.EscapeToken(p.Str("name"))
		switch p.Str("in") {
		case "body":
			// A mark on the parameter itself has no meaning: the body is no URL.
			places = append(places, place{pointer: "/body", schema: p.Get("schema")})
			continue
		case "formData":
			where = "/body" + where
		}
		places = append(places, place{pointer: where, node: p, schema: p.Get("schema")})
	}
	return places
}

func (d swagger2) readResponse(response *connectorv1.Response, r, n *document.Node) {
	schema := r.Get("schema")
	if newer := r.Get("content"); schema == nil && newer.Is(document.Object) {
		d.note("KeyOfOpenAPI3", newer, "\"content\" is not part of Swagger 2.0; it is read as OpenAPI 3 means it")
		response.Contents = d.contents(newer, isAnswer)
	}
	if schema == nil {
		return
	}
	text, binary := d.schemaOf(schema), d.isBinary(schema)
	for _, media := range d.mediaTypes(n, "produces") {
		content := &connectorv1.MediaType{MediaType: media, Kind: bodyKind(media), Schema: text}
		if binary {
			content.Kind = connectorv1.BodyKind_BODY_KIND_BINARY
			if media == mediaJSON {
				content.MediaType = mediaBinary
			}
		}
		if e := r.Get("examples").Get(media); e != nil {
			content.Examples = [][]byte{d.json(e)}
		}
		response.Contents = append(response.Contents, content)
	}
}

func (d swagger2) readHeader(h *connectorv1.ResponseHeader, n *document.Node) {
	h.Schema = d.valueSchema(n)
}
