package polling

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxKey is the longest key that is kept as text, in bytes.
const maxKey = 256

// list reads a list whose items are told apart by a key.
type list struct{}

// Read implements [Reader]. An item without the key, or with null for a key, is
// told apart by its whole content. When a key occurs twice the item that the
// list names first counts.
func (list) Read(rules Rules, body []byte) ([]Item, error) {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	raw, err := listAt(body, rules.Items)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(raw))
	known := make(map[Digest]bool, len(raw))
	for _, data := range raw {
		item, err := read(data, rules.Key)
		if err != nil {
			return nil, err
		}
		if !known[item.Digest] {
			known[item.Digest] = true
			items = append(items, item)
		}
	}
	if rules.NewestFirst {
		slices.Reverse(items)
	}
	return items, nil
}

// listAt finds the list. Null in its place is an empty list, as some languages
// write it; so is an answer without a body that should be the list itself.
func listAt(body []byte, path string) ([]json.RawMessage, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("null") // nothing at all: 204 for instance
	}
	if !json.Valid(body) {
		return nil, errors.New("the API's answer is not JSON")
	}
	value, err := at(body, path)
	if err != nil {
		return nil, err
	}
	switch {
	case value == nil:
		return nil, &MissingError{Path: path}
	case string(bytes.TrimSpace(value)) == "null":
		return nil, nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		return nil, fmt.Errorf("the API's answer has no list %s", where(path))
	}
	if len(items) > MaxItems {
		return nil, fmt.Errorf("the API's answer has %d items, more than %d at once: ask for fewer", len(items), MaxItems)
	}
	return items, nil
}

// at follows a dot path through objects. It returns nil for a member that is
// not there.
func at(value json.RawMessage, path string) (json.RawMessage, error) {
	if path == "" {
		return value, nil
	}
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, fmt.Errorf("the API's answer has something else than an object on the way to %q", path)
		}
		value = members[name]
		if value == nil {
			return nil, nil
		}
	}
	return value, nil
}

func where(path string) string {
	if path == "" {
		return "at its root"
	}
	return fmt.Sprintf("at %q", path)
}

// read makes an item of its JSON text.
func read(data json.RawMessage, path string) (Item, error) {
	item := Item{Data: data}
	key := data
	if path != "" {
		// An item that is no object has no key; it is told apart by its content.
		if value, err := at(data, path); err == nil && value != nil && string(value) != "null" {
			key = value
			item.Key = keyText(value)
		}
	}
	text, err := canonical(key)
	if err != nil {
		return Item{}, errors.New("the API's answer is not JSON")
	}
	item.Digest = digestOf(text)
	return item, nil
}

// keyText is the key for people: a string without its quotes.
func keyText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	if len(text) > maxKey {
		return ""
	}
	return text
}

// canonical writes a value so that the order of members and white space do not
// matter. Numbers keep their digits: as floating point, long ids would become
// equal. The number 1 and the string "1" differ.
func canonical(value json.RawMessage) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}
