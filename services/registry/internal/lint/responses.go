package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// responseRules are about responses.
var responseRules = []rule{
	{
		"DefaultResponseHasSchema", warns,
		"the default response describes a body", "describe the bodies of statuses that are expected", onResponse(func(r *response, hit report) {
			if r.operation != nil && r.status == "default" && r.schema != nil {
				hit(r.node)
			}
		}),
	},
	{
		"OnlyDefaultResponse", warns,
		"there is no response but \"default\"", "add the statuses that are known", onOperation(func(o *operation, hit report) {
			if len(o.responses) == 1 && o.responses[0].status == "default" {
				hit(o.responses[0].node)
			}
		}),
	},
	{
		"ResponseExampleMustBeProducedByOperation", fails,
		"there is an example of %q, which the operation does not produce", "add it to \"produces\", or remove the example",
		onResponse(exampleProduced),
	},
	{
		"ResponseHeadersAreNotUnique", fails,
		"the header %q is there twice", "remove one; case does not count", onResponse(sameHeaders),
	},
	{
		"ResponseMustBeDefaultOrHttpStatusCode", fails,
		"%q is no status", "write three digits or \"default\"", onResponse(badStatus),
	},
	{
		"ResponseReferenceNotFound", fails,
		"there is no response %q", "declare it, or refer to another", onResponse(func(r *response, hit report) {
			if ref := r.node.Str("$ref"); strings.HasPrefix(ref, "#/responses/") && r.node == r.target {
				hit(r.node.Get("$ref"), ref)
			}
		}),
	},
	{
		"ResponseReferenceNotValid", fails,
		"the reference %q does not lead to a response", "write \"#/responses/\" and its name", onResponse(func(r *response, hit report) {
			if ref := r.node.Get("$ref"); ref != nil && !strings.HasPrefix(ref.Text(), "#/responses/") {
				hit(ref, ref.Text())
			}
		}),
	},
	{
		"ResponseRefLoopNotAllowed", fails,
		"the shared response is itself a reference", "write the response here", onResponse(func(r *response, hit report) {
			if ref := r.node.Get("$ref"); ref != nil && r.operation == nil {
				hit(ref)
			}
		}),
	},
	{
		"SchemaDefinitionSetIncorrectly", warns,
		"the operation %q describes what it returns, but not for the status 200 or 201",
		"describe it there, or in \"x-ms-notification-content\" of a webhook", onOperation(schemaOnOther),
	},
}

func exampleProduced(r *response, hit report) {
	if r.operation == nil || r.operation.produces == nil {
		return
	}
	for _, e := range r.target.Get("examples").Children() {
		if !slices.ContainsFunc(r.operation.produces.Children(), func(p *document.Node) bool { return sameMime(p.Text(), e.Key()) }) {
			hit(e, e.Key())
		}
	}
}

func sameMime(a, b string) bool {
	a, _, _ = strings.Cut(a, ";")
	b, _, _ = strings.Cut(b, ";")
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

func sameHeaders(r *response, hit report) {
	if r.node != r.target {
		return
	}
	seen := map[string]bool{}
	for _, h := range r.node.Get("headers").Children() {
		name := strings.ToLower(h.Key())
		if seen[name] {
			hit(h, h.Key())
		}
		seen[name] = true
	}
}

func badStatus(r *response, hit report) {
	if r.operation == nil || r.status == "default" {
		return
	}
	if n, err := strconv.Atoi(r.status); err != nil || n < 100 || n > 599 {
		hit(r.node, r.status)
	}
}

// schemaOnOther reports operations whose output designers do not see. One
// without any output is none of its business.
func schemaOnOther(o *operation, hit report) {
	described := false
	for _, r := range o.responses {
		if r.schema == nil {
			continue
		}
		if r.status == "200" || r.status == "201" {
			return
		}
		described = described || strings.HasPrefix(r.status, "2")
	}
	webhook := o.isWebhook() && o.trigger != ""
	if webhook && o.item.node.Get("x-ms-notification-content").Get("schema") != nil {
		return
	}
	if described || webhook {
		hit(o.node, o.id)
	}
}
