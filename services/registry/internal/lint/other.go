package lint

import (
	"strings"
	"unicode"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// otherFormatRules are those of the certification that can be checked whatever
// format a connector comes from: it has to become a connector package before it
// can be certified, and these would be refused then.
var otherFormatRules = []rule{
	{
		"CertificationNotApplicable", warns,
		"only connector packages and Swagger 2.0 can be certified; of the rules, those about titles, summaries and ids were applied",
		"export the connector as a package and look at that", onDefinition(func(m *model, hit report) { hit(nil) }),
	},
	{
		"FieldLengthExceeded", warns,
		"the title is longer than 30 characters", "shorten it", onDefinition(func(m *model, hit report) {
			if length(m.def.GetInfo().GetTitle()) > maxTitle {
				hit(m.at("/info/title"))
			}
		}),
	},
	{
		"FieldLengthNotInRange", warns,
		"the description has %d characters; there should be 30 to 500", "let it say what the connector does", onDefinition(func(m *model, hit report) {
			if n := length(m.def.GetInfo().GetDescription()); n < minDescription || n > maxDescription {
				hit(m.at("/info/description"), n)
			}
		}),
	},
	{
		"ValueContainsRestrictedWords", warns,
		"the title has the word %q", "use the name of the service", onDefinition(func(m *model, hit report) {
			if word := restrictedWord(m.def.GetInfo().GetTitle()); word != "" {
				hit(m.at("/info/title"), word)
			}
		}),
	},
	{
		"ValueMustEndWithAlphanumeric", warns,
		"the summary of the operation %q does not end with a letter or a digit", "let it end so", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			last, _ := utf8.DecodeLastRuneInString(op.GetSummary())
			if op.GetSummary() == "" || unicode.IsLetter(last) || unicode.IsDigit(last) || last == ')' {
				return nil
			}
			return []any{op.GetOperationId()}
		})),
	},
	{
		"OperationIdSanitized", warns,
		"the id %q has other characters than letters and digits", "write it with letters and digits only", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if id := op.GetOperationId(); sanitized(id) != id {
				return []any{id}
			}
			return nil
		})),
	},
	{
		"OperationSummaryTooLong", warns,
		"the summary of the operation %q is longer than 120 characters", "shorten it", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if length(op.GetSummary()) > maxSummary {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"RestrictedCharactersInSummary", warns,
		"the summary of the operation %q has the character \"/\"", "rephrase it", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if strings.Contains(op.GetSummary(), restrictedInSummary) {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"SummaryMissing", warns,
		"the operation %q has no summary", "add one", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if op.GetSummary() == "" {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"TotalOperationsCountExceedsMaxAllowed", warns,
		"there are %d operations; 256 are allowed", "select those that are needed", onDefinition(func(m *model, hit report) {
			if n := len(m.def.GetOperations()); n > maxOperations {
				hit(nil, n)
			}
		}),
	},
}
