package requestlog

import "strings"

// assignments redacts what text assigns to a name, in lines such as "name: value" and
// anywhere in "name=value", name="value" and name: "value", as configurations, queries
// of GraphQL and connection strings have it.
func (r *redactor) assignments(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for {
		at := strings.IndexAny(text, ":=")
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		name, edge := assigned(text[:at])
		start := at + 1
		start += len(text[start:]) - len(strings.TrimLeft(text[start:], " \t"))
		size := 0
		if name != "" && r.names.secret(name) {
			size = assignedSize(text[start:], text[at], edge)
		}
		out.WriteString(text[:start])
		if size > 0 {
			out.WriteString(Redacted)
		}
		text = text[start+size:]
	}
}

// assigned returns the name that a text ends with, and what stands before it: a quote,
// '\n' for the beginning of a line, or 0.
func assigned(text string) (name string, edge byte) {
	if text == "" || text[len(text)-1] == '"' {
		return "", 0 // as in JSON
	}
	text = strings.TrimRight(text, " \t")
	end := len(text)
	for end > 0 && (isWord(text[end-1]) || strings.IndexByte(".-$[]", text[end-1]) >= 0) {
		end--
	}
	name = strings.TrimLeft(text[end:], "-.$")
	switch before := strings.TrimRight(text[:end], " \t"); {
	case before == "" || before[len(before)-1] == '\n' || before[len(before)-1] == '\r':
		edge = '\n'
	case end > 0 && (text[end-1] == '"' || text[end-1] == '\''):
		edge = text[end-1]
	}
	return name, edge
}

// assignedSize returns how long the value is that a text begins with; 0 for none.
func assignedSize(text string, sign, edge byte) int {
	if text == "" {
		return 0
	}
	if quote := text[0]; quote == '"' || quote == '\'' {
		if strings.HasPrefix(text[1:], Redacted) {
			return 0
		}
		return min(quotedEnd(text), len(text))
	}
	switch {
	case edge != 0:
		if whole := wholeSize(text, edge); sign == ':' || !strings.ContainsAny(text[:whole], "&;") {
			return whole
		}
	case sign == ':':
		return 0 // prose
	}
	if end := strings.IndexAny(text, space+"\"'<>&;,|)}\\"); end >= 0 {
		return end
	}
	return len(text)
}

// wholeSize returns how long a value is that ends with its line, or with the quote before
// its name.
func wholeSize(text string, edge byte) int {
	ends := "\r\n"
	if edge == '"' || edge == '\'' {
		ends += string(edge)
	}
	if end := strings.IndexAny(text, ends); end >= 0 {
		return end
	}
	return len(text)
}

// quotedEnd returns how long the string in quotes is that a text begins with.
func quotedEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		case '\n':
			return i
		}
	}
	return len(text)
}
