package plan

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// layout is how a value is written: OpenAPI's styles are RFC 6570's operators,
// which differ in these few marks.
type layout struct {
	first   string // before everything
	between string // between the parts of an exploded value
	inside  string // between the parts of a value that is not exploded
	named   bool   // parts carry the parameter's name
	explode bool
	deep    bool // name[property]=value
	escape  escaping
}

// escaping is how single values are encoded.
type escaping struct {
	keep  string // reserved characters that are sent as they are
	times int    // 0: raw, 1: percent-encoded, 2: twice
}

func (e escaping) append(out []byte, text string) []byte {
	switch e.times {
	case 0:
		return append(out, text...)
	case 1:
		return request.AppendEscaped(out, text, e.keep)
	}
	return request.AppendEscaped(out, request.Escape(text), "")
}

// The reserved characters that allow_reserved lets through. Those that would end
// the part of the URL, or make a second parameter out of one, stay encoded.
const (
	reservedInQuery = ":/?@!$'()*,;="
	reservedInPath  = ":/@!$&'()*+,;="
)

func layoutOf(at location, p *connectorv1.Parameter) layout {
	l := layout{explode: p.GetExplode(), inside: ",", escape: escaping{times: 1}}
	switch at {
	case inPath:
		l.between = ","
		if p.GetAllowReserved() {
			l.escape.keep = reservedInPath
		}
		if p.GetUrlEncoding() == connectorv1.UrlEncoding_URL_ENCODING_DOUBLE {
			l.escape = escaping{times: 2}
		}
	case inQuery:
		l.between, l.named = "&", true
		if p.GetAllowReserved() {
			l.escape.keep = reservedInQuery
		}
	case inHeader:
		l.between, l.escape = ",", escaping{}
	case inCookie:
		l.between, l.named = "; ", true
	}
	return l.withStyle(p.GetStyle())
}

func (l layout) withStyle(style connectorv1.ParameterStyle) layout {
	switch style {
	case connectorv1.ParameterStyle_PARAMETER_STYLE_LABEL:
		l.first, l.between = ".", "."
	case connectorv1.ParameterStyle_PARAMETER_STYLE_MATRIX:
		l.first, l.between, l.named = ";", ";", true
	case connectorv1.ParameterStyle_PARAMETER_STYLE_SPACE_DELIMITED:
		l.inside = l.delimiter(" ", "%20")
	case connectorv1.ParameterStyle_PARAMETER_STYLE_PIPE_DELIMITED:
		l.inside = l.delimiter("|", "%7C")
	case connectorv1.ParameterStyle_PARAMETER_STYLE_TAB_DELIMITED:
		l.inside = l.delimiter("\t", "%09")
	case connectorv1.ParameterStyle_PARAMETER_STYLE_DEEP_OBJECT:
		l.deep = true
	case connectorv1.ParameterStyle_PARAMETER_STYLE_UNSPECIFIED,
		connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE,
		connectorv1.ParameterStyle_PARAMETER_STYLE_FORM:
	}
	return l
}

func (l layout) delimiter(raw, encoded string) string {
	if l.escape.times == 0 {
		return raw
	}
	return encoded
}

// expand appends a value. An empty array or object is nothing at all.
func (l layout) expand(out []byte, name string, value jsontext.Value) []byte {
	if l.bracketed(value) {
		pairs, _ := l.brackets(name, value)
		return append(out, pairs...)
	}
	switch value.Kind() {
	case '[':
		return l.list(out, name, elements(value))
	case '{':
		return l.object(out, name, members(value))
	default:
		return l.scalar(out, name, text(value))
	}
}

func (l layout) scalar(out []byte, name, value string) []byte {
	out = append(out, l.first...)
	if l.named {
		out = append(out, l.nameText(name)...)
		if value == "" && l.first == ";" { // RFC 6570, section 3.2.7
			return out
		}
		out = append(out, '=')
	}
	return l.escape.append(out, value)
}

func (l layout) list(out []byte, name string, items []jsontext.Value) []byte {
	if len(items) == 0 {
		return out
	}
	out = append(out, l.first...)
	for i, item := range items {
		if i > 0 {
			out = append(out, l.separator()...)
		}
		if l.named && (i == 0 || l.explode) {
			out = append(append(out, l.nameText(name)...), '=')
		}
		out = l.escape.append(out, text(item))
	}
	return out
}

func (l layout) object(out []byte, name string, list []member) []byte {
	if len(list) == 0 {
		return out
	}
	out = append(out, l.first...)
	if l.named && !l.explode {
		out = append(append(out, l.nameText(name)...), '=')
	}
	for i, m := range list {
		if i > 0 {
			out = append(out, l.separator()...)
		}
		out = l.escape.append(out, m.name)
		if l.explode {
			out = append(out, '=')
		} else {
			out = append(out, l.inside...)
		}
		out = l.escape.append(out, text(m.value))
	}
	return out
}

func (l layout) separator() string {
	if l.explode {
		return l.between
	}
	return l.inside
}

func (l layout) nameText(name string) string {
	if l.escape.times == 0 || !strings.ContainsFunc(name, func(r rune) bool { return r > '~' || r <= ' ' || strings.ContainsRune("%&=#+", r) }) {
		return name // "$filter" and "filter[x]" are sent as the source writes them
	}
	return request.Escape(name)
}
