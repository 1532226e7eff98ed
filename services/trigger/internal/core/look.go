package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// sight is what a poll has seen.
type sight struct {
	// pages are the answers, and items what is in them, oldest first.
	pages []polling.Page
	items []polling.Item
	// rules say how they were read, and revision which revision said so.
	rules    polling.Rules
	revision string
	// linked is true if the API keeps the state of polls, and state the link to go on
	// with; idle if it answered that nothing is new.
	linked, idle bool
	state        string
	// anew is true if nothing before tells what of it is old.
	anew bool
	// values are those that cursors go on with.
	values map[string]string
	// wait is what the API asks to wait; 0 if it does not.
	wait time.Duration
	// mediaType is that of an answer that is no JSON.
	mediaType string
	// doubt says what may be missing, one sentence; empty if nothing is.
	doubt string
}

// fresh returns the items that are not remembered. What is remembered was read
// by the rules of the cursor; where those have changed it is still those that
// tell the old from the new, or every old item would be an event again.
func (s sight) fresh(c Cursor, seen polling.Seen) []polling.Item {
	if s.linked || s.rules.Equal(c.Rules) {
		return seen.Fresh(s.items)
	}
	return seen.FreshBefore(c.Rules, s.rules, s.pages, s.items)
}

// remembered returns the memory after a poll; nil if it is as before. An API that
// keeps the state of polls is believed that what it shows under a new link is new;
// only where the same link shows things again is it remembered which.
func (s sight) remembered(c Cursor, before polling.Seen, news bool, now time.Time) *polling.Seen {
	var after polling.Seen
	switch {
	case s.linked && s.anew:
		after = before.With(s.items, now)
	case s.linked && (s.idle || s.state != c.State):
		if before.Len() == 0 {
			return nil
		}
	case news || s.anew || !c.Baseline || !s.rules.Equal(c.Rules) || before.Stale(now):
		after = before.With(s.items, now)
	default:
		return nil
	}
	return &after
}

// whole is the data of the one event of a batch that is not split: the answer as it
// is, or for a list, which shows old things too, the array of what is new.
func (s sight) whole(fresh []polling.Item) (data []byte, isJSON bool) {
	if s.linked {
		var text bytes.Buffer
		if len(fresh) == len(s.items) && json.Compact(&text, s.pages[0].Body) == nil {
			return text.Bytes(), true
		}
		if fresh[0].Opaque {
			return fresh[0].Data, false
		}
	}
	return arrayOf(fresh)
}

// arrayOf is the JSON array of items; false if one of them is no JSON.
func arrayOf(items []polling.Item) (data []byte, isJSON bool) {
	list := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		list = append(list, item.Data)
	}
	data, err := json.Marshal(list)
	return data, err == nil
}

// look calls the trigger operation and reads the answer. known is what was seen
// before. Its errors are faults, or a [setback] for an answer that is of no use; none
// is the store's, whose failures are not the API's.
func (t *Triggers) look(ctx context.Context, s Subscription, known polling.Seen, behalf Behalf) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime)
	defer cancel()
	cursor := s.Polling.Cursor
	input, err := withInputs(s.Input, cursor.Rules.Inputs(cursor.Values, s.CreateTime))
	if err != nil {
		return sight{}, err
	}
	call := s.call(s.Operation, input)
	call.Behalf, call.Fresh, call.Link = behalf, true, cursor.State
	answer, err := t.Runtime.Invoke(ctx, call)
	if err != nil {
		return sight{}, err
	}
	if err := usable(answer); err != nil {
		return sight{}, err
	}
	seen := sight{rules: cursor.Rules, revision: cursor.Revision, mediaType: answer.Header.Get("Content-Type")}
	seen.wait, _ = t.retryAfter(answer.Header, t.Clock.Now())
	if answer.Revision != "" && answer.Revision != seen.revision {
		seen.revision = answer.Revision
		if seen.rules, err = t.newRules(ctx, s, answer.Revision, behalf); err != nil {
			return sight{}, err
		}
	}
	protocol, ok := polling.Lookup(seen.rules.Protocol)
	if !ok {
		return sight{}, &setback{trouble{reason: "the trigger's polling protocol is not supported any more"}}
	}
	seen.linked = protocol.Linked()
	if call.Link != "" && !seen.linked {
		// The link was that of another protocol: it leads to a part of the list.
		call.Link = ""
		if answer, err = t.Runtime.Invoke(ctx, call); err != nil {
			return sight{}, err
		}
		if err := usable(answer); err != nil {
			return sight{}, err
		}
	}
	before, _ := polling.Lookup(cursor.Rules.Protocol)
	// Where the protocol is another than before, nothing tells old from new.
	seen.anew = !cursor.Baseline || before == nil || before.Linked() != seen.linked
	if seen.linked {
		err := t.readLinked(ctx, protocol, call, cursor, answer, &seen)
		return seen, err
	}
	return t.readList(ctx, readable{s.Polling.Cursor, known, protocol}, call, answer, seen)
}

