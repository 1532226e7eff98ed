package definition

import (
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func (v *validation) operation(at string, op *connectorv1.Operation) {
	if !isMethod(op.GetMethod()) {
		v.wrong(at+"/method", "must be an HTTP method in upper case, not %q", op.GetMethod())
	}
	v.path(at, op)
	v.kind(at, op)
	v.servers(at+"/servers", op.GetServers())
	for i, alternative := range op.GetSecurity() {
		for j, ref := range alternative.GetSchemes() {
			if !v.schemeIDs[ref.GetSchemeId()] {
				v.wrong(fmt.Sprintf("%s/security/%d/schemes/%d/schemeId", at, i, j),
					"must be the id of a security scheme, and %q is none", ref.GetSchemeId())
			}
		}
	}
	for i, m := range op.GetRequestBody().GetContents() {
		v.media(fmt.Sprintf("%s/requestBody/contents/%d", at, i), m)
	}
	for i, r := range op.GetResponses() {
		for j, m := range r.GetContents() {
			v.media(fmt.Sprintf("%s/responses/%d/contents/%d", at, i, j), m)
		}
		for j, l := range r.GetLinks() {
			v.refers(fmt.Sprintf("%s/responses/%d/links/%d/operationId", at, i, j), l.GetOperationId())
		}
	}
	for i, d := range op.GetDynamics() {
		v.dynamic(fmt.Sprintf("%s/dynamics/%d", at, i), d)
	}
	v.call(at+"/trigger/simulation", op.GetTrigger().GetSimulation())
	v.resilience(at, op)
}

// isMethod reports whether s is a method as RFC 9110 has it, without lower-case
// letters.
func isMethod(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || 'a' <= c && c <= 'z' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}

func (v *validation) media(at string, m *connectorv1.MediaType) {
	if m.GetMediaType() == "" {
		v.wrong(at+"/mediaType", "must not be empty")
	}
	if m.GetKind() == connectorv1.BodyKind_BODY_KIND_UNSPECIFIED {
		v.wrong(at+"/kind", "must be given, for instance \"JSON\"")
	}
}

// path checks the path template against the parameters.
func (v *validation) path(at string, op *connectorv1.Operation) {
	declared := v.parameters(at, op)
	if op.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL {
		if op.GetPath() != "" {
			v.wrong(at+"/path", "must be empty, since the webhook is registered by hand")
		}
		return
	}
	if !strings.HasPrefix(op.GetPath(), "/") {
		v.wrong(at+"/path", "must start with \"/\", not be %q", op.GetPath())
		return
	}
	names, ok := placeholders(op.GetPath())
	if !ok {
		v.wrong(at+"/path", "must have matching braces, unlike %q", op.GetPath())
		return
	}
	used := map[string]bool{}
	for _, n := range names {
		used[n] = true
		if !declared[n] {
			v.wrong(at+"/path", "must only use path parameters that are declared, and %q is not", n)
		}
	}
	for i, p := range op.GetParameters() {
		if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH && !used[p.GetName()] {
			v.wrong(fmt.Sprintf("%s/parameters/%d/name", at, i), "must be used in the path, and %q is not", p.GetName())
		}
	}
}

// parameters checks them and returns the names of those of the path.
func (v *validation) parameters(at string, op *connectorv1.Operation) map[string]bool {
	type key struct {
		location connectorv1.ParameterLocation
		name     string
	}
	seen := make(map[key]bool, len(op.GetParameters()))
	path := map[string]bool{}
	for i, p := range op.GetParameters() {
		k := key{p.GetLocation(), p.GetName()}
		pointer := fmt.Sprintf("%s/parameters/%d", at, i)
		switch {
		case k.name == "":
			v.wrong(pointer+"/name", "must not be empty")
		case k.location == connectorv1.ParameterLocation_PARAMETER_LOCATION_UNSPECIFIED:
			v.wrong(pointer+"/location", "must be given, for instance \"QUERY\"")
		case seen[k]:
			v.wrong(pointer+"/name", "must be unique in its location, and %q is there twice", k.name)
		}
		seen[k] = true
		if k.location == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			path[k.name] = true
		}
	}
	return path
}

// kind checks that triggers say how they work, and what they refer to.
func (v *validation) kind(at string, op *connectorv1.Operation) {
	t := op.GetTrigger()
	switch op.GetKind() {
	case connectorv1.OperationKind_OPERATION_KIND_ACTION:
		if t != nil {
			v.wrong(at+"/trigger", "must not be there, since the operation is an action")
		}
	case connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER:
		if t.GetPolling() == nil {
			v.wrong(at+"/trigger/polling", "must say how the polling trigger works")
		}
		v.polling(at+"/trigger/polling", t.GetPolling())
	case connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER:
		if t.GetWebhook() == nil {
			v.wrong(at+"/trigger/webhook", "must say how the webhook trigger works")
		}
		v.webhook(at+"/trigger/webhook", t.GetWebhook())
	default:
		v.wrong(at+"/kind", "must be given, for instance \"ACTION\"")
	}
}

func (v *validation) dynamic(at string, d *connectorv1.DynamicFeature) {
	switch k := d.GetKind().(type) {
	case *connectorv1.DynamicFeature_Values:
		v.call(at+"/values/call", k.Values.GetCall())
	case *connectorv1.DynamicFeature_Schema:
		v.call(at+"/schema/call", k.Schema.GetCall())
	case *connectorv1.DynamicFeature_Tree:
		v.call(at+"/tree/open/call", k.Tree.GetOpen().GetCall())
		v.call(at+"/tree/browse/call", k.Tree.GetBrowse().GetCall())
	default:
		v.wrong(at, "must have a kind, for instance \"values\"")
	}
}

// call checks a dynamic call; nil is none. Like a policy it may name an operation
// that does not exist, as descriptions do: it has no effect then.
func (v *validation) call(at string, c *connectorv1.DynamicCall) {
	if t, ok := c.GetTarget().(*connectorv1.DynamicCall_OperationId); ok && t.OperationId == "" {
		v.wrong(at+"/operationId", "must not be empty")
	}
}
