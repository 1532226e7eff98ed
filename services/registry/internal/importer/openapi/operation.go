package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// operation reads the operation n of a path item.
func (t *translation) operation(path string, item, n *document.Node) *connectorv1.Operation {
	method := strings.ToUpper(n.Key())
	op := &connectorv1.Operation{
		OperationId:      t.operationID(method, path, n),
		Summary:          n.Str("summary"),
		Description:      n.Str("description"),
		Kind:             connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Method:           method,
		Path:             path,
		Tags:             texts(n.Get("tags")),
		Visibility:       t.visibility(n),
		Safety:           safety(method, n),
		Security:         t.requirements(n),
		DocumentationUrl: n.Get("externalDocs").Str("url"),
		SourcePointer:    n.Pointer(),
	}
	if op.GetSummary() == "" {
		op.Summary = n.Str("x-ms-summary")
	}
	op.Deprecated, _ = flag(n.Get("deprecated"))
	in := t.inputs(item, n)
	op.Parameters = t.parameters(path, in, n)
	op.RequestBody = t.requestBody(in, n)
	op.Responses = t.responses(n)
	t.trigger(op, in, item, n)
	t.operationExtensions(op, item, n)
	return op
}

// operationExtensions keeps what nothing above has read. The model has no path
// items, so that what stands there goes to each of its operations, unless they
// say something else themselves.
func (t *translation) operationExtensions(op *connectorv1.Operation, item, n *document.Node) {
	interpreted := []string{
		"x-ms-visibility", "x-ms-trigger", "x-ms-trigger-hint", "x-ms-safe-operation",
		"x-ms-require-user-confirmation", pollingExtension, signatureExtension,
	}
	if n.Str("summary") == "" {
		interpreted = append(interpreted, "x-ms-summary")
	}
	f, complete := family(n.Get("x-ms-api-annotation"))
	op.Family = f
	if complete {
		interpreted = append(interpreted, "x-ms-api-annotation")
	}
	op.Extensions = t.extensions(n, interpreted...)
	for _, e := range item.Children() {
		isContent := e.Key() == "x-ms-notification-content" && op.GetTrigger().GetWebhook() != nil
		if isExtension(e.Key()) && n.Get(e.Key()) == nil && !isContent {
			op.Extensions = append(op.Extensions, t.extension(e))
		}
	}
}

// safety reads what the method promises (RFC 9110, section 9.2), and what the
// document says against it.
func safety(method string, n *document.Node) *connectorv1.Safety {
	s := &connectorv1.Safety{
		Safe:       slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, method),
		Idempotent: slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}, method),
	}
	if safe, ok := flag(n.Get("x-ms-safe-operation")); ok {
		s.Safe = safe
		s.Idempotent = s.Idempotent || safe
	}
	s.NeedsConfirmation, _ = flag(n.Get("x-ms-require-user-confirmation"))
	for _, ai := range n.Get("x-ms-openai-data").Get("operations").Children() {
		id := ai.Str("operationId")
		confirm, _ := flag(ai.Get("x-ms-require-user-confirmation"))
		if confirm && (id == "" || id == n.Str("operationId")) {
			s.NeedsConfirmation = true
		}
	}
	return s
}

// texts returns the strings of a list; a single string is a list of one.
func texts(n *document.Node) []string {
	if n.Is(document.String) {
		return []string{n.Text()}
	}
	var list []string
	for _, c := range n.Children() {
		if c.Is(document.String) {
			list = append(list, c.Text())
		}
	}
	return list
}
