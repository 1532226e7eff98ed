package reference

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// special are the characters that mean something in CommonMark.
var special = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "|", `\|`,
)

// line is text on one line without markup.
func line(text string) string {
	return special.Replace(printable(strings.Join(strings.Fields(text), " ")))
}

// prose is text that may have markup, but no HTML and no headings, which would
// tear the page apart.
func prose(text string) string {
	lines := strings.Split(strings.ReplaceAll(printable(text), "\r\n", "\n"), "\n")
	for i, l := range lines {
		l = strings.ReplaceAll(l, "<", "&lt;")
		if trimmed := strings.TrimLeft(l, " "); strings.HasPrefix(trimmed, "#") {
			l = "**" + strings.TrimSpace(strings.Trim(trimmed, "#")) + "**"
		}
		lines[i] = l
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// printable removes what changes the direction of text or steers terminals.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) || unicode.IsSpace(r) && !unicode.IsControl(r) {
			return r
		}
		return -1
	}, text)
}

// code is text in a code span.
func code(text string) string {
	text = printable(strings.Join(strings.Fields(text), " "))
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// cell is text that ends no cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, `\|`, "|"), "|", `\|`)
}

// link is a link whose text is its URL; other schemes than those of the web are
// shown, and lead nowhere.
func link(url string) string {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return line(url)
	}
	if strings.ContainsAny(url, " <>\"\n\t") {
		return line(url)
	}
	return "<" + printable(url) + ">"
}

var notAnchor = regexp.MustCompile(`[^a-z0-9-]+`)

// anchor is the name of an operation's section.
func anchor(id string) string {
	return "operation-" + strings.Trim(notAnchor.ReplaceAllString(strings.ToLower(id), "-"), "-")
}

// quoted is a word for a shell.
func quoted(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=/") == "" && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// joined makes two sentences of two texts, of which either may be missing.
func joined(first, second string) string {
	first, second = strings.TrimSpace(first), strings.TrimSpace(second)
	switch {
	case first == "" || second == "" || first == second:
		return cmp.Or(first, second)
	case strings.HasSuffix(first, ".") || strings.HasSuffix(first, "?") || strings.HasSuffix(first, ":"):
		return first + " " + second
	}
	return first + ". " + second
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// word turns OPERATION_KIND_ACTION into "action".
func word(enum, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(enum, prefix), "_", " "))
}

// typeOf is a word for what a schema describes.
func typeOf(text []byte) string {
	var s schema
	if json.Unmarshal(text, &s) != nil {
		return ""
	}
	if s.Ref != "" {
		return line(s.Ref[strings.LastIndexByte(s.Ref, '/')+1:])
	}
	var one string
	var several []string
	switch {
	case json.Unmarshal(s.Type, &one) == nil:
	case json.Unmarshal(s.Type, &several) == nil:
		one = strings.Join(several, " or ")
	}
	if one == "array" && len(s.Items) > 0 {
		return strings.TrimSpace("list of " + typeOf(s.Items))
	}
	if s.Format != "" {
		return line(one + " (" + s.Format + ")")
	}
	return line(one)
}

// member is one member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// orderedMembers returns the members of a JSON object in their order.
func orderedMembers(text []byte) []member {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var list []member
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return nil
		}
		list = append(list, member{name, value})
	}
	return list
}
