package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

// Poll asks the API of a subscription for what is new, if that has not been done
// already for the due time of the firing, and returns when it is due next: the
// zero time if nothing is due any more, because the subscription is gone, paused,
// suspended or over. While its owner or its connector has its share of the workers it is
// put off. After an error the same poll has to be tried again: nothing, or
// everything, was stored.
//
// Which times are over is decided by whoever fires; this process's own clock may
// differ.
func (t *Triggers) Poll(ctx context.Context, uid string, due time.Time) (time.Time, error) {
	s, err := t.Store.ByUID(ctx, uid)
	switch {
	case isGone(err):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("read subscription %s: %w", uid, err)
	case s.Webhook == nil && !s.Polls():
		return time.Time{}, nil
	}
	leave, wait := t.enter(s)
	if leave == nil {
		return later(t.Clock.Now(), due).Add(wait), nil // with the same cursor
	}
	defer leave()
	if s.Webhook != nil {
		return t.tend(ctx, s, due)
	}
	return t.poll(ctx, s, due)
}

// enter takes a worker for a subscription; leave is nil if that has to wait.
func (t *Triggers) enter(s Subscription) (leave func(), wait time.Duration) {
	if t.shares == nil {
		return func() {}, 0
	}
	left, wait := t.shares.Enter("owner "+s.Owner, "connector "+s.Connector.String())
	if left == nil {
		return nil, wait
	}
	return func() { left(true) }, 0
}

// poll is Poll for a subscription that polls.
func (t *Triggers) poll(ctx context.Context, s Subscription, due time.Time) (time.Time, error) {
	if next := s.Polling.Cursor.Next; due.Before(next) && !s.Polling.poked() {
		// Somebody has done this poll, and died before the next was scheduled.
		return next, nil
	}
	started := t.Clock.Now()
	if started.Before(due) {
		started = due // our clock is slow: what comes next must be later by any clock
	}
	rule, err := recurrence.New(s.Polling.Recurrence, 0)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("read when %s is due: %w", s.Name, err)
	case started.Before(rule.Options().Start):
		return s.Polling.Cursor.Next, nil // somebody has asked for it before its time
	case rule.Ended(started):
		return t.commit(ctx, s, Poll{UID: s.UID, Cursor: s.Polling.Cursor.over(), Announce: true})
	}
	seen, err := t.Store.Seen(ctx, s.UID)
	if err != nil {
		return time.Time{}, fmt.Errorf("read what %s has seen: %w", s.Name, err)
	}
	sight, err := t.look(ctx, s, seen, BehalfOfService)
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err() // we stop; the API is not to blame
	}
	p := t.outcome(attempt{s, rule, seen, started}, sight, err)
	next, err := t.commit(ctx, s, p)
	if err != nil || s.Polling.Poked.IsZero() {
		return next, err
	}
	return t.answerPoke(ctx, s, next, p.Cursor.Version)
}

// commit stores the outcome of a poll and returns when the next is due.
func (t *Triggers) commit(ctx context.Context, s Subscription, p Poll) (time.Time, error) {
	err := t.Store.CommitPoll(ctx, p)
	switch {
	case err == nil && (p.Cursor.Ended || p.Suspend != ""), isGone(err), errors.Is(err, ErrInactive):
		return time.Time{}, nil
	case err == nil:
		return p.Cursor.Next, nil
	case !errors.Is(err, ErrChanged):
		return time.Time{}, fmt.Errorf("store a poll of %s: %w", s.Name, err)
	}
	// Another process was faster; what it stored stands.
	now, err := t.Store.ByUID(ctx, s.UID)
	switch {
	case isGone(err), err == nil && !now.Polls():
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("read %s: %w", s.Name, err)
	}
	return now.Polling.Cursor.Next, nil
}

// attempt is a poll that was made.
type attempt struct {
	sub     Subscription
	rule    recurrence.Rule
	seen    polling.Seen
	started time.Time
}

