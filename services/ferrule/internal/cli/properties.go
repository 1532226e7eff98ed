package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// maxReferences bounds how many references are followed to find an object.
const maxReferences = 16

// object is as much of a JSON Schema as is shown to people.
type object struct {
	Ref        string          `json:"$ref"`
	Properties json.RawMessage `json:"properties"`
	Required   []string        `json:"required"`
}

// property is one member of an object.
type property struct {
	name     string
	schema   json.RawMessage
	required bool
}

// properties lists the members of the object that a schema describes, in the
// schema's order; none if it describes something else.
func properties(schema []byte, named []*connectorv1.Schema) []property {
	var o object
	if json.Unmarshal(resolved(schema, named), &o) != nil {
		return nil
	}
	var list []property
	for _, name := range memberNames(o.Properties) {
		list = append(list, property{name: name, required: slices.Contains(o.Required, name)})
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(o.Properties, &members) != nil {
		return nil
	}
	for n := range list {
		list[n].schema = members[list[n].name]
	}
	return list
}

// resolved returns the schema that a schema refers to, itself if it does not.
func resolved(schema []byte, named []*connectorv1.Schema) []byte {
	for range maxReferences {
		var o object
		if json.Unmarshal(schema, &o) != nil || o.Ref == "" {
			break
		}
		schema = schemaNamed(o.Ref, named)
	}
	return schema
}

// values is what a schema says about the values themselves.
type values struct {
	Default    json.RawMessage   `json:"default"`
	Enum       []json.RawMessage `json:"enum"`
	Visibility string            `json:"x-ms-visibility"`
}

// needed says whether callers have to give an input: what has a default is filled
// in, and what is internal is the connector's own.
func needed(schema []byte, required, internal bool) string {
	var v values
	_ = json.Unmarshal(schema, &v) // a schema that is none says nothing
	switch {
	case internal || v.Visibility == "internal":
		return "internal"
	case len(v.Default) > 0:
		return ""
	}
	return yes(required)
}

// The lengths of what is shown about one input, in characters.
const (
	maxWhat    = 64
	maxChoices = 96
)

// what is a text about an input, with its default and the values that it takes.
func what(text string, schema []byte) string {
	var v values
	_ = json.Unmarshal(schema, &v) // a schema that is none says nothing
	text = short(text, maxWhat)
	var parts []string
	if len(v.Enum) > 0 {
		choices := make([]string, len(v.Enum))
		for n, choice := range v.Enum {
			choices[n] = string(choice)
		}
		parts = append(parts, "one of "+short(strings.Join(choices, ", "), maxChoices))
	}
	if len(v.Default) > 0 {
		parts = append(parts, "default "+short(string(v.Default), maxWhat))
	}
	if len(parts) == 0 {
		return text
	}
	return strings.TrimSpace(text + " (" + strings.Join(parts, "; ") + ")")
}

// schemaNamed finds what a reference of the form "#/$defs/{name}" means.
func schemaNamed(ref string, named []*connectorv1.Schema) []byte {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok {
		return nil
	}
	name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name) // RFC 6901, section 4
	for _, s := range named {
		if s.GetName() == name {
			return s.GetJson()
		}
	}
	return nil
}

// memberNames returns the names of a JSON object's members in their order, which
// decoding into a map would lose.
func memberNames(text []byte) []string {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var names []string
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil
		}
		names = append(names, name)
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return nil
		}
	}
	return names
}

// schemaText is what a schema says it is about.
func schemaText(schema []byte) string {
	var s struct {
		Summary     string `json:"x-ms-summary"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return ""
	}
	return titled(cmp.Or(s.Summary, s.Title), s.Description)
}

// titled is a text behind its title, unless one of them says it all.
func titled(title, text string) string {
	title, text = strings.TrimSpace(title), strings.TrimSpace(text)
	if title == "" || strings.HasPrefix(strings.ToLower(text), strings.ToLower(title)) {
		return text
	}
	if text == "" {
		return title
	}
	return strings.TrimRight(title, ".:") + ": " + text
}
