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
func place(root map[string]any, pointer, value string) error {
	if !strings.HasPrefix(pointer, "/") {
		return fmt.Errorf("pointer %q does not lead into the input", pointer)
	}
	segments := strings.Split(pointer[1:], "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
	}
	_, err := placed(root, segments, value)
	return err
}

// placed returns node with the value in it.
func placed(node any, segments []string, value string) (any, error) {
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

func placedInList(list []any, segments []string, value string) (any, error) {
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
