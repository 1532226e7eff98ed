package core

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

// maxAuthorization is the longest value of the header Authorization, in bytes.
const maxAuthorization = 8192

// checkSinks refuses sinks that are wrong whatever their connector says.
func checkSinks(sinks []Sink) error {
	if len(sinks) > MaxSinks {
		return invalidDraft("sinks", fmt.Sprintf("must be at most %d", MaxSinks))
	}
	for i, sink := range sinks {
		field := fmt.Sprintf("sinks[%d].", i)
		for _, check := range []func(string, Sink) error{checkKind, checkBounds, checkExpressions} {
			if err := check(field, sink); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkKind refuses sinks without a place, and places that cannot be.
func checkKind(field string, sink Sink) error {
	switch {
	case (sink.HTTP == nil) == (sink.Action == nil):
		return invalidDraft(field+"kind", "must be one of http and action")
	case sink.Action != nil && sink.Action.Operation == "":
		return invalidDraft(field+"action.operation_id", "must be set")
	case sink.Action != nil:
		return nil
	}
	if why := badURL(sink.HTTP.URL); why != "" {
		return invalidDraft(field+"http.url", why)
	}
	if t := sink.HTTP.Timeout; t != 0 && (t < time.Second || t > MaxSinkTimeout) {
		return invalidDraft(field+"http.timeout", fmt.Sprintf("must be 1s to %s", MaxSinkTimeout))
	}
	return nil
}

func checkBounds(field string, sink Sink) error {
	switch {
	case sink.RetryFor != 0 && (sink.RetryFor < MinRetryFor || sink.RetryFor > MaxRetryFor):
		return invalidDraft(field+"retry_for", fmt.Sprintf("must be %s to %s", MinRetryFor, MaxRetryFor))
	case sink.Concurrent < 0 || sink.Concurrent > MaxConcurrent:
		return invalidDraft(field+"max_concurrent", fmt.Sprintf("must be 0 to %d", MaxConcurrent))
	case !(sink.PerSecond >= 0 && sink.PerSecond <= MaxPerSecond): // and not NaN
		return invalidDraft(field+"max_per_second", fmt.Sprintf("must be 0 to %d", MaxPerSecond))
	}
	return nil
}

// checkExpressions reads what the owner has written, so that mistakes are found
// now and not with the first event.
func checkExpressions(field string, sink Sink) error {
	if sink.Condition != "" {
		if _, err := mapping.CompileCondition(sink.Condition); err != nil {
			return badExpression(field+"condition", err)
		}
	}
	if sink.OrderBy != "" {
		if _, err := mapping.CompileKey(sink.OrderBy); err != nil {
			return badExpression(field+"order_by", err)
		}
	}
	if sink.Action != nil {
		if _, err := mapping.CompileTemplate(sink.Action.Input); err != nil {
			return badExpression(field+"action.input", err)
		}
	}
	return nil
}

func badExpression(field string, err error) error {
	if problem, ok := errors.AsType[*mapping.Error](err); ok {
		return invalidDraft(field, "cannot be used: "+problem.Error())
	}
	return err
}

// badURL says what is wrong with the URL of a sink, "" if nothing is.
func badURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > MaxSinkURL || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Sprintf("must be an absolute http or https URL of at most %d bytes", MaxSinkURL)
	case u.User != nil:
		return "must not hold a user name or password: it is shown to whoever sees the subscription"
	}
	return ""
}

// checkPlaces refuses URLs that lead back to us, and such as could never be called.
func (t *Triggers) checkPlaces(sinks []Sink) error {
	for i, sink := range sinks {
		if sink.HTTP == nil {
			continue
		}
		field := fmt.Sprintf("sinks[%d].http.url", i)
		if t.isCallback(sink.HTTP.URL) {
			return invalidDraft(field,
				"is a callback URL of this installation: events would go in a circle; give the other subscription these sinks instead")
		}
		u, err := url.Parse(sink.HTTP.URL)
		if err != nil || t.CheckHost == nil {
			continue // a URL that is none was refused before
		}
		if err := t.CheckHost(u.Hostname()); err != nil {
			return invalidDraft(field, "cannot be called: "+fault.From(err).Message())
		}
	}
	return nil
}

// isCallback reports whether a URL leads to the callbacks of this installation under its
// public name. Circles by other names end with [MaxHops].
func (t *Triggers) isCallback(text string) bool {
	if t.cfg.PublicURL == "" {
		return false
	}
	ours, err := url.Parse(t.cfg.PublicURL + "/hooks/")
	if err != nil {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && strings.EqualFold(u.Hostname(), ours.Hostname()) && portOf(u) == portOf(ours) &&
		strings.HasPrefix(path.Clean("/"+u.Path)+"/", ours.Path)
}

// portOf returns the port of a URL, also where it is that of the scheme.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// readySinks returns sinks of a subscription as they are stored: with ids, with actions
// that the caller can call, and with what was given for their header Authorization
// sealed.
func (t *Triggers) readySinks(ctx context.Context, caller Caller, s Subscription, sinks []Sink, given []string) ([]Sink, error) {
	sinks, err := t.identified(sinks)
	if err != nil {
		return nil, err
	}
	if err := t.checkPlaces(sinks); err != nil {
		return nil, err
	}
	if err := t.checkActions(ctx, caller, s.Connection.Environment, sinks); err != nil {
		return nil, err
	}
	return sinks, t.sealed(s.UID, sinks, given)
}

// checkActions refuses actions that the caller cannot call: the connection has to be
// the caller's own, its connector has to have the action, and some event has to make an
// input that the action takes. A disabled sink may be kept as it is.
func (t *Triggers) checkActions(ctx context.Context, caller Caller, environment string, sinks []Sink) error {
	wrong := map[int][]fault.Violation{}
	for i, sink := range sinks {
		if sink.Action == nil {
			continue
		}
		field := fmt.Sprintf("sinks[%d].action.", i)
		if sink.Action.Connection.Environment != environment {
			return invalidDraft(field+"connection", "must be a connection of the same environment")
		}
		conn, err := t.Connections.Connection(ctx, sink.Action.Connection, BehalfOfCaller)
		if err != nil {
			return fmt.Errorf("read %s: %w", sink.Action.Connection, err)
		}
		if conn.Owner != caller.Principal.Name {
			return invalidDraft(field+"connection", "must be your own: the action is called with your rights")
		}
		def, revision, err := t.definition(ctx, conn)
		if err != nil {
			return err
		}
		switch op := operationOf(def, sink.Action.Operation); {
		case op == nil:
			return invalidDraft(field+"operation_id", fmt.Sprintf("is %q, which the connector does not have", sink.Action.Operation))
		case op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_ACTION:
			return invalidDraft(field+"operation_id", "must be an action, not a trigger")
		}
		if sink.Disabled {
			continue
		}
		name := resource.Revision{Environment: conn.Connector.Environment, Connector: conn.Connector.ID, ID: revision}
		if wrong[i], err = t.misfits(ctx, name, sink.Action); err != nil {
			return err
		}
	}
	return misfitting(sinks, wrong)
}

// sealed puts the values of the header Authorization, as they were given, into their
// sinks. An empty one leaves the sink as it is.
func (t *Triggers) sealed(uid string, sinks []Sink, given []string) error {
	for i, value := range given {
		if value == "" || i >= len(sinks) {
			continue
		}
		field := fmt.Sprintf("sinks[%d].http.authorization", i)
		if sinks[i].HTTP == nil {
			return invalidDraft(field, "is for HTTP sinks only")
		}
		if why := badHeaderValue(value); why != "" {
			return invalidDraft(field, why)
		}
		secret, err := t.Keys.Seal(uid, AuthorizationField(sinks[i].ID), []byte(value))
		if err != nil {
			return fmt.Errorf("seal the authorization of sink %s: %w", sinks[i].ID, err)
		}
		h := *sinks[i].HTTP // the caller's is left alone
		h.Authorization = secret
		sinks[i].HTTP = &h
	}
	return nil
}

func badHeaderValue(value string) string {
	if len(value) > maxAuthorization {
		return fmt.Sprintf("must have at most %d bytes", maxAuthorization)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return "must be printable ASCII"
		}
	}
	return ""
}
