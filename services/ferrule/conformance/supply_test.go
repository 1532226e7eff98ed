package conformance_test

import (
	"maps"
	"slices"
	"strings"
)

// paths are where choices are in an answer, in either form of a description.
type paths struct{ items, value, title []string }

func pathsOf(kind string, at object) paths {
	if kind == "values" {
		return paths{segments(text(at["value-collection"])), segments(text(at["value-path"])), segments(text(at["value-title"]))}
	}
	return paths{segments(text(at["itemsPath"])), segments(text(at["itemValuePath"])), segments(text(at["itemTitlePath"]))}
}

// choice is a value with its title.
type choice struct{ value, title string }

// example is an answer that the schema of an operation allows, without links to a
// next page.
func (d document) example(target endpoint) any {
	v, _ := generator{doc: d, mode: plain}.value(d.answerOf(target), 0, 0)
	if o, is := v.(object); is {
		maps.DeleteFunc(o, func(name string, _ any) bool { return strings.Contains(strings.ToLower(name), "next") })
	}
	return v
}

// supply returns an answer with choices in it: what the schema allows, with a list,
// a value and a title added where it describes none.
func (d document) supply(target endpoint, p paths, extra map[string]any) any {
	body := d.example(target)
	list := items(at(body, p.items))
	if len(list) == 0 && len(p.items) == 0 {
		if o, is := body.(object); is {
			for _, name := range slices.Sorted(maps.Keys(o)) {
				if more := items(o[name]); len(more) > 0 {
					return planted(body, []string{name}, p.filledWith(more, extra))
				}
			}
		}
	}
	return planted(body, p.items, p.filledWith(list, extra))
}

// filledWith returns a list of at least one item that has what the paths name.
func (p paths) filledWith(list []any, extra map[string]any) []any {
	if len(list) == 0 {
		list = []any{object{}}
	}
	out := make([]any, len(list))
	for i, one := range list {
		if _, is := one.(object); is || one == nil || len(p.value) > 0 && isList(one) {
			one = p.item(one, extra)
		}
		out[i] = one
	}
	return out
}

func (p paths) item(one any, extra map[string]any) any {
	if at(one, p.value) == nil || len(p.value) == 0 {
		one = planted(one, orOne(p.value, "undescribed"), "chosen")
	}
	if len(p.title) > 0 && at(one, p.title) == nil {
		one = planted(one, p.title, "title")
	}
	for path, v := range extra {
		if have := at(one, segments(path)); have == nil || v == true {
			one = planted(one, segments(path), v)
		}
	}
	return one
}

func orOne(path []string, name string) []string {
	if len(path) > 0 {
		return path
	}
	return []string{name}
}

// choices are what is to be found in an answer: the list at the path, or else that
// which it is or has under one of its names.
func (p paths) choices(body any) [][]choice {
	if len(p.items) > 0 || isList(body) {
		return [][]choice{p.choicesOf(items(at(body, p.items)))}
	}
	var out [][]choice
	o, _ := body.(object)
	for _, v := range o {
		if isList(v) {
			out = append(out, p.choicesOf(items(v)))
		}
	}
	return out
}

func (p paths) choicesOf(list []any) []choice {
	out := []choice{}
	for _, one := range list {
		v, title := one, ""
		if _, is := one.(object); is {
			v, title = at(one, p.value), titleText(at(one, p.title))
		}
		if v == nil {
			continue
		}
		if title == "" || len(p.title) == 0 {
			title = titleText(v)
		}
		out = append(out, choice{string(writeJSON(v)), title})
	}
	return out
}

func titleText(v any) string {
	if v == nil {
		return ""
	}
	return wireText(v)
}

// shape returns an answer with a schema in it, and the schema that is to be found.
func (d document) shape(kind string, target endpoint, at object) (body any, schema string) {
	path := text(at["itemValuePath"])
	properties := object{"made": object{"type": "string", "title": "Made up"}}
	whole := object{"type": "object", "properties": properties}
	planting := any(whole)
	if kind == "schema" {
		path = text(at["value-path"])
		if parts := segments(path); len(parts) == 0 || parts[len(parts)-1] == "properties" {
			planting = properties
		}
	}
	return planted(d.example(target), segments(path), planting), string(writeJSON(whole))
}
