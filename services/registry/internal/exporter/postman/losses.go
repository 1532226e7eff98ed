package postman

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// lost and approximated report each kind of loss once, where it first happens.
func (w *writer) lost(kind, pointer, message string, args ...any) {
	if !w.said[kind] {
		w.said[kind] = true
		w.findings.Lost(pointer, "", message, args...)
	}
}

func (w *writer) approximated(kind, pointer, message string, args ...any) {
	if !w.said[kind] {
		w.said[kind] = true
		w.findings.Approximated(pointer, "", message, args...)
	}
}

// loss is something that a collection cannot say.
type loss struct {
	isThere               bool
	kind, pointer, reason string
}

func (w *writer) all(losses []loss) {
	for _, l := range losses {
		if l.isThere {
			w.lost(l.kind, l.pointer, "%s", l.reason)
		}
	}
}

// losses reports what the definition as a whole loses.
func (w *writer) losses() {
	def, info := w.def, w.def.GetInfo()
	if len(def.GetSchemas()) > 0 {
		w.approximated("schemas", "/schemas", "Postman has no schemas; requests and responses show examples of them")
	}
	if len(def.GetServers()) > 1 {
		w.approximated("servers", "/servers/1", "the variable \"baseUrl\" holds the first server; the others are left out")
	}
	w.all([]loss{
		{len(def.GetParameterSets()) > 1, "sets", "/parameterSets/1", "the collection authenticates as the first parameter set does; others are only used where an operation needs them"},
		{
			slices.ContainsFunc(def.GetParameterSets(), func(s *connectorv1.ParameterSet) bool { return s.GetUnsupported() != nil }),
			"unsupported", "/parameterSets", "ways to authenticate that are not supported are left out; requests are sent without credentials",
		},
		{len(def.GetPolicies()) > 0, "policies", "/policies", "Postman has no policies; requests are sent as they stand"},
		{len(def.GetScripts()) > 0, "scripts", "/scripts", "custom code of a connector does not run in Postman and is left out"},
		{len(def.GetRateLimits()) > 0, "rates", "/rateLimits", "Postman does not keep to rate limits"},
		{len(def.GetErrorRules()) > 0, "errors", "/errorRules", "Postman shows failures as the API reports them"},
		{def.GetConnectionTest() != nil, "test", "/connectionTest", "Postman does not test connections"},
		{def.GetFilePicker() != nil, "picker", "/filePicker", "Postman has no file pickers"},
		{len(def.GetExtensions())+len(info.GetExtensions()) > 0, "extensions", "/extensions", "vendor extensions are left out"},
		{
			info.GetContact() != nil || info.GetLicense() != nil || info.GetTermsOfService() != "" || info.GetPublisher() != "" ||
				info.GetStackOwner() != "" || info.GetBrandColor() != "" || info.GetIcon() != nil || info.GetSummary() != "" ||
				len(info.GetCategories())+len(info.GetLinks())+len(info.GetKeywords()) > 0,
			"info", "/info", "a collection has a name, a description and a version; what else is said about the connector is left out",
		},
	})
}

// operationLosses reports what an operation loses.
func (w *writer) operationLosses(pointer string, op *connectorv1.Operation) {
	responses := 0
	for _, r := range op.GetResponses() {
		responses += len(r.GetLinks())
	}
	w.all([]loss{
		{op.GetTrigger() != nil, "triggers", pointer + "/trigger", "Postman has no triggers; they are plain requests"},
		{len(op.GetDynamics()) > 0, "dynamics", pointer + "/dynamics", "values and schemas that other operations supply are left out"},
		{op.GetRequiresScript(), "code", pointer + "/requiresScript", "operations that need custom code are plain requests"},
		{len(op.GetTags()) > 1, "tags", pointer + "/tags/1", "a request is in one folder; tags after the first are left out"},
		{len(op.GetServers()) > 1, "operation servers", pointer + "/servers/1", "a request goes to one server; others are left out"},
		{op.GetPagination() != nil, "pagination", pointer + "/pagination", "Postman does not know how lists go on"},
		{op.GetCache() != nil || op.GetCost() > 1, "cache", pointer, "how long answers are kept and what calls cost is left out"},
		{op.GetIdempotencyKeyHeader() != "", "keys", pointer + "/idempotencyKeyHeader", "Postman makes no keys for repeating requests"},
		{op.GetChunkTransfer() != nil, "chunks", pointer + "/chunkTransfer", "Postman does not send bodies in chunks"},
		{op.GetDeprecated() || op.GetFamily() != nil, "deprecated", pointer, "deprecation and versions of operations are left out"},
		{op.GetVisibility() != 0, "visibility", pointer + "/visibility", "everything is shown in the same way"},
		{op.GetSafety().GetNeedsConfirmation(), "confirmation", pointer + "/safety", "Postman asks nobody before it sends a request"},
		{op.GetAgentProtocol()+op.GetModelName()+op.GetModelDescription() != "", "models", pointer, "what is said to language models is left out"},
		{op.GetDocumentationUrl() != "", "documentation", pointer + "/documentationUrl", "links to documentation are left out"},
		{responses > 0, "links", pointer + "/responses", "links between operations are left out"},
		{len(op.GetExtensions()) > 0, "extensions", pointer + "/extensions", "vendor extensions are left out"},
	})
}

// parameterLosses reports what a parameter loses.
func (w *writer) parameterLosses(pointer string, p *connectorv1.Parameter) {
	unusual := p.GetStyle() != connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED || p.GetContentType() != "" || p.GetAllowReserved() ||
		p.GetUrlEncoding() == connectorv1.UrlEncoding_URL_ENCODING_DOUBLE
	if unusual {
		w.approximated("styles", pointer+"/style", "Postman sends values as they are written; styles of lists and objects are left to whoever writes them")
	}
	if !w.said["parameter schemas"] && !isPlain(p.GetSchema()) {
		w.approximated("parameter schemas", pointer+"/schema", "Postman has no schemas; parameters show an example")
	}
	w.all([]loss{
		{p.GetVisibility() != 0, "visibility", pointer + "/visibility", "everything is shown in the same way"},
		{p.GetSummary() != "", "titles", pointer + "/summary", "parameters have no display titles"},
		{p.GetDeprecated(), "deprecated", pointer, "deprecation and versions of operations are left out"},
		{len(p.GetExtensions()) > 0, "extensions", pointer + "/extensions", "vendor extensions are left out"},
	})
}

// isPlain reports whether a schema says no more than a type.
func isPlain(schema []byte) bool {
	return !strings.Contains(string(schema), ",") && !strings.Contains(string(schema), "$ref")
}
