package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

// Poll asks the API of a subscription for what is new, if that has not been done
// already for the due time of the firing, and returns when it is due next: the
// zero time if the subscription is gone. After an error the same poll has to be
// tried again: nothing, or everything, was stored.
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
	case s.Deleting || s.Polling == nil:
		return time.Time{}, nil
	}
	if next := s.Polling.Cursor.Next; due.Before(next) {
		// Somebody has done this poll, and died before the next was scheduled.
		return next, nil
	}
	started := t.Clock.Now()
	if started.Before(due) {
		started = due // our clock is slow: what comes next must be later by any clock
	}
	sight, err := t.look(ctx, s, BehalfOfService)
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err() // we stop; the API is not to blame
	}
	p, err := t.outcome(ctx, s, sight, err, started)
	if err != nil {
		return time.Time{}, err
	}
	return t.commit(ctx, s, p)
}

// commit stores the outcome of a poll and returns when the next is due.
func (t *Triggers) commit(ctx context.Context, s Subscription, p Poll) (time.Time, error) {
	err := t.Store.CommitPoll(ctx, p)
	switch {
	case err == nil:
		return p.Cursor.Next, nil
	case isGone(err):
		return time.Time{}, nil
	case !errors.Is(err, ErrChanged):
		return time.Time{}, fmt.Errorf("store a poll of %s: %w", s.Name, err)
	}
	// Another process was faster; what it stored stands.
	now, err := t.Store.ByUID(ctx, s.UID)
	switch {
	case isGone(err):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("read %s: %w", s.Name, err)
	}
	return now.Polling.Cursor.Next, nil
}

// outcome decides what a poll means.
func (t *Triggers) outcome(ctx context.Context, s Subscription, sight sight, failure error, started time.Time) (Poll, error) {
	old, now := s.Polling.Cursor, t.Clock.Now()
	rule, err := recurrence.New(s.Polling.Recurrence, 0)
	if err != nil {
		return Poll{}, fmt.Errorf("read when %s is due: %w", s.Name, err)
	}
	p := Poll{UID: s.UID}
	if failure != nil {
		why, _ := troubleOf(failure)
		// From now: an API that took long to fail has had less of a pause.
		p.Cursor = old.failed(why, later(now, started).Add(t.jittered(pause(rule.Interval(now), old.Failures+1, why))))
		p.Announce = old.Failures == 0
		return p, nil
	}
	seen, err := t.Store.Seen(ctx, s.UID)
	if err != nil {
		return Poll{}, fmt.Errorf("read what %s has seen: %w", s.Name, err)
	}
	// After an API that took longer than the interval as soon as possible, but
	// never two at once.
	due, ok := rule.Next(started, t.Dice())
	p.Cursor = old.succeeded(sight, now, later(due, now))
	p.Cursor.Ended = !ok
	p.Announce = old.Failures > 0 || !old.Baseline
	fresh := sight.fresh(old, seen)
	if len(fresh) > 0 || sight.rules != old.Rules {
		after := seen.With(sight.items)
		p.Seen = &after
	}
	if old.Baseline { // otherwise this answer says what is old
		p.Events = itemEvents(s, sight.revision, fresh, now)
	}
	return p, nil
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// itemEvents makes an event of each item, in their order.
func itemEvents(s Subscription, revision string, items []polling.Item, now time.Time) []Event {
	events := make([]Event, 0, len(items))
	for _, item := range items {
		events = append(events, Event{
			ID: eventID("item", s.UID, string(item.Digest[:])), Subscription: s, Revision: revision,
			Key: item.Key, Time: now, ContentType: "application/json", Data: item.Data, JSON: true,
		})
	}
	return events
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
func (c Cursor) succeeded(seen sight, now, next time.Time) Cursor {
	return Cursor{
		Version: c.Version + 1, Baseline: true, Rules: seen.rules, Revision: seen.revision, Last: now, Next: next,
	}
}

// failed is the cursor after a poll that failed.
func (c Cursor) failed(why trouble, next time.Time) Cursor {
	c.Version++
	c.Failures++
	c.Reason, c.Next = why.reason, next
	return c
}

// sight is what a poll has seen.
type sight struct {
	body     []byte
	items    []polling.Item
	rules    polling.Rules
	revision string
}

// fresh returns the items that are not remembered. What is remembered was read
// by the rules of the cursor; where those have changed it is still those that
// tell the old from the new, or every old item would be an event again.
func (s sight) fresh(c Cursor, seen polling.Seen) []polling.Item {
	if s.rules == c.Rules {
		return seen.Fresh(s.items)
	}
	return seen.FreshBefore(c.Rules, s.rules, s.body, s.items)
}

// look calls the trigger operation and reads the answer. Its errors are faults,
// or a [setback] for an answer that is of no use.
func (t *Triggers) look(ctx context.Context, s Subscription, behalf Behalf) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime)
	defer cancel()
	call := s.call(s.Operation, s.Input)
	call.Behalf = behalf
	answer, err := t.Runtime.Invoke(ctx, call)
	if err != nil {
		return sight{}, err
	}
	if err := usable(answer); err != nil {
		return sight{}, err
	}
	cursor := s.Polling.Cursor
	seen := sight{body: answer.Body, rules: cursor.Rules, revision: cursor.Revision}
	if answer.Revision != "" && answer.Revision != seen.revision {
		seen.revision = answer.Revision
		if seen.rules, err = t.newRules(ctx, s, answer.Revision, behalf); err != nil {
			return sight{}, err
		}
	}
	seen.items, err = read(seen.rules, answer.Body, cursor.Baseline && seen.rules == cursor.Rules)
	return seen, err
}

