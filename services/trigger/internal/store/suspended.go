package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// eventSuspended is the type of the event that a subscription has failed for so long
// that nothing is tried any more.
const eventSuspended = typePrefix + "suspended"

// eventIncomplete is the type of the event that a poll may have missed something.
const eventIncomplete = typePrefix + "incomplete"

// typePrefix begins the types of events about subscriptions themselves.
const typePrefix = "ferrule.subscription."

// eventMediaType is that of an event as a whole.
const eventMediaType = "application/cloudevents+json; charset=UTF-8"

// notice is a CloudEvent about a subscription itself, in the JSON format (CloudEvents
// JSON 1.0.2, section 3).
type notice struct {
	SpecVersion string     `json:"specversion"`
	ID          string     `json:"id"`
	Source      string     `json:"source"`
	Type        string     `json:"type"`
	Time        time.Time  `json:"time"`
	ContentType string     `json:"datacontenttype"`
	Data        noticeData `json:"data"`
}

// noticeData is what the owner of a subscription is told.
type noticeData struct {
	Subscription string `json:"subscription"`
	Connection   string `json:"connection"`
	// ConnectionOwner tells whose connection it is; empty where that was not noted.
	ConnectionOwner string    `json:"connection_owner,omitempty"`
	Operation       string    `json:"operation_id"`
	Owner           string    `json:"owner"`
	Reason          string    `json:"reason"`
	FailingSince    time.Time `json:"failing_since,omitzero"`
	// Events are the ids of events without their data; at most [maxLeftOut].
	Events []string `json:"events,omitempty"`
}

const (
	// maxLeftOut is how many events a notice names whose data was left out.
	maxLeftOut = 20
	// maxNamed is how much of an item's key it repeats, in bytes: keys may be as long as
	// items.
	maxNamed = 100
)

// leftOut returns the events whose data is not in their messages, because it does not
// fit on the bus: otherwise a message is longer than the data in it.
func leftOut(events []core.Event, messages []outbox.Message) (left []core.Event) {
	for i, e := range events {
		if len(messages[i].Data) < len(e.Data) {
			left = append(left, e)
		}
	}
	return left
}

// missing says why events are without their data, one sentence; empty if none are.
func missing(left []core.Event) string {
	if len(left) == 0 {
		return ""
	}
	first := left[0]
	about := ""
	if first.Key != "" {
		about = fmt.Sprintf(" about %q", strings.ToValidUTF8(first.Key[:min(len(first.Key), maxNamed)], ""))
	}
	more := ""
	if len(left) > 1 {
		more = fmt.Sprintf(", and that of %d more,", len(left)-1)
	}
	return fmt.Sprintf("the data of the event %s%s (%d bytes)%s does not fit into an event of at most %d bytes and was left out; ask the API for it",
		first.ID, about, len(first.Data), more, outbox.MaxData)
}

// tell returns the events about a subscription itself that a poll has led to, of which
// some events lack their data, and suspends the subscription where it was the last one. Their ids are those of the poll,
// so that one that is published again is known.
func tell(tx kv.Tx, sub core.Subscription, p core.Poll, left []core.Event) (messages []outbox.Message, err error) {
	if p.Suspend != "" {
		sub.Suspended = p.Suspend
		sub.Change++
		if err := put(tx, sub); err != nil {
			return nil, err
		}
	}
	for _, n := range []struct{ kind, reason string }{{eventSuspended, p.Suspend}, {eventIncomplete, strings.Trim(p.Incomplete+"; "+missing(left), "; ")}} {
		if n.reason == "" {
			continue
		}
		var events []string
		if n.kind == eventIncomplete {
			for _, e := range left[:min(len(left), maxLeftOut)] {
				events = append(events, e.ID)
			}
		}
		m, err := noticeOf(sub, p, n.kind, n.reason, events)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// noticeOf is the message that tells the owner of a subscription something.
func noticeOf(sub core.Subscription, p core.Poll, kind, reason string, events []string) (outbox.Message, error) {
	n := notice{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s@%s-%s-%d", sub.Name, sub.UID, strings.TrimPrefix(kind, typePrefix), p.Cursor.Version), Source: sub.Name.String(),
		Type: kind, Time: p.Time.UTC(), ContentType: "application/json",
		Data: noticeData{
			Subscription: sub.Name.String(), Connection: sub.Connection.String(), ConnectionOwner: sub.ConnectionOwner, Operation: sub.Operation, Owner: sub.Owner,
			Reason: reason, FailingSince: p.Cursor.FailingSince.UTC(), Events: events,
		},
	}
	data, err := json.Marshal(n)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("encode event %s: %w", n.ID, err)
	}
	return outbox.Message{
		ID: n.ID, Subject: bus.SubscriptionSubject(sub.Name.Environment, sub.Connector.ID, sub.Name.ID), Data: data,
		Header: map[string]string{"Content-Type": eventMediaType},
	}, nil
}
