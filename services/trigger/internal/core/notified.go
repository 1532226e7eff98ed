package core

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// maxIDInBody is the longest id of a notification that is taken from its body.
const maxIDInBody = 1 << 10

// notified makes the events of a notification: one of each element of a batch that
// is to be split, and otherwise one. A batch that does not hold its list is one
// event as it is, so that nothing is lost.
func (t *Triggers) notified(s Subscription, l *listener, n Notification, proof signature.Proof) []Event {
	id := l.notificationID(n, proof)
	if id == "" {
		id = t.NewUID()
	}
	contentType := n.Header.Get("Content-Type")
	data, isJSON := n.Body, false
	if contentType == "" || isJSONType(contentType) {
		if data, isJSON = compact(unmarked(n.Body)); !isJSON {
			data = n.Body
		}
	}
	switch {
	case isJSON:
		contentType = "application/json"
	case contentType == "" || !utf8.ValidString(contentType):
		contentType = "application/octet-stream"
	}
	whole := Event{
		ID: eventID("notification", s.UID, id), Subscription: s, Revision: s.Revision,
		Time: t.Clock.Now(), ContentType: contentType, Data: data, JSON: isJSON,
	}
	if !isJSON || !s.Webhook.Batch || s.Split == SplitWhole {
		return []Event{whole}
	}
	elements, ok := listAt(data, s.Webhook.Items)
	if !ok {
		return []Event{whole}
	}
	events := make([]Event, 0, len(elements))
	for i, element := range elements {
		e := whole
		e.ID, e.Data = eventID("notification", s.UID, id, strconv.Itoa(i)), element
		events = append(events, e)
	}
	return events
}

// notificationID returns what tells a notification from all others of its
// subscription; empty if nothing does.
func (l *listener) notificationID(n Notification, proof signature.Proof) string {
	switch {
	case proof.ID != "":
		return proof.ID
	case l.header != "" && n.Header.Get(l.header) != "":
		return n.Header.Get(l.header)
	}
	if id := textAt(n.Body, l.path); id != "" {
		return id
	}
	if proof.Time.IsZero() {
		return ""
	}
	sum := sha256.Sum256(n.Body)
	return "signed " + strconv.FormatInt(proof.Time.UnixNano(), 10) + " " + string(sum[:]) + n.Query
}

// textAt returns the text at a dot path of a JSON body; empty if there is none.
func textAt(body []byte, path string) string {
	if path == "" {
		return ""
	}
	value, ok := valueAt(unmarked(body), path)
	var text string
	if !ok || json.Unmarshal(value, &text) != nil || len(text) > maxIDInBody {
		return ""
	}
	return text
}

// listAt returns the elements of the list at a dot path of a JSON body; false if
// there is none.
func listAt(body []byte, path string) ([]json.RawMessage, bool) {
	value, ok := valueAt(body, path)
	var elements []json.RawMessage
	if !ok || json.Unmarshal(value, &elements) != nil || elements == nil {
		return nil, false
	}
	return elements, true
}

// valueAt follows a dot path through objects.
func valueAt(value json.RawMessage, path string) (json.RawMessage, bool) {
	if path == "" {
		return value, true
	}
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil || members[name] == nil {
			return nil, false
		}
		value = members[name]
	}
	return value, true
}

// unmarked is JSON text without a byte order mark, which is no part of it (RFC 8259,
// section 8.1) and is sent by some all the same.
func unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// isJSONType reports whether a media type is JSON, by RFC 6839 also "…+json".
func isJSONType(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
