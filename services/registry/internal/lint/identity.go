package lint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxID is the greatest length of an operation id. The vendor does not publish
// its limit; this one is that of the names that designers make of ids.
const maxID = 80

// identityRules are about the ids of operations.
var identityRules = []rule{
	{
		"OperationIdRequired", fails,
		"the operation has no id", "add \"operationId\"", onOperation(func(o *operation, hit report) {
			if o.id == "" {
				hit(o.node)
			}
		}),
	},
	{
		"OperationIdNotUnique", fails,
		"the id %q is also that of another operation", "give each operation an id of its own", onOperation(func(o *operation, hit report) {
			if o.id != "" && o.doc.byID[o.id] != o {
				hit(o.node.Get("operationId"), o.id)
			}
		}),
	},
	{
		"OperationIdSanitized", warns,
		"the id %q has other characters than letters and digits", "write it with letters and digits only", onOperation(func(o *operation, hit report) {
			if clean := sanitized(o.id); clean != o.id {
				hit(o.node.Get("operationId"), o.id)
			}
		}),
	},
	{
		"OperationIdTooLong", fails,
		"the id %q is longer than 80 characters", "choose a shorter one", onOperation(func(o *operation, hit report) {
			if len(o.id) > maxID {
				hit(o.node.Get("operationId"), cut(o.id, 40))
			}
		}),
	},
	{
		"OperationIdNotPascalCase", warns,
		"the id %q does not start with a capital letter", "write it in PascalCase", onOperation(func(o *operation, hit report) {
			if first, _ := utf8.DecodeRuneInString(o.id); unicode.IsLower(first) {
				hit(o.node.Get("operationId"), o.id)
			}
		}),
	},
}

// sanitized is an id without what the vendor's products drop.
func sanitized(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, id)
}
