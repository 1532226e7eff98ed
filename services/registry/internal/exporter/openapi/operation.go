package openapi

import (
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// methods are those that a path item of all versions has.
var methods = []string{"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"}

// isWebhook reports whether the operation is registered by hand, so that it has
// no path.
func isWebhook(op *connectorv1.Operation) bool {
	return op.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL &&
		op.GetPath() == ""
}

func (r *rendering) hasWebhooks() bool { return slices.ContainsFunc(r.def.GetOperations(), isWebhook) }

// operations sets all operations under their paths. What has no place there is
// kept whole by the extension that lists such operations.
func (r *rendering) operations() {
	for i, op := range r.def.GetOperations() {
		at := place{operation: op.GetOperationId()}.at("operations", i)
		item := r.item(op, at)
		if item == nil {
			continue
		}
		method := strings.ToLower(op.GetMethod())
		if item.Has(method) {
			r.lost(at, "the path %q has another %s operation; this one is left out of the paths", op.GetPath(), op.GetMethod())
			continue
		}
		o := r.operation(op, at)
		item.Set(method, o)
		r.notification(item, o, op, at)
	}
}

// item returns the path item of an operation, nil if there is none for it.
func (r *rendering) item(op *connectorv1.Operation, at place) *tree.Object {
	isKnown := slices.Contains(methods, op.GetMethod()) || (!r.version.isSwagger() && op.GetMethod() == "TRACE")
	switch {
	case !isKnown:
		r.lost(at, "%s has no operations with the method %q; it is left out of the paths", r.version, op.GetMethod())
		return nil
	case strings.HasPrefix(op.GetPath(), "/"):
		return r.doc.Object("paths").Object(op.GetPath())
	case !isWebhook(op):
		r.lost(at, "the operation has no path; it is left out of the paths")
		return nil
	case r.version != V31:
		r.lost(at, "%s has no webhooks; the trigger is left out", r.version)
		return nil
	}
	name := op.GetTrigger().GetWebhook().GetEventName()
	if name == "" {
		name = op.GetOperationId()
	}
	return r.doc.Object("webhooks").Object(name)
}

// operation returns an operation object.
func (r *rendering) operation(op *connectorv1.Operation, at place) *tree.Object {
	o := tree.New().Texts("tags", op.GetTags()).
		Text("summary", op.GetSummary()).
		Text("description", op.GetDescription())
	if op.GetDocumentationUrl() != "" {
		o.Set("externalDocs", tree.New().Text("url", op.GetDocumentationUrl()))
	}
	o.Text("operationId", op.GetOperationId())
	switch {
	case r.version.isSwagger():
		r.inputs2(o, op, at)
		o.Set("responses", r.responses(op, at))
	case isWebhook(op):
		r.request(o, op.GetTrigger().GetWebhook(), at)
	default:
		r.inputs3(o, op, at)
		o.Set("responses", r.responses(op, at))
		r.callbacks(o, op, at)
	}
	o.True("deprecated", op.GetDeprecated())
	r.operationSecurity(o, op, at)
	r.operationServers(o, op, at)
	r.operationExtensions(o, op, at)
	r.extend(o, op.GetExtensions(), at)
	r.dynamics(o, op)
	return o
}

func (r *rendering) operationServers(o *tree.Object, op *connectorv1.Operation, at place) {
	servers := r.servers(op.GetServers())
	switch {
	case len(servers) == 0:
	case r.version.isSwagger():
		r.lost(at.in("servers"), "%s has no servers of single operations", r.version)
	default:
		o.Set("servers", servers)
	}
}

// inputs3 sets the parameters and the body of OpenAPI 3.
func (r *rendering) inputs3(o *tree.Object, op *connectorv1.Operation, at place) {
	var list tree.List
	for i, p := range op.GetParameters() {
		list = append(list, r.parameter3(p, at.at("parameters", i)))
	}
	if len(list) > 0 {
		o.Set("parameters", list)
	}
	if op.GetRequestBody() != nil {
		o.Set("requestBody", r.body3(op.GetRequestBody(), at.in("requestBody")))
	}
}

// responses returns the answers by status.
func (r *rendering) responses(op *connectorv1.Operation, at place) *tree.Object {
	named := tree.New()
	for i, response := range op.GetResponses() {
		at := at.at("responses", i)
		o := tree.New().Set("description", tree.String(response.GetDescription()))
		if r.version.isSwagger() {
			r.answer2(o, response, at)
		} else {
			r.answer3(o, response, at)
		}
		r.extend(o, response.GetExtensions(), at)
		named.Set(response.GetStatus(), o)
	}
	if named.Len() == 0 && (r.version == V30 || r.version == V2) {
		// One at least has to be there.
		named.Set("default", tree.New().Text("description", "Nothing is known about the answer."))
	}
	return named
}

// visibilities are the values of x-ms-visibility.
var visibilities = map[connectorv1.Visibility]string{
	connectorv1.Visibility_VISIBILITY_IMPORTANT: "important",
	connectorv1.Visibility_VISIBILITY_ADVANCED:  "advanced",
	connectorv1.Visibility_VISIBILITY_INTERNAL:  "internal",
}

// operationExtensions sets the vendor's extensions that the model interprets. An
// extension that is kept as it was says the same, and perhaps more.
func (r *rendering) operationExtensions(o *tree.Object, op *connectorv1.Operation, at place) {
	v := vendor{object: o, kept: op.GetExtensions()}
	v.set("x-ms-visibility", text(visibilities[op.GetVisibility()]))
	r.triggerExtensions(v, op, at)
	v.safety(op)
	v.family(op.GetFamily())
	if p := op.GetPagination(); p != nil {
		v.set("x-ms-pageable", tree.New().Text("nextLinkName", p.GetNextLinkProperty()))
	}
	v.chunks(op.GetChunkTransfer())
	v.set("x-ms-agentic-protocol", text(op.GetAgentProtocol()))
	v.set("x-ms-name-for-model", text(op.GetModelName()))
	v.set("x-ms-description-for-model", text(op.GetModelDescription()))
	if op.GetUntested() {
		v.set("x-ms-no-generic-test", tree.Bool(true))
	}
}

// vendor sets extensions that are not kept anyway.
type vendor struct {
	object *tree.Object
	kept   []*connectorv1.Extension
}

// set sets the extension unless it is kept or there is nothing to say.
func (v vendor) set(name string, value tree.Value) {
	if value != nil && !has(v.kept, name) {
		v.object.Set(name, value)
	}
}

// text returns a string, nothing for an empty one.
func text(s string) tree.Value {
	if s == "" {
		return nil
	}
	return tree.String(s)
}

// safety says what the method alone does not.
func (v vendor) safety(op *connectorv1.Operation) {
	if op.GetSafety() == nil {
		return
	}
	if byMethod := slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, op.GetMethod()); byMethod != op.GetSafety().GetSafe() {
		v.set("x-ms-safe-operation", tree.Bool(op.GetSafety().GetSafe()))
	}
	if op.GetSafety().GetNeedsConfirmation() && !has(v.kept, "x-ms-openai-data") {
		v.set("x-ms-require-user-confirmation", tree.Bool(true))
	}
}

