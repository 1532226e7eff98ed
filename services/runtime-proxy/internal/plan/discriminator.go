package plan

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// anyForm stands for a value that does not tell one form from another.
const anyForm = -1

// choice is what a discriminator says (OpenAPI 3.1, section "Discriminator
// Object"): which form of a value is meant, by the value of one property.
type choice struct {
	property string
	forms    map[string]int // by value; anyForm if several ask for it
	allowed  []string       // the values to name to a caller
	closed   bool           // no form goes by a value that is not known
	others   int            // the form of values that are unknown or missing, or anyForm
}

// choiceOf reads the discriminator of a schema with its forms, nil if it has none.
// A form goes by the values that the mapping gives it, by the name of its
// schema, and by the values that it asks for itself: authors who forget the
// mapping write those.
func (s *schemas) choiceOf(source map[string]any) (c *choice, keyword string) {
	discriminator, _ := source["discriminator"].(map[string]any)
	field, _ := discriminator["propertyName"].(string)
	keyword = "oneOf"
	forms, _ := source[keyword].([]any)
	if len(forms) == 0 {
		keyword = "anyOf"
		forms, _ = source[keyword].([]any)
	}
	if field == "" || len(forms) == 0 {
		return nil, ""
	}
	c = &choice{property: field, forms: map[string]int{}, closed: true}
	names := make([]string, len(forms))
	for i, form := range forms {
		names[i] = s.nameOf(form)
	}
	mapped := c.addMapping(discriminator, names)
	c.addNames(names)
	sure := maps.Clone(c.forms)
	for i, form := range forms {
		own := s.valuesOf(form, field)
		c.addOwn(i, own, sure)
		switch {
		case len(mapped[i]) > 0:
			c.allow(mapped[i]...)
		case len(own) > 0:
			c.allow(own...)
		case names[i] != "":
			c.allow(names[i])
		case mayBeObject(form):
			c.closed = false
		}
	}
	c.others = position(names, discriminator["defaultMapping"])
	return c, keyword
}

// addMapping returns the values that are mapped to each form, in order.
func (c *choice) addMapping(discriminator map[string]any, names []string) map[int][]string {
	mapping, _ := discriminator["mapping"].(map[string]any)
	byForm := map[int][]string{}
	for _, value := range slices.Sorted(maps.Keys(mapping)) {
		at := position(names, mapping[value])
		c.forms[value] = at
		byForm[at] = append(byForm[at], value)
	}
	return byForm
}

func (c *choice) addNames(names []string) {
	for i, name := range names {
		if _, ok := c.forms[name]; name != "" && !ok {
			c.forms[name] = i
		}
	}
}

// addOwn adds the values that a form asks for. What is sure stays.
func (c *choice) addOwn(index int, own []string, sure map[string]int) {
	for _, value := range own {
		if _, ok := sure[value]; ok {
			continue
		}
		at := index
		if have, ok := c.forms[value]; ok && have != index {
			at = anyForm
		}
		c.forms[value] = at
	}
}

func (c *choice) allow(values ...string) {
	for _, value := range values {
		if !slices.Contains(c.allowed, value) {
			c.allowed = append(c.allowed, value)
		}
	}
}

// nameOf returns the name of the schema that a form refers to, empty for none.
func (s *schemas) nameOf(form any) string {
	source, _ := form.(map[string]any)
	ref, _ := source["$ref"].(string)
	if index, rest, ok := s.named(ref); ok && rest == "" {
		return s.list[index].GetName()
	}
	return ""
}

// position returns which of the named forms a mapping means, anyForm for none.
// It writes plain names, references of the model, or those of the source.
func position(names []string, target any) int {
	text, _ := target.(string)
	if text == "" {
		return anyForm
	}
	if at := slices.Index(names, text); at >= 0 {
		return at
	}
	last := text[strings.LastIndexByte(text, '/')+1:]
	if plain, err := url.PathUnescape(last); err == nil {
		last = plain
	}
	return slices.Index(names, strings.NewReplacer("~1", "/", "~0", "~").Replace(last))
}

// valuesOf returns the texts that a form allows for its property: in its own words
// or in those of its direct parts.
func (s *schemas) valuesOf(form any, field string) []string {
	raw, err := json.Marshal(form)
	if err != nil {
		return nil
	}
	list := s.resolve(raw)
	values := s.valuesIn(list, field)
	if parts := property(list, "allOf"); parts.Kind() == '[' {
		for _, part := range elements(parts) {
			if part.Kind() == '{' { // a reference is what several forms may share
				values = append(values, s.valuesIn(members(part), field)...)
			}
		}
	}
	return values
}

func (s *schemas) valuesIn(list []member, field string) []string {
	properties := property(list, "properties")
	if properties.Kind() != '{' {
		return nil
	}
	about := s.resolve(property(members(properties), field))
	var values []string
	if constant := property(about, "const"); constant.Kind() == '"' {
		values = append(values, text(constant))
	}
	if enum := property(about, "enum"); enum.Kind() == '[' {
		for _, one := range elements(enum) {
			if one.Kind() == '"' {
				values = append(values, text(one))
			}
		}
	}
	return values
}

// mayBeObject reports whether a form could be that of an object.
func mayBeObject(form any) bool {
	source, _ := form.(map[string]any)
	kinds, _ := types(source["type"]).([]any)
	return len(kinds) == 0 || slices.Contains(kinds, any("object"))
}

// form returns the form of a value: an index, or anyForm if all are to be tried.
// The second result is false for a value that no form goes by.
func (c *choice) form(v any) (index int, known bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return anyForm, true
	}
	var value string
	switch given := object[c.property].(type) {
	case string:
		value = given
	case json.Number:
		value = given.String()
	case bool:
		value = strconv.FormatBool(given)
	default:
		return c.others, true
	}
	if at, ok := c.forms[value]; ok {
		return at, true
	}
	return c.others, !c.closed || c.others != anyForm
}
