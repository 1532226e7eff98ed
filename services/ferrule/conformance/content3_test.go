package conformance_test

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// body makes a request body in one of the media types of an operation.
func (o *openAPI3) body() {
	o.call.want.body.kind = noBody
	body := o.doc.resolve(o.op["requestBody"])
	contents, _ := body["content"].(object)
	if len(contents) == 0 {
		return
	}
	types := slices.Sorted(maps.Keys(contents))
	chosen := preferred(types)
	if _, known := contents[chosen]; !known || o.mode == tricky {
		chosen = types[len(types)-1]
	}
	if len(types) > 1 && (o.mode == tricky || kindOf(chosen) != jsonBody) {
		if strings.Contains(chosen, "*") {
			chosen = types[0]
		}
		o.call.input["Content-Type"] = chosen
	}
	media, _ := contents[chosen].(object)
	want := content{kind: kindOf(chosen), types: []string{chosen}}
	f := o.facts(media["schema"])
	if want.kind == rawBody || f.object["format"] == "binary" {
		want.kind, want.raw = rawBody, "\x00\xffbytes % + ü"
		o.call.input["body"] = object{"$content": base64.StdEncoding.EncodeToString([]byte(want.raw))}
		o.call.want.body = want
		return
	}
	if want.kind == multipart || want.kind == formBody {
		o.form(media, want, truth(body["required"]))
		return
	}
	v, ok := o.value(media["schema"], 0, 0)
	if !ok {
		o.problem = "body: no value is known that fits"
		return
	}
	v, ok = o.given(media["schema"], v, truth(body["required"]))
	if ok {
		o.call.want.body = want.of(v)
	}
}

// given gives a body to the input, unless it may be left out, and returns it with
// its defaults. False means that none is sent.
func (o *openAPI3) given(schema, v any, needed bool) (any, bool) {
	g := o.generator
	g.sure = true
	if o.mode != required || needed {
		o.call.input["body"] = v
		return g.completed(schema, v, 0), true
	}
	delete(o.call.input, "Content-Type")
	made, _ := g.completed(schema, object{}, 0).(object)
	return made, len(made) > 0 && o.whole(schema, made)
}

// form makes a form or a multipart body; its parts are as their encodings say.
func (o *openAPI3) form(media object, want content, needed bool) {
	v, ok := o.value(media["schema"], 0, 0)
	fields, isObject := v.(object)
	if !ok || !isObject {
		o.problem = "body: no value is known that fits a form"
		return
	}
	f := o.facts(media["schema"])
	if want.kind == multipart {
		for name := range fields {
			fields[name] = o.files(f.properties[name], fields[name])
		}
	}
	v, ok = o.given(media["schema"], fields, needed)
	if !ok {
		return
	}
	encodings, _ := media["encoding"].(object)
	for _, name := range slices.Sorted(maps.Keys(v.(object))) {
		encoding, _ := encodings[name].(object)
		want.property(name, v.(object)[name], encoding, want.kind)
	}
	slices.Sort(want.fields)
	slices.Sort(want.parts)
	o.call.want.body = want
}

// files puts files in the place of what a schema says is binary.
func (o *openAPI3) files(schema, v any) any {
	f := o.facts(schema)
	if list, is := v.([]any); is {
		out := make([]any, len(list))
		for i, one := range list {
			out[i] = o.files(f.object["items"], one)
		}
		return out
	}
	if f.object["format"] != "binary" || v == nil {
		return v
	}
	return object{"$content": base64.StdEncoding.EncodeToString([]byte("\x00\xff\r\n--x")), "$filename": `a "b" ü.png`, "$content-type": "image/png"}
}

// property adds a property of a form.
func (c *content) property(name string, v any, encoding object, k kind) {
	if v == nil {
		return
	}
	list, isArray := v.([]any)
	_, isObject := v.(object)
	mediaType := firstType(text(encoding["contentType"]))
	styled := encoding["style"] != nil || encoding["explode"] != nil || encoding["allowReserved"] != nil
	if k == formBody {
		s := styleOf(encoding, "query")
		switch {
		case !styled && (isObject || isArray && kindOf(mediaType) == jsonBody && mediaType != ""):
			v = string(writeJSON(v))
		case !styled:
			s = style{name: "form", explode: true}
		}
		c.fields = append(c.fields, s.pairs(name, v)...)
		return
	}
	if !isArray {
		list = []any{v}
	}
	for _, one := range list {
		c.part(name, one, mediaType)
	}
}

func (c *content) part(name string, v any, mediaType string) {
	if v == nil {
		return
	}
	o, isObject := v.(object)
	if encoded, is := o["$content"].(string); is {
		bytes, _ := base64.StdEncoding.DecodeString(encoded)
		c.parts = append(c.parts, partLine(name, strings.ReplaceAll(text(o["$filename"]), `"`, "%22"), text(o["$content-type"]), string(bytes)))
		return
	}
	if isObject || isList(v) {
		mediaType = cmp.Or(mediaType, "application/json")
	}
	c.parts = append(c.parts, partLine(name, "", mediaType, wireText(v)))
}

// firstType returns the first media type of a list that is no range.
func firstType(list string) string {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); !strings.Contains(one, "*") {
			return one
		}
	}
	return ""
}
