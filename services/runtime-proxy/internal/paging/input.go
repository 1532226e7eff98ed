package paging

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// An input is named as in the input of a call, "offset" or "query.offset"; one
// that begins with a slash is a JSON pointer into it, "/body/offset".

// input returns an input that the caller gave, and whether there is one. A null
// counts as not given.
func input(document []byte, name string) (found jsontext.Value, ok bool) {
	parts := split(name)
	v := jsontext.Value(document)
	for _, part := range parts {
		found = nil
		_ = dotpath.Members(v, func(have string, value jsontext.Value) bool {
			if have == part {
				found = value
			}
			return have != part
		})
		v = found
	}
	return v, len(v) > 0 && v.Kind() != 'n'
}

func whole(document []byte, name string) (int64, bool) {
	v, ok := input(document, name)
	if !ok {
		return 0, false
	}
	return dotpath.Whole(v)
}

// with returns the input with one of its members set, as text or as a number
// according to what the operation says.
func with(document []byte, op *connectorv1.Operation, name string, value jsontext.Value) []byte {
	return set(document, split(name), fit(op, name, value))
}

func set(document jsontext.Value, parts []string, value jsontext.Value) jsontext.Value {
	if len(parts) == 0 {
		return value
	}
	inner, _ := input(document, "/"+escape(parts[0]))
	return dotpath.With(document, parts[0], set(inner, parts[1:], value))
}

func split(name string) []string {
	rest, pointer := strings.CutPrefix(name, "/")
	if !pointer {
		return []string{name}
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// fit writes a value as the input's schema has it: APIs answer with numbers where
// they take texts, and the other way round.
func fit(op *connectorv1.Operation, name string, value jsontext.Value) jsontext.Value {
	want := typeOf(op, name)
	switch {
	case want == "string" && value.Kind() == '0':
		return text(string(value))
	case (want == "integer" || want == "number") && value.Kind() == '"':
		bare := strings.TrimSpace(dotpath.Text(value))
		if _, err := strconv.ParseFloat(bare, 64); err == nil && jsontext.Value(bare).IsValid() {
			return jsontext.Value(bare)
		}
	}
	return value
}

// typeOf returns the type that the schema of a parameter names; empty if it names
// none, or several.
func typeOf(op *connectorv1.Operation, name string) string {
	for _, p := range op.GetParameters() {
		if p.GetName() != name && !strings.HasSuffix(name, "."+p.GetName()) {
			continue
		}
		if v, ok := dotpath.Find(p.GetSchema(), "type"); ok && v.Kind() == '"' {
			return dotpath.Text(v)
		}
	}
	return ""
}
