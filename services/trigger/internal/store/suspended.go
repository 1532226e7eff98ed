package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// eventSuspended is the type of the event that a subscription has failed for so long
// that nothing is tried any more.
const eventSuspended = "ferrule.subscription.suspended"

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
	FailingSince    time.Time `json:"failing_since"`
}

// suspend suspends a subscription after the poll that was the last one, and adds the
// event about it to the messages. Its id is that of the poll, so that one that is
// published again is known.
func suspend(tx kv.Tx, sub core.Subscription, p core.Poll, messages []outbox.Message) ([]outbox.Message, error) {
	sub.Suspended = p.Suspend
	sub.Change++
	if err := put(tx, sub); err != nil {
		return nil, err
	}
	n := notice{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s@%s-suspended-%d", sub.Name, sub.UID, p.Cursor.Version), Source: sub.Name.String(),
		Type: eventSuspended, Time: p.Time.UTC(), ContentType: "application/json",
		Data: noticeData{
			Subscription: sub.Name.String(), Connection: sub.Connection.String(), ConnectionOwner: sub.ConnectionOwner, Operation: sub.Operation, Owner: sub.Owner,
			Reason: p.Suspend, FailingSince: p.Cursor.FailingSince.UTC(),
		},
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", n.ID, err)
	}
	return append(messages, outbox.Message{
		ID: n.ID, Subject: bus.SubscriptionSubject(sub.Name.Environment, sub.Connector.ID, sub.Name.ID), Data: data,
		Header: map[string]string{"Content-Type": eventMediaType},
	}), nil
}
