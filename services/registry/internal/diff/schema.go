package diff

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	defsPrefix       = "#/$defs/"
	componentsPrefix = "#/components/schemas/"
	// maxDepth is the depth of schemas that are compared; below it anything goes.
	maxDepth = 128
)

// schemas are the named schemas of one definition, without texts for people and
// with the references that OpenAPI has. They are rewritten when they are first
// asked for.
type schemas struct {
	source map[string]*connectorv1.Schema
	done   map[string]rewritten
}

// rewritten is a schema for OpenAPI.
type rewritten struct {
	text []byte   // compact JSON; nil if there is no schema
	refs []string // names of the schemas that it refers to
}

func newSchemas(def *connectorv1.Definition) *schemas {
	return &schemas{
		source: by(def.GetSchemas(), (*connectorv1.Schema).GetName),
		done:   make(map[string]rewritten),
	}
}

// named returns the schema with this name; it has no text if there is none.
func (s *schemas) named(name string) rewritten {
	if r, ok := s.done[name]; ok {
		return r
	}
	r := s.rewrite(s.source[name].GetJson())
	s.done[name] = r
	return r
}

// reach returns all names that can be reached from these, these included.
func (s *schemas) reach(names []string) []string {
	seen := make(map[string]bool, len(names))
	queue := slices.Clone(names)
	var all []string
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] || s.source[name] == nil {
			continue
		}
		seen[name] = true
		all = append(all, name)
		queue = append(queue, s.named(name).refs...)
	}
	return all
}

// rewrite makes a schema for OpenAPI. What is not JSON becomes a schema that
// allows everything.
func (s *schemas) rewrite(text []byte) rewritten {
	if len(text) == 0 {
		return rewritten{}
	}
	var out bytes.Buffer
	w := &rewriter{
		in:     jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true)),
		out:    jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true)),
		source: s.source,
	}
	if err := w.value(isSchema, 0); err != nil {
		return rewritten{text: []byte("{}")}
	}
	return rewritten{text: bytes.TrimSpace(out.Bytes()), refs: w.refs}
}

// use says what a value is for.
type use int

const (
	isData    use = iota
	isSchema      // a JSON Schema
	isSchemas     // an object whose members are JSON Schemas
)

type rewriter struct {
	in     *jsontext.Decoder
	out    *jsontext.Encoder
	source map[string]*connectorv1.Schema
	refs   []string
	known  map[string]bool // refs as a set
}

func (w *rewriter) value(u use, depth int) error {
	kind := w.in.PeekKind()
	if u == isSchema && (kind == 't' || kind == 'f') {
		return w.boolean(kind)
	}
	if u == isSchema && depth > maxDepth {
		if err := w.in.SkipValue(); err != nil {
			return err
		}
		return w.out.WriteValue(jsontext.Value("{}"))
	}
	switch {
	case u != isData && kind == '{':
		return w.object(u, depth)
	case u != isData && kind == '[':
		if err := w.copyToken(); err != nil {
			return err
		}
		for w.in.PeekKind() != ']' {
			if err := w.value(u, depth+1); err != nil {
				return err
			}
		}
		return w.copyToken()
	}
	v, err := w.in.ReadValue()
	if err != nil {
		return err
	}
	return w.out.WriteValue(v)
}

func (w *rewriter) copyToken() error {
	t, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	return w.out.WriteToken(t)
}

// boolean writes a schema that is true or false as an object.
func (w *rewriter) boolean(kind jsontext.Kind) error {
	if _, err := w.in.ReadToken(); err != nil {
		return err
	}
	if kind == 't' {
		return w.out.WriteValue(jsontext.Value("{}"))
	}
	return w.out.WriteValue(jsontext.Value(`{"not":{}}`))
}

