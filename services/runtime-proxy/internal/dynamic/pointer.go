package dynamic

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// any element of an array, in the pointers of features.
const star = "*"

// tokens returns the parts of a JSON pointer (RFC 6901), unescaped.
func tokens(pointer string) []string {
	pointer = strings.TrimPrefix(pointer, "/")
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

// match reports whether a pointer names what a feature's pointer does. stars are
// the parts that stand where the feature has "*", in their order.
func match(pattern, pointer string) (stars []string, ok bool) {
	want, have := tokens(pattern), tokens(pointer)
	if len(want) != len(have) {
		return nil, false
	}
	for i, part := range want {
		switch {
		case part == star:
			stars = append(stars, have[i])
		case part != have[i]:
			return nil, false
		}
	}
	return stars, true
}

// lookUp returns the value at a pointer of an input. "*" stands for the element
// that the question is about: stars, in their order. A null counts as nothing.
func lookUp(input jsontext.Value, pointer string, stars []string) (jsontext.Value, bool) {
	v := input
	for _, part := range tokens(pointer) {
		if part == star && len(stars) > 0 {
			part, stars = stars[0], stars[1:]
		}
		var ok bool
		if v, ok = step(v, part); !ok {
			return nil, false
		}
	}
	return v, len(v) > 0 && v.Kind() != 'n'
}

func step(v jsontext.Value, part string) (found jsontext.Value, ok bool) {
	switch v.Kind() {
	case '{':
		_ = dotpath.Members(v, func(name string, value jsontext.Value) bool {
			if name == part {
				found, ok = value, true
			}
			return !ok
		})
	case '[':
		index, err := strconv.Atoi(part)
		if err != nil || index < 0 {
			return nil, false
		}
		if all, _, err := dotpath.Elements(v, index+1); err == nil && len(all) > index {
			return all[index], true
		}
	default: // nothing is inside a scalar
	}
	return found, ok
}

// put returns a document with the value at a pointer; objects on the way are made.
func put(document jsontext.Value, parts []string, value jsontext.Value) jsontext.Value {
	if len(parts) == 0 {
		return value
	}
	inner, _ := step(document, parts[0])
	return dotpath.With(document, parts[0], put(inner, parts[1:], value))
}
