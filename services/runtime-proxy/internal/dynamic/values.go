package dynamic

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

// list follows the list of the call and reads its items.
func (p *plan) list(ctx context.Context, q *Question) (*Values, error) {
	id := p.operation.GetOperationId()
	out, items, valued := &Values{}, 0, false // valued: an item had a value
	path, read := p.reader()
	w := paging.Walker{
		Operation: p.operation,
		Limits:    paging.Limits{Items: MaxValues, Pages: MaxPages},
		Items:     func(body []byte, limit int) ([]jsontext.Value, bool, error) { return itemsOf(id, body, path, limit) },
		Call: func(ctx context.Context, ask paging.Ask) (*paging.Answer, error) {
			answer, err := q.Call(ctx, id, p.constants, ask)
			if err != nil {
				return nil, callFault(id, err)
			}
			return answer, failed(id, answer)
		},
	}
	err := w.Run(ctx, paging.Ask{Input: p.input}, func(page *paging.Page) error {
		items += len(page.Items)
		for _, item := range page.Items {
			value, ok, err := read(item)
			if err != nil {
				return err
			}
			if ok {
				valued = true
				out.Values = append(out.Values, value.own())
			}
		}
		out.Truncated = page.More
		return nil
	})
	if err != nil {
		return nil, err
	}
	if items > 0 && !valued && p.branch == nil {
		return nil, unavailable(id, "none of its %d items has a value at %q, where the connector says that it is; the connector has to be mended", items, p.values.GetValuePath())
	}
	return out, nil
}

// reader returns where the list is, and what reads an item of it.
func (p *plan) reader() (path string, read func(jsontext.Value) (Value, bool, error)) {
	if p.branch != nil {
		return p.branch.itemsPath, p.branch.read
	}
	return p.values.GetItemsPath(), func(item jsontext.Value) (Value, bool, error) {
		v, ok := readValue(p.values, item)
		return v, ok, nil
	}
}

// itemsOf takes the list at the path, or else the first that there is.
func itemsOf(operation string, body []byte, path string, limit int) ([]jsontext.Value, bool, error) {
	if path != "" {
		v, ok := dotpath.Find(body, path)
		if ok && v.Kind() == 'n' {
			return nil, false, nil
		}
		if items, more, err := paging.Items(body, path, limit); ok && err == nil {
			return items, more, nil
		}
	}
	items, more, err := paging.Items(body, "", limit)
	if err != nil {
		return nil, false, unavailable(operation, "%s", err.Error())
	}
	return items, more, nil
}

// readValue reads an item of a flat list. One without a value is no choice.
func readValue(d *connectorv1.DynamicValues, item jsontext.Value) (Value, bool) {
	v, ok := valueAt(item, d.GetValuePath())
	if !ok {
		return Value{}, false
	}
	out := Value{Value: v, Title: titleAt(item, d.GetTitlePath(), v), Description: textAt(item, d.GetDescriptionPath()), Selectable: true}
	if path := d.GetSelectablePath(); path != "" {
		at, _ := dotpath.Find(item, path)
		if flag, isFlag := dotpath.Flag(at); isFlag {
			out.Selectable = flag
		}
	}
	return out, true
}

// valueAt returns the value of an item. An item that is a scalar is its own value,
// whatever the description says.
func valueAt(item jsontext.Value, path string) (jsontext.Value, bool) {
	v := item
	if kind := item.Kind(); path != "" && (kind == '{' || kind == '[') {
		var ok bool
		if v, ok = dotpath.Find(item, path); !ok {
			return nil, false
		}
	}
	return v, v.Kind() != 'n'
}

// titleAt returns the title of an item, the value itself where it has none.
func titleAt(item jsontext.Value, path string, value jsontext.Value) string {
	if title := textAt(item, path); title != "" {
		return title
	}
	return dotpath.Text(value)
}

func textAt(item jsontext.Value, path string) string {
	if path == "" {
		return ""
	}
	v, _ := dotpath.Find(item, path)
	return dotpath.Text(v)
}

// own makes a value independent of the answer that it was read from, which is
// larger than what is remembered of it.
func (v Value) own() Value {
	v.Value, v.Item = v.Value.Clone(), v.Item.Clone()
	return v
}

func weighValues(v *Values) int {
	n := 0
	for i := range v.Values {
		one := &v.Values[i]
		n += 160 + len(one.Value) + len(one.Title) + len(one.Description) + len(one.FullTitle) + len(one.Item)
	}
	return n
}