func (w *rewriter) object(u use, depth int) error {
	if err := w.copyToken(); err != nil {
		return err
	}
	for w.in.PeekKind() != '}' {
		t, err := w.in.ReadToken()
		if err != nil {
			return err
		}
		if u == isSchema {
			err = w.keyword(t.String(), depth)
		} else {
			err = w.member(t.String(), isSchema, depth)
		}
		if err != nil {
			return err
		}
	}
	return w.copyToken()
}

func (w *rewriter) member(key string, u use, depth int) error {
	if err := w.out.WriteToken(jsontext.String(key)); err != nil {
		return err
	}
	return w.value(u, depth+1)
}

// keyword writes a member of a schema, unless it does not matter.
func (w *rewriter) keyword(key string, depth int) error {
	kind := w.in.PeekKind()
	switch {
	case key == "$ref" && kind == '"':
		return w.reference()
	case isText(key) || isOdd(key, kind):
		return w.in.SkipValue()
	default:
		return w.member(key, useOf(key, kind), depth)
	}
}

// useOf says what the member of a schema holds.
func useOf(key string, kind jsontext.Kind) use {
	switch key {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return isSchemas
	case "additionalProperties", "unevaluatedProperties", "unevaluatedItems":
		if kind == 't' || kind == 'f' {
			return isData // OpenAPI has booleans here
		}
		return isSchema
	case "items", "prefixItems", "not", "allOf", "anyOf", "oneOf", "if", "then", "else", "contains", "propertyNames", "contentSchema":
		return isSchema
	default:
		return isData
	}
}

// isText reports whether a member of a schema is for people, or means nothing to
// a validator.
func isText(key string) bool {
	switch key {
	case "title", "description", "example", "examples", "$comment", "externalDocs", "xml", "$id", "$schema", "$anchor", "$defs", "definitions":
		return true
	default:
		return strings.HasPrefix(key, "x-")
	}
}

// isOdd reports whether the value of a keyword is of a kind that it cannot have,
// so that it means nothing: "required": true of older drafts, for instance, or
// the discriminator of Swagger 2.0, which is text.
func isOdd(key string, kind jsontext.Kind) bool {
	var kinds string
	switch key {
	case "type":
		kinds = `"[`
	case "format", "pattern", "contentMediaType", "contentEncoding":
		kinds = `"`
	case "required", "enum", "allOf", "anyOf", "oneOf", "prefixItems":
		kinds = `[`
	case "properties", "patternProperties", "discriminator", "dependentSchemas", "dependentRequired":
		kinds = `{`
	case "items", "not", "additionalProperties", "if", "then", "else", "contains", "propertyNames":
		kinds = `{tf`
	case "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		kinds = `0`
	case "exclusiveMinimum", "exclusiveMaximum":
		kinds = `0tf`
	case "nullable", "readOnly", "writeOnly", "deprecated", "uniqueItems", "allowEmptyValue":
		kinds = `tf`
	default:
		return false
	}
	return !strings.ContainsRune(kinds, rune(kind))
}

// reference writes a reference to a named schema. Others lead out of the
// definition, and nobody knows what they mean.
func (w *rewriter) reference() error {
	t, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(t.String(), defsPrefix)
	token, deeper, _ := strings.Cut(rest, "/")
	name := document.UnescapeToken(token)
	if !ok || w.source[name] == nil {
		return nil
	}
	if !w.known[name] {
		if w.known == nil {
			w.known = map[string]bool{}
		}
		w.known[name] = true
		w.refs = append(w.refs, name)
	}
	target := componentsPrefix + component(name)
	if deeper != "" {
		target += "/" + deeper
	}
	if err := w.out.WriteToken(jsontext.String("$ref")); err != nil {
		return err
	}
	return w.out.WriteToken(jsontext.String(target))
}

var odd = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// component is a schema's name with the characters that OpenAPI allows. Different
// names stay different.
func component(name string) string {
	return odd.ReplaceAllStringFunc(name, func(s string) string { return fmt.Sprintf("_%x_", s) })
}
