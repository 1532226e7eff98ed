package conformance_test

import (
	"maps"
	"slices"
	"strings"
)

// feature is a value whose choices or shape the API supplies, as a description
// says it.
type feature struct {
	own     endpoint
	kind    string // without "x-ms-dynamic-"
	output  bool
	pointer string // into the operation's input, or into its answer
	at      object
}

const dynamicPrefix = "x-ms-dynamic-"

// withoutKinds removes features of the kinds from a whole description.
func withoutKinds(v any, kinds []string) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			withoutKinds(one, kinds)
		}
	case object:
		for _, kind := range kinds {
			delete(v, dynamicPrefix+kind)
		}
		for _, one := range v {
			withoutKinds(one, kinds)
		}
	}
}

// finder collects the features of an operation, one for each place.
type finder struct {
	doc   document
	own   endpoint
	kinds []string
	found []feature
}

// features returns those of the kinds that an operation has, in a fixed order.
func (d document) features(e endpoint, kinds []string) []feature {
	f := &finder{doc: d, own: e, kinds: kinds}
	for _, p := range e.parameters {
		switch p["in"] {
		case "body":
			f.walk(p["schema"], "/body", false, nil)
		case "formData":
			f.walk(p, "/body/"+escaped(text(p["name"])), false, nil)
		default:
			f.walk(p, "/"+escaped(text(p["name"])), false, nil)
		}
	}
	f.walk(d.delivered(e), "", true, nil)
	return f.found
}

func escaped(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// delivered is the schema of what an operation answers with or, if it is a trigger
// with a webhook, of what that is sent.
func (d document) delivered(e endpoint) any {
	paths, _ := d.root["paths"].(object)
	item := d.resolve(paths[e.path])
	if content, is := item["x-ms-notification-content"].(object); is && text(e.op["x-ms-trigger"]) != "" {
		return content["schema"]
	}
	return d.answerOf(e)
}

// answerOf is the schema of the first success that has one, or of the default.
func (d document) answerOf(e endpoint) any {
	responses, _ := e.op["responses"].(object)
	var fallback any
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		schema, there := d.resolve(responses[status])["schema"]
		switch {
		case there && strings.HasPrefix(status, "2"):
			return schema
		case there && status == "default":
			fallback = schema
		}
	}
	return fallback
}

// walk looks into a schema and into what it is made of, never into itself.
func (f *finder) walk(schema any, pointer string, output bool, above []string) {
	o, is := schema.(object)
	if !is || len(above) > 24 || strings.Count(pointer, "/") > 24 {
		return
	}
	for _, kind := range f.kinds {
		at, is := o[dynamicPrefix+kind].(object)
		known := func(one feature) bool { return one.pointer == pointer && one.output == output && one.kind == kind }
		if is && !slices.ContainsFunc(f.found, known) {
			f.found = append(f.found, feature{own: f.own, kind: kind, output: output, pointer: pointer, at: at})
		}
	}
	if ref := text(o["$ref"]); ref != "" {
		if !slices.Contains(above, ref) {
			f.walk(f.doc.at(ref), pointer, output, append(slices.Clone(above), ref))
		}
		return
	}
	properties, _ := o["properties"].(object)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		f.walk(properties[name], pointer+"/"+escaped(name), output, above)
	}
	f.walk(o["items"], pointer+"/*", output, above)
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range items(o[key]) {
			f.walk(part, pointer, output, above)
		}
	}
}

// segments splits a path of the description.
func segments(path string) []string {
	path = strings.Trim(path, "/ ")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// at returns what is at a path of a value; of a list, in its first element.
func at(v any, path []string) any {
	for _, name := range path {
		if list := items(v); len(list) > 0 {
			v = list[0]
		}
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

// planted returns a value with another one at a path.
func planted(v any, path []string, leaf any) any {
	if len(path) == 0 {
		return leaf
	}
	o, is := v.(object)
	if !is {
		o = object{}
	}
	o = maps.Clone(o)
	o[path[0]] = planted(o[path[0]], path[1:], leaf)
	return o
}

// place returns where an operation's input has what a path of a description names:
// a parameter, the body or a part of it, a property of the body by its bare name.
// False means that there is no such thing.
func (d document) place(e endpoint, path string) ([]string, bool) {
	parts := segments(path)
	var body object
	for _, p := range e.parameters {
		switch {
		case p["in"] == "formData" && p["name"] == parts[0]:
			return append([]string{"body"}, parts...), true
		case p["in"] == "body":
			body = p
		case text(p["name"]) == strings.Trim(path, "/"):
			return []string{strings.Trim(path, "/")}, true
		}
	}
	if body == nil {
		return parts, false
	}
	if parts[0] == "body" || parts[0] == text(body["name"]) {
		return append([]string{"body"}, parts[1:]...), true
	}
	properties := generator{doc: d}.facts(body["schema"]).properties
	if _, there := properties[parts[0]]; there {
		return append([]string{"body"}, parts...), true
	}
	if dotted := strings.Split(path, "."); len(dotted) > 1 && properties[dotted[0]] != nil {
		return append([]string{"body"}, dotted...), true
	}
	return parts, false
}

// arguments makes the input of the call that a feature names, out of constants, of
// the input of its own operation, and of an item. references are what it takes of
// the input, by the path that the description uses, true if there is a value.
func (d document) arguments(f feature, call object, target endpoint, input, context object, item any) (given object, references map[string]bool) {
	given, references = object{}, map[string]bool{}
	parameters, _ := call["parameters"].(object)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		v := parameters[name]
		if o, is := v.(object); is {
			v = o["value"]
			for _, key := range []string{"parameter", "parameterReference"} {
				if ref := text(o[key]); ref != "" {
					place, _ := d.place(f.own, ref)
					if v = at(context, segments(ref)); v == nil {
						v = at(input, place)
					}
					references[ref] = v != nil
				}
			}
			for _, key := range []string{"selectedItemValuePath", "value-property"} {
				if path := text(o[key]); path != "" {
					v = at(item, segments(path))
				}
			}
		}
		if v != nil {
			place, _ := d.place(target, name)
			given = planted(given, place, v).(object)
		}
	}
	return given, references
}

// allowed reports whether a parameter of an operation takes a value, as far as an
// enumeration says it, and returns one that it takes.
func (d document) allowed(e endpoint, place []string, v any) (one any, ok bool) {
	for _, p := range e.parameters {
		if p["in"] == "body" || p["in"] == "formData" || len(place) != 1 || p["name"] != place[0] {
			continue
		}
		list := items(generator{doc: d}.facts(p).object["enum"])
		if len(list) == 0 || slices.ContainsFunc(list, func(one any) bool { return wireText(one) == wireText(v) }) {
			return v, true
		}
		return list[0], false
	}
	return v, true
}

// suited returns an input in which what a call takes of it is a value that the
// called operation takes, where both are free to have it.
func (d document) suited(f feature, call object, target endpoint, input object) object {
	parameters, _ := call["parameters"].(object)
	for name, v := range parameters {
		o, _ := v.(object)
		ref := text(o["parameter"]) + text(o["parameterReference"])
		if ref == "" {
			continue
		}
		from, _ := d.place(f.own, ref)
		to, _ := d.place(target, name)
		have := at(input, from)
		if one, ok := d.allowed(target, to, have); !ok && have != nil {
			if _, free := d.allowed(f.own, from, one); free {
				input = planted(input, from, one).(object)
			}
		}
	}
	return input
}
