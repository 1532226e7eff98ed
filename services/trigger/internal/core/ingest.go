package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// MaxNotification is the largest body of a notification in bytes. One that makes
// an event too large for the bus is refused as well.
const MaxNotification = 1 << 20

// MaxHeader is the most that the names and values of all header lines of a
// notification may have together, in bytes.
const MaxHeader = 64 << 10

// MaxHops is through how many sinks an event may come back as a notification: sinks that
// lead to callback URLs in a circle would go round for ever, and each event may have
// several sinks.
const MaxHops = 4

// HopsHeader is the header field with which sinks tell how many that were, themselves
// included.
const HopsHeader = "Ferrule-Hops"

// hopsOf returns what a notification says about that; 0 if it is not a delivery of ours.
func hopsOf(n Notification) int {
	hops, err := strconv.ParseUint(n.Header.Get(HopsHeader), 10, 31)
	if err != nil {
		return 0
	}
	return int(hops)
}

// Notification is what arrived at a callback URL.
type Notification struct {
	// Token is the secret part of the URL.
	Token string
	// Suffix is what follows it in the path, with its slash; empty if nothing does.
	Suffix string
	// Method is the HTTP method.
	Method string
	// Query is the query string as it arrived, without "?".
	Query string
	// Header holds the header fields under their canonical names. Values are bytes
	// as they arrived, which need not be UTF-8 (RFC 9110, section 5.5).
	Header http.Header
	// Body is the exact bytes.
	Body []byte
}

// Reply is how to answer at a callback URL.
type Reply struct {
	// Status is the HTTP status.
	Status int
	// Header are header fields under their canonical names; nil for none.
	Header http.Header
	// Body is the body; empty for none.
	Body []byte
}

// Ingest makes an event of a notification, or one of each of its elements, and
// returns how to answer: with 202, or what the API's preset says, once all events are
// on the bus; 410 if the subscription is being removed or its time is over; 508 for what
// has come through more than [MaxHops] sinks. While it
// is paused or suspended what is signed is accepted and dropped, because APIs give up
// callbacks that refuse. An error means that not everything was kept and the API
// should try again, or had better not have called.
//
// Handshakes that the subscription names are answered here too.
//
// The event's id is computed from the notification's own id, where it has one that
// the API declares, else from the body and the time of signing, where that is proven:
// so what comes again is dropped. Where there is neither, every accepted
// notification is an event of its own, because nothing tells a repetition from a
// second happening.
func (t *Triggers) Ingest(ctx context.Context, n Notification) (Reply, error) {
	// Whoever pauses or deletes the subscription waits until this one is done.
	defer t.entries.enter(n.Token)()
	s, err := t.subscriptionAt(ctx, n)
	if err != nil {
		return Reply{}, err
	}
	if err := checkSize(n); err != nil {
		return Reply{}, err
	}
	l, err := t.listenerOf(s, t.Clock.Now())
	if err != nil {
		return Reply{}, err
	}
	if reply, met, err := t.shake(ctx, s, l, n); met || err != nil {
		return reply, err
	}
	switch {
	case s.leaving(), s.Webhook.over(t.Clock.Now()):
		return Reply{Status: http.StatusGone}, nil
	case n.Method != http.MethodPost && n.Method != http.MethodPut:
		return Reply{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"POST, PUT"}}}, nil
	}
	proof, err := l.verify(ctx, t.messageOf(n), t.Clock.Now())
	if err != nil {
		return Reply{}, err
	}
	if hopsOf(n) > MaxHops {
		return Reply{Status: http.StatusLoopDetected}, nil
	}
	if err := t.take(ctx, s, l, n, proof); err != nil {
		return Reply{}, err
	}
	return Reply{Status: l.accept}, nil
}

// take does what a notification means that was verified.
func (t *Triggers) take(ctx context.Context, s Subscription, l *listener, n Notification, proof signature.Proof) error {
	if state, _ := s.State(); state == StatePaused || state == StateSuspended {
		return nil
	}
	if s.Webhook.Pokes != "" {
		if err := t.Poke(ctx, s.Webhook.Pokes); err != nil {
			return err
		}
		t.activity.note(s.UID, t.Clock.Now())
		return nil
	}
	// What is repeated after a failure is dropped by its id.
	events := t.notified(s, l, n, proof)
	for i := range events {
		events[i].Hops = hopsOf(n)
	}
	err := t.Events.PublishAll(ctx, events)
	switch {
	case errors.Is(err, ErrEventTooLarge):
		return tooLarge(MaxNotification).Because(err)
	case err != nil:
		return fmt.Errorf("publish a notification of %s: %w", s.Name, err)
	}
	t.activity.note(s.UID, t.Clock.Now())
	return nil
}

// checkSize refuses what is larger than can be kept.
func checkSize(n Notification) error {
	if len(n.Body) > MaxNotification {
		return tooLarge(MaxNotification)
	}
	if headerBytes(n.Header) > MaxHeader {
		return fault.Invalid(fault.ReasonWebhookTooLarge,
			"the notification's header lines have more than %d bytes together", MaxHeader).With("limit", strconv.Itoa(MaxHeader))
	}
	return nil
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

// messageOf is a notification as its signature covers it. Its URL is the one that
// the API was told, whatever host the request names.
func (t *Triggers) messageOf(n Notification) signature.Message {
	url := t.cfg.PublicURL + "/hooks/" + n.Token + n.Suffix
	if n.Query != "" {
		url += "?" + n.Query
	}
	return signature.Message{Method: n.Method, URL: url, Header: n.Header, Body: n.Body}
}

// subscriptionAt returns the subscription whose callback URL a notification came to.
func (t *Triggers) subscriptionAt(ctx context.Context, n Notification) (Subscription, error) {
	unknown := fault.NotFound(fault.ReasonWebhookUnknown, "no subscription listens at this callback URL")
	uid, ok := t.Keys.UID(n.Token)
	if !ok {
		return Subscription{}, unknown
	}
	s, err := t.Store.ByUID(ctx, uid)
	switch {
	case isGone(err):
		return Subscription{}, unknown
	case err != nil:
		return Subscription{}, fmt.Errorf("read subscription %s: %w", uid, err)
	case s.Webhook == nil, n.Suffix != "" && !slices.Contains(s.Webhook.Suffixes, n.Suffix):
		return Subscription{}, unknown
	}
	return s, nil
}

func tooLarge(limit int) *fault.Error {
	return fault.Invalid(fault.ReasonWebhookTooLarge,
		"the notification is larger than what can be kept, %d bytes at most", limit).With("limit", strconv.Itoa(limit))
}
