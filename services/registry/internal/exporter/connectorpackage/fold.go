package connectorpackage

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

// keyFold returns the key that differs from key at most in case, or key itself.
// Those who write these files are not exact about it, and importers neither.
func keyFold(o *tree.Object, key string) string {
	if o.Has(key) {
		return key
	}
	for _, k := range o.Keys() {
		if strings.EqualFold(k, key) {
			return k
		}
	}
	return key
}

func hasFold(o *tree.Object, key string) bool { return o.Has(keyFold(o, key)) }

func setFold(o *tree.Object, key string, v tree.Value) { o.Set(keyFold(o, key), v) }

// textFold returns the text of a member, "" if there is none.
func textFold(o *tree.Object, key string) string {
	v := o.Get(keyFold(o, key))
	if v == nil {
		return ""
	}
	if text := rawText(v); text != "null" {
		return text
	}
	return ""
}

// setText sets a text unless that is what is there.
func setText(o *tree.Object, key, text string) {
	if textFold(o, key) != text {
		setFold(o, key, tree.String(text))
	}
}

// sameTruth reports whether a member, written as a boolean or as text, has the
// value; one that is not there is false.
func sameTruth(o *tree.Object, key string, value bool) bool {
	return strings.EqualFold(strings.TrimSpace(textFold(o, key)), "true") == value
}

// sameType reports whether the type is written already, in any spelling.
func sameType(o *tree.Object, t connectorv1.ConnectionParameterType) bool {
	written := strings.ToLower(strings.TrimSpace(textFold(o, "type")))
	switch written {
	case "boolean":
		written = "bool"
	case "integer":
		written = "int"
	}
	// What is not known is kept as a secret, and stays as it was written.
	isKnown := false
	for _, name := range typeNames {
		isKnown = isKnown || strings.EqualFold(name, written)
	}
	isSecret := t == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	return strings.EqualFold(typeNames[t], written) || (written != "" && !isKnown && isSecret)
}

// description returns the help text, which moved over the years.
func description(ui *tree.Object) string {
	if text := textFold(ui, "description"); text != "" {
		return text
	}
	if schema, ok := ui.Get(keyFold(ui, "schema")).(*tree.Object); ok {
		if text := textFold(schema, "description"); text != "" {
			return text
		}
	}
	return textFold(ui, "tooltip")
}
