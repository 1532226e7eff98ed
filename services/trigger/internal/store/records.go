package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// recordVersion is the first byte of every record; JSON follows. A change that
// an older program would misread gets another number, and is then refused by it.
const recordVersion = 1

// laterVersion is that of what an older program would misread: subscriptions to notices,
// which it would take for triggers, and webhooks whose secret it would not know.
const laterVersion = 2

// What is stored has types of its own, so that renaming something elsewhere
// cannot make old files unreadable.

type subscriptionRecord struct {
	Name             string          `json:"name"`
	Change           uint64          `json:"change"`
	Connection       string          `json:"connection"`
	ConnectionOwner  string          `json:"connection_owner,omitempty"`
	Connector        string          `json:"connector"`
	Operation        string          `json:"operation"`
	Revision         string          `json:"revision"`
	Input            string          `json:"input,omitempty"`
	Sinks            []sinkRecord    `json:"sinks,omitempty"`
	UnsignedAccepted bool            `json:"unsigned_accepted,omitempty"`
	Owner            string          `json:"owner"`
	CreateTime       time.Time       `json:"create_time"`
	Deleting         bool            `json:"deleting,omitempty"`
	Description      string          `json:"description,omitempty"`
	UpdateTime       time.Time       `json:"update_time,omitzero"`
	Split            int             `json:"split,omitempty"`
	SuspendAfter     time.Duration   `json:"suspend_after,omitempty"`
	Signature        *signature.Rule `json:"signature,omitempty"`
	Secret           []byte          `json:"secret,omitempty"`
	OldSecret        []byte          `json:"old_secret,omitempty"`
	OldSecretUntil   time.Time       `json:"old_secret_until,omitzero"`
	Paused           bool            `json:"paused,omitempty"`
	Suspended        string          `json:"suspended,omitempty"`
	Polling          *pollingRecord  `json:"polling,omitempty"`
	Webhook          *webhookRecord  `json:"webhook,omitempty"`
	Notices          *noticesRecord  `json:"notices,omitempty"`
}

type noticesRecord struct {
	Everyones bool      `json:"everyones,omitempty"`
	Last      time.Time `json:"last,omitzero"`
}

type pollingRecord struct {
	Recurrence recurrence.Options `json:"recurrence"`
	Given      *polling.Rules     `json:"given,omitempty"`
	Poked      time.Time          `json:"poked,omitzero"`
	Companion  string             `json:"companion,omitempty"`
	Unpoked    string             `json:"unpoked,omitempty"`
}

type webhookRecord struct {
	CallbackPointer string          `json:"callback_pointer"`
	Suffixes        []string        `json:"suffixes,omitempty"`
	SecretPointer   string          `json:"secret_pointer,omitempty"`
	Signature       *signature.Rule `json:"signature,omitempty"`
	Handshakes      []string        `json:"handshakes,omitempty"`
	Batch           bool            `json:"batch,omitempty"`
	Items           string          `json:"items,omitempty"`
	Pokes           string          `json:"pokes,omitempty"`
	IDHeader        string          `json:"id_header,omitempty"`
	Registered      bool            `json:"registered,omitempty"`
	Unsubscribe     *removalRecord  `json:"unsubscribe,omitempty"`
	Attempts        int             `json:"attempts,omitempty"`
	NextAttempt     time.Time       `json:"next_attempt,omitzero"`
	Reason          string          `json:"reason,omitempty"`
	Notified        time.Time       `json:"notified,omitzero"`
	lifeRecord
}

type removalRecord struct {
	Operation string `json:"operation"`
	Input     string `json:"input,omitempty"`
}

