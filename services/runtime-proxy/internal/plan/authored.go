package plan

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// authored reports whether the value at a location is the word of the description's
// author: a default, or a constant of a call that the description prescribes. Where
// the same description does not list such a value, two of its statements contradict
// each other. The caller could mend neither, and the API knows better than a list
// that is out of date, so rules about values do not refuse it.
type authored func(location []string) bool

// ofValues reports whether a rule is about which values are good, not about how
// they are made up: requests are built by their types.
func ofValues(rule jsonschema.ErrorKind) bool {
	switch rule.(type) {
	case *kind.Enum, *kind.Const, *kind.Pattern, *kind.Format, *kind.MinLength, *kind.MaxLength,
		*kind.Minimum, *kind.Maximum, *kind.ExclusiveMinimum, *kind.ExclusiveMaximum, *kind.MultipleOf:
		return true
	}
	return false
}

// prescribedIn returns what is authored of a value: what is the same, at the same
// place, in the part that a description prescribes.
func prescribedIn(value, part jsontext.Value) authored {
	if part == nil {
		return nil
	}
	return func(location []string) bool {
		word := valueAt(part, location)
		return word != nil && bytes.Equal(word, valueAt(value, location))
	}
}

// addedTo returns what is authored of a value that defaults were added to, given
// what it was before, nil for nothing, and what was authored of that.
func addedTo(before jsontext.Value, prescribed authored) authored {
	return func(location []string) bool {
		return valueAt(before, location) == nil || prescribed != nil && prescribed(location)
	}
}

// valueAt returns what is at a location, nil if nothing is.
func valueAt(v jsontext.Value, location []string) jsontext.Value {
	for _, token := range location {
		switch {
		case v == nil:
			return nil
		case v.Kind() == '{':
			v = property(members(v), token)
		case v.Kind() == '[':
			list := elements(v)
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(list) {
				return nil
			}
			v = list[i]
		default:
			return nil
		}
	}
	return v
}
