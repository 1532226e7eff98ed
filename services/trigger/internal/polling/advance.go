package polling

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	// MaxValue is the longest value of a cursor in bytes.
	MaxValue = 4 << 10
	// placeValue and placeNow are what templates and initial values hold.
	placeValue = "{value}"
	placeNow   = "{now}"
)

// Inputs returns what the cursors write into the next call, by parameter: the values
// of the last answer, or, before there are any, the initial ones. created is when the
// subscription was created.
func (r Rules) Inputs(values map[string]string, created time.Time) map[string]string {
	if len(r.Cursors) == 0 {
		return nil
	}
	inputs := map[string]string{}
	for _, c := range r.Cursors {
		value, ok := values[c.Parameter]
		if !ok {
			if c.Initial == "" {
				continue
			}
			value = strings.ReplaceAll(c.Initial, placeNow, created.UTC().Format(time.RFC3339))
		}
		if c.Template != "" {
			value = strings.ReplaceAll(c.Template, placeValue, value)
		}
		inputs[c.Parameter] = value
	}
	return inputs
}

// Advance returns the values of the cursors after the pages of an answer, in their
// order: an input that finds none keeps the value that it has. Values of the newest
// and the largest item never go back. Its error is one sentence for the owner of the
// subscription.
func (r Rules) Advance(values map[string]string, pages []Page) (map[string]string, error) {
	if len(r.Cursors) == 0 {
		return nil, nil
	}
	next := map[string]string{}
	for _, c := range r.Cursors {
		value, found, err := r.valueOf(c, pages)
		if err != nil {
			return nil, err
		}
		old, had := values[c.Parameter]
		switch {
		case !found && !had:
		case !found, had && c.Take != connectorv1.CursorValue_CURSOR_VALUE_ANSWER && compareValues(value, old) < 0:
			next[c.Parameter] = old
		default:
			next[c.Parameter] = value
		}
	}
	if maps.Equal(next, values) {
		return values, nil
	}
	return next, nil
}

// valueOf reads a cursor's value; false if there is none.
func (r Rules) valueOf(c Cursor, pages []Page) (string, bool, error) {
	if c.Take == connectorv1.CursorValue_CURSOR_VALUE_ANSWER {
		// Of many pages the last one that says so counts: that is where APIs put it.
		for _, page := range slices.Backward(pages) {
			if value, ok := at(page.Body, c.Value); ok {
				return textOf(c, value)
			}
		}
		return "", false, nil
	}
	var items []json.RawMessage
	for _, page := range pages {
		raw, err := page.list(cmp.Or(c.Items, r.Items))
		if _, missing := errors.AsType[*MissingError](err); err != nil && !missing {
			return "", false, err
		}
		items = append(items, raw...)
	}
	return r.bestOf(c, items)
}

// bestOf chooses among the values of items. Items without one do not count.
func (r Rules) bestOf(c Cursor, items []json.RawMessage) (best string, found bool, err error) {
	for _, item := range items {
		value, ok := at(item, c.Value)
		if !ok {
			continue
		}
		text, ok, err := textOf(c, value)
		if err != nil {
			return "", false, err
		}
		if ok && (!found || r.newer(c, text, best)) {
			best, found = text, true
		}
	}
	if len(items) > 0 && !found {
		return "", false, fmt.Errorf("no item of the API's answer has the value %q, from which the input %q of the next call is read: correct the path", c.Value, c.Parameter)
	}
	return best, found, nil
}

// newer reports whether the value of an item takes the place of the best one before
// it.
func (r Rules) newer(c Cursor, value, best string) bool {
	if c.Take == connectorv1.CursorValue_CURSOR_VALUE_UNSPECIFIED {
		switch {
		case r.NewestFirst:
			return false
		case r.OldestFirst:
			return true
		}
	}
	return compareValues(value, best) > 0
}

// textOf returns the text of a cursor's value. Null is none.
func textOf(c Cursor, value json.RawMessage) (string, bool, error) {
	if string(value) == "null" {
		return "", false, nil
	}
	text, ok := scalarText(value)
	switch {
	case !ok:
		return "", false, fmt.Errorf("the value %q of the API's answer is neither text nor a number, so that the input %q cannot be made of it: correct the path", c.Value, c.Parameter)
	case len(text) > MaxValue:
		return "", false, fmt.Errorf("the value %q of the API's answer has more than %d bytes: choose another one for the input %q", c.Value, MaxValue, c.Parameter)
	}
	return text, true, nil
}

// scalarText returns a text without its quotes, and a number or a boolean as it is
// written; false for anything else.
func scalarText(value json.RawMessage) (string, bool) {
	if len(value) == 0 || value[0] == '{' || value[0] == '[' || value[0] == 'n' {
		return "", false
	}
	if value[0] != '"' {
		return string(value), true
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return "", false
	}
	return text, true
}

// maxDigits is the longest number that is compared digit by digit.
const maxDigits = 256

// compareValues compares numbers by size, times by time, everything else by its
// bytes.
func compareValues(a, b string) int {
	if x, ok := wholeNumber(a); ok {
		if y, ok := wholeNumber(b); ok {
			return x.Cmp(y)
		}
	}
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			return cmp.Compare(x, y)
		}
	}
	if x, ok := timeOf(a); ok {
		if y, ok := timeOf(b); ok {
			return x.Compare(y)
		}
	}
	return cmp.Compare(a, b)
}

func wholeNumber(text string) (*big.Int, bool) {
	if len(text) > maxDigits {
		return nil, false
	}
	return new(big.Int).SetString(text, 10)
}

// timeOf reads the forms of a time that APIs use.
func timeOf(text string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly, time.RFC1123, time.RFC1123Z} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
