package core

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// search is how registrations of a trigger are looked up at its API: a list
// operation at the path where they are made, and a deletion below it.
type search struct {
	list, remove *connectorv1.Operation
}

// searchOf finds out whether an API's registrations can be looked up. That is so
// for the usual shape of a collection: POST /webhooks, GET /webhooks and DELETE
// /webhooks/{id}.
func searchOf(def *connectorv1.Definition, subscribe *connectorv1.Operation) (search, bool) {
	var s search
	declared := subscribe.GetTrigger().GetWebhook()
	named := search{
		list:   operationOf(def, declared.GetListOperationId()),
		remove: operationOf(def, declared.GetUnsubscribeOperationId()),
	}
	collection, _, _ := strings.Cut(subscribe.GetPath(), "?")
	for _, op := range def.GetOperations() {
		path, _, _ := strings.Cut(op.GetPath(), "?")
		switch {
		case op.GetRequiresScript():
		case op.GetMethod() == http.MethodGet && path == collection:
			s.list = op
		case op.GetMethod() == http.MethodDelete && isMember(path, collection):
			s.remove = op
		}
	}
	// What the connector names counts more than the shape of the API.
	s.list, s.remove = cmp.Or(named.list, s.list), cmp.Or(named.remove, s.remove)
	return s, s.list != nil && s.remove != nil
}

// isMember reports whether a path is that of one member of a collection.
func isMember(path, collection string) bool {
	last, ok := strings.CutPrefix(path, strings.TrimSuffix(collection, "/")+"/")
	last = strings.TrimSuffix(last, "/")
	return ok && placeholder.FindString(last) == last && last != ""
}

// orphans returns how to remove the registrations of a subscription's callback
// that its API lists: all, or only the one of the subscription's present generation. ok
// is false if that cannot be found out.
func (t *Triggers) orphans(ctx context.Context, s Subscription, which scope) (found []*Removal, ok bool, err error) {
	def, _, err := t.Definitions.Definition(ctx, s.Connector, s.Revision, BehalfOfService)
	if fault.ReasonOf(err) == fault.ReasonRevisionNotFound { // deleted; the present one may do
		def, _, err = t.Definitions.Definition(ctx, s.Connector, published, BehalfOfService)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the definition of %s: %w", s.Connector, err)
	}
	subscribe := operationOf(def, s.Operation)
	look, ok := searchOf(def, subscribe)
	if subscribe == nil || !ok {
		return nil, false, nil
	}
	input := removalWith(s, look.list, pathInput(s, look.list), nil)
	if input == nil {
		return nil, false, nil
	}
	answer, err := t.Runtime.Invoke(ctx, s.call(input.Operation, input.Input))
	if err != nil {
		return nil, false, fmt.Errorf("list the registrations at the API: %w", err)
	}
	if err := usable(answer); err != nil {
		return nil, false, fmt.Errorf("list the registrations at the API: %w", err)
	}
	token := t.Keys.Token(s.UID)
	ours := func(text string) bool {
		generation, ok := generationIn(text, token)
		return ok && (which == everyGeneration || generation == s.Webhook.Generation)
	}
	inputs := subscribe.GetTrigger().GetWebhook().GetUnsubscribeInputs()
	for _, entry := range mentions(answer.Body, ours) {
		if r := removalOfEntry(s, look.remove, inputs, entry); r != nil {
			found = append(found, r)
		}
	}
	return found, true, nil
}

// pathInput returns the path parameters of an operation that the subscription's
// own input has.
func pathInput(s Subscription, op *connectorv1.Operation) map[string]string {
	given, values := members([]byte(s.Input)), map[string]string{}
	for _, p := range op.GetParameters() {
		if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			values[p.GetName()] = given[p.GetName()]
		}
	}
	return values
}

// scope says which registrations of a callback are looked for.
type scope int

const (
	everyGeneration scope = iota
	presentGeneration
)

// removalOfEntry is the removal of one entry of a list, which has the members that
// the answer to the registration has, or at least the id.
func removalOfEntry(s Subscription, op *connectorv1.Operation, values []*connectorv1.AnswerValue, entry json.RawMessage) *Removal {
	if r := told(s, op, values, entry); r != nil {
		return r
	}
	return removalBy(s, op, entry)
}

// mentions returns the objects in a JSON text that have a member with a text that
// fits: the entries of a list of registrations that are about our callback.
func mentions(data json.RawMessage, fits func(string) bool) (found []json.RawMessage) {
	var raw object
	var list []json.RawMessage
	switch {
	case json.Unmarshal(data, &raw) == nil:
		for _, value := range texts(raw) {
			if fits(value) {
				return []json.RawMessage{data}
			}
		}
		for _, value := range raw {
			found = append(found, mentions(value, fits)...)
		}
	case json.Unmarshal(data, &list) == nil:
		for _, value := range list {
			found = append(found, mentions(value, fits)...)
		}
	}
	return found
}
