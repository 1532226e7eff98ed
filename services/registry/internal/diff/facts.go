package diff

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// facts compares what OpenAPI has no words for.
func (c *comparison) facts(old, fresh *connectorv1.Operation) {
	o := about{c, old.GetOperationId()}
	if old.GetKind() != fresh.GetKind() {
		o.add(Breaking, "operation-kind-changed", "kind", "the operation was %s and is %s", kindName(old.GetKind()), kindName(fresh.GetKind()))
	}
	if old.GetMethod() != fresh.GetMethod() {
		o.add(Breaking, "operation-method-changed", "method", "the method changed from %s to %s", old.GetMethod(), fresh.GetMethod())
	}
	if old.GetPath() != fresh.GetPath() {
		o.add(Breaking, "operation-path-changed", "path", "the path changed from %q to %q", old.GetPath(), fresh.GetPath())
	}
	o.availability(old, fresh)
	o.parameters(old, fresh)
	o.encodings(old.GetRequestBody(), fresh.GetRequestBody())
	o.answers(old.GetResponses(), fresh.GetResponses())
	o.security(old.GetSecurity(), fresh.GetSecurity())
	c.servers(old.GetOperationId(), old.GetServers(), fresh.GetServers())
	o.behaviour(old, fresh)
	o.trigger(old.GetTrigger(), fresh.GetTrigger())
	o.dynamics(old.GetDynamics(), fresh.GetDynamics())
	o.texts(old, fresh)
}

// about adds changes of one operation.
type about struct {
	c  *comparison
	id string
}

func (o about) add(i Impact, code, subject, message string, args ...any) {
	o.c.add(i, code, o.id, subject, message, args...)
}

// differ adds a change if two messages are not equal.
func (o about) differ(old, fresh proto.Message, i Impact, code, subject, message string) {
	if !proto.Equal(old, fresh) {
		o.add(i, code, subject, "%s", message)
	}
}

func kindName(k connectorv1.OperationKind) string {
	switch k {
	case connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER:
		return "a polling trigger"
	case connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER:
		return "a webhook trigger"
	default:
		return "an action"
	}
}

// availability is whether the operation can be found and called.
func (o about) availability(old, fresh *connectorv1.Operation) {
	const internal = connectorv1.Visibility_VISIBILITY_INTERNAL
	switch {
	case old.GetVisibility() == fresh.GetVisibility():
	case fresh.GetVisibility() == internal:
		o.add(Risky, "operation-hidden", "visibility", "the operation is not shown to people any more")
	case old.GetVisibility() == internal:
		o.add(Compatible, "operation-shown", "visibility", "the operation is shown to people now")
	default:
		o.add(None, "operation-visibility-changed", "visibility", "the operation is shown in another place")
	}
	if fresh.GetRequiresScript() && !old.GetRequiresScript() {
		o.add(Breaking, "operation-script-required", "script", "the operation needs custom code now")
	}
	if old.GetRequiresScript() && !fresh.GetRequiresScript() {
		o.add(Compatible, "operation-script-not-required", "script", "the operation needs no custom code any more")
	}
	if old.GetAgentProtocol() != fresh.GetAgentProtocol() {
		o.add(Breaking, "operation-protocol-changed", "protocol", "the protocol for automated callers changed")
	}
	if old.GetDeprecated() && !fresh.GetDeprecated() {
		o.add(Compatible, "operation-not-deprecated", "deprecation", "the operation is not deprecated any more")
	}
	if !old.GetDeprecated() && fresh.GetDeprecated() {
		o.add(Compatible, "operation-deprecated", "deprecation", "the operation is deprecated; it still works")
	}
}

