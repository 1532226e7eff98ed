package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

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
		event["data"] = raw
	case v.Data != nil:
		data, err := decode(v.Data)
		if err != nil {
			return nil, fmt.Errorf("read the event's data: %w", err)
		}
		event["data"] = data
	}
	return &Event{variables: map[string]any{variable: event}}, nil
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
