package bus

import (
	"encoding/json"
	"maps"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"
)

// sameStream reports whether a stream on the server is as it should be. The
// server fills in what was left open, and adds notes of its own.
func sameStream(have, want jetstream.StreamConfig) bool {
	have.Metadata, want.Metadata = nil, nil
	return sameFields(have, want)
}

// sameBucket is sameStream for buckets.
func sameBucket(have, want jetstream.KeyValueConfig) bool {
	have.Metadata, want.Metadata = nil, nil
	return sameFields(have, want)
}

// sameFields compares configurations field by field as JSON. What it takes for
// different is updated, so that a doubt costs no more than it did.
func sameFields(have, want any) bool {
	h, w := fields(have), fields(want)
	for name := range w {
		if _, ok := h[name]; !ok {
			h[name] = nil
		}
	}
	for name := range maps.Keys(h) {
		if !reflect.DeepEqual(given(h[name]), given(w[name])) {
			return false
		}
	}
	return true
}

func fields(config any) map[string]any {
	out := map[string]any{}
	text, err := json.Marshal(config)
	if err != nil || json.Unmarshal(text, &out) != nil {
		return map[string]any{"unreadable": true}
	}
	return out
}

// given returns nil for all the ways to say "no limit" and "nothing".
func given(value any) any {
	switch v := value.(type) {
	case float64:
		if v <= 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	}
	return value
}
