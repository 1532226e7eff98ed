// Package store keeps subscriptions and their cursors in a key-value store.
//
// [Store] implements core.Store. What changes often is apart from what is large
// or hardly ever changes, and everything is found by the unique id, which is in
// callback tokens and schedules:
//
//	s/{uid}                               subscription
//	c/{uid}                               cursor of a polling trigger
//	k/{uid}                               what it has seen, as polling.Seen writes it
//	w/{uid}                               index: webhooks that are being set up or removed
//	n/{environment}/{id}                  index by name; the value is the unique id
//	o/{environment}/{length}{owner}{id}   index by owner; the value is the unique id
//	t/{environment}/o/{length}{owner}{uid} index: who is told about what an owner has; the value is the id of the connection
//	t/{environment}/e/{uid}               index: who is told about what anybody has; the same
//	meta/webhook-key                      the id of the key that callbacks need
//
// Every change is one transaction: record, indexes, announcement and events in
// the outbox are committed together or not at all.
package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

var _ core.Store = (*Store)(nil)

// Encoder makes the message of an event. It fails only for an event that can
// never be published, in whatever form.
type Encoder func(ctx context.Context, e core.Event) (outbox.Message, error)

// Store is the trigger service's part of a key-value store. It is safe for
// concurrent use.
type Store struct {
	kv       kv.Store
	encode   Encoder
	notified func()
	recent   recent
}

// New returns a store on inner, which stays open when the store is not used any
// more. notified is called after every commit that may have left something in the
// outbox; it must return at once.
func New(inner kv.Store, encode Encoder, notified func()) *Store {
	return &Store{kv: inner, encode: encode, notified: notified}
}

// Insert implements core.Store.
func (s *Store) Insert(ctx context.Context, sub core.Subscription, seen polling.Seen) error {
	return s.commit(ctx, func(tx kv.Tx) error {
		_, err := tx.Get(nameKey(sub.Name))
		if err == nil {
			return core.ErrExists
		}
		if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		for _, key := range [][]byte{nameKey(sub.Name), ownerKey(sub.Name, sub.Owner)} {
			if err := tx.Put(key, []byte(sub.UID)); err != nil {
				return err
			}
		}
		if sub.Polling != nil {
			if err := putCursor(tx, sub.UID, sub.Polling.Cursor, &seen); err != nil {
				return err
			}
		}
		if err := listen(tx, sub); err != nil {
			return err
		}
		return put(tx, sub)
	})
}

// Alter implements core.Store.
func (s *Store) Alter(ctx context.Context, uid string, change func(*core.Subscription) error) (core.Subscription, error) {
	return s.alter(ctx, uid, func(_ kv.Tx, sub *core.Subscription) error { return change(sub) })
}

func (s *Store) alter(ctx context.Context, uid string, change func(kv.Tx, *core.Subscription) error) (altered core.Subscription, err error) {
	err = s.commit(ctx, func(tx kv.Tx) error {
		sub, err := load(tx, uid)
		if err != nil {
			return err
		}
		if err := change(tx, &sub); err != nil {
			return err
		}
		sub.Change++
		altered = sub
		return put(tx, sub)
	})
	return altered, err
}

// AlterPolling implements core.Store.
func (s *Store) AlterPolling(ctx context.Context, uid string, change func(*core.Subscription) error) (core.Subscription, error) {
	return s.alter(ctx, uid, func(tx kv.Tx, sub *core.Subscription) error {
		version := uint64(0)
		if sub.Polling != nil {
			version = sub.Polling.Cursor.Version
		}
		if err := change(sub); err != nil || sub.Polling == nil {
			return err
		}
		sub.Polling.Cursor.Version = version + 1
		return putCursor(tx, uid, sub.Polling.Cursor, nil)
	})
}

// Remove implements core.Store.
func (s *Store) Remove(ctx context.Context, uid string) error {
	return s.commit(ctx, func(tx kv.Tx) error {
		sub, err := load(tx, uid)
		if err != nil {
			return err
		}
		for _, key := range [][]byte{
			recordKey(uid), cursorKey(uid), seenKey(uid), unsettledKey(uid), nameKey(sub.Name), ownerKey(sub.Name, sub.Owner),
			append(listeningPrefix(sub), uid...),
		} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return outbox.Put(tx, announcement(sub, "removed"))
	})
}

// CommitPoll implements core.Store.
func (s *Store) CommitPoll(ctx context.Context, p core.Poll) error {
	events, err := s.messages(ctx, p.Events) // before the transaction, which should be short
	if err != nil {
		return err
	}
	left := leftOut(p.Events, events)
	commit := s.commit
	if len(p.Events) == 0 && !p.Announce && p.Suspend == "" && p.Incomplete == "" {
		commit = s.kv.Update // most polls: nothing for the relay
	}
	return commit(ctx, func(tx kv.Tx) error {
		sub, err := s.recent.load(tx, p.UID)
		if err != nil {
			return err
		}
		switch {
		case sub.Deleting:
			return core.ErrNotFound
		case sub.Paused || sub.Suspended != "":
			return core.ErrInactive
		}
		if sub.Polling == nil || sub.Polling.Cursor.Version+1 != p.Cursor.Version {
			return core.ErrChanged
		}
		if err := putCursor(tx, p.UID, p.Cursor, p.Seen); err != nil {
			return err
		}
		messages := slices.Clip(events) // a store may do this again
		if p.Announce {
			messages = append(messages, announcement(sub, fmt.Sprintf("poll-%d", p.Cursor.Version)))
		}
		told, err := tell(tx, sub, p, left)
		if err != nil {
			return err
		}
		return send(tx, append(messages, told...))
	})
}

