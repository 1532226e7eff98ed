package paging

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// Why there are no items; each completes "its pages cannot be followed".
var (
	errNoJSON = errors.New("the answer is not JSON")
	errNoList = errors.New("the answer holds no list")
	errBroken = errors.New("the list in the answer is not valid JSON")
)

// What lists are called in an object, the most telling name first, and the
// members that they are often inside of.
var (
	listNames = [...]string{"value", "items", "data", "results"}
	wrappers  = [...]string{"d", "data", "response", "result", "_embedded"}
)

// Items takes the items out of the body of an answer, at most limit of them; more
// says that there are others. path is the dot path of the list; nothing, or null,
// at it means that there are no items. Without a path, the list is the body, or
// else the member value, items, data or results, or else the first member that is
// one, or else such a member inside of d, data, response, result or _embedded. An
// empty body has no items. The error says why a body has no list.
func Items(body []byte, path string, limit int) (items []jsontext.Value, more bool, err error) {
	document, ok := dotpath.Find(body, "")
	if !ok {
		return nil, false, nil
	}
	if kind := document.Kind(); kind != '{' && kind != '[' {
		return nil, false, errNoJSON
	}
	var list jsontext.Value
	if path != "" {
		list, ok = dotpath.Find(document, path)
	} else {
		list, err = firstList(document, true)
	}
	switch {
	case err != nil:
		return nil, false, err
	case !ok || list.Kind() == 'n':
		return nil, false, nil
	case list.Kind() != '[':
		return nil, false, errNoList
	}
	items, more, err = dotpath.Elements(list, limit)
	if err != nil {
		return nil, false, errBroken
	}
	return items, more, nil
}

// firstList finds the list of a document that nobody described. A null under one
// of the usual names, and an object without members, are an empty list.
func firstList(document jsontext.Value, wrapped bool) (jsontext.Value, error) {
	if document.Kind() == '[' {
		return document, nil
	}
	var list, absent jsontext.Value
	var inner []jsontext.Value
	best := len(listNames) + 1
	empty := true
	err := dotpath.Members(document, func(name string, v jsontext.Value) bool {
		empty = false
		rank := slices.Index(listNames[:], name)
		switch kind := v.Kind(); {
		case kind == 'n' && rank >= 0:
			absent = v
		case kind == '{' && wrapped && slices.Contains(wrappers[:], name):
			inner = append(inner, v)
		case kind == '[' && rank < 0:
			rank = len(listNames)
			fallthrough
		case kind == '[':
			if rank < best {
				list, best = v, rank
			}
		}
		return best > 0
	})
	switch {
	case err != nil && list == nil:
		return nil, errNoJSON
	case list != nil:
		return list, nil
	}
	for _, v := range inner {
		if found, err := firstList(v, false); err == nil {
			return found, nil
		}
	}
	if absent != nil || empty {
		return jsontext.Value("null"), nil
	}
	return nil, errNoList
}

// notAList says what to do instead of following what is no list.
func notAList(operation string, cause error) error {
	return fault.Unimplemented(fault.ReasonOperationNotSupported,
		"operation %q was called, and its pages cannot be followed: %s; call it without following pages, or name the list in the operation's pagination",
		operation, cause.Error()).With("operation", operation)
}
