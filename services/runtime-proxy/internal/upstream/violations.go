package upstream

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// maxViolations is how many violations are told of one answer, maxViolationDepth how
// many levels down they are looked for.
const (
	maxViolations     = 20
	maxViolationDepth = 6
)

// listKeys are where APIs keep what they have against single fields, fieldPaths the
// names of those, and whatKeys what is wrong where there is no message. Known are
// problem+json (RFC 9457, RFC 7807: invalid-params), JSON:API, google.rpc.BadRequest,
// OData and Graph, GitHub, FastAPI, Symfony, Stripe, and all that have errors by field
// (ASP.NET, Laravel, Rails, Atlassian).
var (
	listKeys   = [...]string{"error", "errors", "details", "detail", "fieldViolations", "violations", "invalid-params", "invalid_params", "validationErrors"}
	fieldPaths = [...]string{"field", "source.pointer", "source.parameter", "pointer", "propertyPath", "property", "param", "target", "loc"}
	whatKeys   = [...]string{"code", "type"}
)

// violations returns what the body says about single fields.
func (b *errorBody) violations(redact func(string) string) []fault.Violation {
	v := &violationSearch{redact: redact}
	v.in(b.json, false, 0)
	return v.found
}

type violationSearch struct {
	redact func(string) string
	found  []fault.Violation
}

func (s *violationSearch) add(field, description string) {
	field, description = line(s.redact(field)), line(s.redact(withoutMarkup(s.redact(description))))
	if field != "" && description != "" && len(s.found) < maxViolations {
		s.found = append(s.found, fault.Violation{Field: field, Description: description})
	}
}

// in looks through a value; listed says that it is an item of a list of errors.
func (s *violationSearch) in(v jsontext.Value, listed bool, depth int) {
	if depth > maxViolationDepth || len(s.found) == maxViolations {
		return
	}
	switch v.Kind() {
	case '[':
		for i, item := range items(v) {
			if i < maxViolations && item.Kind() == '{' {
				s.in(item, true, depth+1)
			}
		}
	case '{':
		fields := fieldsOf(v)
		if field := fieldOf(v, fields, listed); field != "" {
			s.add(field, whatOf(v, fields))
			return
		}
		before := len(s.found)
		for _, key := range listKeys {
			s.in(fields[key], false, depth+1)
		}
		if by := fields["errors"]; len(s.found) == before && by.Kind() == '{' {
			s.byField(by)
		}
	default: // a sentence about everything
	}
}

// fieldOf returns the field that an error is about; empty for none. Where a list is
// about fields alone, "name" is one.
func fieldOf(v jsontext.Value, fields map[string]jsontext.Value, listed bool) string {
	for _, path := range fieldPaths {
		if value, ok := dotpath.Find(v, path); ok {
			if name := fieldName(value); name != "" {
				return name
			}
		}
	}
	if reason := fields["reason"]; listed && reason.Kind() == '"' && fields["name"].Kind() == '"' {
		return plain(fields["name"])
	}
	return ""
}

// fieldName reads a name, or a list of names and numbers that lead to the field.
func fieldName(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return plain(v)
	case '[':
		var parts []string
		for _, one := range items(v) {
			if k := one.Kind(); k == '"' || k == '0' {
				parts = append(parts, textOf(one))
			}
		}
		return strings.Join(parts, ".")
	default:
		return ""
	}
}

// whatOf returns what is wrong: the message, or else the code.
func whatOf(v jsontext.Value, fields map[string]jsontext.Value) string {
	if said := messageIn(v, 0); said != "" {
		return said
	}
	for _, key := range whatKeys {
		if code := fields[key]; code.Kind() == '"' {
			return plain(code)
		}
	}
	return ""
}

// byField reads errors that are kept under the names of what they are about, in the
// order of the names.
func (s *violationSearch) byField(v jsontext.Value) {
	fields := fieldsOf(v)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		s.add(name, messageIn(fields[name], maxSearch-1))
	}
}
