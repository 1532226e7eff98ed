package openapi

import (
	"regexp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// status is what a response may be listed under.
var status = regexp.MustCompile(`^([1-9][0-9]{2}|[1-5]XX|default)$`)

// responses reads the possible answers in the order of the source.
func (t *translation) responses(n *document.Node) []*connectorv1.Response {
	var list []*connectorv1.Response
	for _, c := range n.Get("responses").Children() {
		if isExtension(c.Key()) {
			continue
		}
		if !status.MatchString(c.Key()) {
			t.warn("ResponseStatusInvalid", c, "write a status code or \"default\"",
				"%q is no status code; the response is ignored", c.Key())
			continue
		}
		if r := t.resolve(c); r != nil {
			list = append(list, t.response(c.Key(), r, n))
		}
	}
	return list
}

func (t *translation) response(status string, r, n *document.Node) *connectorv1.Response {
	response := &connectorv1.Response{
		Status: status, Description: r.Str("description"), Extensions: t.extensions(r),
	}
	for _, h := range r.Get("headers").Children() {
		if h.Is(document.Object) {
			response.Headers = append(response.Headers, &connectorv1.ResponseHeader{
				Name: h.Key(), Description: h.Str("description"), Schema: t.valueSchema(h),
			})
		}
	}
	schema := r.Get("schema")
	if schema == nil {
		return response
	}
	text, binary := t.schemaOf(schema), t.isBinary(schema)
	for _, media := range t.mediaTypes(n, "produces") {
		content := &connectorv1.MediaType{MediaType: media, Kind: bodyKind(media), Schema: text}
		if binary {
			content.Kind = connectorv1.BodyKind_BODY_KIND_BINARY
			if media == mediaJSON {
				content.MediaType = mediaBinary
			}
		}
		if e := r.Get("examples").Get(media); e != nil {
			content.Examples = [][]byte{e.JSON()}
		}
		response.Contents = append(response.Contents, content)
	}
	return response
}
