package core

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

// Field is a field of a subscription that its owner gives, by its name in the
// interface.
type Field string

// The fields. Those of the first line cannot be changed: a change may name them with
// the value that they have.
const (
	FieldConnection, FieldOperation, FieldPolling, FieldSource Field = "connection", "operation_id", "polling", "source"

	FieldInput        Field = "input"
	FieldInterval     Field = "interval"
	FieldCron         Field = "cron"
	FieldTimeZone     Field = "time_zone"
	FieldJitter       Field = "jitter"
	FieldStart        Field = "start_time"
	FieldEnd          Field = "end_time"
	FieldSinks        Field = "sinks"
	FieldUnsigned     Field = "unsigned_accepted"
	FieldSplit        Field = "split"
	FieldSuspendAfter Field = "suspend_after"
	FieldSignature    Field = "signature"
	FieldSecret       Field = "secret"
	FieldDescription  Field = "description"
)

// Fields are all fields, in the order in which they are shown.
func Fields() []Field {
	return []Field{
		FieldConnection, FieldOperation, FieldPolling, FieldSource, FieldInput, FieldInterval, FieldCron, FieldTimeZone, FieldJitter,
		FieldStart, FieldEnd, FieldSinks, FieldUnsigned, FieldSplit, FieldSuspendAfter, FieldSignature, FieldSecret, FieldDescription,
	}
}

// Change is what somebody wants to change of a subscription.
type Change struct {
	// Etag is that of the subscription as it was read; empty if it does not matter.
	Etag string
	// Fields are the ones to change, to what they are in Values: a zero value there is
	// the default. Secrets that are empty stay as they are.
	Fields []Field
	Values Draft
	// Reset takes the next answer of a polling trigger as the baseline.
	Reset bool
}

func (c Change) has(fields ...Field) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return slices.Contains(c.Fields, f) })
}

// when reports whether the change is about when to poll.
func (c Change) when() bool {
	return c.has(FieldInterval, FieldCron, FieldTimeZone, FieldJitter, FieldStart, FieldEnd)
}

// checkEtag refuses a change of what is not any more as the caller has read it. Polls
// change the etag, but nothing that an owner can change, so they do not count.
func (c Change) checkEtag(s Subscription) error {
	if c.Etag == "" || edition(c.Etag) == edition(s.Etag()) {
		return nil
	}
	return fault.Aborted(fault.ReasonEtagMismatch,
		"subscription %q has changed since it was read; read it again and repeat the change", s.Name.ID).With("subscription", s.Name.String())
}

// edition is the part of an etag that polls do not change.
func edition(etag string) string { return etag[:max(strings.LastIndexByte(etag, '-'), 0)] }

// checkFixed refuses changes of what cannot be changed, and of what the kind of
// subscription does not have.
func (c Change) checkFixed(s Subscription) error {
	fixed := func(f Field) error {
		return invalidDraft(string(f), "cannot be changed; create a new subscription instead")
	}
	switch v := c.Values; {
	case c.has(FieldConnection) && v.Connection != s.Connection:
		return fixed(FieldConnection)
	case c.has(FieldSource) && v.Notices != (s.Notices != nil):
		return fixed(FieldSource)
	case c.has(FieldOperation) && v.Operation != s.Operation:
		return fixed(FieldOperation)
	case c.has(FieldPolling) && (s.Polling == nil && v.Polling != nil || s.Polling != nil && !proto.Equal(v.Polling, s.Polling.Given.Proto())):
		return fixed(FieldPolling)
	case s.Notices != nil && c.given().aboutAPI() != "":
		return notForNotices(c.given().aboutAPI())
	case s.Polling != nil && (c.has(FieldSignature) && v.Signature != nil || c.has(FieldSecret) && len(v.Secret) > 0):
		return invalidDraft("signature", "and its secret are for webhooks; this trigger is polled: leave them out")
	case s.Webhook != nil && c.when() && c.recurrence(recurrence.Options{}) != (recurrence.Options{End: v.Recurrence.End}):
		return invalidDraft("interval", "is for polling triggers; the API calls this one back")
	}
	return nil
}

// given is what the change has values for, among what is about an API.
func (c Change) given() (d Draft) {
	v := c.Values
	d.Recurrence = c.recurrence(recurrence.Options{})
	for field, copied := range map[Field]func(){
		FieldInput:        func() { d.Input = v.Input },
		FieldUnsigned:     func() { d.UnsignedAccepted = v.UnsignedAccepted },
		FieldSplit:        func() { d.Split = v.Split },
		FieldSuspendAfter: func() { d.SuspendAfter = v.SuspendAfter },
		FieldSignature:    func() { d.Signature = v.Signature },
		FieldSecret:       func() { d.Secret = v.Secret },
	} {
		if c.has(field) {
			copied()
		}
	}
	return d
}

