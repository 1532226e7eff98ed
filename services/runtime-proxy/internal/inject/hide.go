package inject

import (
	"errors"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Policies and custom code can write handles into answers, errors and logs. They say
// nothing about a secret, but are nobody's business, and look like leaked keys to those
// who find them.

// Hide returns text without the handles of the call, whole or cut: each becomes
// "[redacted]".
func (h *Handles) Hide(text string) string {
	if h.prefix == "" || !strings.Contains(text, h.prefix) {
		return text
	}
	parts := strings.Split(text, h.prefix)
	for i := 1; i < len(parts); i++ {
		if _, ok := slotOf(parts[i], 0, slotSize); ok {
			parts[i] = parts[i][slotSize:]
		}
	}
	return strings.Join(parts, Redacted)
}

// HideAll takes handles out of a header, in place.
func (h *Handles) HideAll(header map[string][]string) {
	if h.prefix == "" {
		return
	}
	for _, values := range header {
		for i, value := range values {
			values[i] = h.Hide(value)
		}
	}
}

// HideError returns an error whose text holds no handles, else as it is.
func (h *Handles) HideError(err error) error {
	if h.prefix == "" || err == nil {
		return err
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	hidden := fault.New(f.Code(), f.Reason(), "%s", h.Hide(f.Message()))
	changed := hidden.Message() != f.Message()
	for key, value := range f.Meta() {
		plain := h.Hide(value)
		hidden, changed = hidden.With(key, plain), changed || plain != value
	}
	for _, v := range f.Violations() {
		plain := h.Hide(v.Description)
		hidden, changed = hidden.Field(v.Field, plain), changed || plain != v.Description
	}
	if !changed {
		return err
	}
	if after, ok := f.Retry(); ok {
		hidden = hidden.RetryAfter(after)
	}
	return hidden // without its cause, which may say the same
}