// messages encodes events.
func (s *Store) messages(ctx context.Context, events []core.Event) ([]outbox.Message, error) {
	messages := make([]outbox.Message, 0, len(events)+1)
	for _, e := range events {
		m, err := s.encode(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// send puts messages into the outbox.
func send(tx kv.Tx, messages []outbox.Message) error {
	for _, m := range messages {
		if err := outbox.Put(tx, m); err != nil {
			return err
		}
	}
	return nil
}

// Touch implements core.Store.
func (s *Store) Touch(ctx context.Context, notified map[string]time.Time) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		for uid, at := range notified {
			sub, err := load(tx, uid)
			if errors.Is(err, core.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			switch {
			case sub.Webhook != nil:
				sub.Webhook.Notified = at
			case sub.Notices != nil:
				sub.Notices.Last = at
			default:
				continue
			}
			if err := write(tx, sub); err != nil {
				return err
			}
		}
		return nil
	})
}

// commit runs a change and tells the relay about it, also after an error: it may
// leave open whether the change was committed.
func (s *Store) commit(ctx context.Context, change func(kv.Tx) error) error {
	defer s.notified()
	return s.kv.Update(ctx, change)
}

// put writes a subscription with its place in the index of unsettled webhooks,
// and announces it.
func put(tx kv.Tx, sub core.Subscription) error {
	if err := write(tx, sub); err != nil {
		return err
	}
	index := func() error { return tx.Delete(unsettledKey(sub.UID)) }
	if sub.Unsettled() {
		index = func() error { return tx.Put(unsettledKey(sub.UID), nil) }
	}
	if err := index(); err != nil {
		return err
	}
	return outbox.Put(tx, announcement(sub, strconv.FormatUint(sub.Change, 10)))
}

func write(tx kv.Tx, sub core.Subscription) error {
	record, err := encodeSubscription(sub)
	if err != nil {
		return err
	}
	return tx.Put(recordKey(sub.UID), record)
}

func putCursor(tx kv.Tx, uid string, c core.Cursor, seen *polling.Seen) error {
	record, err := encodeCursor(c)
	if err != nil {
		return err
	}
	if err := tx.Put(cursorKey(uid), record); err != nil {
		return err
	}
	if seen == nil {
		return nil
	}
	return tx.Put(seenKey(uid), seen.Bytes())
}

// announcement tells others that their copy of a subscription is out of date. It
// says nothing else.
func announcement(sub core.Subscription, change string) outbox.Message {
	c := bus.Change{Kind: bus.ChangeSubscription, Environment: sub.Name.Environment, ID: sub.Name.ID}
	return c.Message(sub.Name.String() + "@" + sub.UID + "-" + change)
}

// ByUID implements core.Store.
func (s *Store) ByUID(ctx context.Context, uid string) (sub core.Subscription, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		sub, err = s.recent.load(r, uid)
		return err
	})
	return sub, err
}

// Subscription implements core.Store.
func (s *Store) Subscription(ctx context.Context, name resource.Subscription) (sub core.Subscription, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		uid, err := r.Get(nameKey(name))
		if errors.Is(err, kv.ErrNotFound) {
			return core.ErrNotFound
		}
		if err != nil {
			return err
		}
		sub, err = load(r, string(uid))
		return err
	})
	return sub, err
}

// Seen implements core.Store.
func (s *Store) Seen(ctx context.Context, uid string) (seen polling.Seen, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		data, err := r.Get(seenKey(uid))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		seen, err = polling.ParseSeen(data)
		return err
	})
	return seen, err
}

// load reads a subscription with its cursor, or returns core.ErrNotFound.
func load(r kv.Reader, uid string) (core.Subscription, error) {
	data, err := r.Get(recordKey(uid))
	if errors.Is(err, kv.ErrNotFound) {
		return core.Subscription{}, core.ErrNotFound
	}
	if err != nil {
		return core.Subscription{}, err
	}
	sub, err := decodeSubscription(uid, data)
	if err != nil {
		return core.Subscription{}, fmt.Errorf("record of %w: %s: %w", core.ErrUnreadable, uid, err)
	}
	err = cursorOf(r, uid, &sub)
	return sub, err
}

// cursorOf reads the cursor of a subscription, if it polls.
func cursorOf(r kv.Reader, uid string, sub *core.Subscription) error {
	if sub.Polling == nil {
		return nil
	}
	data, err := r.Get(cursorKey(uid))
	if err != nil {
		*sub = core.Subscription{}
		return fmt.Errorf("cursor of subscription %s: %w", uid, err)
	}
	if sub.Polling.Cursor, err = decodeCursor(data); err != nil {
		*sub = core.Subscription{}
		return fmt.Errorf("cursor of %w: %s: %w", core.ErrUnreadable, uid, err)
	}
	return nil
}
