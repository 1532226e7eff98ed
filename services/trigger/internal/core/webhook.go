package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// setupShare is the part of the setup time that the API's answer may take. The
// rest is for storing what it said, before the reconciliation takes over.
const setupShare = 0.5

// target is what a webhook is registered at.
type target struct {
	def  *connectorv1.Definition
	op   *connectorv1.Operation
	conn Connection
	// revision is that of the definition; empty in the target of a new subscription.
	revision string
}

// createWebhook registers a callback at the API in two durable steps: the
// intention is stored, the API is called, the outcome is stored. A process that
// dies in between leaves an intention, which [Triggers.Settle] finds and undoes,
// at the API too.
func (t *Triggers) createWebhook(ctx context.Context, s Subscription, d Draft, at target) (Subscription, error) {
	if d.Recurrence != (recurrence.Options{End: d.Recurrence.End}) {
		return Subscription{}, invalidDraft("interval", "is for polling triggers; the API calls this one back")
	}
	var err error
	if s.Webhook, err = t.webhookOf(&s, d, at.op); err != nil {
		return Subscription{}, err
	}
	if s.Webhook.byHand() {
		s.Webhook.Registered = true // by somebody who is told the URL now
		if s, err = t.insert(ctx, s, d, polling.Seen{}); err != nil {
			return Subscription{}, err
		}
		t.watch(ctx, s)
		return s, nil
	}
	input, err := t.registration(s, at)
	if err != nil {
		return Subscription{}, err
	}
	// From here on the caller's departure changes nothing: half a registration
	// helps nobody.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	if s, err = t.insert(ctx, s, d, polling.Seen{}); err != nil {
		return Subscription{}, err
	}
	answer, err := t.Runtime.Invoke(ctx, Call{
		Behalf: BehalfOfCaller, Connection: s.Connection, Operation: s.Operation, Input: input,
	})
	if err != nil || !registered(answer) {
		return Subscription{}, t.abandon(ctx, s, answer, err)
	}
	return t.activate(ctx, s, at, answer)
}

// webhookOf decides how a webhook is registered and verified. It gives s what the
// owner has said about the latter.
func (t *Triggers) webhookOf(s *Subscription, d Draft, op *connectorv1.Operation) (*Webhook, error) {
	if t.cfg.PublicURL == "" {
		return nil, fault.Precondition(fault.ReasonTriggerSubscribeFailed,
			"webhooks need to know where APIs reach this installation: ask the operator to set --public-url")
	}
	declared := op.GetTrigger().GetWebhook()
	w := &Webhook{
		CallbackPointer: declared.GetCallbackPointer(), IDHeader: declared.GetSignature().GetIdHeader(),
		Handshakes: declared.GetHandshakes(), Items: declared.GetItemsPath(), Suffixes: declared.GetCallbackSuffixes(),
		Batch:       op.GetTrigger().GetBatch() || declared.GetItemsPath() != "",
		NextAttempt: s.CreateTime.Add(t.cfg.SetupTime), End: d.Recurrence.End, Pokes: d.pokes,
	}
	for _, name := range w.Handshakes {
		if _, ok := handshake.Lookup(name); !ok {
			return nil, fault.Precondition(fault.ReasonTriggerNotSupported,
				"trigger %q begins with the handshake %q, which is not known; known are %s", s.Operation, name, strings.Join(handshake.Names(), ", ")).
				With("operation", s.Operation)
		}
	}
	return w, t.authenticate(s, w, d, signature.RuleOf(declared.GetSignature()))
}

// registration is the input of the subscribe operation, with callback URL and
// secret in their places.
func (t *Triggers) registration(s Subscription, at target) (string, error) {
	input, err := parseInput(s.Input)
	if err != nil {
		return "", err
	}
	err = place(input, s.Webhook.CallbackPointer, t.callbackURL(s))
	if err == nil && s.Webhook.SecretPointer != "" {
		var secret string
		if secret, err = t.toldSecret(s); err != nil {
			return "", err
		}
		err = place(input, s.Webhook.SecretPointer, secret)
	}
	if errors.Is(err, errTaken) {
		return "", fault.Invalid(fault.ReasonInputInvalid, "the input sets what is filled in for it: leave out %s",
			strings.Join(nonEmpty(s.Webhook.CallbackPointer, s.Webhook.SecretPointer), " and ")).
			Field("subscription.input", "must not set the callback URL or the secret")
	}
	if err != nil {
		return "", fmt.Errorf("fill in the callback of %s: %w", s.Operation, err)
	}
	if err := t.wishExpiry(input, at.op.GetTrigger().GetWebhook().GetRenewal()); err != nil {
		return "", fmt.Errorf("fill in the expiry of %s: %w", s.Operation, err)
	}
	return encodeInput(input)
}

