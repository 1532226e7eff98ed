package core

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// SecretOverlap is for how long deliveries are signed with the secret before the
// present one too.
const SecretOverlap = 24 * time.Hour

// AuthorizationField is the field to which the sealed authorization of a sink is
// bound.
func AuthorizationField(sink string) string { return "sink/" + sink + "/authorization" }

// SinkSecret is what deliveries to a sink are signed with.
type SinkSecret struct {
	// Secret is the present one, "whsec_…".
	Secret string
	// Previous is the one before, which counts until PreviousExpire; empty if there
	// is none.
	Previous       string
	PreviousExpire time.Time
}

// SinkSecret returns the secret of an HTTP sink to the owner of its subscription.
func (t *Triggers) SinkSecret(ctx context.Context, caller Caller, name resource.Subscription, sink string) (SinkSecret, error) {
	s, h, err := t.ownSink(ctx, caller, name, sink)
	if err != nil {
		return SinkSecret{}, err
	}
	return t.secretOf(s, sink, h), nil
}

// RotateSinkSecret makes a new secret for an HTTP sink, on behalf of the owner of its
// subscription. For [SecretOverlap] the one before counts too; one before that does
// not any more.
func (t *Triggers) RotateSinkSecret(ctx context.Context, caller Caller, name resource.Subscription, sink string) (SinkSecret, error) {
	s, _, err := t.ownSink(ctx, caller, name, sink)
	if err != nil {
		return SinkSecret{}, err
	}
	until := t.Clock.Now().Add(SecretOverlap)
	s, err = t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		h := httpSink(*s, sink)
		if h == nil {
			return noSink(name, sink)
		}
		h.Secrets++
		h.OverlapUntil = until
		return nil
	})
	if fault.ReasonOf(err) == fault.ReasonInvalidArgument {
		return SinkSecret{}, err
	}
	if err := t.found(ctx, name, err); err != nil {
		return SinkSecret{}, err
	}
	return t.secretOf(s, sink, httpSink(s, sink)), nil
}

// ownSink returns an HTTP sink of a subscription of the caller's own.
func (t *Triggers) ownSink(ctx context.Context, caller Caller, name resource.Subscription, sink string) (Subscription, *HTTPSink, error) {
	s, err := t.Told(ctx, caller, name)
	if err != nil {
		return Subscription{}, nil, err
	}
	if !caller.owns(s) {
		return Subscription{}, nil, fault.Denied(fault.ReasonPermissionDenied,
			"the secrets of sinks are for the owner of the subscription alone; ask %s", s.Owner).With("subscription", name.String())
	}
	h := httpSink(s, sink)
	if h == nil {
		return Subscription{}, nil, noSink(name, sink)
	}
	return s, h, nil
}

func noSink(name resource.Subscription, sink string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "subscription %q has no HTTP sink %q; get the subscription to see its sinks", name.ID, sink).
		Field("sink", "is not the id of an HTTP sink of the subscription")
}

// httpSink returns the HTTP sink with an id, nil if there is none.
func httpSink(s Subscription, id string) *HTTPSink {
	for i := range s.Sinks {
		if s.Sinks[i].ID == id {
			return s.Sinks[i].HTTP
		}
	}
	return nil
}

func (t *Triggers) secretOf(s Subscription, sink string, h *HTTPSink) SinkSecret {
	out := SinkSecret{Secret: t.Keys.SinkSecret(s.UID, sink, h.Secrets)}
	if h.Secrets > 0 && t.Clock.Now().Before(h.OverlapUntil) {
		out.Previous, out.PreviousExpire = t.Keys.SinkSecret(s.UID, sink, h.Secrets-1), h.OverlapUntil
	}
	return out
}
