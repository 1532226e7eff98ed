package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// parseInput reads the input of an operation: a JSON object, or nothing.
func parseInput(text string) (map[string]any, error) {
	input := map[string]any{}
	if strings.TrimSpace(text) == "" {
		return input, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // as floating point, long ids would change
	err := decoder.Decode(&input)
	if err == nil && decoder.More() {
		err = errors.New("something follows the object")
	}
	if err != nil || input == nil {
		return nil, fault.Invalid(fault.ReasonInputInvalid, "the input is not the text of one JSON object").
			Field("subscription.input", "must be the text of one JSON object")
	}
	return input, nil
}

// errTaken says that there is a value already where one is to be placed.
var errTaken = errors.New("there is a value already")

// place writes a value where a JSON pointer (RFC 6901) says, and makes the
// objects on the way. A pointer that goes through "0" where nothing is makes a
// list. It never replaces a value.
func place(root map[string]any, pointer string, value any) error {
	if !strings.HasPrefix(pointer, "/") {
		return fmt.Errorf("pointer %q does not lead into the input", pointer)
	}
	_, err := placed(root, segmentsOf(pointer), value)
	return err
}

// segmentsOf returns the parts of a JSON pointer that is not empty.
func segmentsOf(pointer string) []string {
	segments := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	return segments
}

// pointed returns the value at a JSON pointer; nil if there is none, or if the pointer
// is empty.
func pointed(data json.RawMessage, pointer string) json.RawMessage {
	if pointer == "" {
		return nil
	}
	for _, name := range segmentsOf(pointer) {
		var members map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(data, &members) == nil && members[name] != nil:
			data = members[name]
		case json.Unmarshal(data, &list) == nil:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(list) {
				return nil
			}
			data = list[i]
		default:
			return nil
		}
	}
	return data
}

// placed returns node with the value in it.
func placed(node any, segments []string, value any) (any, error) {
	if len(segments) == 0 {
		if node != nil && node != "" {
			return nil, errTaken
		}
		return value, nil
	}
	if node == nil && segments[0] == "0" {
		node = []any{}
	}
	switch n := node.(type) {
	case nil:
		return placed(map[string]any{}, segments, value)
	case map[string]any:
		child, err := placed(n[segments[0]], segments[1:], value)
		if err == nil {
			n[segments[0]] = child
		}
		return n, err
	case []any:
		return placedInList(n, segments, value)
	}
	return nil, errTaken
}

func placedInList(list []any, segments []string, value any) (any, error) {
	index, err := strconv.Atoi(segments[0])
	if err != nil || index < 0 || index > len(list) {
		return nil, errTaken
	}
	if index == len(list) {
		list = append(list, nil)
	}
	child, err := placed(list[index], segments[1:], value)
	if err == nil {
		list[index] = child
	}
	return list, err
}

// encodeInput writes an input.
func encodeInput(input map[string]any) (string, error) {
	text, err := json.Marshal(input)
	if err != nil {
		return "", fmt.Errorf("encode input: %w", err)
	}
	return string(text), nil
}