// parameters compares what is not part of their schemas.
func (o about) parameters(old, fresh *connectorv1.Operation) {
	each(old.GetParameters(), fresh.GetParameters(), nameIn(old, fresh), func(_ string, a, b *connectorv1.Parameter) {
		if a == nil || b == nil {
			return // the differ's
		}
		name := a.GetName()
		subject := "parameter " + name
		if a.GetLocation() != b.GetLocation() {
			o.add(Risky, "parameter-location-changed", subject, "the parameter %q is sent in the %s instead of the %s", name, locationName(b.GetLocation()), locationName(a.GetLocation()))
		}
		if a.GetStyle() != b.GetStyle() || a.GetExplode() != b.GetExplode() || a.GetAllowReserved() != b.GetAllowReserved() ||
			a.GetUrlEncoding() != b.GetUrlEncoding() || a.GetContentType() != b.GetContentType() || a.GetAllowEmptyValue() != b.GetAllowEmptyValue() {
			o.add(Risky, "parameter-serialisation-changed", subject, "the parameter %q is written in another way", name)
		}
		const internal = connectorv1.Visibility_VISIBILITY_INTERNAL
		if b.GetVisibility() == internal && a.GetVisibility() != internal {
			o.add(Breaking, "parameter-hidden", subject, "people cannot give the parameter %q any more", name)
		}
		if a.GetVisibility() == internal && b.GetVisibility() != internal {
			o.add(Compatible, "parameter-shown", subject, "people can give the parameter %q now", name)
		}
	})
}

// nameIn returns what parameters of both operations are told apart by: the name,
// as callers know no places, unless there are several of that name.
func nameIn(old, fresh *connectorv1.Operation) func(*connectorv1.Parameter) string {
	several := map[string]bool{}
	for _, op := range []*connectorv1.Operation{old, fresh} {
		seen := map[string]bool{}
		for _, p := range op.GetParameters() {
			several[p.GetName()] = several[p.GetName()] || seen[p.GetName()]
			seen[p.GetName()] = true
		}
	}
	return func(p *connectorv1.Parameter) string {
		if several[p.GetName()] {
			return locationName(p.GetLocation()) + " " + p.GetName()
		}
		return p.GetName()
	}
}

// encodings compares how the parts of forms are written, and what kinds of bodies
// there are.
func (o about) encodings(old, fresh *connectorv1.RequestBody) {
	each(old.GetContents(), fresh.GetContents(), (*connectorv1.MediaType).GetMediaType, func(name string, a, b *connectorv1.MediaType) {
		if a == nil || b == nil {
			return // the differ's
		}
		if a.GetKind() != b.GetKind() || !equalLists(a.GetEncodings(), b.GetEncodings()) {
			o.add(Risky, "request-body-encoding-changed", "body", "bodies of the type %q are written in another way", name)
		}
	})
	if len(old.GetContents()) > 0 && len(fresh.GetContents()) > 0 &&
		old.GetContents()[0].GetMediaType() != fresh.GetContents()[0].GetMediaType() {
		o.add(Risky, "request-body-default-changed", "body", "bodies are sent as %q unless callers say otherwise, not as %q",
			fresh.GetContents()[0].GetMediaType(), old.GetContents()[0].GetMediaType())
	}
}

// answers compares how the runtime reads answers.
func (o about) answers(old, fresh []*connectorv1.Response) {
	each(old, fresh, (*connectorv1.Response).GetStatus, func(status string, a, b *connectorv1.Response) {
		if a == nil || b == nil {
			return // the differ's
		}
		each(a.GetContents(), b.GetContents(), (*connectorv1.MediaType).GetMediaType, func(name string, x, y *connectorv1.MediaType) {
			if x != nil && y != nil && (x.GetKind() != y.GetKind() || !equalLists(x.GetEncodings(), y.GetEncodings())) {
				o.add(Risky, "response-body-encoding-changed", "response "+status, "answers of the type %q are read in another way", name)
			}
		})
	})
}

func equalLists[M proto.Message](a, b []M) bool {
	return slices.EqualFunc(a, b, func(x, y M) bool { return proto.Equal(x, y) })
}

// security compares alternatives: each is a set of schemes with scopes.
func (o about) security(old, fresh []*connectorv1.SecurityRequirement) {
	before, after := alternatives(old), alternatives(fresh)
	if len(after) == 0 && len(before) > 0 {
		o.add(Risky, "operation-security-open", "security", "the operation gets whatever the connection authenticates with, not only %s", before[0])
		return
	}
	for _, key := range before {
		if !slices.Contains(after, key) {
			o.add(Breaking, "operation-security-removed", "security", "the operation does not accept %s any more", key)
		}
	}
	for _, key := range after {
		switch {
		case slices.Contains(before, key):
		case len(before) == 0:
			o.add(Breaking, "operation-security-added", "security", "the operation demands %s now", key)
		default:
			o.add(Compatible, "operation-security-alternative-added", "security", "the operation also accepts %s", key)
		}
	}
	if len(before) == len(after) && !slices.Equal(before, after) && slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
		o.add(Risky, "operation-security-reordered", "security", "the operation prefers another authentication")
	}
}

