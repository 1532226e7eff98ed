package policy

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/policytext"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// expression is a compiled value of a policy.
type expression struct {
	parts []part
}

// part is literal text or a call.
type part struct {
	policytext.Part

	quoted bool // inside a JSON string, see valueTemplate
}

// constant returns the text of an expression without calls.
func (x *expression) constant() (string, bool) {
	switch {
	case len(x.parts) == 0:
		return "", true
	case len(x.parts) == 1 && x.parts[0].Function == literal:
		return x.parts[0].Literal, true
	}
	return "", false
}

func (x *expression) readsBody() bool {
	for i := range x.parts {
		if x.parts[i].Function == bodyPath {
			return true
		}
	}
	return false
}

// scope is what calls read.
type scope struct {
	e       *Exchange
	by      *settings // of the policy
	section connectorv1.PolicySection
	own     *document // instead of the section's body, if not nil
	item    *node     // what @item() means; nil outside of collections
}

func (s *scope) document() *document {
	if s.own != nil {
		return s.own
	}
	d := s.e.document(s.section)
	d.by = s.by
	return d
}

// find returns the value of a path, nil if it is missing.
func (s *scope) find(p path) (*node, error) {
	d := s.document()
	if p.Root == rootItem {
		return d.at(s.item, p.Steps)
	}
	return d.at(d.root, p.Steps)
}

// text returns the text of an expression. What is missing or empty becomes the
// fallback, and without one nothing.
func (x *expression) text(s *scope) (string, error) { return x.encoded(s, asIs) }

// encoder returns a value in the form that it needs where it stands.
type encoder func(value string) string

func asIs(value string) string { return value }

// usualLength of a text is what there is room for before it is worked out.
const usualLength = 64

// encoded returns the text of an expression with each value of a call encoded.
func (x *expression) encoded(s *scope, encode encoder) (string, error) {
	if text, ok := x.constant(); ok {
		return text, nil
	}
	var out strings.Builder
	out.Grow(usualLength)
	for i := range x.parts {
		p := &x.parts[i]
		if p.Function == literal {
			out.WriteString(p.Literal)
			continue
		}
		value, err := p.value(s)
		if err != nil {
			return "", err
		}
		if out.WriteString(encode(value)); out.Len() > maxDocument {
			return "", errTooLong
		}
	}
	return out.String(), nil
}

// blames reports whether what cannot stand in a header is of the exchange; if not, it
// is the connection's.
func (x *expression) blames(s *scope) bool {
	for i := range x.parts {
		switch p := &x.parts[i]; p.Function {
		case queryParameter, header, bodyPath, argument:
			if value, err := p.value(s); err == nil && !request.ValidFieldValue(value) {
				return true
			}
		case literal, connectionParameter, environmentVariable:
		}
	}
	return false
}

// value returns what a call means.
func (p *part) value(s *scope) (string, error) {
	value := ""
	switch p.Function {
	case literal:
	case connectionParameter:
		value = ask(s.e.Parameter, p.Name)
	case queryParameter:
		value = s.e.queryValue(p.Name)
	case header:
		value = s.e.headerValue(p.Name)
	case environmentVariable:
		return p.variable(s)
	case argument:
		return p.argument(s)
	case bodyPath:
		found, err := s.find(p.Path)
		if err != nil || found == nil {
			return "", err
		}
		return found.words(), nil
	}
	if value == "" {
		value = p.Literal
	}
	return value, nil
}

// variable returns a variable of the environment: the connection's parameter of that
// name, whose default in the connector serves all connections that do not say
// otherwise. What is meant to differ between environments must not be left out in
// silence, so that there is no request without it.
func (p *part) variable(s *scope) (string, error) {
	value, known := "", false
	if s.e.Parameter != nil {
		value, known = s.e.Parameter(p.Name)
	}
	switch {
	case value != "":
		return value, nil
	case known, p.StandIn:
		return p.Literal, nil
	}
	return "", problem("the environment variable \"" + p.Name + "\" has no value; " +
		"declare a connection parameter of that name in the connector, with a default value for all connections, or give the policy one: @environmentVariables('" + p.Name + "', 'value')")
}

// argument returns a path argument. There is no request without it.
func (p *part) argument(s *scope) (string, error) {
	if s.e.Argument != nil {
		if value, ok := s.e.Argument(p.Name); ok {
			return value, nil
		}
	}
	return "", problem("the operation has no path parameter \"" + p.Name + "\"; the connector has to be mended")
}
