package conformance_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// style writes values as OpenAPI 3 says, with the operators of RFC 6570.
type style struct {
	name     string
	explode  bool
	reserved bool // reserved characters are not encoded
}

// styleOf returns the style of a parameter, with the defaults of its place.
func styleOf(p object, in string) style {
	s := style{name: text(p["style"]), reserved: truth(p["allowReserved"]) && in != "header"}
	if s.name == "" {
		s.name = map[string]string{"query": "form", "cookie": "form", "path": "simple", "header": "simple"}[in]
	}
	s.explode = s.name == "form"
	if explode, is := p["explode"].(bool); is {
		s.explode = explode
	}
	return s
}

func (s style) one(v any) string {
	encoded := percentEncode(wireText(v))
	if s.reserved {
		encoded = strings.ReplaceAll(encoded, "%2C", ",")
	}
	return encoded
}

// flat returns the parts of a list or an object; exploded objects are "name=value".
func (s style) flat(v any) []string {
	switch v := v.(type) {
	case []any:
		out := make([]string, len(v))
		for i, one := range v {
			out[i] = s.one(one)
		}
		return out
	case object:
		var out []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if s.explode {
				out = append(out, percentEncode(name)+"="+s.one(v[name]))
				continue
			}
			out = append(out, percentEncode(name), s.one(v[name]))
		}
		return out
	}
	return []string{s.one(v)}
}

// write returns a value in a path or a header.
func (s style) write(name string, v any) string {
	_, isObject := v.(object)
	parts := s.flat(v)
	if len(parts) == 0 {
		return ""
	}
	switch s.name {
	case "label":
		if s.explode {
			return "." + strings.Join(parts, ".")
		}
		return "." + strings.Join(parts, ",")
	case "matrix":
		switch {
		case s.explode && isObject:
			return ";" + strings.Join(parts, ";")
		case s.explode:
			return ";" + name + "=" + strings.Join(parts, ";"+name+"=")
		}
		return strings.TrimSuffix(";"+name+"="+strings.Join(parts, ","), "=")
	}
	return strings.Join(parts, ",")
}

// pairs returns a value in a query, a form or a cookie.
func (s style) pairs(name string, v any) []string {
	list, isArray := v.([]any)
	o, isObject := v.(object)
	encoded := percentEncode(name)
	switch {
	case s.name == "deepObject" && (isObject || isArray && s.explode):
		return s.deep(strings.TrimSuffix(encoded, map[bool]string{true: "%5B%5D"}[isArray]), v)
	case isArray && len(list) == 0, isObject && len(o) == 0:
		return nil
	case isArray && s.explode:
		var out []string
		for _, one := range list {
			out = append(out, encoded+"="+s.one(one))
		}
		return out
	case isObject && s.explode:
		return s.flat(v)
	}
	separator := map[string]string{"spaceDelimited": "%20", "pipeDelimited": "%7C"}[s.name]
	if separator == "" {
		separator = ","
	}
	return []string{encoded + "=" + strings.Join(s.flat(v), separator)}
}

// deep writes brackets. OpenAPI defines them for objects of scalars only; lists and
// objects inside are as PHP, Rails and qs read them.
func (s style) deep(prefix string, v any) []string {
	var out []string
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, s.deep(prefix+"%5B"+percentEncode(name)+"%5D", v[name])...)
		}
	case []any:
		scalars := !slices.ContainsFunc(v, func(one any) bool {
			_, isObject := one.(object)
			return isObject || isList(one)
		})
		for i, one := range v {
			index := ""
			if !scalars {
				index = fmt.Sprint(i)
			}
			out = append(out, s.deep(prefix+"%5B"+index+"%5D", one)...)
		}
	default:
		out = append(out, prefix+"="+s.one(v))
	}
	return out
}
