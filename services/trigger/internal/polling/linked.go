package polling

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// linked reads the answers of APIs that keep the state of polls themselves, by the
// links that they hand out: the protocols NATIVE and POLICY. An answer that fires
// holds nothing but news.
type linked struct{}

// Linked implements [Protocol].
func (linked) Linked() bool { return true }

// Read implements [Protocol]. A batch is the list at the rules' path; without a
// path the body, if it is a list, or else the only list among its members. What is
// no batch, or has no list, is one item as a whole. Answers of POLICY begin with the
// newest item, which is where their cursors are taken from; others do if the rules say so.
func (linked) Read(rules Rules, page Page) ([]Item, error) {
	body := bytes.TrimSpace(page.Body)
	switch {
	case len(body) == 0 && rules.Batch:
		return nil, nil
	case len(body) == 0:
		return []Item{{Digest: digestOf(nil), Data: []byte("null")}}, nil // it has happened; there is no more to say
	case !utf8.Valid(body) || !json.Valid(body):
		return []Item{{Digest: digestOf(page.Body), Data: page.Body, Opaque: true}}, nil
	}
	raw := []json.RawMessage{body}
	if rules.Batch {
		if elements, ok := batch(body, rules.Items); ok {
			raw = elements
		}
	}
	if len(raw) > MaxItems {
		return nil, tooMany(len(raw))
	}
	items := make([]Item, 0, len(raw))
	for _, data := range raw {
		item, err := read(data, "", "", true)
		if err != nil {
			return nil, err
		}
		if rules.Key != "" {
			if value, ok := at(data, rules.Key); ok {
				item.Key = keyText(value)
			}
		}
		items = append(items, item)
	}
	policy := rules.Protocol == connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY
	if rules.NewestFirst || policy && !rules.OldestFirst {
		slices.Reverse(items)
	}
	return items, nil
}

// batch finds the list of an answer; false if it has none, or more than one to
// choose from.
func batch(body []byte, path string) ([]json.RawMessage, bool) {
	if path != "" {
		value, ok := at(body, path)
		elements, isList := elementsOf(value)
		return elements, ok && isList
	}
	if elements, ok := elementsOf(body); ok {
		return elements, true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil, false
	}
	var found []json.RawMessage
	lists := 0
	for _, value := range members {
		if elements, ok := elementsOf(value); ok {
			found = elements
			lists++
		}
	}
	return found, lists == 1
}

// elementsOf returns the elements of a JSON array.
func elementsOf(value json.RawMessage) ([]json.RawMessage, bool) {
	var elements []json.RawMessage
	if value = bytes.TrimSpace(value); len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &elements) != nil {
		return nil, false
	}
	return elements, true
}

func tooMany(n int) error {
	return fmt.Errorf("the API's answer has %d items, more than %d at once: ask for fewer", n, MaxItems)
}
