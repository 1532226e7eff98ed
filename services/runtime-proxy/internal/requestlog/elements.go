package requestlog

import "strings"

// elements redacts XML and HTML: elements and attributes by their names.
func (r *redactor) elements(text string) string {
	var out strings.Builder
	for {
		start := strings.IndexByte(text, '<')
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:start])
		text = text[start:]
		size := strings.IndexByte(text, '>') + 1
		if size == 0 {
			size = len(text)
		}
		tag := text[:size]
		text = text[size:]
		full := tag[1:]
		if end := strings.IndexAny(full, " \t\r\n/>"); end >= 0 {
			full = full[:end]
		}
		secret := full != "" && r.names.secret(full[strings.IndexByte(full, ':')+1:])
		beside := r.isNamed(tag)
		out.WriteString(r.attributes(tag, secret, beside))
		if strings.HasSuffix(tag, "/>") || strings.HasPrefix(full, "/") || !secret && !beside {
			continue
		}
		out.WriteString(Redacted)
		if end := strings.Index(text, "</"+full); end >= 0 {
			text = text[end:]
		} else {
			text = ""
		}
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
func (r *redactor) attributes(tag string, secret, beside bool) string {
	list, rest := attributesOf(tag)
	var out strings.Builder
	for _, one := range list {
		out.WriteString(one.before)
		declared := strings.Contains(one.before, "xmlns")
		switch {
		case one.value != "" && !declared && (secret || beside && named(one.name) || r.names.secret(one.name) || unchosenKey(one.name, strings.Trim(one.value, `"'`))):
			out.WriteString(`"` + Redacted + `"`)
		default:
			out.WriteString(one.value)
		}
	}
	out.WriteString(rest)
	return out.String()
}
