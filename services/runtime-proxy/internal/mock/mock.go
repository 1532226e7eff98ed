// Package mock answers in the place of an API: with the examples of the
// definition, or with values made of its schemas, so that a connector can be tried
// before anybody has credentials.
//
// The same call has the same answer always. What the caller gave is repeated
// where the answer has a member of that name, so that what was created looks like
// what was sent.
//
//	maker := mock.New(definition)
//	response := maker.Answer(operation, input)
package mock

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Maker makes answers for the operations of one definition. It is immutable and
// safe for concurrent use.
type Maker struct {
	schemas map[string][]byte
	plans   *plan.Revision
}

// New returns a maker. The definition must not change any more.
func New(def *connectorv1.Definition) *Maker {
	m := &Maker{schemas: make(map[string][]byte, len(def.GetSchemas())), plans: plan.New(def)}
	for _, s := range def.GetSchemas() {
		m.schemas[s.GetName()] = s.GetJson()
	}
	return m
}

// Answer returns what the API could answer to a call that succeeds. input is the
// input of the call, one JSON object or nothing.
func (m *Maker) Answer(op *connectorv1.Operation, input []byte) *upstream.Response {
	given := hintsOf(input)
	described, status := success(op.GetResponses())
	out := &upstream.Response{Status: status, Header: http.Header{}}
	for _, h := range described.GetHeaders() {
		if value := m.header(h, given); value != "" {
			out.Header.Set(h.GetName(), value)
		}
	}
	if described != nil && len(described.GetContents()) == 0 {
		return out
	}
	content := preferred(described.GetContents())
	out.Header.Set("Content-Type", mediaTypeOf(content))
	out.Body = m.body(content, given)
	return out
}

// success chooses the answer of a call that succeeds: the lowest 2xx, or what is
// described for its class or for everything.
func success(list []*connectorv1.Response) (*connectorv1.Response, int) {
	var found, other *connectorv1.Response
	lowest := http.StatusMultipleChoices
	for _, r := range list {
		status, err := strconv.Atoi(r.GetStatus())
		switch said := strings.ToUpper(r.GetStatus()); {
		case err == nil && status >= http.StatusOK && status < lowest:
			found, lowest = r, status
		case said == "2XX", said == "DEFAULT" && other == nil:
			other = r
		}
	}
	if found == nil {
		return other, http.StatusOK
	}
	return found, lowest
}

// preferred is JSON where there is a choice.
func preferred(list []*connectorv1.MediaType) *connectorv1.MediaType {
	i := slices.IndexFunc(list, func(c *connectorv1.MediaType) bool { return c.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON })
	if i >= 0 {
		return list[i]
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

// mediaTypeOf returns what an answer says it is: nothing with a range in it.
func mediaTypeOf(c *connectorv1.MediaType) string {
	if said := c.GetMediaType(); said != "" && !strings.Contains(said, "*") {
		if _, _, err := mime.ParseMediaType(said); err == nil {
			return said
		}
	}
	switch c.GetKind() {
	case connectorv1.BodyKind_BODY_KIND_TEXT:
		return "text/plain; charset=utf-8"
	case connectorv1.BodyKind_BODY_KIND_XML:
		return "application/xml"
	case connectorv1.BodyKind_BODY_KIND_BINARY:
		return "application/octet-stream"
	case connectorv1.BodyKind_BODY_KIND_JSON, connectorv1.BodyKind_BODY_KIND_FORM,
		connectorv1.BodyKind_BODY_KIND_MULTIPART, connectorv1.BodyKind_BODY_KIND_UNSPECIFIED:
	}
	return "application/json"
}

// body returns the first example, or one made of the schema. XML is written as the
// bodies of requests are. Other kinds than JSON are texts: the content of a JSON
// string, if the value is one.
func (m *Maker) body(c *connectorv1.MediaType, given hints) []byte {
	var value jsontext.Value
	if examples := c.GetExamples(); len(examples) > 0 {
		value = examples[0]
	} else {
		value = m.Value(c.GetSchema(), given)
	}
	isJSON := c == nil || c.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON
	if !isJSON && value.Kind() == '"' {
		if plain, err := jsontext.AppendUnquote(nil, value); err == nil {
			return plain
		}
	}
	if k := value.Kind(); c.GetKind() == connectorv1.BodyKind_BODY_KIND_XML && (k == '{' || k == '[') {
		return m.plans.XML(c.GetSchema(), value)
	}
	return value
}

// header returns a value for a header of the answer.
func (m *Maker) header(h *connectorv1.ResponseHeader, given hints) string {
	value := m.Value(h.GetSchema(), given.only(h.GetName()))
	if value.Kind() == '"' {
		plain, err := jsontext.AppendUnquote(nil, value)
		if err != nil || strings.ContainsAny(string(plain), "\r\n\x00") {
			return ""
		}
		return string(plain)
	}
	if k := value.Kind(); k == '{' || k == '[' || k == 'n' {
		return ""
	}
	return string(value)
}

// hints are scalar values that the caller gave, by lower-case name.
type hints map[string]jsontext.Value

// hintsOf reads the parameters of an input and the members of its body. Those of
// the body count more.
func hintsOf(input []byte) hints {
	given := hints{}
	list := membersOf(input)
	for _, m := range list {
		given.add(m)
	}
	for _, m := range list {
		if m.name == "body" {
			for _, inner := range membersOf(m.value) {
				given.add(inner)
			}
		}
	}
	return given
}

func (h hints) add(m member) {
	if k := m.value.Kind(); k == '{' || k == '[' || k == 'n' {
		return
	}
	name := m.name
	for _, location := range []string{"path.", "query.", "header.", "cookie."} {
		name = strings.TrimPrefix(name, location)
	}
	h[strings.ToLower(name)] = m.value
}

// only returns the hint for one name.
func (h hints) only(name string) hints {
	if value, ok := h[strings.ToLower(name)]; ok {
		return hints{"": value}
	}
	return nil
}

// member is a member of a JSON object.
type member struct {
	name  string
	value jsontext.Value
}

// membersOf returns the members of an object in their order, nothing for other
// values. Of a repeated name the last counts where it matters.
func membersOf(raw []byte) []member {
	d := jsontext.NewDecoder(strings.NewReader(string(raw)), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '{' {
		return nil
	}
	_, _ = d.ReadToken()
	var out []member
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return out
		}
		text := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, member{text, value.Clone()})
	}
	return out
}

// get returns a member by name, nil if there is none.
func get(list []member, names ...string) jsontext.Value {
	for _, name := range names {
		for _, m := range list {
			if m.name == name {
				return m.value
			}
		}
	}
	return nil
}

// textOf returns the content of a JSON string, empty for other values.
func textOf(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	plain, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(plain)
}

// numberOf returns a number, or the fallback for what is none.
func numberOf(v jsontext.Value, fallback float64) float64 {
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return fallback
	}
	return n
}
