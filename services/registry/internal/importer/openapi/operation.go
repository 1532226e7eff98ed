package openapi

import (
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// operation reads the operation n of a path item. Its pointer is left to the
// caller.
func (t *translation) operation(path, method string, item, n *document.Node) *connectorv1.Operation {
	op := &connectorv1.Operation{
		OperationId:      t.operationID(method, path, n),
		Summary:          n.Str("summary"),
		Description:      n.Str("description"),
		Kind:             connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Method:           method,
		Path:             path,
		Tags:             t.tagsOf(n),
		Visibility:       t.visibility(n),
		Safety:           safety(method),
		Security:         t.requirements(n),
		DocumentationUrl: n.Get("externalDocs").Str("url"),
	}
	if op.GetSummary() == "" {
		op.Summary = n.Str("x-ms-summary")
	}
	op.Deprecated, _ = vendor.Flag(n.Get("deprecated"))
	places := t.dialect.readOperation(op, path, item, n)
	op.Responses = t.responses(n)
	t.trigger(op, places, item, n)
	t.operationExtensions(op, item, n)
	return op
}

// maxTags is the greatest number of tags of one operation, which is what the
// registry's interface takes.
const maxTags = 64

// tagsOf returns the tags of an operation.
func (t *translation) tagsOf(n *document.Node) []string {
	list := texts(n.Get("tags"))
	if len(list) > maxTags {
		t.warn("TagsTooMany", n.Get("tags"), "remove some", "the operation has more than %d tags; the rest is ignored", maxTags)
	}
	return firstOf(list, maxTags)
}

// operationExtensions reads what extensions say about the operation as a whole,
// and keeps what nobody has read. The model has no path items, so that what
// stands there goes to each of its operations, unless they say something else
// themselves.
func (t *translation) operationExtensions(op *connectorv1.Operation, item, n *document.Node) {
	t.webhookRules(op, n)
	interpreted := []string{"x-ms-visibility", "x-ms-trigger", "x-ms-trigger-hint", pollingExtension, signatureExtension, webhookExtension}
	if n.Str("summary") == "" {
		interpreted = append(interpreted, "x-ms-summary")
	}
	interpreted = append(interpreted, t.vendor.Operation(op, item, n)...)
	op.Extensions = t.extensions(n, interpreted...)
	for _, e := range item.Children() {
		isContent := e.Key() == "x-ms-notification-content" && op.GetTrigger().GetWebhook() != nil
		if isExtension(e.Key()) && n.Get(e.Key()) == nil && !isContent {
			op.Extensions = append(op.Extensions, t.extension(e))
		}
	}
}

// safety is what the method promises (RFC 9110, section 9.2).
func safety(method string) *connectorv1.Safety {
	safe := slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"}, method)
	return &connectorv1.Safety{Safe: safe, Idempotent: safe || method == "PUT" || method == "DELETE"}
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
