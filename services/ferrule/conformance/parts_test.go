package conformance_test

import "regexp"

// part is one call of a feature.
type part struct {
	call    object
	paths   paths
	context object         // what the call may refer to before the input
	extra   map[string]any // what items have besides
}

func treeParts(f feature) []part {
	var parts []part
	browse, _ := f.at["browse"].(object)
	for _, key := range []string{"open", "browse"} {
		call, _ := f.at[key].(object)
		p := part{call: call, paths: pathsOf("tree", call), extra: map[string]any{}}
		if m := isTrue.FindStringSubmatch(text(call["itemIsParent"])); m != nil {
			p.extra[m[1]] = true
		}
		p.selecting(browse, "selectedItemValuePath")
		parts = append(parts, p)
	}
	return parts
}

// isTrue are the expressions that say which member of an item tells parents.
var isTrue = regexp.MustCompile(`^\(?([\w./]+)(?: eq true)?\)?$`)

// selecting gives items what a call takes of them.
func (p *part) selecting(call object, key string) {
	parameters, _ := call["parameters"].(object)
	for _, v := range parameters {
		o, _ := v.(object)
		if path := text(o[key]); path != "" {
			p.extra[path] = "selected"
		}
	}
}

// pickerParts are the calls of the file picker that a package describes; nil if it
// describes none.
func (d document) pickerParts(f feature, input object) []part {
	capabilities, _ := d.root["x-ms-capabilities"].(object)
	picker, _ := capabilities["file-picker"].(object)
	if picker == nil {
		return nil
	}
	given, _ := d.arguments(f, f.at, endpoint{}, input, nil, nil)
	var parts []part
	browse, _ := picker["browse"].(object)
	for _, key := range []string{"open", "browse"} {
		call, _ := picker[key].(object)
		p := part{call: call, context: given, extra: map[string]any{}, paths: paths{
			segments(text(picker["value-collection"])), segments(text(f.at["value-path"])), segments(text(picker["value-title"])),
		}}
		if title := text(f.at["value-title"]); title != "" {
			p.paths.title = segments(title)
		}
		if folder := text(picker["value-folder-property"]); folder != "" {
			p.extra[folder] = true
		}
		p.selecting(browse, "value-property")
		parts = append(parts, p)
	}
	return parts
}

func (p part) tellsParents() bool {
	for _, v := range p.extra {
		if v == true {
			return true
		}
	}
	return false
}
