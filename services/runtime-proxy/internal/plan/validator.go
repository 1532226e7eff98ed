package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// validator checks values against a compiled schema. Safe for concurrent use.
type validator struct{ schema *jsonschema.Schema }

// check reports everything that is wrong with a value, by path below field.
func (v *validator) check(field string, value jsontext.Value, authored authored, found *violations) {
	v.checkAs(field, value, authored, found, func(doc any) any { return doc })
}

// checkParts is check for a form whose parts may be files: their content stands for a
// text.
func (v *validator) checkParts(field string, value jsontext.Value, authored authored, found *violations) {
	v.checkAs(field, value, authored, found, withoutFiles)
}

func (v *validator) checkAs(field string, value jsontext.Value, authored authored, found *violations, as func(any) any) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return // it was valid JSON when it was read
	}
	v.checkAt(&explainer{func(location []string) string { return join(field, location) }, authored, found}, as(doc))
}

// checkAt is check with paths of another form. It lets a value pass that would
// take too long to check.
func (v *validator) checkAt(e *explainer, doc any) {
	if !allHoldable(doc) {
		e.refuseNumbers(doc, nil)
		return // what compares numbers would be busy with them for long, or fail
	}
	if !affordable(v.schema, doc) {
		return
	}
	err := v.schema.Validate(doc)
	if failure, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		e.explain(failure)
	}
}

// withoutFiles puts the content of parts, and of lists of them, back to the strings that
// schemas know.
func withoutFiles(doc any) any {
	parts, _ := doc.(map[string]any)
	for name, part := range parts {
		parts[name] = withoutFile(part)
		list, _ := part.([]any)
		for i, one := range list {
			list[i] = withoutFile(one)
		}
	}
	return doc
}

func withoutFile(part any) any {
	file, _ := part.(map[string]any)
	if content, ok := file["$content"].(string); ok {
		return content
	}
	return part
}

// explainer turns failures into violations.
type explainer struct {
	place    func(location []string) string
	authored authored // nil: all values are the caller's
	found    *violations
}

// refuseNumbers tells the numbers of a value that are not holdable.
func (e *explainer) refuseNumbers(doc any, at []string) {
	if e.found.full() {
		return
	}
	switch doc := doc.(type) {
	case json.Number:
		if !holdable(string(doc)) {
			e.found.add(e.place(at), notHoldable)
		}
	case []any:
		for i, one := range doc {
			e.refuseNumbers(one, append(at, strconv.Itoa(i)))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			e.refuseNumbers(doc[name], append(at, name))
		}
	}
}

// allHoldable reports whether all numbers of a value are.
func allHoldable(doc any) bool {
	switch doc := doc.(type) {
	case json.Number:
		return holdable(string(doc))
	case []any:
		return !slices.ContainsFunc(doc, func(one any) bool { return !allHoldable(one) })
	case map[string]any:
		for _, one := range doc {
			if !allHoldable(one) {
				return false
			}
		}
	}
	return true
}

// explain turns a tree of failures into violations: its leaves, but an
// alternative of which no branch fits is one violation, not one per branch.
func (e *explainer) explain(failure *jsonschema.ValidationError) {
	path, found := e.place(failure.InstanceLocation), e.found
	inside := func(name string) string { return e.place(append(slices.Clip(failure.InstanceLocation), name)) }
	switch k := failure.ErrorKind.(type) {
	case *kind.RefCycle: // the description's mistake, not the caller's
		return
	case *kind.AnyOf, *kind.OneOf:
		found.add(path, "must fit one of the forms that the operation allows")
		return
	case *kind.Required:
		for _, name := range k.Missing {
			found.add(inside(name), "is required")
		}
		return
	case *kind.AdditionalProperties:
		for _, name := range slices.Sorted(slices.Values(k.Properties)) {
			found.addByType(inside(name), "is not known to the operation")
		}
		return
	}
	if _, wrongType := failure.ErrorKind.(*kind.Type); wrongType {
		found.addByType(path, describe(failure.ErrorKind))
		return
	}
	if len(failure.Causes) == 0 {
		if !ofValues(failure.ErrorKind) || e.authored == nil || !e.authored(failure.InstanceLocation) {
			found.add(path, describe(failure.ErrorKind))
		}
		return
	}
	// The library walks objects in the order of a Go map: without an order of
	// our own, two equal values would be told two different stories, and of many
	// faults a different selection each time.
	slices.SortStableFunc(failure.Causes, func(a, b *jsonschema.ValidationError) int {
		return slices.CompareFunc(a.InstanceLocation, b.InstanceLocation, compareTokens)
	})
	for _, cause := range failure.Causes {
		e.explain(cause)
	}
}

// compareTokens orders places in a document: items by number, members by name.
func compareTokens(a, b string) int {
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

// number reads a token as the number of an item; names come after all of them.
func number(token string) uint64 {
	n, err := strconv.ParseUint(token, 10, 32)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// describe says what is wanted. It never repeats the value: it may be a
// password.
func describe(failure jsonschema.ErrorKind) string {
	switch k := failure.(type) {
	case *kind.Type:
		return "must be " + article(k.Want) + ", not " + article([]string{k.Got})
	case *kind.Enum:
		texts := make([]string, len(k.Want))
		for i, want := range k.Want {
			texts[i] = fmt.Sprint(want)
		}
		return "must be one of " + quoteSome(texts)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.ExclusiveMinimum:
		return "must be more than " + k.Want.RatString()
	case *kind.ExclusiveMaximum:
		return "must be less than " + k.Want.RatString()
	case *kind.MultipleOf:
		return "must be a multiple of " + k.Want.RatString()
	case *kind.Pattern:
		return "must match the pattern " + strconv.Quote(k.Want)
	case *kind.UniqueItems:
		return "must not hold the same item twice"
	}
	return "does not keep the rule " + strings.Join(failure.KeywordPath(), "/")
}

// join writes a location as people do: "body.items[2].name".
func join(field string, location []string) string {
	var out strings.Builder
	out.WriteString(field)
	for _, token := range location {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			out.WriteString("[" + token + "]")
			continue
		}
		out.WriteString("." + token)
	}
	return out.String()
}