func alternatives(list []*connectorv1.SecurityRequirement) []string {
	var all []string
	for _, alternative := range list {
		var parts []string
		for _, s := range alternative.GetSchemes() {
			scopes := slices.Sorted(slices.Values(s.GetScopes()))
			if len(scopes) == 0 {
				parts = append(parts, fmt.Sprintf("%q", s.GetSchemeId()))
			} else {
				parts = append(parts, fmt.Sprintf("%q with the scopes %q", s.GetSchemeId(), scopes))
			}
		}
		slices.Sort(parts)
		if len(parts) == 0 {
			parts = []string{"calls without authentication"}
		}
		all = append(all, strings.Join(parts, " and "))
	}
	return all
}

// behaviour compares what happens around a call.
func (o about) behaviour(old, fresh *connectorv1.Operation) {
	o.differ(old.GetPagination(), fresh.GetPagination(), Risky, "operation-pagination-changed", "pagination", "the rest of a list is asked for in another way")
	o.differ(old.GetChunkTransfer(), fresh.GetChunkTransfer(), Risky, "operation-chunks-changed", "chunks", "large bodies travel in other chunks")
	o.resilience(old, fresh)
	a, b := old.GetSafety(), fresh.GetSafety()
	if a.GetIdempotent() && !b.GetIdempotent() || a.GetSafe() && !b.GetSafe() || !a.GetNeedsConfirmation() && b.GetNeedsConfirmation() {
		o.add(Risky, "operation-less-safe", "safety", "the operation must be called with more care")
	} else if !proto.Equal(a, b) {
		o.add(Compatible, "operation-safer", "safety", "the operation can be called with less care")
	}
	if old.GetModelName() != fresh.GetModelName() {
		o.add(Risky, "operation-model-name-changed", "model name", "language models know the operation by another name")
	}
}

// dynamics compares features by the value that they are for, in their order.
func (o about) dynamics(old, fresh []*connectorv1.DynamicFeature) {
	key := func(d *connectorv1.DynamicFeature) string { return fmt.Sprint(d.GetSide(), d.GetPointer()) }
	group := func(list []*connectorv1.DynamicFeature) map[string][]*connectorv1.DynamicFeature {
		groups := map[string][]*connectorv1.DynamicFeature{}
		for _, d := range list {
			groups[key(d)] = append(groups[key(d)], d)
		}
		return groups
	}
	before, after := group(old), group(fresh)
	each(old, fresh, key, func(k string, a, b *connectorv1.DynamicFeature) {
		switch {
		case b == nil:
			o.add(Risky, "dynamic-feature-removed", "dynamic "+a.GetPointer(), "the API does not supply %q any more", a.GetPointer())
		case a == nil:
			o.add(Compatible, "dynamic-feature-added", "dynamic "+b.GetPointer(), "the API supplies %q now", b.GetPointer())
		case !equalLists(before[k], after[k]):
			o.add(Risky, "dynamic-feature-changed", "dynamic "+a.GetPointer(), "%q is asked for in another way", a.GetPointer())
		}
	})
}

// texts reports what is only for people or for other programs.
func (o about) texts(old, fresh *connectorv1.Operation) {
	if old.GetSummary() != fresh.GetSummary() || old.GetDescription() != fresh.GetDescription() ||
		old.GetDocumentationUrl() != fresh.GetDocumentationUrl() || old.GetModelDescription() != fresh.GetModelDescription() {
		o.add(None, "operation-texts-changed", "texts", "texts of the operation changed")
	}
	if !slices.Equal(old.GetTags(), fresh.GetTags()) || !proto.Equal(old.GetFamily(), fresh.GetFamily()) ||
		old.GetUntested() != fresh.GetUntested() || !equalLists(old.GetExtensions(), fresh.GetExtensions()) {
		o.add(None, "operation-details-changed", "details", "details of the operation changed that do not matter for calls")
	}
}
