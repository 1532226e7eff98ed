package mapping

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxValueDepth bounds the nesting of values.
const maxValueDepth = 256

var (
	errTooLarge = fmt.Errorf("the result is larger than the limit of %d bytes; take over less of the event", MaxOutput)
	errTooDeep  = fmt.Errorf("the value is nested deeper than %d", maxValueDepth)
)

// writer writes values as JSON.
type writer struct {
	bytes.Buffer

	limit int
}

func (w *writer) full() error {
	if w.Len() > w.limit {
		return errTooLarge
	}
	return nil
}

// value writes the value of an expression. It returns false, and has written
// nothing, if there is none. Its errors quote nothing of the value.
func (w *writer) value(v ref.Val, depth int) (present bool, err error) {
	if o, ok := v.(*types.Optional); ok {
		if !o.HasValue() {
			return false, nil
		}
		return w.value(o.GetValue(), depth)
	}
	switch t := v.(type) {
	case types.Null:
		return true, w.native(nil, depth)
	case types.Int:
		return true, w.native(json.Number(strconv.FormatInt(int64(t), 10)), depth)
	case types.Uint:
		return true, w.native(json.Number(strconv.FormatUint(uint64(t), 10)), depth)
	case types.Double:
		if math.IsNaN(float64(t)) || math.IsInf(float64(t), 0) {
			return true, errors.New("the value is no finite number")
		}
		return true, w.native(float64(t), depth)
	case types.String, types.Bytes, types.Timestamp, types.Duration:
		s, err := asText(t)
		if err != nil {
			return true, err
		}
		return true, w.native(s, depth)
	case types.Bool:
		return true, w.native(bool(t), depth)
	}
	return true, w.aggregate(v, depth)
}

// aggregate writes an object or a list.
func (w *writer) aggregate(v ref.Val, depth int) error {
	// What is taken over from the event as it is keeps every digit.
	switch n := v.Value().(type) {
	case map[string]any, []any:
		return w.native(n, depth)
	}
	if depth > maxValueDepth {
		return errTooDeep
	}
	switch t := v.(type) {
	case traits.Mapper:
		return w.mapper(t, depth)
	case traits.Lister:
		size, _ := t.Size().(types.Int)
		return w.list(int(size), func(i int) error { return w.child(t.Get(types.Int(i)), depth) })
	}
	return fmt.Errorf("a value of type %s cannot be written as JSON", v.Type().TypeName())
}

func (w *writer) mapper(m traits.Mapper, depth int) error {
	type entry struct {
		name string
		key  ref.Val
	}
	var entries []entry
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, err := asText(key)
		if err != nil {
			return err
		}
		entries = append(entries, entry{name, key})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return w.object(len(entries), func(i int) (string, error) { return entries[i].name, nil },
		func(i int) error { return w.child(m.Get(entries[i].key), depth) })
}

// child writes a value inside another.
func (w *writer) child(v ref.Val, depth int) error {
	present, err := w.value(v, depth+1)
	if err == nil && !present {
		return errAbsent
	}
	return err
}

// object writes n members, without those that are absent.
func (w *writer) object(n int, name func(int) (string, error), value func(int) error) error {
	return w.elements('{', '}', n, func(i int) error {
		key, err := name(i)
		if err != nil {
			return err
		}
		if err := w.native(key, 0); err != nil {
			return err
		}
		w.WriteByte(':')
		return value(i)
	})
}

// list writes n elements, without those that are absent.
func (w *writer) list(n int, value func(int) error) error { return w.elements('[', ']', n, value) }

func (w *writer) elements(first, last byte, n int, each func(int) error) error {
	w.WriteByte(first)
	written := 0
	for i := range n {
		before := w.Len()
		if written > 0 {
			w.WriteByte(',')
		}
		switch err := each(i); {
		case errors.Is(err, errAbsent):
			w.Truncate(before)
			continue
		case err != nil:
			return err
		}
		written++
	}
	w.WriteByte(last)
	return w.full()
}

// native writes a JSON value as Go knows it.
func (w *writer) native(v any, depth int) error {
	if depth > maxValueDepth {
		return errTooDeep
	}
	switch t := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(t))
		for name := range t {
			names = append(names, name)
		}
		slices.Sort(names)
		return w.object(len(names), func(i int) (string, error) { return names[i], nil },
			func(i int) error { return w.native(t[names[i]], depth+1) })
	case []any:
		return w.list(len(t), func(i int) error { return w.native(t[i], depth+1) })
	case nil, string, bool, float64, json.Number:
		e := json.NewEncoder(&w.Buffer)
		e.SetEscapeHTML(false)
		if err := e.Encode(t); err != nil {
			return errors.New("a value cannot be written as JSON")
		}
		w.Truncate(w.Len() - 1) // the encoder's line break
		return w.full()
	}
	return w.child(adapter{}.NativeToValue(v), depth)
}

// asText returns a value as text: a part of a longer one, or the name of a member.
func asText(v ref.Val) (string, error) {
	switch t := v.(type) {
	case types.Null:
		return "", nil
	case types.String:
		return string(t), nil
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(t), nil
	case types.Timestamp:
		return t.UTC().Format(time.RFC3339Nano), nil
	case types.Duration:
		return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + "s", nil
	case *types.Optional:
		if !t.HasValue() {
			return "", nil
		}
		return asText(t.GetValue())
	}
	w := writer{limit: MaxOutput}
	if _, err := w.value(v, 0); err != nil {
		return "", err
	}
	return w.String(), nil
}