func nonEmpty(list ...string) []string {
	var out []string
	for _, text := range list {
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}

// CallbackURL is what a person enters at the API of a subscription; empty where
// nobody has to.
func (t *Triggers) CallbackURL(s Subscription) string {
	if s.Webhook == nil || !s.Webhook.byHand() {
		return ""
	}
	return t.callbackURL(s)
}

// callbackURL is where the API of a subscription sends notifications.
func (t *Triggers) callbackURL(s Subscription) string {
	return t.cfg.PublicURL + "/hooks/" + t.Keys.Token(s.UID) + generationSuffix(s.Webhook.Generation)
}

func registered(a Answer) bool {
	return a.Refusal == nil && a.Status >= http.StatusOK && a.Status < http.StatusMultipleChoices
}

// activate stores that the API has registered the callback.
func (t *Triggers) activate(ctx context.Context, s Subscription, at target, answer Answer) (Subscription, error) {
	removal := removalOf(s, at, answer)
	if removal == nil {
		t.Trouble(ctx, "find out how to unsubscribe", s, errNoRemoval)
	}
	// What the API did must be kept even if the time is up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		s.Webhook.Registered, s.Webhook.Unsubscribe = true, removal
		s.Webhook.Upkeep = upkeepOf(*s, at, answer, t.Clock.Now())
		if answer.Revision != "" {
			s.Revision = answer.Revision
		}
		if s.Deleting {
			s.Webhook.NextAttempt = t.Clock.Now()
		}
		return nil
	})
	switch {
	case isGone(err):
		return Subscription{}, t.retract(ctx, s, removal)
	case err != nil:
		return Subscription{}, fmt.Errorf("store the registration of %s: %w", s.Name, err)
	case stored.Deleting: // somebody wanted it gone before it was there
		wake(t.kick)
		return Subscription{}, notFound(s.Name)
	}
	t.watch(ctx, stored)
	return stored, nil
}

// retract removes a registration whose outcome was known so late that its
// subscription is gone: nobody else knows of it any more. A nil removal is looked
// for at the API. It returns what the creator of a confirmed one is told.
func (t *Triggers) retract(ctx context.Context, s Subscription, removal *Removal) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.PollTime)
	defer cancel()
	s.Webhook.Unsubscribe = removal
	if err := t.unregisterAll(ctx, s); err != nil {
		t.Trouble(ctx, "remove a registration that was confirmed too late and may remain at the API", s, err)
	}
	return fault.Unavailable(fault.ReasonTriggerSubscribeFailed,
		"the API confirmed the registration after it had been given up or deleted, so it was undone; try again")
}

var errNoRemoval = errors.New("the API's answer and the connector name no operation that removes the registration")

// abandon undoes a registration that the API refused, or whose outcome is not
// known, and says why. What is left at the API is removed in the background.
func (t *Triggers) abandon(ctx context.Context, s Subscription, answer Answer, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	why := t.refusal(s, answer, cause)
	var err error
	if neverRegistered(answer, cause) {
		err = t.Store.Remove(ctx, s.UID)
	} else {
		_, err = t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
			s.Deleting = true
			s.Webhook.Reason = "the API did not confirm the registration; what is left of it is being removed"
			return nil
		})
		wake(t.kick)
		if isGone(err) {
			_ = t.retract(ctx, s, nil) // the creator is told why it had to be
		}
	}
	if err != nil && !isGone(err) {
		// The intention remains, and is undone when its time is up.
		t.Trouble(ctx, "undo the registration", s, err)
	}
	return why
}

// neverRegistered reports whether it is certain that the API registered nothing.
func neverRegistered(answer Answer, cause error) bool {
	if cause == nil {
		return answer.Status >= http.StatusMultipleChoices && answer.Status < http.StatusInternalServerError
	}
	switch fault.CodeOf(cause) {
	case fault.CodeInvalidArgument, fault.CodeNotFound, fault.CodePermissionDenied, fault.CodeUnauthenticated,
		fault.CodeFailedPrecondition, fault.CodeUnimplemented:
		return true // refused before anything was sent
	default:
		return false
	}
}

// refusal is what the creator of a webhook is told. A fault of ours stays as it
// is: it says what to change.
func (t *Triggers) refusal(s Subscription, answer Answer, cause error) error {
	if cause != nil && neverRegistered(answer, cause) {
		return cause
	}
	f := t.unconfirmed(s, answer, cause)
	if answer.Status != 0 {
		f = f.With("status", strconv.Itoa(answer.Status))
	}
	return f.With("operation", s.Operation)
}

// unconfirmed is what the creator is told about an API that did not do its part.
func (t *Triggers) unconfirmed(s Subscription, answer Answer, cause error) *fault.Error {
	message := "no reason was given"
	switch {
	case cause != nil:
		return fault.Unavailable(fault.ReasonTriggerSubscribeFailed,
			"the API did not confirm the registration of the callback: %s; try again", t.redacted(s, fault.From(cause).Message())).
			Because(cause)
	case answer.Refusal != nil:
		message = t.redacted(s, answer.Refusal.Message)
	}
	if answer.Refusal != nil && answer.Refusal.Retryable || answer.Status >= http.StatusInternalServerError {
		return fault.Unavailable(fault.ReasonTriggerSubscribeFailed,
			"the API failed to register the callback: %s; try again", withStatus(answer.Status, message))
	}
	return fault.Precondition(fault.ReasonTriggerSubscribeFailed,
		"the API refused to register the callback: %s", withStatus(answer.Status, message))
}

// redacted removes what an API may have quoted from our own request.
func (t *Triggers) redacted(s Subscription, text string) string {
	hidden := []string{t.Keys.Token(s.UID), "[redacted]"}
	if s.Webhook != nil {
		for _, secret := range t.ourSecrets(s) {
			hidden = append(hidden, secret, "[redacted]")
		}
	}
	if told, err := t.toldSecret(s); err == nil && told != "" {
		hidden = append(hidden, told, "[redacted]")
	}
	return strings.NewReplacer(hidden...).Replace(text)
}