// recurrence returns when to poll after the change. An interval takes the place of a
// cron expression and the other way round.
func (c Change) recurrence(o recurrence.Options) recurrence.Options {
	v := c.Values.Recurrence
	if c.has(FieldInterval) {
		if o.Interval = v.Interval; v.Interval != 0 && !c.has(FieldCron) {
			o.Cron, o.Zone = "", ""
		}
	}
	if c.has(FieldCron) {
		if o.Cron = v.Cron; v.Cron != "" && !c.has(FieldInterval) {
			o.Interval = 0
		}
		if v.Cron == "" && !c.has(FieldTimeZone) {
			o.Zone = ""
		}
	}
	if c.has(FieldTimeZone) {
		o.Zone = v.Zone
	}
	if c.has(FieldJitter) {
		o.Jitter = v.Jitter
	}
	if c.has(FieldStart) {
		o.Start = v.Start
	}
	if c.has(FieldEnd) {
		o.End = v.End
	}
	return o
}

// checkValues refuses new values that are wrong whatever the connector says.
func (t *Triggers) checkValues(s Subscription, c Change) error {
	d := Draft{Environment: s.Name.Environment, Connection: s.Connection}
	if c.has(FieldInput) {
		d.Input = c.Values.Input
	}
	if c.has(FieldSinks) {
		d.Sinks = c.Values.Sinks
	}
	if c.has(FieldSuspendAfter) {
		d.SuspendAfter = c.Values.SuspendAfter
	}
	if c.has(FieldSecret) {
		d.Secret = c.Values.Secret
	}
	present := recurrence.Options{}
	switch {
	case s.Polling != nil:
		present = s.Polling.Recurrence
	case s.Webhook != nil:
		present.End = s.Webhook.End
	}
	if d.Recurrence = c.recurrence(present); d.Recurrence.End.Equal(present.End) {
		d.Recurrence.End = time.Time{} // it may have passed
	}
	return t.checkDraft(d)
}

// wantedSinks are the sinks that a change asks for, complete but for what those that
// are there have already.
func (t *Triggers) wantedSinks(ctx context.Context, caller Caller, s Subscription, c Change) ([]Sink, error) {
	if !c.has(FieldSinks) {
		return nil, nil
	}
	return t.readySinks(ctx, caller, s, c.Values.Sinks, c.Values.Authorizations)
}

// carriedOver gives sinks what those with the same ids have: their secrets, and an
// authorization that was not given anew, unless the events would go to another host.
func carriedOver(present, wanted []Sink) []Sink {
	out := slices.Clone(wanted)
	for i := range out {
		at := slices.IndexFunc(present, func(s Sink) bool { return s.ID == out[i].ID })
		if at < 0 {
			continue
		}
		before := present[at]
		if out[i].Disabled && before.Disabled {
			out[i].DisabledReason = before.DisabledReason
		}
		if out[i].HTTP == nil || before.HTTP == nil {
			continue
		}
		h := *out[i].HTTP
		h.Secrets, h.OverlapUntil = before.HTTP.Secrets, before.HTTP.OverlapUntil
		if h.Authorization == nil && sameHost(h.URL, before.HTTP.URL) {
			h.Authorization = before.HTTP.Authorization
		}
		out[i].HTTP = &h
	}
	return out
}

// sameHost reports whether two URLs lead to the same place by the same way.
func sameHost(a, b string) bool {
	one, err := url.Parse(a)
	two, err2 := url.Parse(b)
	return err == nil && err2 == nil && strings.EqualFold(one.Host, two.Host) && strings.EqualFold(one.Scheme, two.Scheme)
}

// ownSubscription returns a subscription to its owner, who alone can change it.
func (t *Triggers) ownSubscription(ctx context.Context, caller Caller, name resource.Subscription) (Subscription, error) {
	s, err := t.Told(ctx, caller, name)
	switch {
	case err != nil:
		return Subscription{}, err
	case s.Deleting:
		return Subscription{}, notFound(name)
	case !caller.owns(s):
		return Subscription{}, fault.Denied(fault.ReasonPermissionDenied,
			"only the owner can change a subscription, because it acts with the owner's rights; ask %s", s.Owner).With("subscription", name.String())
	}
	return s, nil
}
