package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of the vendor's validator.
const (
	maxOperations       = 256
	maxOperationSchemas = 16_384
	maxSummary          = 120
	restrictedInSummary = "/"
)

// operationRules are about what an operation takes and gives as a whole.
var operationRules = []rule{
	{
		"BodyOrFormDataParameterInFetchOperationNotAllowed", fails,
		"a GET operation has the parameter %q in its body", "move it to the query, or use POST", onOperation(bodyInFetch),
	},
	{
		"ConsumesMissing", warns,
		"the operation %q has a body and no \"consumes\" that is supported", "add \"consumes\": [\"application/json\"]", onOperation(consumesMissing),
	},
	{
		"MimeTypeNotCompatibleWithRequestContentSchemaType", fails,
		"the operation %q cannot send %s as %s", "let \"consumes\" and the parameters agree", onOperation(mimeMismatch),
	},
	{
		"StringBinaryNotSupportedForFormUrlEncoded", fails,
		"the parameter %q is binary and is sent in a URL-encoded form", "use \"multipart/form-data\"", onOperation(binaryForm),
	},
	{
		"OperationHasManyResponsesWithSchema", warns,
		"the operation %q describes the bodies of %d successful responses; one of them is used", "describe one",
		onOperation(manySchemas),
	},
	{
		"OperationMustHaveResponse", fails,
		"the operation %q has no responses", "add \"responses\"", onOperation(func(o *operation, hit report) {
			if len(o.responses) == 0 {
				hit(o.node, o.id)
			}
		}),
	},
	{
		"OperationShouldHaveSuccessfulResponse", warns,
		"the operation %q has no successful response", "add the status with which it succeeds", onOperation(noSuccess),
	},
	{
		"OperationSchemaCountExceedsMaxAllowed", fails,
		"the schemas of the operation %q are made of %d schemas; 16384 are allowed", "leave out what nobody needs",
		onOperation(tooManySchemas),
	},
	{
		"OperationSummaryTooLong", warns,
		"the summary is longer than 120 characters", "shorten it", onOperation(func(o *operation, hit report) {
			if length(o.summary) > maxSummary {
				hit(o.node.Get("summary"))
			}
		}),
	},
	{
		"RestrictedCharactersInSummary", warns,
		"the summary has the character %q", "rephrase it", onOperation(func(o *operation, hit report) {
			if i := strings.IndexAny(o.summary, restrictedInSummary); i >= 0 {
				hit(o.node.Get("summary"), o.summary[i:i+1])
			}
		}),
	},
	{
		"InvalidNextLinkNameValue", fails,
		"the next link is called %q", "only \"nextLink\" and \"@odata.nextLink\" are followed", onOperation(nextLink),
	},
	{
		"TotalOperationsCountExceedsMaxAllowed", fails,
		"there are %d operations; 256 are allowed", "split the connector, or leave out some", onDocument(func(d *swagger, hit report) {
			if n := len(d.operations); n > maxOperations {
				hit(d.root.Get("paths"), n)
			}
		}),
	},
}

func length(text string) int { return len([]rune(text)) }

func bodyInFetch(o *operation, hit report) {
	if o.method != "get" {
		return
	}
	for _, p := range o.all {
		if p.in == "body" || p.in == "formData" {
			hit(p.node, p.name)
		}
	}
}

// hasForm reports whether the operation has form parameters, and files in them.
func (o *operation) hasForm() (form, file bool) {
	for _, p := range o.all {
		form = form || p.in == "formData"
		file = file || p.in == "formData" && p.target.Str("type") == "file"
	}
	return form, file
}

func consumesMissing(o *operation, hit report) {
	form, _ := o.hasForm()
	if !form && o.body == nil || o.method == "get" {
		return
	}
	if len(o.consumes.Children()) == 0 {
		hit(o.node, o.id)
	}
}

func consumes(o *operation, mime string) bool {
	return slices.ContainsFunc(o.consumes.Children(), func(n *document.Node) bool {
		bare, _, _ := strings.Cut(strings.ToLower(n.Text()), ";")
		return strings.TrimSpace(bare) == mime
	})
}

const (
	multipart  = "multipart/form-data"
	urlEncoded = "application/x-www-form-urlencoded"
)

func mimeMismatch(o *operation, hit report) {
	if len(o.consumes.Children()) == 0 {
		return
	}
	form, file := o.hasForm()
	switch {
	case file && !consumes(o, multipart):
		hit(o.consumes, o.id, "a file", o.consumes.Children()[0].Text())
	case form && !consumes(o, multipart) && !consumes(o, urlEncoded):
		hit(o.consumes, o.id, "a form", o.consumes.Children()[0].Text())
	case o.body != nil && !form && o.onlyForms():
		hit(o.consumes, o.id, "a body that is no form", o.consumes.Children()[0].Text())
	}
}

// onlyForms reports whether everything that the operation consumes is a form.
func (o *operation) onlyForms() bool {
	return !slices.ContainsFunc(o.consumes.Children(), func(n *document.Node) bool {
		text := strings.ToLower(n.Text())
		return !strings.HasPrefix(text, multipart) && !strings.HasPrefix(text, urlEncoded)
	})
}

func binaryForm(o *operation, hit report) {
	if !consumes(o, urlEncoded) || consumes(o, multipart) {
		return
	}
	for _, p := range o.all {
		if p.in == "formData" && p.target.Str("format") == "binary" {
			hit(p.node, p.name)
		}
	}
}

func manySchemas(o *operation, hit report) {
	n := 0
	for _, r := range o.responses {
		if strings.HasPrefix(r.status, "2") && r.schema != nil {
			n++
		}
	}
	if n > 1 {
		hit(o.node.Get("responses"), o.id, n)
	}
}

func noSuccess(o *operation, hit report) {
	if len(o.responses) == 0 {
		return
	}
	for _, r := range o.responses {
		if strings.HasPrefix(r.status, "2") || strings.HasPrefix(r.status, "3") {
			return
		}
	}
	hit(o.node.Get("responses"), o.id)
}

func tooManySchemas(o *operation, hit report) {
	total := 0
	if o.body != nil {
		total += o.doc.sizeOf(o.body.target.Get("schema")).count
	}
	for _, r := range o.responses {
		if r.schema != nil {
			total += o.doc.sizeOf(r.schema).count
		}
	}
	if total > maxOperationSchemas {
		hit(o.node, o.id, total)
	}
}

func nextLink(o *operation, hit report) {
	n := o.node.Get("x-ms-pageable").Get("nextLinkName")
	if n != nil && n.Text() != "nextLink" && n.Text() != "@odata.nextLink" {
		hit(n, n.Text())
	}
}
