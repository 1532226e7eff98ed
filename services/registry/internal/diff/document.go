package diff

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The parts of an OpenAPI document that matter to the differ. Two documents have
// the same path for the same operation, whatever path it really has.
type (
	oasDocument struct {
		OpenAPI    string             `json:"openapi"`
		Info       map[string]string  `json:"info"`
		Paths      map[string]oasPath `json:"paths"`
		Components oasComponents      `json:"components"`
	}
	oasComponents struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	}
	oasPath struct {
		Post oasOperation `json:"post"`
	}
	oasOperation struct {
		OperationID string                 `json:"operationId"`
		Deprecated  bool                   `json:"deprecated,omitempty"`
		Parameters  []oasParameter         `json:"parameters,omitempty"`
		RequestBody *oasBody               `json:"requestBody,omitempty"`
		Responses   map[string]oasResponse `json:"responses"`
	}
	oasParameter struct {
		Name       string          `json:"name"`
		In         string          `json:"in"`
		Required   bool            `json:"required,omitempty"`
		Deprecated bool            `json:"deprecated,omitempty"`
		Schema     json.RawMessage `json:"schema,omitempty"`
	}
	oasBody struct {
		Required bool                `json:"required,omitempty"`
		Content  map[string]oasMedia `json:"content"`
	}
	oasMedia struct {
		Schema json.RawMessage `json:"schema,omitempty"`
	}
	oasResponse struct {
		Description string               `json:"description"`
		Headers     map[string]oasHeader `json:"headers,omitempty"`
		Content     map[string]oasMedia  `json:"content,omitempty"`
	}
	oasHeader struct {
		Required bool            `json:"required,omitempty"`
		Schema   json.RawMessage `json:"schema,omitempty"`
	}
)

// writer makes the document of some operations of one definition.
type writer struct {
	schemas *schemas
	refs    []string
}

// write returns the document of the operations, which may be nil.
func (w *writer) write(ops []*connectorv1.Operation) (*openapi3.T, error) {
	doc := oasDocument{
		OpenAPI: "3.1.0", Info: map[string]string{"title": "definition", "version": "1"},
		Paths: map[string]oasPath{}, Components: oasComponents{map[string]json.RawMessage{}},
	}
	for i, op := range ops {
		doc.Paths["/"+strconv.Itoa(i)] = oasPath{w.operation(op)}
		if hook := op.GetTrigger().GetWebhook(); hook != nil {
			doc.Paths[notificationPath(i)] = oasPath{w.notification(op, hook)}
		}
	}
	for _, name := range w.schemas.reach(w.refs) {
		doc.Components.Schemas[component(name)] = w.schemas.named(name).text
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write the operations: %w", err)
	}
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the operations: %w", err)
	}
	return spec, nil
}

// notificationPath is where what a webhook delivers is compared: callers receive
// it, as they do answers.
func notificationPath(i int) string { return "/" + strconv.Itoa(i) + "/notification" }

func (w *writer) schema(text []byte) json.RawMessage {
	if len(text) == 0 {
		text = []byte("{}") // the differ does not look where there is no schema
	}
	r := w.schemas.rewrite(text)
	w.refs = append(w.refs, r.refs...)
	return r.text
}

func (w *writer) operation(op *connectorv1.Operation) oasOperation {
	out := oasOperation{OperationID: op.GetOperationId(), Deprecated: op.GetDeprecated(), Responses: map[string]oasResponse{}}
	for _, p := range op.GetParameters() {
		in := locationName(p.GetLocation())
		out.Parameters = append(out.Parameters, oasParameter{
			Name: p.GetName(), In: in, Deprecated: p.GetDeprecated(), Schema: w.schema(p.GetSchema()),
			// A default counts as a value, except where it cannot be left out.
			Required: in == "path" || p.GetRequired() && !hasDefault(p.GetSchema()),
		})
	}
	if body := op.GetRequestBody(); body != nil {
		out.RequestBody = &oasBody{Required: body.GetRequired(), Content: w.contents(body.GetContents())}
	}
	for _, r := range op.GetResponses() {
		out.Responses[r.GetStatus()] = w.response(r.GetHeaders(), r.GetContents())
	}
	return out
}

func (w *writer) notification(op *connectorv1.Operation, hook *connectorv1.WebhookTrigger) oasOperation {
	contents := []*connectorv1.MediaType{{MediaType: "application/json", Schema: hook.GetNotificationSchema()}}
	return oasOperation{
		OperationID: op.GetOperationId() + " notification",
		Responses:   map[string]oasResponse{"200": w.response(hook.GetNotificationHeaders(), contents)},
	}
}

func (w *writer) contents(contents []*connectorv1.MediaType) map[string]oasMedia {
	out := make(map[string]oasMedia, len(contents))
	for _, m := range contents {
		out[m.GetMediaType()] = oasMedia{w.schema(m.GetSchema())}
	}
	return out
}

func (w *writer) response(headers []*connectorv1.ResponseHeader, contents []*connectorv1.MediaType) oasResponse {
	out := oasResponse{Headers: make(map[string]oasHeader, len(headers)), Content: w.contents(contents)}
	for _, h := range headers {
		out.Headers[h.GetName()] = oasHeader{Required: h.GetRequired(), Schema: w.schema(h.GetSchema())}
	}
	return out
}

func locationName(l connectorv1.ParameterLocation) string {
	switch l {
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
		return "path"
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER:
		return "header"
	case connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE:
		return "cookie"
	default:
		return "query"
	}
}

// hasDefault reports whether a schema has a default of its own.
func hasDefault(schema []byte) bool {
	doc, err := document.Parse("schema.json", schema)
	return err == nil && doc.Root().Get("default") != nil
}