// readLinked reads the answer of an API that keeps the state of polls.
func (t *Triggers) readLinked(ctx context.Context, protocol polling.Protocol, call Call, cursor Cursor, answer Answer, seen *sight) error {
	if seen.anew && answer.LocationFault != "" {
		return unreachable(call.Operation, answer.LocationFault)
	}
	if err := seen.follow(protocol, cursor, answer); err != nil {
		return err
	}
	return t.lookAgain(ctx, protocol, call, seen)
}

// lookAgain asks, for a baseline, what the link of the first answer shows at once: that
// was there before, but policies whose link holds no value of an answer, or one that the
// API includes, show it again.
func (t *Triggers) lookAgain(ctx context.Context, protocol polling.Protocol, call Call, seen *sight) error {
	if !seen.anew || !seen.idle || seen.state == "" || seen.rules.Protocol != connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY {
		return nil
	}
	call.Link = seen.state
	answer, err := t.Runtime.Invoke(ctx, call)
	if err != nil {
		return err
	}
	if err := usable(answer); err != nil {
		return err
	}
	return seen.follow(protocol, Cursor{State: seen.state}, answer)
}

// unreachable is the answer to a baseline that no poll could go on from.
func unreachable(operation, why string) error {
	return fault.Precondition(fault.ReasonTriggerNotSupported,
		"trigger %q cannot be polled: its API answered with a link (Location) to its next answer that is not followed with the connection's credential: %s; "+
			"the connector has to name that server and path, or the connection the server that the API's links lead to", operation, why).
		With("operation", operation)
}

// readable is what a list is read with.
type readable struct {
	cursor   Cursor
	known    polling.Seen
	protocol polling.Protocol
}

// readList reads the answer of a list, and the pages behind it.
func (t *Triggers) readList(ctx context.Context, by readable, call Call, answer Answer, seen sight) (sight, error) {
	w := walk{
		call: call, seen: &seen, known: by.known, protocol: by.protocol,
		believed: !seen.anew && seen.rules.Equal(by.cursor.Rules),
	}
	err := t.walk(ctx, &w, answer)
	if err != nil {
		return sight{}, err
	}
	if seen.values, err = seen.rules.Advance(by.cursor.Values, seen.pages); err != nil {
		return sight{}, &setback{trouble{reason: err.Error()}}
	}
	return seen, nil
}

// maxState is the longest link that is kept, in bytes: what the runtime takes.
const maxState = 16 << 10

// follow reads the answer of an API that keeps the state of polls
// (200 fires, everything else that succeeds says that there is nothing).
func (s *sight) follow(protocol polling.Protocol, c Cursor, answer Answer) error {
	s.state = c.State
	if location := answer.Header.Get("Location"); location != "" {
		s.state = location
	}
	if len(s.state) > maxState {
		return &setback{trouble{reason: fmt.Sprintf("the API's link to its next answer is longer than %d bytes", maxState)}}
	}
	if s.idle = answer.Status != http.StatusOK; s.idle {
		return nil
	}
	page := polling.Page{Body: answer.Body}
	items, err := protocol.Read(s.rules, page)
	if err != nil {
		return &setback{trouble{reason: err.Error()}}
	}
	s.pages, s.items = []polling.Page{page}, items
	return nil
}

