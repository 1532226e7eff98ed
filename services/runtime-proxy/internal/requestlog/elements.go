package requestlog

import (
	"html"
	"slices"
	"strings"
)

// elements redacts XML and HTML: elements and attributes by their names, or by the name
// that stands beside them, and texts by what they say once they are decoded.
func (r *redactor) elements(text string, depth int) string {
	var out strings.Builder
	naming, named := "", false // the element that names a secret, and whether it has ended just now
	for {
		start := tagStart(text)
		if start < 0 {
			out.WriteString(r.markup(text, depth))
			return out.String()
		}
		out.WriteString(r.markup(text[:start], depth))
		text = text[start:]
		if content, ok := strings.CutPrefix(text, cdata); ok {
			content, rest, ended := strings.Cut(content, "]]>")
			out.WriteString(cdata + r.said(content, depth+1))
			if text = rest; ended {
				out.WriteString("]]>")
			}
			continue
		}
		size := tagEnd(text)
		tag := text[:size]
		text = text[size:]
		full := elementOf(tag)
		if strings.HasPrefix(full, "/") {
			named = naming != "" && full[1:] == naming
			naming = ""
			out.WriteString(tag)
			continue
		}
		secret := named || full != "" && r.names.secret(local(full))
		beside := r.isNamed(tag)
		out.WriteString(r.attributes(tag, secret, beside, depth))
		if naming, named = r.namedBy(full, text), false; strings.HasSuffix(tag, "/>") || isEmpty(full) || !secret && !beside {
			continue
		}
		out.WriteString(Redacted)
		text = text[contentEnd(text, full):]
	}
}

const cdata = "<![CDATA["

// markup redacts a text between tags.
func (r *redactor) markup(text string, depth int) string {
	plain := html.UnescapeString(text)
	if trimmed := strings.TrimLeft(plain, space); plain == text && !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return text
	}
	if said := r.said(plain, depth+1); said != plain {
		return html.EscapeString(said)
	}
	return text
}

// tagStart returns where the next tag begins; -1 for none. Other "<" are text.
func tagStart(text string) int {
	for at := 0; ; at++ {
		next := strings.IndexByte(text[at:], '<')
		if next < 0 || at+next+1 == len(text) {
			return -1
		}
		at += next
		if isTag(text[at+1:]) {
			return at
		}
	}
}

// isTag reports whether a text goes on as a tag does after its "<". A URL in brackets
// does not.
func isTag(text string) bool {
	if strings.IndexByte("/!?", text[0]) >= 0 {
		return true
	}
	size := 0
	for size < len(text) && (isWord(text[size]) || strings.IndexByte(".-:", text[size]) >= 0) {
		size++
	}
	rest := text[size:]
	return size > 0 && (rest == "" || strings.IndexByte(space+">", rest[0]) >= 0 || strings.HasPrefix(rest, "/>"))
}

// isEmpty reports whether an element of HTML has no end.
func isEmpty(full string) bool {
	return slices.Contains([]string{"input", "meta", "link", "img", "param"}, strings.ToLower(full))
}

// tagEnd returns how long the tag is that a text begins with. A ">" in a value of an
// attribute is no end.
func tagEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '>':
			return i + 1
		case '=':
			value := i + 1 + len(text[i+1:]) - len(strings.TrimLeft(text[i+1:], space))
			if value < len(text) && (text[value] == '"' || text[value] == '\'') {
				end := strings.IndexByte(text[value+1:], text[value])
				if end < 0 {
					return len(text)
				}
				i = value + 1 + end
			}
		}
	}
	return len(text)
}

// elementOf returns the name of a tag's element, with "/" before it if the tag ends it.
func elementOf(tag string) string {
	name := tag[1:]
	if end := strings.IndexAny(name, " \t\r\n>"); end >= 0 {
		name = name[:end]
	}
	return strings.TrimRight(name, "/")
}

// local returns a name without its prefix.
func local(name string) string { return name[strings.IndexByte(name, ':')+1:] }

// namedBy returns the name of an element if its text, which comes next, names the
// element that follows it, as in <name>password</name><value>…</value>.
func (r *redactor) namedBy(full, text string) string {
	said, _, ok := strings.Cut(text, "<")
	if ok && naming(local(full)) && r.names.secret(strings.Trim(said, space)) {
		return full
	}
	return ""
}

// contentEnd returns where the tag begins that ends an element.
func contentEnd(text, full string) int {
	for at, open := 0, 0; ; {
		start := tagStart(text[at:])
		if start < 0 {
			return len(text)
		}
		at += start
		if content, ok := strings.CutPrefix(text[at:], cdata); ok {
			end := strings.Index(content, "]]>")
			if end < 0 {
				return len(text)
			}
			at += len(cdata) + end
			continue
		}
		size := tagEnd(text[at:])
		switch name := elementOf(text[at : at+size]); {
		case name == "/"+full && open == 0:
			return at
		case name == "/"+full:
			open--
		case name == full && !strings.HasSuffix(text[at:at+size], "/>"):
			open++
		}
		at += size
	}
}

// attribute is one of a tag: what stands before its value, and the value with its
// quotes, or nothing.
type attribute struct{ name, before, value string }

// attributesOf cuts a tag up. Put together again, the attributes and the rest are the
// tag.
func attributesOf(tag string) (list []attribute, rest string) {
	for {
		equals := strings.IndexByte(tag, '=')
		if equals < 0 {
			return list, tag
		}
		name := strings.TrimRight(tag[:equals], " \t\r\n")
		name = name[strings.LastIndexAny(name, " \t\r\n\"'<:")+1:]
		value := equals + 1
		value += len(tag[value:]) - len(strings.TrimLeft(tag[value:], " \t\r\n"))
		one := attribute{name: name, before: tag[:value]}
		if tag = tag[value:]; tag != "" && (tag[0] == '"' || tag[0] == '\'') {
			end := strings.IndexByte(tag[1:], tag[0]) + 2
			if end == 1 {
				end = len(tag)
			}
			one.value, tag = tag[:end], tag[end:]
		} else if end := strings.IndexAny(tag, " \t\r\n>"); end >= 0 {
			one.value, tag = tag[:end], tag[end:]
		}
		list = append(list, one)
	}
}

// isNamed reports whether an attribute says that what is in the element is a secret, as
// in <add key="password" value="…"/>.
func (r *redactor) isNamed(tag string) bool {
	list, _ := attributesOf(tag)
	for _, one := range list {
		if naming(one.name) && r.names.secret(strings.Trim(one.value, `"'`)) {
			return true
		}
	}
	return false
}

// attributes redacts the attributes of one tag: all if the element is a secret, and
// those that are named by another one.
func (r *redactor) attributes(tag string, secret, beside bool, depth int) string {
	list, rest := attributesOf(tag)
	var out strings.Builder
	for _, one := range list {
		out.WriteString(one.before)
		declared := strings.Contains(one.before, "xmlns")
		switch {
		case one.value != "" && !declared && (secret || beside && named(one.name) || r.names.secret(one.name) || unchosenKey(one.name, strings.Trim(one.value, `"'`))):
			out.WriteString(`"` + Redacted + `"`)
		default:
			out.WriteString(r.markup(one.value, depth))
		}
	}
	out.WriteString(rest)
	return out.String()
}
