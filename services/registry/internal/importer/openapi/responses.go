package openapi

import (
	"regexp"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// status is what a response may be listed under.
var status = regexp.MustCompile(`^([1-9][0-9]{2}|[1-5]XX|default)$`)

// responses reads the possible answers in the order of the source.
func (t *translation) responses(n *document.Node) []*connectorv1.Response {
	var list []*connectorv1.Response
	for _, c := range firstOf(n.Get("responses").Children(), MaxParameters) {
		if isExtension(c.Key()) {
			continue
		}
		code := c.Key()
		if len(code) == 3 && strings.HasSuffix(code, "xx") {
			code = strings.ToUpper(code)
		}
		if !status.MatchString(code) {
			t.warn("ResponseStatusInvalid", c, "write a status code or \"default\"",
				"%q is no status code; the response is ignored", c.Key())
			continue
		}
		if r := t.resolve(c); r != nil {
			response := t.response(code, r, n)
			if own := c.Str("description"); c != r && own != "" && t.dialect.siblings() {
				response.Description = own
			}
			list = append(list, response)
		}
	}
	return list
}

func (t *translation) response(status string, r, n *document.Node) *connectorv1.Response {
	response := &connectorv1.Response{
		Status: status, Description: r.Str("description"), Extensions: t.extensions(r),
	}
	for _, c := range firstOf(r.Get("headers").Children(), MaxParameters) {
		if !c.Is(document.Object) {
			continue
		}
		if h := t.resolve(c); h != nil {
			header := &connectorv1.ResponseHeader{Name: c.Key(), Description: h.Str("description"), Summary: h.Str("x-ms-summary")}
			t.dialect.readHeader(header, h)
			response.Headers = append(response.Headers, header)
		}
	}
	t.dialect.readResponse(response, r, n)
	return response
}
