package oauth

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// maxExpanded bounds a template with its values in it, in bytes.
const maxExpanded = 64 << 10

// expansion fills the placeholders of templates.
type expansion struct {
	templates *Templates
	// own are the values of the protocol.
	own form
	// hide is told which secrets were used; nil keeps secrets out of the result,
	// which is for URLs that are shown to people.
	hide *redactor
}

// fill replaces every {placeholder}. Braces around anything that cannot be a name
// stand for themselves, so that templates may be JSON. The result is made in one
// piece; false means that it would be too long.
func (e expansion) fill(template string, escape func(dst, src []byte) []byte) ([]byte, bool) {
	var parts [][]byte
	defer func() {
		for _, part := range parts {
			clear(part)
		}
	}()
	size := 0
	for template != "" {
		before, name, after := nextPlaceholder(template)
		template = after
		value := e.value(name)
		escaped := escape(make([]byte, 0, 6*len(value)+2), value)
		clear(value)
		parts = append(parts, []byte(before), escaped)
		if size += len(before) + len(escaped); size > maxExpanded {
			return nil, false
		}
	}
	whole := make([]byte, 0, size)
	for _, part := range parts {
		whole = append(whole, part...)
	}
	return whole, true
}

// nextPlaceholder splits a template at its first placeholder; without one, all of
// it comes before.
func nextPlaceholder(template string) (before, name, after string) {
	for i := 0; i < len(template); i++ {
		if template[i] != '{' {
			continue
		}
		end := i + 1
		for end < len(template) && nameByte(template[end]) {
			end++
		}
		if end < len(template) && template[end] == '}' && end > i+1 {
			return template[:i], template[i+1 : end], template[end+1:]
		}
		i = end - 1
	}
	return template, "", ""
}

// nameByte reports whether a placeholder's name may have a byte in it.
func nameByte(c byte) bool { return unreserved(c) && c != '~' || c == ':' || c == ' ' }

// value returns a placeholder's value, which the caller clears; nil if nobody
// knows it.
func (e expansion) value(name string) []byte {
	if name == "" {
		return nil
	}
	for _, one := range e.own {
		if strings.EqualFold(one.name, name) {
			return bytes.Clone(one.value)
		}
	}
	if value, ok := folded(e.templates.Values, name); ok {
		return []byte(value)
	}
	text, ok := folded(e.templates.Secrets, name)
	if !ok || e.hide == nil {
		return nil
	}
	value := opened(text)
	e.hide.add(value)
	return value
}

// folded looks a name up without case. Of names that differ in case only, the one
// that is written alike wins, then the first.
func folded[V any](values map[string]V, name string) (V, bool) {
	if value, ok := values[name]; ok {
		return value, true
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if strings.EqualFold(key, name) {
			return values[key], true
		}
	}
	var none V
	return none, false
}

// jsonTemplate reports whether a body template is written in JSON.
func jsonTemplate(template string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(template), "{")
	return ok && strings.HasPrefix(strings.TrimSpace(rest), `"`)
}

// mentions reports whether a template has a parameter of its own.
func mentions(template, parameter string) bool {
	return strings.Contains(strings.ToLower(template), parameter)
}

// template lets the templates of a connector package say what the body and the
// query of a token request are. What the grant adds for PKCE and what the client
// was told to prove itself with come on top, as no template knows of them.
func (c *Client) template(r *request, query, body string, own form) *Error {
	if query == "" && body == "" {
		return c.ordinary(r)
	}
	e := expansion{templates: r.profile.Templates, own: own, hide: &r.hide}
	expanded, ok := e.fill(query, appendEscaped)
	if !ok {
		return r.unsent("the query template is too long with its values")
	}
	r.query = expanded
	if body == "" {
		return c.ordinary(r)
	}
	return c.templateBody(r, e, body)
}

// templateBody makes the body from its template.
func (c *Client) templateBody(r *request, e expansion, body string) *Error {
	r.json = r.json || jsonTemplate(body)
	escape := appendEscaped
	if r.json {
		escape = appendInside
	}
	text, ok := e.fill(body, escape)
	if !ok {
		return r.unsent("the body template is too long with its values")
	}
	r.text = text
	further := form{}
	if verifier := r.form.get("code_verifier"); verifier != nil && !mentions(body, "code_verifier") {
		further = append(further, field{"code_verifier", verifier})
	}
	if err := c.prove(r); err != nil {
		return err
	}
	for _, name := range []string{"client_assertion_type", "client_assertion"} {
		if value := r.form.get(name); value != nil && !mentions(body, name) {
			further = append(further, field{name, value})
		}
	}
	r.text = join(r.text, further, r.json)
	return nil
}

// prove authenticates the client where a template cannot: in a header, by
// certificate, or by assertion.
func (c *Client) prove(r *request) *Error {
	switch r.profile.Client.Method {
	case SecretBasic, PrivateKeyJWT, SecretJWT, TLSClientAuth:
		return c.authenticate(r)
	default:
		return nil
	}
}

// join appends parameters to a body that exists.
func join(body []byte, further form, asJSON bool) []byte {
	if len(further) == 0 {
		return body
	}
	defer clear(body)
	if !asJSON {
		tail := further.encode()
		defer clear(tail)
		return slices.Concat(body, []byte("&"), tail)
	}
	end := bytes.LastIndexByte(body, '}')
	if end < 0 {
		return bytes.Clone(body) // not JSON after all: the provider will say so
	}
	head, tail := body[:end], further.encodeJSON()
	defer clear(tail)
	comma := []byte(",")
	if len(bytes.Trim(head, " \t\r\n{")) == 0 {
		comma = nil
	}
	return slices.Concat(head, comma, tail[1:])
}
