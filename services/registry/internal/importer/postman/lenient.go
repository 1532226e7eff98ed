package postman

import (
	"encoding/json"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// lenient reads the raw body of a request as JSON; nil if it is not.
func (t *translation) lenient(r *request) *document.Node {
	return t.lenientText(r, r.body.raw)
}

// lenientText reads JSON as people write it in Postman: with variables inside
// and outside of text, comments and trailing commas. A variable is its value, or
// its name in text, as "<name>", and null elsewhere.
func (t *translation) lenientText(r *request, raw string) *document.Node {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil
	}
	c := cleaner{t: t, r: r, in: raw}
	return strict(c.clean())
}

// strict reads JSON text; nil if it is not valid. Repairs that are right for a
// description would make JSON of prose here.
func strict(text string) *document.Node {
	if !json.Valid([]byte(text)) {
		return nil
	}
	doc, err := document.Parse("value.json", []byte(text))
	if err != nil {
		return nil
	}
	return doc.Root()
}

// cleaner makes strict JSON of text.
type cleaner struct {
	t   *translation
	r   *request
	in  string
	out strings.Builder
}

func (c *cleaner) clean() string {
	for i := 0; i < len(c.in); {
		switch {
		case c.in[i] == '"':
			i = c.text(i)
		case strings.HasPrefix(c.in[i:], "{{") && c.templateAt(i) > 0:
			end := c.templateAt(i)
			c.out.WriteString(c.bare(c.in[i:end]))
			i = end
		case strings.HasPrefix(c.in[i:], "//"):
			i += lineEnd(c.in[i:])
		case strings.HasPrefix(c.in[i:], "/*"):
			if end := strings.Index(c.in[i:], "*/"); end > 0 {
				i += end + 2
			} else {
				i = len(c.in)
			}
		case c.in[i] == ',' && closes(c.in[i+1:]):
			i++
		default:
			c.out.WriteByte(c.in[i])
			i++
		}
	}
	return c.out.String()
}

// text copies a string with its variables replaced, and returns its end. What
// Postman made up from an API description becomes a value of the right type.
func (c *cleaner) text(from int) int {
	end := from + 1
	for end < len(c.in) && c.in[end] != '"' {
		if c.in[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end+1, len(c.in))
	s := c.in[from:end]
	if value, ok := madeUp[s]; ok {
		c.out.WriteString(value)
		return end
	}
	if strings.Contains(s, "{{") {
		s = template.ReplaceAllStringFunc(s, func(m string) string {
			value, complete := c.t.expand(m, c.r, c.t.defaults())
			if !complete {
				value = "<" + identifier(nameOf(m)) + ">"
			}
			quoted := document.AppendString(nil, value)
			return string(quoted[1 : len(quoted)-1])
		})
	}
	c.out.WriteString(s)
	return end
}

// madeUp are values of the types that Postman writes between quotes.
var madeUp = map[string]string{
	`"<integer>"`: "0", `"<long>"`: "0", `"<number>"`: "0.5", `"<float>"`: "0.5", `"<double>"`: "0.5", `"<boolean>"`: "true",
}

// templateAt returns the end of the variable that starts at i, 0 if none does:
// two objects in each other start with two braces as well.
func (c *cleaner) templateAt(i int) int {
	end := strings.IndexAny(c.in[i+2:], "{}\"\n")
	if end < 0 || !strings.HasPrefix(c.in[i+2+end:], "}}") {
		return 0
	}
	return i + 2 + end + 2
}

// bare is the value of a variable outside of text.
func (c *cleaner) bare(m string) string {
	value, complete := c.t.expand(m, c.r, c.t.defaults())
	if !complete {
		return "null"
	}
	if !json.Valid([]byte(value)) {
		return "null"
	}
	return value
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// closes reports whether an object or array ends next. White space is short
// in real text; more of it is not looked through.
func closes(s string) bool {
	rest := strings.TrimLeft(s[:min(len(s), 256)], " \t\r\n")
	return rest != "" && (rest[0] == '}' || rest[0] == ']')
}
