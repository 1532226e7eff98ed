package postman

import (
	"bytes"
	"net/textproto"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/sample"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

const (
	inPath   = connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
	inQuery  = connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	inHeader = connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER
	inCookie = connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE
)

// automatic are headers that a client sends by itself, or that the body says.
var automatic = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Length": true, "Content-Type": true,
	"Host": true, "Postman-Token": true, "User-Agent": true, "Transfer-Encoding": true, "Te": true, "Upgrade": true,
}

// parameters reads path, query and headers. What is a credential is in l and
// left out.
func (t *translation) parameters(r *request, placeholders []placeholderIn, l *login) []*connectorv1.Parameter {
	in := inputs{t: t, r: r}
	for _, p := range placeholders {
		in.path(p)
	}
	for _, q := range r.address.query {
		if q.disabled || !l.queries[q.key] || t.col.native && !t.isKey(q) {
			in.query(q)
		}
	}
	for _, h := range r.headers {
		name := textproto.CanonicalMIMEHeaderKey(h.key)
		switch {
		case t.col.native && !h.system && name != "Cookie" && !t.isKey(h):
			in.header(h)
		case automatic[name], name == "Authorization", l.headers[name] && !h.disabled:
		case name == "Cookie":
			in.cookies(h)
		default:
			in.header(h)
		}
	}
	if in.dropped {
		t.warn("TooManyParameters", r.node, "split the request", "the request has more than %d parameters; the rest is ignored", MaxParameters)
	}
	return in.list
}

// inputs collects the parameters of one request.
type inputs struct {
	t       *translation
	r       *request
	list    []*connectorv1.Parameter
	names   map[string]int
	dropped bool
}

// add keeps p unless there is one with its name, and returns the one that is
// there.
func (in *inputs) add(p *connectorv1.Parameter) (kept *connectorv1.Parameter, isNew bool) {
	k := p.GetLocation().String() + p.GetName()
	if p.GetLocation() == inHeader {
		k = strings.ToLower(k)
	}
	if in.names == nil {
		in.names = map[string]int{}
	}
	if i, ok := in.names[k]; ok {
		return in.list[i], false
	}
	if len(in.list) == MaxParameters {
		in.dropped = true
		return nil, false
	}
	in.names[k] = len(in.list)
	in.list = append(in.list, p)
	return p, true
}

// path adds the parameter of a placeholder. A value beside the URL is an
// example, one of a variable a default.
func (in *inputs) path(p placeholderIn) {
	param := &connectorv1.Parameter{Name: p.name, Location: inPath, Required: true}
	value := "{{" + p.variable + "}}"
	if p.own {
		value = ""
		for _, v := range in.r.address.variables {
			if v.key == p.variable {
				value, param.Description = v.value, v.description
			}
		}
	}
	in.fill(param, value, p.own, in.r.address.node)
	in.add(param)
}

// query adds a parameter of the query. Its value is an example: what one request
// has asked for is no reason to ask the same again.
func (in *inputs) query(q pair) {
	name := in.name(q.key)
	if name == "" {
		return
	}
	param := &connectorv1.Parameter{
		Name: name, Location: inQuery, Description: q.description, Explode: true, AllowEmptyValue: q.bare,
	}
	kept, isNew := in.add(param)
	in.value(param, q, true)
	if !isNew && kept != nil {
		repeat(kept, param)
	}
}

// repeat makes a list of a parameter that is there more than once.
func repeat(p, again *connectorv1.Parameter) {
	items := []byte(`{"type":"array","items":`)
	first, isList := bytes.CutPrefix(p.GetSchema(), items)
	if isList {
		first = first[:len(first)-1]
	}
	if !bytes.Equal(first, again.GetSchema()) {
		first = sample.Text()
	}
	p.Schema = slices.Concat(items, first, []byte("}"))
	p.Style, p.Explode = connectorv1.ParameterStyle_PARAMETER_STYLE_FORM, true
	p.Required = p.GetRequired() || again.GetRequired()
	p.Examples = nil
}

// name is the name of a parameter, which may have variables in it.
func (in *inputs) name(key string) string {
	if in.t.col.native {
		return key
	}
	name, complete := in.t.expand(key, in.r, in.t.defaults())
	if !complete {
		name = template.ReplaceAllStringFunc(name, nameOf)
		in.t.warn("NameVariable", in.r.node, "give the variable a value in the collection",
			"the name of a parameter, %q, has variables without a value; %q is used", shorten(key), shorten(name))
	}
	return name
}