// read reads the items of an answer. Many APIs leave a list out that is empty. It
// is believed of one that has shown its list before, at the same place, which is
// what known says; as a baseline it would make everything new that is there.
func read(rules polling.Rules, body []byte, known bool) ([]polling.Item, error) {
	reader, ok := polling.Lookup(rules.Protocol)
	if !ok {
		return nil, &setback{trouble{reason: "the trigger's polling protocol is not supported any more"}}
	}
	items, err := reader.Read(rules, body)
	_, missing := errors.AsType[*polling.MissingError](err)
	switch {
	case err == nil, missing && known:
		return items, nil
	default:
		return nil, &setback{trouble{reason: err.Error(), retryable: missing}}
	}
}

// newRules reads how answers look in a revision that the connection has moved
// to.
func (t *Triggers) newRules(ctx context.Context, s Subscription, revision string, behalf Behalf) (polling.Rules, error) {
	def, _, err := t.Definitions.Definition(ctx, s.Connector, revision, behalf)
	if err != nil {
		return polling.Rules{}, fmt.Errorf("read the definition of %s: %w", s.Connector, err)
	}
	op, err := triggerOf(def, s.Operation)
	if err != nil {
		return polling.Rules{}, err
	}
	p := op.GetTrigger().GetPolling()
	if p == nil {
		return polling.Rules{}, &setback{trouble{reason: "the connector's present revision has no polling trigger of this name"}}
	}
	return polling.RulesOf(p), nil
}

// usable tells whether an answer can hold items.
func usable(a Answer) error {
	switch {
	case a.Refusal != nil:
		return &setback{trouble{
			reason:    fmt.Sprintf("the API answered with status %d: %s", a.Status, a.Refusal.Message),
			retryable: a.Refusal.Retryable, retryAfter: a.Refusal.RetryAfter,
		}}
	case a.Status < http.StatusOK || a.Status >= http.StatusMultipleChoices:
		return &setback{trouble{reason: fmt.Sprintf("the API answered with status %d, which holds no items", a.Status)}}
	case len(a.Body) > polling.MaxAnswer:
		return &setback{trouble{reason: fmt.Sprintf("the API's answer is longer than %d bytes: ask for fewer items", polling.MaxAnswer)}}
	}
	return nil
}

// setback is an answer of the API that is of no use.
type setback struct{ why trouble }

// Error returns the reason.
func (s *setback) Error() string { return s.why.reason }

// troubleOf says how a poll failed, and whether it may heal without a change of
// the subscription. A nil error is no trouble.
func troubleOf(err error) (why trouble, recoverable bool) {
	if err == nil {
		return trouble{}, true
	}
	if s, ok := errors.AsType[*setback](err); ok {
		return s.why, true
	}
	f := fault.From(err)
	why.reason = f.Message()
	why.retryAfter, _ = f.Retry()
	switch f.Code() {
	case fault.CodeUnavailable, fault.CodeDeadlineExceeded, fault.CodeInternal, fault.CodeUnknown,
		fault.CodeResourceExhausted, fault.CodeAborted, fault.CodeCanceled:
		why.retryable = true
		return why, true
	default:
		return why, false
	}
}
