package core

import (
	"encoding/json"
	"strings"
	"unicode"
)

// object is a JSON object whose members are not looked into.
type object = map[string]json.RawMessage

// members returns the strings and numbers of a JSON object as text; none if it
// is something else.
func members(data []byte) map[string]string {
	var raw object
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	return texts(raw)
}

func texts(raw object) map[string]string {
	out := map[string]string{}
	for name, value := range raw {
		var text string
		var number json.Number
		switch {
		case json.Unmarshal(value, &text) == nil:
			out[name] = text
		case json.Unmarshal(value, &number) == nil:
			out[name] = number.String()
		}
	}
	return out
}

// called returns the member that the only open parameter of a removal can mean: "id",
// or the one of which the name ends like the parameter's, or the other way around, such
// as uuid for {webhook_uuid} and webhookId for {hookid}. It is empty if several can.
func called(made map[string]string, name string) (value string) {
	if id := spelled(made, "id"); id != "" {
		return id
	}
	name = singular(name)
	for member, text := range made {
		member = singular(member)
		if len(member) < 2 || !strings.HasSuffix(name, member) && !strings.HasSuffix(member, name) {
			continue
		}
		if value != "" {
			return ""
		}
		value = text
	}
	return value
}

// spelled returns the member whose name has the letters and digits of a name: what a
// path calls {webhook_id}, answers call webhookId. It is empty where several have.
func spelled(in map[string]string, name string) (value string) {
	for member, text := range in {
		if bare(member) != bare(name) {
			continue
		}
		if value != "" {
			return ""
		}
		value = text
	}
	return value
}

func bare(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name))
}

// singular returns a plain name without the "s" of a plural.
func singular(name string) string { return strings.TrimSuffix(bare(name), "s") }

// idLike reports whether a name is one of an id.
func idLike(name string) bool {
	name = singular(name)
	return strings.HasSuffix(name, "id") // also uuid and guid
}
