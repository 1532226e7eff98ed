package plan

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// notProperties is what is wrong with a form that is no object.
const notProperties = "must be an object: it is sent as a form, one field per property"

// notWritten is what is wrong with content for a form: it would become a field.
const notWritten = "must be an object with a property for each field; a form that is written already has its $content-type beside its $content"

// fieldsOf returns the fields of a form.
func fieldsOf(v jsontext.Value) (fields []member, problem string) {
	if v.Kind() != '{' {
		return nil, notProperties
	}
	if _, isContent := unwrapContent(v); isContent {
		return nil, notWritten
	}
	return members(v), ""
}

// form writes application/x-www-form-urlencoded. Arrays are repeated fields and
// objects JSON text, unless the property's encoding says otherwise. Null is not
// sent.
func (c *content) form(v jsontext.Value, found *violations) []byte {
	fields, problem := fieldsOf(v)
	if problem != "" {
		found.once(bodyInput, problem)
	}
	out := []byte{}
	for _, m := range fields {
		if m.value.Kind() == 'n' {
			continue
		}
		pairs, problem := c.field(m)
		if problem != "" {
			found.once(join(bodyInput, []string{m.name}), problem)
		}
		if len(out) > 0 && len(pairs) > 0 {
			out = append(out, '&')
		}
		out = append(out, pairs...)
	}
	return bytes.ReplaceAll(out, []byte("%20"), []byte("+")) // the form's own spelling of a space
}

// field writes one property.
func (c *content) field(m member) (pairs []byte, problem string) {
	l, value := c.fieldLayout(m.name), m.value
	encoding, styled := c.encodings[m.name]
	if isDocument(encoding) && (value.Kind() == '{' || value.Kind() == '[') {
		value = jsonString(text(value))
	}
	if value.Kind() == '{' && (!styled || (!l.deep && !l.explode && l.inside == ",")) {
		value = jsonString(text(value))
	}
	return l.pairs(m.name, value)
}

// isDocument reports whether a property is written as JSON text, because its
// encoding says so and names no style, which would go first.
func isDocument(e *connectorv1.PropertyEncoding) bool {
	base, _, _ := strings.Cut(strings.ToLower(e.GetContentType()), ";")
	return e.GetStyle() == connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED &&
		(base == "application/json" || strings.HasSuffix(base, "+json"))
}

func (c *content) fieldLayout(name string) layout {
	p := &connectorv1.Parameter{Explode: true}
	if e, ok := c.encodings[name]; ok {
		p.Style, p.Explode, p.AllowReserved = e.GetStyle(), e.GetExplode(), e.GetAllowReserved()
	}
	return layoutOf(inQuery, p)
}

// jsonString returns text as a JSON string.
func jsonString(plain string) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, plain)
	if err != nil {
		return jsontext.Value(`""`) // not for text that was read from valid JSON
	}
	return quoted
}