// outcome decides what a poll means.
func (t *Triggers) outcome(a attempt, sight sight, failure error) Poll {
	s, rule, started := a.sub, a.rule, a.started
	old, now := s.Polling.Cursor, t.Clock.Now()
	p := Poll{UID: s.UID, Time: now}
	if failure != nil {
		p.Cursor = t.failed(s, rule, failure, later(now, started))
		p.Announce = old.Failures == 0 || p.Cursor.Ended
		if s.exhausted(p.Cursor, now) {
			p.Suspend = fmt.Sprintf("it has failed since %s, the last time because: %s", p.Cursor.FailingSince.UTC().Format(time.RFC3339), p.Cursor.Reason)
		}
		return p
	}
	p.Cursor = t.succeeded(old, rule, sight, started, now)
	p.Announce = old.Failures > 0 || !old.Baseline || old.Reason != p.Cursor.Reason || p.Cursor.Ended
	if sight.rules.NewestFirst || sight.doubt != old.Reason { // without an order each poll is the same
		p.Incomplete = sight.doubt
	}
	fresh := sight.fresh(old, a.seen)
	p.Seen = sight.remembered(old, a.seen, len(fresh) > 0, now)
	if old.Baseline && !sight.anew { // otherwise this answer says what is old
		p.Events = itemEvents(s, sight, fresh, p.Cursor.Version, now)
	}
	return p
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// itemEvents makes the events of what is new, in its order: one of each item, or one
// of all.
//
// The id of an item that a list shows for the first time is that of its key, whenever
// that is. All others are told apart by the number of the poll: the same thing may
// happen again. A poll that has not been committed has the number that the next has,
// and its events are nowhere.
func itemEvents(s Subscription, seen sight, items []polling.Item, poll uint64, now time.Time) []Event {
	number := strconv.FormatUint(poll, 10)
	event := Event{Subscription: s, Revision: seen.revision, Time: now, ContentType: "application/json", JSON: true}
	if len(items) > 0 && s.Split == SplitWhole {
		return wholeEvents(event, seen, items, number)
	}
	events := make([]Event, 0, len(items))
	for i, item := range items {
		e := event
		e.Key, e.Data = item.Key, item.Data
		switch {
		case seen.linked:
			e.ID = eventID("poll", s.UID, number, strconv.Itoa(i))
		case item.Changed:
			e.ID = eventID("change", s.UID, string(item.Digest[:]), string(item.Version[:]), number)
		default:
			e.ID = eventID("item", s.UID, string(item.Digest[:]))
		}
		if item.Opaque {
			e.JSON, e.ContentType = false, seen.mediaType
		}
		events = append(events, e)
	}
	return events
}

// maxWhole is how much data a batch that is not split has in one event, in bytes: what
// the outbox takes, less the attributes.
const maxWhole = 900 << 10

// wholeEvents makes the event of a batch that is not split. A batch that is too large
// for the bus becomes several, each an array of some of its items in their order.
func wholeEvents(event Event, seen sight, items []polling.Item, poll string) []Event {
	uid := event.Subscription.UID
	event.ID = eventID("poll", uid, poll)
	event.Data, event.JSON = seen.whole(items)
	if !event.JSON {
		event.ContentType = seen.mediaType
	}
	if !event.JSON || len(event.Data) <= maxWhole || len(items) == 1 {
		return []Event{event}
	}
	var events []Event
	for i, part := range partsOf(items) {
		e := event
		if i > 0 {
			e.ID = eventID("poll", uid, poll, "part", strconv.Itoa(i))
		}
		e.Data, e.JSON = arrayOf(part)
		events = append(events, e)
	}
	return events
}

// partsOf divides items into as few parts as hold at most [maxWhole] bytes, or one item.
func partsOf(items []polling.Item) (parts [][]polling.Item) {
	size, begin := 0, 0
	for i, item := range items {
		if size += len(item.Data) + 1; size > maxWhole && i > begin {
			parts = append(parts, items[begin:i])
			size, begin = len(item.Data)+1, i
		}
	}
	return append(parts, items[begin:])
}

// eventID computes the id of an event: 32 hexadecimal digits, the same for the
// same parts.
func eventID(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		// With its length, so that no two lists of parts read the same.
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// succeeded is the cursor after a poll that succeeded.
func (t *Triggers) succeeded(c Cursor, rule recurrence.Rule, seen sight, started, now time.Time) Cursor {
	next := Cursor{
		Version: c.Version + 1, Baseline: true, Rules: seen.rules, Revision: seen.revision, Last: now,
		State: seen.state, Values: seen.values, Reason: seen.doubt,
	}
	due, ok := rule.Next(started, t.Dice())
	if ok && seen.wait > 0 {
		due, ok = t.asked(rule, seen, due, now)
	}
	// After an API that took longer than the interval as soon as possible, but
	// never two at once.
	next.Next, next.Ended = later(due, now), !ok
	return next
}

// asked is when the next poll is due where the API asks for a time. An API that
// keeps the state of polls may ask for a shorter one than the interval too; a cron
// expression names times, of which the next one counts.
func (t *Triggers) asked(rule recurrence.Rule, seen sight, due, now time.Time) (time.Time, bool) {
	wish := now.Add(seen.wait)
	switch {
	case rule.Options().Cron != "" && wish.After(due):
		return rule.Next(wish, t.Dice())
	case rule.Options().Cron == "" && (wish.After(due) || seen.linked):
		at := now.Add(t.jittered(seen.wait))
		return at, !rule.Ended(at)
	}
	return due, true
}

// failed is the cursor after a poll that failed at a time.
func (t *Triggers) failed(s Subscription, rule recurrence.Rule, failure error, at time.Time) Cursor {
	c := s.Polling.Cursor
	why, _ := troubleOf(failure)
	c.Version++
	c.Failures++
	if c.FailingSince.IsZero() {
		c.FailingSince = at
	}
	c.Reason = why.reason
	if why.refused && c.State != "" {
		c.Refused = true
		if why.reason != staleLink {
			c.Reason += "; " + forgotten
		}
	}
	// From now: an API that took long to fail has had less of a pause.
	c.Next = at.Add(t.jittered(pause(rule.Interval(at), c.Failures, why)))
	// The last attempt before the suspension decides, so that it is made by then, but
	// not before the time that the API asks for.
	if last := later(s.exhaustion(c), at.Add(min(why.retryAfter, maxRetryAfter))); last.After(at) && c.Next.After(last) {
		c.Next = last
	}
	c.Ended = rule.Ended(c.Next)
	return c
}

// over is the cursor of a subscription whose end has passed.
func (c Cursor) over() Cursor {
	c.Version++
	c.Ended = true
	return c
}

// Resumed is the cursor of a subscription that somebody wants to go on: it has never
// failed, and is due at a time. Where the API does not accept the state any more it
// begins with a new baseline, so that what happened meanwhile is not an event. It is
// for [Store.AlterPolling], which numbers it.
func (c Cursor) Resumed(next time.Time) Cursor {
	c.Failures, c.Reason, c.FailingSince = 0, "", time.Time{}
	if c.Refused {
		c.Refused, c.Baseline, c.State, c.Values = false, false, "", nil
	}
	c.Next, c.Ended = next, false
	return c
}
