package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// MaxNotification is the largest body of a notification in bytes. One that makes
// an event too large for the bus is refused as well.
const MaxNotification = 1 << 20

// MaxHeader is the most that the names and values of all header lines of a
// notification may have together, in bytes.
const MaxHeader = 64 << 10

// Notification is what arrived at a callback URL.
type Notification struct {
	// Token is the secret part of the URL.
	Token string
	// Method is the HTTP method.
	Method string
	// Header holds the header fields under their canonical names. Values are bytes
	// as they arrived, which need not be UTF-8 (RFC 9110, section 5.5).
	Header http.Header
	// Body is the exact bytes.
	Body []byte
}

// Ingest makes an event of a notification and returns the HTTP status to answer
// with: 202 once the event is on the bus, 410 if the subscription is being
// removed. An error means that nothing was kept and the API should try again, or
// had better not have called.
//
// With an id header the event's id is computed from it, so that the repetitions
// of an API are dropped. Without one every accepted notification is an event of
// its own, because nothing tells a repetition from a second happening.
func (t *Triggers) Ingest(ctx context.Context, n Notification) (int, error) {
	s, err := t.listener(ctx, n.Token)
	if err != nil {
		return 0, err
	}
	switch {
	case s.Deleting:
		return http.StatusGone, nil
	case n.Method != http.MethodPost && n.Method != http.MethodPut:
		return http.StatusMethodNotAllowed, nil
	case len(n.Body) > MaxNotification:
		return 0, tooLarge(MaxNotification)
	case headerBytes(n.Header) > MaxHeader:
		return 0, fault.Invalid(fault.ReasonWebhookTooLarge,
			"the notification's header lines have more than %d bytes together", MaxHeader).With("limit", strconv.Itoa(MaxHeader))
	}
	if err := t.verify(s, n); err != nil {
		return 0, err
	}
	err = t.Events.Publish(ctx, t.notified(s, n))
	switch {
	case errors.Is(err, ErrEventTooLarge):
		return 0, tooLarge(MaxNotification).Because(err)
	case err != nil:
		return 0, fmt.Errorf("publish a notification of %s: %w", s.Name, err)
	}
	t.activity.note(s.UID, t.Clock.Now())
	return http.StatusAccepted, nil
}

// headerBytes counts the names and values of all header lines.
func headerBytes(header http.Header) (n int) {
	for name, values := range header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}

// listener returns the subscription that a token belongs to.
func (t *Triggers) listener(ctx context.Context, token string) (Subscription, error) {
	unknown := fault.NotFound(fault.ReasonWebhookUnknown, "no subscription listens at this callback URL")
	uid, ok := t.Keys.UID(token)
	if !ok {
		return Subscription{}, unknown
	}
	s, err := t.Store.ByUID(ctx, uid)
	switch {
	case isGone(err):
		return Subscription{}, unknown
	case err != nil:
		return Subscription{}, fmt.Errorf("read subscription %s: %w", uid, err)
	case s.Webhook == nil:
		return Subscription{}, unknown
	}
	return s, nil
}

// verify refuses what the API did not sign. A subscription without a rule was
// made by somebody who accepted that.
func (t *Triggers) verify(s Subscription, n Notification) error {
	if s.Webhook.Signature == nil {
		return nil
	}
	verifier, err := signature.New(*s.Webhook.Signature)
	if err != nil {
		return fmt.Errorf("verify a notification of %s: %w", s.Name, err)
	}
	err = verifier.Verify(signature.Message{Header: n.Header, Body: n.Body}, []byte(t.Keys.Secret(s.UID)))
	if err != nil {
		return fault.Unauthenticated(fault.ReasonWebhookSignatureInvalid,
			"the notification's signature in %s is missing or does not fit its body", s.Webhook.Signature.Header).Because(err)
	}
	return nil
}

// notified makes the event of a notification.
func (t *Triggers) notified(s Subscription, n Notification) Event {
	id := ""
	if s.Webhook.IDHeader != "" {
		id = n.Header.Get(s.Webhook.IDHeader)
	}
	if id == "" {
		id = t.NewUID()
	}
	contentType := n.Header.Get("Content-Type")
	isJSON := utf8.Valid(n.Body) && json.Valid(n.Body) && (contentType == "" || isJSONType(contentType))
	switch {
	case isJSON:
		contentType = "application/json"
	case contentType == "" || !utf8.ValidString(contentType):
		contentType = "application/octet-stream"
	}
	return Event{
		ID: eventID("notification", s.UID, id), Subscription: s, Revision: s.Revision,
		Time: t.Clock.Now(), ContentType: contentType, Data: n.Body, JSON: isJSON,
	}
}

// isJSONType reports whether a media type is JSON, by RFC 6839 also "…+json".
func isJSONType(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

func tooLarge(limit int) *fault.Error {
	return fault.Invalid(fault.ReasonWebhookTooLarge,
		"the notification is larger than what can be kept, %d bytes at most", limit).With("limit", strconv.Itoa(limit))
}