// header adds a header. Its value is a default: the request would not be the same
// without it.
func (in *inputs) header(h pair) {
	name := in.name(h.key)
	if !isToken(name) && !in.t.col.native {
		in.t.warn("HeaderInvalid", h.node, "correct the name", "%q cannot be the name of a header and is ignored", shorten(name))
		return
	}
	param := &connectorv1.Parameter{Name: name, Location: inHeader, Description: h.description}
	if _, isNew := in.add(param); isNew {
		in.value(param, h, false)
	}
}

// cookies reads the cookies of a header. Their values are those of somebody's
// session.
func (in *inputs) cookies(h pair) {
	for piece := range strings.SplitSeq(h.value, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(piece), "=")
		if name = in.name(name); !isToken(name) {
			continue
		}
		in.t.secretHere(h.node, name, value)
		in.add(&connectorv1.Parameter{Name: name, Location: inCookie, Explode: true, Schema: []byte(`{"type":"string"}`)})
	}
}

// value fills in what the value of a pair tells: an example for a query, a
// default for a header, since headers are settings and queries are questions.
// What is disabled only shows that it exists.
func (in *inputs) value(p *connectorv1.Parameter, q pair, isExample bool) {
	if q.disabled {
		if !in.t.col.native {
			in.t.note("DisabledParameter", q.node, "%q is disabled; it can be given, and is not sent otherwise", shorten(q.key))
		}
		p.Schema = sample.Text(knownOnly(q.value)...)
		if schema, ok := placeholders[q.value]; ok {
			p.Schema = []byte(schema)
		}
		if isSecret(p, q.value) {
			p.Schema = sample.Text()
			in.t.secretHere(q.node, p.GetName(), q.value)
		}
		return
	}
	in.fill(p, q.value, isExample, q.node)
}

// knownOnly returns the value as a list, empty if it has variables or stands for
// something.
func knownOnly(value string) []string {
	if isPlaceholder(value) || strings.Contains(value, "{{") {
		return nil
	}
	return []string{value}
}

// fill makes the schema, the example and the default of a parameter.
func (in *inputs) fill(p *connectorv1.Parameter, raw string, isExample bool, at *document.Node) {
	t := in.t
	if schema, ok := placeholders[raw]; ok {
		p.Schema = []byte(schema)
		return
	}
	variable := only(raw)
	if strings.HasPrefix(variable, "$") {
		if p.Schema = []byte(dynamics[variable]); len(p.GetSchema()) == 0 {
			p.Schema = sample.Text()
		}
		if !t.once(variable, nil) {
			t.note("DynamicVariable", at, "Postman makes up the value of %q itself; here it is an input", shorten(variable))
		}
		return
	}
	value, complete := t.expand(raw, in.r, t.defaults())
	if isSecret(p, value) || secretlike.Name(variable) {
		t.secretHere(at, p.GetName(), raw)
		p.Schema = sample.Text()
		return
	}
	if !complete {
		p.Required = p.GetRequired() || variable != ""
		p.Schema = sample.Text()
		if variable != "" && !t.once("variable "+variable, nil) {
			t.note("VariableUnknown", at, "the variable %q has no value; it is an input", shorten(variable))
		}
		return
	}
	if p.Schema = sample.Text(value); value == "" {
		return
	}
	if isExample {
		p.Examples = [][]byte{sample.Typed(value)}
		return
	}
	p.Schema = slices.Concat(p.GetSchema()[:len(p.GetSchema())-1], []byte(`,"default":`), sample.Typed(value), []byte("}"))
}

// isSecret reports whether the value of a parameter is a credential.
func isSecret(p *connectorv1.Parameter, value string) bool {
	switch p.GetLocation() {
	case inHeader:
		return secretlike.Header(p.GetName()) || secretlike.Member(p.GetName(), value)
	case inQuery:
		return secretlike.Query(p.GetName(), value)
	default:
		return secretlike.Member(p.GetName(), value)
	}
}

// isToken reports whether a name can be that of a header (RFC 9110, section
// 5.6.2) or cookie.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r) {
			return false
		}
	}
	return true
}
