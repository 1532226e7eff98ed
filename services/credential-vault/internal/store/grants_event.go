package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// The types of the events about connections themselves.
const (
	eventAuthorized         = "ferrule.connection.authorized"
	eventNeedsAuthorization = "ferrule.connection.needs-authorization"
	eventFailed             = "ferrule.connection.failed"
)

// eventMediaType is that of an event as a whole.
const eventMediaType = "application/cloudevents+json; charset=UTF-8"

// event is a CloudEvent in the JSON format (CloudEvents JSON 1.0.2, section 3).
type event struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        eventData `json:"data"`
}

// eventData is what the owner of a connection is told.
type eventData struct {
	Connection  string `json:"connection"`
	Connector   string `json:"connector"`
	DisplayName string `json:"display_name,omitempty"`
	Owner       string `json:"owner"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`
}

// notice returns the message of an event about a connection, which has just
// entered its state. Its id is that of the change, so that one that is published
// again is known.
func notice(c core.Connection, n core.Notice) (outbox.Message, error) {
	e := event{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s@%s-%d", c.Name, c.UID, c.Change), Source: c.Name.String(),
		Time: c.UpdateTime.UTC(), ContentType: "application/json", Type: eventNeedsAuthorization,
		Data: eventData{
			Connection: c.Name.String(), Connector: c.Connector.String(), DisplayName: c.DisplayName, Owner: c.Owner,
			State: c.State.String(), Reason: c.StateReason,
		},
	}
	switch n {
	case core.NoticeAuthorized:
		e.Type = eventAuthorized
	case core.NoticeFailed:
		e.Type = eventFailed
	case core.NoticeNeedsAuthorization, core.NoticeNone:
	}
	data, err := json.Marshal(e)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return outbox.Message{
		ID: e.ID + "-event", Subject: bus.ConnectionSubject(c.Name.Environment, c.Connector.ID, c.Name.ID), Data: data,
		Header: map[string]string{"Content-Type": eventMediaType},
	}, nil
}