func (v vendor) family(f *connectorv1.OperationFamily) {
	if f == nil {
		return
	}
	o := tree.New().Text("family", f.GetName()).Set("revision", tree.Int(f.GetRevision())).Text("status", f.GetStatus())
	o.Some("replacement", tree.New().Text("api", f.GetReplacementApi()).Text("operationId", f.GetReplacementOperationId()))
	v.set("x-ms-api-annotation", o.Text("expires", f.GetExpires()))
}

func (v vendor) chunks(c *connectorv1.ChunkTransfer) {
	if c == nil {
		return
	}
	o := tree.New().Set("chunkTransfer", tree.Bool(true))
	for _, size := range []struct {
		name string
		mib  int32
	}{
		{"acceptUploadChunkSizeInMB", c.GetAcceptUploadMib()},
		{"minimumUploadChunkSizeInMB", c.GetMinimumUploadMib()},
		{"maximumUploadChunkSizeInMB", c.GetMaximumUploadMib()},
		{"acceptDownloadChunkSizeInMB", c.GetAcceptDownloadMib()},
		{"minimumDownloadChunkSizeInMB", c.GetMinimumDownloadMib()},
		{"maximumDownloadChunkSizeInMB", c.GetMaximumDownloadMib()},
	} {
		if size.mib != 0 {
			o.Set(size.name, tree.Raw(strconv.Itoa(int(size.mib))))
		}
	}
	v.set("x-ms-capabilities", o)
}