type cursorRecord struct {
	Version      uint64            `json:"version"`
	Baseline     bool              `json:"baseline,omitempty"`
	Rules        polling.Rules     `json:"rules"`
	Revision     string            `json:"revision"`
	Last         time.Time         `json:"last,omitzero"`
	Next         time.Time         `json:"next"`
	Ended        bool              `json:"ended,omitempty"`
	State        string            `json:"state,omitempty"`
	Values       map[string]string `json:"values,omitempty"`
	FailingSince time.Time         `json:"failing_since,omitzero"`
	Failures     int               `json:"failures,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Refused      bool              `json:"refused,omitempty"`
}

func encodeSubscription(s core.Subscription) ([]byte, error) {
	r := subscriptionRecord{
		Name: s.Name.String(), Change: s.Change, Connection: s.Connection.String(), ConnectionOwner: s.ConnectionOwner, Connector: s.Connector.String(),
		Operation: s.Operation, Revision: s.Revision, Input: s.Input, UnsignedAccepted: s.UnsignedAccepted,
		Owner: s.Owner, CreateTime: s.CreateTime.UTC(), Deleting: s.Deleting, Description: s.Description, UpdateTime: s.UpdateTime.UTC(),
		Split: int(s.Split), SuspendAfter: s.SuspendAfter, Signature: s.Signature, Secret: s.Secret, Paused: s.Paused, Suspended: s.Suspended,
		Sinks: sinkRecords(s.Sinks), OldSecret: s.OldSecret, OldSecretUntil: s.OldSecretUntil.UTC(),
	}
	if s.Polling != nil {
		r.Polling = &pollingRecord{Recurrence: s.Polling.Recurrence, Given: s.Polling.Given, Poked: s.Polling.Poked.UTC(), Companion: s.Polling.Companion, Unpoked: s.Polling.Unpoked}
	}
	if w := s.Webhook; w != nil {
		r.Webhook = &webhookRecord{
			CallbackPointer: w.CallbackPointer, Suffixes: w.Suffixes, SecretPointer: w.SecretPointer, Signature: w.Signature, IDHeader: w.IDHeader,
			Handshakes: w.Handshakes, Batch: w.Batch, Items: w.Items, Pokes: w.Pokes,
			Registered: w.Registered, Unsubscribe: (*removalRecord)(w.Unsubscribe),
			Attempts: w.Attempts, NextAttempt: w.NextAttempt.UTC(), Reason: w.Reason, Notified: w.Notified.UTC(), lifeRecord: lifeOf(w),
		}
	}
	if s.Notices != nil {
		r.Connector, r.Notices = "", &noticesRecord{Everyones: s.Notices.Everyones, Last: s.Notices.Last.UTC()}
	}
	data, err := encode(r)
	if err == nil && (s.Notices != nil || s.Webhook != nil && s.Webhook.SecretOf > 0) {
		data[0] = laterVersion
	}
	return data, err
}

// decodeSubscription reads a record. The cursor of a polling trigger is a record
// of its own.
func decodeSubscription(uid string, data []byte) (core.Subscription, error) {
	var r subscriptionRecord
	if err := decode(data, &r); err != nil {
		return core.Subscription{}, err
	}
	name, err := resource.ParseSubscription(r.Name)
	connection, err2 := core.ParseConnection(r.Connection)
	connector, err3 := resource.Connector{Environment: name.Environment, ID: core.EveryConnection}, error(nil)
	if r.Notices == nil {
		connector, err3 = resource.ParseConnector(r.Connector)
	}
	if err := errors.Join(err, err2, err3); err != nil {
		return core.Subscription{}, err
	}
	s := core.Subscription{
		Name: name, UID: uid, Change: r.Change, Connection: connection, ConnectionOwner: r.ConnectionOwner, Connector: connector,
		Operation: r.Operation, Revision: r.Revision, Input: r.Input, UnsignedAccepted: r.UnsignedAccepted,
		Owner: r.Owner, CreateTime: r.CreateTime, Deleting: r.Deleting, Description: r.Description, UpdateTime: r.UpdateTime,
		Split: core.Split(r.Split), SuspendAfter: r.SuspendAfter, Signature: r.Signature, Secret: r.Secret, Paused: r.Paused, Suspended: r.Suspended,
		OldSecret: r.OldSecret, OldSecretUntil: r.OldSecretUntil,
	}
	if n := r.Notices; n != nil {
		s.Notices = &core.Notices{Everyones: n.Everyones, Last: n.Last}
	}
	if s.Sinks, err = readSinks(r.Sinks); err != nil {
		return core.Subscription{}, err
	}
	if w := r.Webhook; w != nil {
		s.Webhook = &core.Webhook{
			CallbackPointer: w.CallbackPointer, Suffixes: w.Suffixes, SecretPointer: w.SecretPointer, Signature: w.Signature, IDHeader: w.IDHeader,
			Handshakes: w.Handshakes, Batch: w.Batch, Items: w.Items, Pokes: w.Pokes,
			Registered: w.Registered, Unsubscribe: (*core.Removal)(w.Unsubscribe),
			Attempts: w.Attempts, NextAttempt: w.NextAttempt, Reason: w.Reason, Notified: w.Notified,
		}
		w.read(s.Webhook)
	}
	if p := r.Polling; p != nil {
		s.Polling = &core.Polling{Recurrence: p.Recurrence, Given: p.Given, Poked: p.Poked, Companion: p.Companion, Unpoked: p.Unpoked}
	}
	return s, nil
}

func encodeCursor(c core.Cursor) ([]byte, error) {
	c.Last, c.Next, c.FailingSince = c.Last.UTC(), c.Next.UTC(), c.FailingSince.UTC()
	return encode(cursorRecord(c))
}

func decodeCursor(data []byte) (core.Cursor, error) {
	var r cursorRecord
	err := decode(data, &r)
	return core.Cursor(r), err
}

func encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append([]byte{recordVersion}, data...), nil
}

func decode(data []byte, record any) error {
	body, err := versioned(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, record); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	return nil
}

// versioned returns what follows the version of a record.
func versioned(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("the record is empty")
	}
	if data[0] != recordVersion && data[0] != laterVersion {
		return nil, fmt.Errorf("the record has version %d and this program reads up to version %d; run the program that wrote it, or a newer one", data[0], laterVersion)
	}
	return data[1:], nil
}
