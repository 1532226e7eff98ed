package postman

import (
	"regexp"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// template is a variable in text: {{name}}.
var template = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// scope holds the values of variables by name; empty ones count as not there.
type scope map[string]variable

type variable struct {
	value string
	// secret is true where the file itself says so, and where name or value do.
	secret bool
}

// environment is a file of values for one place where the API is.
type environment struct {
	name  string
	scope scope
}

// scopeOf reads variables, and reports those that hold secrets.
func (t *translation) scopeOf(list *document.Node) scope { return t.scopeIn(t.place, list) }

func (t *translation) scopeIn(place *format.Place, list *document.Node) scope {
	if len(list.Children()) == 0 {
		return nil
	}
	s := scope{}
	for _, p := range pairs(list) {
		if p.disabled || p.key == "" || p.value == "" {
			continue
		}
		v := variable{value: p.value, secret: p.node.Str("type") == "secret" || secretlike.Query(p.key, p.value)}
		s[p.key] = v
		if v.secret && !isPlaceholder(p.value) && !template.MatchString(p.value) {
			place.Report(format.Warning, "SecretInSource", p.node, revoke,
				"the variable %q holds a secret; it was not copied", shorten(p.key))
		}
	}
	return s
}

// lookup finds a variable as Postman does: the environment comes first, then
// what is closest to the request. env may be nil.
func (t *translation) lookup(name string, at *request, env scope) (variable, bool) {
	if v, ok := env[name]; ok {
		return v, true
	}
	if v, ok := at.scope[name]; ok {
		return v, true
	}
	for f := at.folder; f != nil; f = f.parent {
		if v, ok := f.scope[name]; ok {
			return v, true
		}
	}
	if v, ok := t.col.scope[name]; ok {
		return v, true
	}
	for _, s := range t.globals {
		if v, ok := s[name]; ok {
			return v, true
		}
	}
	return variable{}, false
}

// defaults is the environment whose values count where only one can.
func (t *translation) defaults() scope {
	if len(t.environments) == 0 {
		return nil
	}
	return t.environments[0].scope
}

// expand replaces the variables that have a value and are no secrets. What stays
// in braces is unknown, and complete is false then.
func (t *translation) expand(s string, at *request, env scope) (expanded string, complete bool) {
	for range maxHops {
		if !strings.Contains(s, "{{") || len(s) > maxValueBytes || t.expanded > maxExpanded {
			break
		}
		changed := false
		s = template.ReplaceAllStringFunc(s, func(m string) string {
			name := nameOf(m)
			v, ok := t.lookup(name, at, env)
			if !ok || v.secret || len(v.value) > maxValueBytes {
				return m
			}
			changed = true
			t.expanded += len(v.value)
			return v.value
		})
		if !changed {
			break
		}
	}
	return s, !strings.Contains(s, "{{")
}

// nameOf returns the name in a template.
func nameOf(m string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(m, "{{"), "}}"))
}

// only returns the name of the variable that is all of the text, or "".
func only(s string) string {
	s = strings.TrimSpace(s)
	if loc := template.FindStringIndex(s); len(loc) > 0 && loc[0] == 0 && loc[1] == len(s) {
		return nameOf(s)
	}
	return ""
}

// identifier is a variable's name as it may stand in braces.
func identifier(name string) string {
	name = strings.TrimPrefix(name, "$")
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("{}/?#&= \t", r) || r < ' ' {
			return '_'
		}
		return r
	}, shorten(name))
	if name == "" {
		return "value"
	}
	return name
}

// dynamics are the schemas of the values that Postman makes up itself.
var dynamics = map[string]string{
	"$guid": `{"type":"string","format":"uuid"}`, "$randomUUID": `{"type":"string","format":"uuid"}`,
	"$timestamp": `{"type":"integer"}`, "$isoTimestamp": `{"type":"string","format":"date-time"}`,
	"$randomInt": `{"type":"integer"}`, "$randomBoolean": `{"type":"boolean"}`,
	"$randomEmail": `{"type":"string","format":"email"}`, "$randomUrl": `{"type":"string","format":"uri"}`,
}

// placeholders are the schemas of the values that Postman writes into requests
// that it makes from an API description.
var placeholders = map[string]string{
	"<string>": `{"type":"string"}`, "<integer>": `{"type":"integer"}`, "<long>": `{"type":"integer"}`,
	"<number>": `{"type":"number"}`, "<float>": `{"type":"number"}`, "<double>": `{"type":"number"}`,
	"<boolean>": `{"type":"boolean"}`, "<uuid>": `{"type":"string","format":"uuid"}`,
	"<date>": `{"type":"string","format":"date"}`, "<dateTime>": `{"type":"string","format":"date-time"}`,
	"<email>": `{"type":"string","format":"email"}`, "<uri>": `{"type":"string","format":"uri"}`,
}
