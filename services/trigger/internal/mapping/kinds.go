package mapping

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// kinds is what the value of an expression is in JSON, as far as is known without an
// event: the name of a type with its article, empty if it may be anything.
type kinds string

const (
	anything  kinds = ""
	aString   kinds = "a string"
	anInteger kinds = "an integer"
	aNumber   kinds = "a number"
	aBoolean  kinds = "a boolean"
	anArray   kinds = "an array"
	anObject  kinds = "an object"
	onlyNull  kinds = "null"
)

// texts are the members of an event that are never anything else in JSON.
var texts = []string{"id", "source", "type", "subject", "time", "subscription", "revision"}

// optionalType is what the library calls the type of optional values.
const optionalType = "optional_type"

// kindsOf returns what an expression makes.
func kindsOf(checked *cel.Ast) kinds {
	if e := checked.NativeRep().Expr(); e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly() {
		operand := e.AsSelect().Operand()
		if operand.Kind() == ast.IdentKind && operand.AsIdent() == variable && slices.Contains(texts, e.AsSelect().FieldName()) {
			return aString
		}
	}
	return kindsOfType(checked.OutputType())
}

func kindsOfType(t *cel.Type) kinds {
	switch t.Kind() {
	case types.BoolKind:
		return aBoolean
	case types.IntKind, types.UintKind:
		return anInteger
	case types.DoubleKind:
		return aNumber
	case types.StringKind, types.BytesKind, types.TimestampKind, types.DurationKind:
		return aString
	case types.ListKind:
		return anArray
	case types.MapKind:
		return anObject
	case types.NullTypeKind:
		return onlyNull
	case types.OpaqueKind: // an optional value that is absent is left out
		if t.TypeName() == optionalType && len(t.Parameters()) == 1 {
			return kindsOfType(t.Parameters()[0])
		}
	default:
	}
	return anything
}

// examples is how many examples there are of each kind.
const examples = 6

// example returns one value of a kind, as JSON and as the text that it is inside of a
// longer one. Those of a text can be read as what inputs may take a text for: a number, a
// flag, a time.
func (k kinds) example(i int) any {
	switch k {
	case anInteger:
		return []int{1, 0, -1, 2, 100, 7}[i]
	case aNumber:
		return []float64{1.5, 1, 0, -1, 100, 0.5}[i]
	case aBoolean:
		return i%2 == 0
	case aString:
		return []string{"1", "true", "2026-01-02T03:04:05Z", "text", "", "1.5"}[i]
	case anArray:
		return []any{}
	case anObject:
		return map[string]any{}
	case onlyNull:
		return nil
	case anything:
	}
	return []any{"1", 1, true, map[string]any{}, []any{}, nil}[i]
}
