package infer

import (
	"net/url"
	"strings"
)

// encodedPair encodes what "name=content", "=content" or "content" holds.
func encodedPair(value string) string {
	name, content, named := strings.Cut(value, "=")
	switch {
	case !named:
		return url.QueryEscape(value)
	case name == "":
		return url.QueryEscape(content)
	default:
		return name + "=" + url.QueryEscape(content)
	}
}

func (c *curl) form(option, value string) {
	name, content, _ := strings.Cut(value, "=")
	p := part{name: name, value: content}
	if option == "form" {
		p = formValue(content)
		p.name = name
		if strings.HasPrefix(content, "@") || strings.HasPrefix(content, "<") {
			p.file, p.value = content[0] == '@', ""
		}
	}
	if len(c.r.parts) < maxParameters {
		c.r.parts = append(c.r.parts, p)
	}
	c.r.hasBody = true
}

// formValue splits what curl adds behind a value: ";type=image/png". Between
// double quotes semicolons are part of the value. A file name makes a file of
// the value.
func formValue(content string) (p part) {
	value, rest := content, ""
	if strings.HasPrefix(content, `"`) {
		value, rest = quoted(content)
	} else if i := strings.IndexByte(content, ';'); i >= 0 {
		value, rest = content[:i], content[i:]
	}
	known := false
	for one := range strings.SplitSeq(rest, ";") {
		key, setting, _ := strings.Cut(strings.TrimSpace(one), "=")
		switch key {
		case "type":
			p.mediaType, known = setting, true
		case "filename":
			p.file, known = true, true
		case "encoder", "headers":
			known = true
		}
	}
	p.value = content
	if known || rest == "" || strings.HasPrefix(content, "@") {
		p.value = value
	}
	return p
}

// quoted takes the text between double quotes off a value, without backslashes
// in front of quotes and backslashes.
func quoted(content string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(content); i++ {
		switch c := content[i]; {
		case c == '"':
			return b.String(), content[i+1:]
		case c == '\\' && i+1 < len(content) && (content[i+1] == '"' || content[i+1] == '\\'):
			i++
			b.WriteByte(content[i])
		default:
			b.WriteByte(c)
		}
	}
	return content, ""
}
