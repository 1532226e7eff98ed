package postman

import (
	"net/textproto"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
)

// ordinary are headers of answers that say nothing about an API.
var ordinary = map[string]bool{
	"Age": true, "Alt-Svc": true, "Cf-Ray": true, "Connection": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Date": true, "Keep-Alive": true, "Nel": true, "Report-To": true, "Server": true,
	"Set-Cookie": true, "Strict-Transport-Security": true, "Transfer-Encoding": true, "Vary": true, "Via": true,
}

// answer is one status and media type, with all that was saved of it.
type answer struct {
	media   *connectorv1.MediaType
	samples []*document.Node
}

// responses groups the saved responses by status and media type. All that are
// in one group are samples of the same thing.
func (t *translation) responses(r *request) []*connectorv1.Response {
	var list []*connectorv1.Response
	byStatus := map[string]*connectorv1.Response{}
	answers := map[*connectorv1.MediaType]*answer{}
	for _, s := range r.responses {
		status := "default"
		if s.code >= 100 && s.code <= 599 {
			status = strconv.Itoa(s.code)
		}
		resp := byStatus[status]
		if resp == nil {
			resp = &connectorv1.Response{Status: status, Description: s.name}
			byStatus[status] = resp
			list = append(list, resp)
		}
		addHeaders(resp, s.headers)
		if strings.TrimSpace(s.body) != "" {
			t.content(resp, s, answers)
		}
	}
	for _, a := range answers {
		if len(a.samples) > 0 {
			a.media.Schema = sample.Schema(a.samples...)
		}
	}
	return list
}

// addHeaders notes the headers of an answer that belong to the API and not to the
// servers on the way. Values are those of one answer, and left out.
func addHeaders(resp *connectorv1.Response, headers []pair) {
	for _, h := range headers {
		name := textproto.CanonicalMIMEHeaderKey(h.key)
		if ordinary[name] || h.disabled || !isToken(name) || strings.HasPrefix(name, "Access-Control-") || len(resp.GetHeaders()) == MaxSchemes {
			continue
		}
		known := false
		for _, o := range resp.GetHeaders() {
			known = known || strings.EqualFold(o.GetName(), h.key)
		}
		if !known {
			resp.Headers = append(resp.Headers, &connectorv1.ResponseHeader{
				Name: h.key, Description: h.description, Schema: []byte(`{"type":"string"}`),
			})
		}
	}
}

// content adds the body of a saved response.
func (t *translation) content(resp *connectorv1.Response, s saved, answers map[*connectorv1.MediaType]*answer) {
	root := answered(s.body)
	media := languages[s.language]
	if root.Is(document.Object) || root.Is(document.Array) {
		media = mediaJSON
	} else if media == "" || media == mediaJSON || strings.HasSuffix(media, "javascript") {
		media = "text/plain"
	}
	media = declared(s.headers, media)
	a := answerFor(resp, media, answers)
	if a == nil {
		return
	}
	switch {
	case a.media.GetKind() == connectorv1.BodyKind_BODY_KIND_BINARY:
		a.media.Schema = []byte(`{"type":"string","format":"binary"}`)
	case a.media.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON && root != nil:
		a.samples = append(a.samples, root)
		t.example(a.media, t.redacted(nil, root, s.node))
	case a.media.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON:
		t.note("ExampleInvalid", s.node, "the saved response is not valid JSON and is ignored")
	default:
		a.media.Schema = []byte(`{"type":"string"}`)
		t.textExample(a.media, s.body, true, s.node)
	}
}

// answered reads a saved response as JSON; nil if it is not. What Postman made up
// from an API description becomes a value of the right type.
func answered(body string) *document.Node {
	typed := body
	for made, value := range madeUp {
		typed = strings.ReplaceAll(typed, made, value)
	}
	if root := strict(typed); root != nil {
		return root
	}
	return strict(body)
}

// answerFor returns the group of a representation, nil if there are too many.
func answerFor(resp *connectorv1.Response, media string, answers map[*connectorv1.MediaType]*answer) *answer {
	for _, m := range resp.GetContents() {
		if strings.EqualFold(m.GetMediaType(), media) {
			return answers[m]
		}
	}
	if len(resp.GetContents()) == MaxExamples {
		return nil
	}
	m := &connectorv1.MediaType{MediaType: media, Kind: bodyKind(media)}
	resp.Contents = append(resp.Contents, m)
	answers[m] = &answer{media: m}
	return answers[m]
}
