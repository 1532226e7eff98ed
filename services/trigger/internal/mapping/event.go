package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Event is what expressions see of an event. It is immutable and safe for
// concurrent use.
type Event struct{ variables map[string]any }

// Parse reads an event in the JSON format of CloudEvents.
func Parse(cloudEvent []byte) (*Event, error) {
	var v struct {
		ID           string          `json:"id"`
		Source       string          `json:"source"`
		Type         string          `json:"type"`
		Subject      string          `json:"subject"`
		Time         time.Time       `json:"time"`
		Subscription string          `json:"subscription"`
		Revision     string          `json:"revision"`
		Data         json.RawMessage `json:"data"`
		DataBase64   *string         `json:"data_base64"`
		ContentType  string          `json:"datacontenttype"`
	}
	if err := json.Unmarshal(cloudEvent, &v); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	event := map[string]any{
		"id": v.ID, "source": v.Source, "type": v.Type, "subject": v.Subject, "time": v.Time,
		"subscription": v.Subscription, "revision": v.Revision, "data": nil,
	}
	switch {
	case v.DataBase64 != nil:
		raw, err := base64.StdEncoding.DecodeString(*v.DataBase64)
		if err != nil {
			return nil, fmt.Errorf("read the event's data: %w", err)
		}
		event["data"] = readable(v.ContentType, raw)
	case v.Data != nil:
		data, err := decode(v.Data)
		if err != nil {
			return nil, fmt.Errorf("read the event's data: %w", err)
		}
		event["data"] = data
	}
	return &Event{variables: map[string]any{variable: event}}, nil
}

// readable returns what expressions see of data that is no JSON: the fields of a form, of
// which those that come several times are lists, text as text, and all else as bytes.
func readable(mediaType string, raw []byte) any {
	base, _, err := mime.ParseMediaType(mediaType)
	switch {
	case err != nil || !utf8.Valid(raw):
		return raw
	case strings.HasPrefix(base, "text/"):
		return string(raw)
	case base != "application/x-www-form-urlencoded":
		return raw
	}
	fields, err := url.ParseQuery(string(raw))
	if err != nil {
		return raw
	}
	form := make(map[string]any, len(fields))
	for name, values := range fields {
		if len(values) == 1 {
			form[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		form[name] = list
	}
	return form
}

// decode reads one JSON text and keeps the digits of its numbers.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the value")
	}
	return v, nil
}

// adapter brings JSON values into expressions.
type adapter struct{}

// NativeToValue implements types.Adapter. A whole number is an integer, so that
// an id of 19 digits stays what it is; every other number is a double.
func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return types.Int(n)
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return types.Uint(n)
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return types.NewErr("a number is too large")
		}
		return types.Double(f)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}
