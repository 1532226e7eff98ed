package core

import (
	"context"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// A polling trigger may name a webhook whose notifications mean "ask now". It is a
// webhook subscription of its own, the companion, whose unique id the polling
// subscription has from the beginning, so that neither is ever without the other's:
// what is made last is deleted first, or found by the reconciliation. Polling never
// depends on it.

// createAccompanied creates a polling subscription, and its companion if it has one.
// Should that fail, the subscription is only polled, and says why.
func (t *Triggers) createAccompanied(ctx context.Context, s Subscription, d Draft, rules polling.Rules, at target) (Subscription, error) {
	id := at.op.GetTrigger().GetPolling().GetNotificationOperationId()
	if d.Polling != nil {
		id = d.Polling.GetNotificationOperationId()
	}
	if id != "" {
		d.companion = t.NewUID()
	}
	s, err := t.createPolling(ctx, s, d, rules)
	if err != nil || id == "" {
		return s, err
	}
	companion := Subscription{
		UID: d.companion, Change: 1, Connection: s.Connection, ConnectionOwner: s.ConnectionOwner, Connector: s.Connector,
		Operation: id, Revision: s.Revision, UnsignedAccepted: s.UnsignedAccepted, Owner: s.Owner, CreateTime: s.CreateTime,
		Description: "makes " + s.Name.String() + " poll at once",
	}
	op, err := triggerOf(at.def, id)
	if err == nil {
		companion.Input, err = sharedInput(s.Input, op)
	}
	if err == nil && op.GetTrigger().GetWebhook() == nil {
		err = fault.Precondition(fault.ReasonTriggerNotSupported, "operation %q is no webhook", id)
	}
	if err == nil {
		draft := Draft{Environment: d.Environment, Connection: d.Connection, Operation: id, pokes: s.UID}
		_, err = t.createWebhook(ctx, companion, draft, target{def: at.def, op: op, conn: at.conn, revision: at.revision})
	}
	return t.unpoked(ctx, s, err), nil
}

// sharedInput is the part of an input that another operation takes too: its parameters
// of the same names.
func sharedInput(input string, op *connectorv1.Operation) (string, error) {
	values, err := parseInput(input)
	if err != nil {
		return "", err
	}
	for name := range values {
		if !slices.ContainsFunc(op.GetParameters(), func(p *connectorv1.Parameter) bool {
			return name == p.GetName() || name == locationName(p.GetLocation())+"."+p.GetName()
		}) {
			delete(values, name)
		}
	}
	if len(values) == 0 {
		return "", nil
	}
	return encodeInput(values)
}

// companion returns the companion of a polling subscription; false if it has none.
func (t *Triggers) companion(ctx context.Context, s Subscription) (Subscription, bool) {
	if s.Polling == nil || s.Polling.Companion == "" {
		return Subscription{}, false
	}
	companion, err := t.Store.ByUID(ctx, s.Polling.Companion)
	if err != nil && !isGone(err) {
		t.Trouble(ctx, "read the notifications that make it poll", s, err)
	}
	return companion, err == nil
}

// accompanied does something with the companion of a polling subscription, which says
// so if that fails.
func (t *Triggers) accompanied(ctx context.Context, s Subscription, do func(context.Context, Subscription) (Subscription, error)) Subscription {
	companion, ok := t.companion(ctx, s)
	if !ok {
		return s
	}
	_, err := do(ctx, companion)
	return t.unpoked(ctx, s, err)
}

// unpoked notes why a polling subscription is not told when to poll, or that it is.
func (t *Triggers) unpoked(ctx context.Context, s Subscription, cause error) Subscription {
	why := ""
	if cause != nil {
		why = "it is polled at its interval only, because the API's notifications could not be set up: " + fault.From(cause).Message()
	}
	if why == s.Polling.Unpoked {
		return s
	}
	stored, err := t.Store.Alter(context.WithoutCancel(ctx), s.UID, func(s *Subscription) error {
		s.Polling.Unpoked = why
		return nil
	})
	if err != nil {
		if !isGone(err) {
			t.Trouble(ctx, "note why it is not told when to poll", s, err)
		}
		return s
	}
	return stored
}

// share gives a companion the input of its polling subscription.
func (t *Triggers) share(ctx context.Context, s, companion Subscription) (Subscription, error) {
	at, err := t.targetOf(ctx, companion, BehalfOfCaller)
	if err != nil {
		return Subscription{}, err
	}
	input, err := sharedInput(s.Input, at.op)
	if err != nil || sameInput(input, companion.Input) {
		return companion, err
	}
	plain := func(*Subscription) error { return nil }
	return t.updateWebhook(ctx, companion, Change{Fields: []Field{FieldInput}, Values: Draft{Input: input}}, plain)
}

// unaccompany deletes a companion whose polling subscription is gone: a process died
// between the two.
func (t *Triggers) unaccompany(ctx context.Context, s Subscription) {
	if s.Webhook == nil || s.Webhook.Pokes == "" || s.Deleting {
		return
	}
	if _, err := t.Store.ByUID(ctx, s.Webhook.Pokes); !isGone(err) {
		return
	}
	if err := t.deleteWebhook(ctx, s); err != nil {
		t.Trouble(ctx, "delete notifications that nobody waits for", s, err)
	}
}
