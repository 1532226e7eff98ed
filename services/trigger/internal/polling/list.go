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

// Linked implements [Protocol].
func (list) Linked() bool { return false }

// Read implements [Protocol]. An item without the key, or with null for a key, is
// told apart by its whole content. When a key occurs twice the item that the
// list names first counts.
func (list) Read(rules Rules, page Page) ([]Item, error) {
	raw, err := page.list(rules.Items)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(raw))
	known := make(map[Digest]bool, len(raw))
	for _, data := range raw {
		item, err := read(data, rules.Key, rules.Version, rules.Changed)
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

// Merge returns the items of the pages of a list, oldest first, each key once as the
// page that came first has it: while pages are read one by one, items move from one
// to the next.
func Merge(rules Rules, pages [][]Item) []Item {
	if len(pages) == 1 {
		return pages[0]
	}
	known := map[Digest]bool{}
	kept := make([][]Item, 0, len(pages))
	for _, page := range pages {
		var fresh []Item
		for _, item := range page {
			if !known[item.Digest] {
				known[item.Digest] = true
				fresh = append(fresh, item)
			}
		}
		kept = append(kept, fresh)
	}
	if rules.NewestFirst {
		slices.Reverse(kept)
	}
	return slices.Concat(kept...)
}

// list returns the elements of a page's list.
func (p Page) list(path string) ([]json.RawMessage, error) {
	if p.Body == nil && p.List != nil {
		return p.List, nil
	}
	body := p.Body
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	return listAt(body, path)
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
	value, ok := at(body, path)
	switch {
	case !ok && blocked(body, path):
		return nil, fmt.Errorf("the API's answer has something else than an object on the way to %q", path)
	case !ok:
		return nil, &MissingError{Path: path}
	case string(bytes.TrimSpace(value)) == "null":
		return nil, nil
	}
	items, ok := elementsOf(value)
	if !ok {
		return nil, fmt.Errorf("the API's answer has no list %s", where(path))
	}
	if len(items) > MaxItems {
		return nil, tooMany(len(items))
	}
	return items, nil
}

// at follows a dot path through objects; false if it leads nowhere. A member whose
// own name holds dots, such as "@odata.id", is found too: the longest name that fits
// counts.
func at(value json.RawMessage, path string) (json.RawMessage, bool) {
	if path == "" {
		return value, true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return nil, false
	}
	for name := path; name != ""; {
		if member, ok := members[name]; ok {
			if found, ok := at(member, strings.TrimPrefix(path[len(name):], ".")); ok {
				return found, true
			}
		}
		name = name[:max(strings.LastIndexByte(name, '.'), 0)]
	}
	return nil, false
}

// blocked reports whether a path leads into something that is neither an object nor
// null.
func blocked(value json.RawMessage, path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return true
		}
		if value = members[name]; value == nil {
			return false
		}
	}
	return false
}

func where(path string) string {
	if path == "" {
		return "at its root"
	}
	return fmt.Sprintf("at %q", path)
}

// read makes an item of its JSON text, with its version if that is asked for: without a
// path it is the hash of all of it.
func read(data json.RawMessage, keyPath, versionPath string, versions bool) (Item, error) {
	item := Item{Data: data}
	key := data
	if keyPath != "" {
		// An item that is no object has no key; it is told apart by its content.
		if value, ok := at(data, keyPath); ok && string(value) != "null" {
			key = value
			item.Key = keyText(value)
		}
	}
	text, err := canonical(key)
	if err != nil {
		return Item{}, errors.New("the API's answer is not JSON")
	}
	item.Digest = digestOf(text)
	if !versions {
		return item, nil
	}
	version := data
	if versionPath != "" {
		if value, ok := at(data, versionPath); ok {
			version = value
		}
	}
	if !same(key, version) {
		if text, err = canonical(version); err != nil {
			return Item{}, errors.New("the API's answer is not JSON")
		}
	}
	item.Version = versionOf(text)
	return item, nil
}

// same reports whether two parts of a text are the same part.
func same(a, b json.RawMessage) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// keyText is the key for people: a string without its quotes.
func keyText(value json.RawMessage) string {
	text, ok := scalarText(value)
	if !ok {
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