// withInputs writes the values of cursors into an input.
func withInputs(input string, values map[string]string) (string, error) {
	if len(values) == 0 {
		return input, nil
	}
	members := map[string]json.RawMessage{}
	if input != "" {
		if err := json.Unmarshal([]byte(input), &members); err != nil {
			return "", fmt.Errorf("read the subscription's input: %w", err)
		}
	}
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("write the input %q: %w", name, err)
		}
		members[name] = text
	}
	text, err := json.Marshal(members)
	return string(text), err
}

// newRules reads how answers look in a revision that the connection has moved
// to. Rules that the owner gave stay.
func (t *Triggers) newRules(ctx context.Context, s Subscription, revision string, behalf Behalf) (polling.Rules, error) {
	if s.Polling.Given != nil {
		return s.Polling.Cursor.Rules, nil
	}
	def, _, err := t.Definitions.Definition(ctx, s.Connector, revision, behalf)
	if err != nil {
		return polling.Rules{}, fmt.Errorf("read the definition of %s: %w", s.Connector, err)
	}
	op, err := triggerOf(def, s.Operation)
	if err != nil {
		return polling.Rules{}, err
	}
	if op.GetTrigger().GetPolling() == nil {
		return polling.Rules{}, &setback{trouble{reason: "the connector's present revision has no polling trigger of this name"}}
	}
	return polling.RulesOf(op), nil
}

// usable tells whether an answer can hold items.
func usable(a Answer) error {
	switch {
	case a.Refusal != nil:
		return refused(a.Status, a.Refusal)
	case a.Status < http.StatusOK || a.Status >= http.StatusMultipleChoices:
		return &setback{trouble{reason: fmt.Sprintf("the API answered with status %d, which holds no items", a.Status)}}
	case len(a.Body) > polling.MaxAnswer:
		return &setback{trouble{reason: fmt.Sprintf("the API's answer is longer than %d bytes: ask for fewer items", polling.MaxAnswer)}}
	}
	return nil
}

// refused tells a failure that the API reports. Failures of its own heal by themselves:
// that nobody knows whether such a call was made does not matter to one that reads.
func refused(status int, r *Refusal) error {
	return &setback{trouble{
		reason:    withStatus(status, r.Message),
		retryable: r.Retryable || status >= http.StatusInternalServerError, retryAfter: r.RetryAfter, refused: status == http.StatusGone,
	}}
}

// withStatus tells the status of an answer with the sentence about it, unless that does.
func withStatus(status int, message string) string {
	if strings.Contains(message, fmt.Sprintf("status %d", status)) {
		return message
	}
	return fmt.Sprintf("the API answered with status %d: %s", status, message)
}

// setback is an answer of the API that is of no use.
type setback struct{ why trouble }

// Error returns the reason.
func (s *setback) Error() string { return s.why.reason }

// staleLink is why an API that keeps the state of polls cannot be asked any more.
const staleLink = "the link under which the API keeps the state of this trigger is not accepted: the API sent it to another host than the connection's, or " +
	"the connection leads elsewhere now; lead it back, or pause and resume the subscription to begin again with what is there then"

// forgotten is the remedy where the API itself says that it does not know the state of a
// trigger any more.
const forgotten = "unless the API finds the state of this trigger again, pause and resume the subscription to begin again with what is there then"

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
	if f.Reason() == fault.ReasonLinkInvalid {
		why.reason, why.refused = staleLink, true
	}
	switch f.Code() {
	case fault.CodeUnavailable, fault.CodeDeadlineExceeded, fault.CodeInternal, fault.CodeUnknown,
		fault.CodeResourceExhausted, fault.CodeAborted, fault.CodeCanceled:
		why.retryable = true
		return why, true
	default:
		return why, false
	}
}
