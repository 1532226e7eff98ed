package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/sample"
)

// MaxSamples is the largest number of events of a test.
const MaxSamples = 100

// SampleSource says where the events of a test come from.
type SampleSource int

// The sources, with the numbers of the interface.
const (
	// SampleAPI means that the API was asked.
	SampleAPI SampleSource = iota + 1
	// SampleEvent means the latest event of the subscription.
	SampleEvent
	// SampleDescription means examples and schemas of the connector.
	SampleDescription
)

// Sample shows what the events of a trigger look like.
type Sample struct {
	// Events are the newest first. They are published nowhere.
	Events []Event
	// Source is where they come from.
	Source SampleSource
	// Schema is that of their data as JSON text; empty if it is unknown.
	Schema []byte
}

// Past knows the events of before.
type Past interface {
	// Latest returns the latest event of a subscription that is still kept; false if
	// there is none.
	Latest(ctx context.Context, s Subscription) (Event, bool, error)
}

// Test shows the events of a subscription that exists, up to limit of them: the
// latest items of a polling trigger, a simulated notification of a webhook. Where the
// API has nothing to show it is the latest event, or else an example of what the
// connector describes. No cursor moves and nothing is stored or published.
func (t *Triggers) Test(ctx context.Context, caller Caller, name resource.Subscription, limit int) (Sample, error) {
	s, err := t.Told(ctx, caller, name)
	if err != nil {
		return Sample{}, err
	}
	if s.Notices != nil {
		return t.testNotices(ctx, s)
	}
	at, err := t.testTarget(ctx, s, BehalfOfService)
	if err != nil {
		return Sample{}, err
	}
	trial := trial{sub: s, at: at, limit: max(limit, 1), behalf: BehalfOfService, exists: true}
	if s.Polling != nil {
		if trial.rules = s.Polling.Given; trial.rules == nil {
			trial.rules = new(polling.RulesOf(at.op))
		}
	}
	return t.try(ctx, trial)
}

// TestDraft is [Triggers.Test] for a subscription that does not exist yet. It is
// checked as far as Create would check it before it asks the API.
func (t *Triggers) TestDraft(ctx context.Context, caller Caller, d Draft, limit int) (Sample, error) {
	if err := caller.mayWrite(); err != nil {
		return Sample{}, err
	}
	if d.Notices {
		s, err := t.noticesOf(ctx, caller, d)
		if err != nil {
			return Sample{}, err
		}
		return t.testNotices(ctx, s)
	}
	if err := t.check(ctx, d); err != nil {
		return Sample{}, err
	}
	conn, err := t.Connections.Connection(ctx, d.Connection, BehalfOfCaller)
	if err != nil {
		return Sample{}, fmt.Errorf("read %s: %w", d.Connection, err)
	}
	def, revision, err := t.definition(ctx, conn)
	if err != nil {
		return Sample{}, err
	}
	op, rules, err := draftedTrigger(def, d)
	if err != nil {
		return Sample{}, err
	}
	s := Subscription{
		UID: t.NewUID(), Connection: d.Connection, Connector: conn.Connector, Operation: d.Operation, Revision: revision,
		Input: d.Input, Owner: caller.Principal.Name, CreateTime: t.Clock.Now(), Split: d.Split,
	}
	if rules == nil {
		declared := op.GetTrigger().GetWebhook()
		s.Webhook = &Webhook{Items: declared.GetItemsPath(), Batch: op.GetTrigger().GetBatch() || declared.GetItemsPath() != ""}
	}
	return t.try(ctx, trial{
		sub: s, at: target{def: def, op: op, conn: conn, revision: revision}, rules: rules, limit: max(limit, 1), behalf: BehalfOfCaller,
	})
}

// testTarget reads the operation of a subscription; with rules of the owner's it need
// not be a trigger.
func (t *Triggers) testTarget(ctx context.Context, s Subscription, behalf Behalf) (target, error) {
	if s.Polling == nil || s.Polling.Given == nil {
		return t.targetOf(ctx, s, behalf)
	}
	conn, err := t.Connections.Connection(ctx, s.Connection, behalf)
	if err != nil {
		return target{}, fmt.Errorf("read %s: %w", s.Connection, err)
	}
	def, revision, err := t.definitionFor(ctx, conn, behalf)
	if err != nil {
		return target{}, err
	}
	return target{def: def, op: operationOf(def, s.Operation), conn: conn, revision: revision}, nil
}

// trial is a test that is being made.
type trial struct {
	sub    Subscription
	at     target
	rules  *polling.Rules // nil for a webhook
	limit  int
	behalf Behalf
	exists bool
}

func (t *Triggers) try(ctx context.Context, tr trial) (Sample, error) {
	tr.limit = min(tr.limit, MaxSamples)
	out := Sample{Schema: tr.schema()}
	ask := t.simulated
	if tr.rules != nil {
		ask = t.latestItems
	}
	var err error
	if out.Events, err = ask(ctx, tr); err != nil {
		return Sample{}, testFailed(err)
	}
	if out.Source = SampleAPI; len(out.Events) > 0 {
		return out, nil
	}
	if tr.exists {
		latest, ok, err := t.Past.Latest(ctx, tr.sub)
		if err != nil {
			return Sample{}, fmt.Errorf("read the latest event of %s: %w", tr.sub.Name, err)
		}
		if ok {
			out.Source, out.Events = SampleEvent, []Event{latest}
			return out, nil
		}
	}
	out.Source = SampleDescription
	if data := tr.example(); data != nil {
		out.Events = []Event{t.sampled(tr, data)}
	}
	return out, nil
}

// testFailed is what the caller of a test is told about an API that cannot be asked.
func testFailed(err error) error {
	s, ok := errors.AsType[*setback](err)
	if !ok {
		return err
	}
	why := s.why
	if why.retryable {
		return fault.Unavailable(fault.ReasonTriggerSubscribeFailed, "the API could not be asked: %s; try again", why.reason)
	}
	return fault.Precondition(fault.ReasonTriggerSubscribeFailed, "the API could not be asked: %s; check the input and the connection", why.reason)
}

// latestItems asks a polling trigger as if for the first time.
func (t *Triggers) latestItems(ctx context.Context, tr trial) ([]Event, error) {
	rules := *tr.rules
	if !rules.OldestFirst {
		rules.Pages = 1 // the newest are on the first page, or nobody knows where
	}
	s := tr.sub
	s.Polling = &Polling{Given: &rules, Cursor: Cursor{Rules: rules, Revision: tr.at.revision}}
	seen, err := t.look(ctx, s, polling.Seen{}, tr.behalf)
	if err != nil {
		return nil, err
	}
	items := seen.items
	items = items[max(len(items)-tr.limit, 0):]
	events := itemEvents(tr.sub, seen, items, 0, t.Clock.Now())
	slices.Reverse(events)
	return events, nil
}

// simulated asks the API for a notification as it would send it, where the connector
// says how; nothing otherwise.
func (t *Triggers) simulated(ctx context.Context, tr trial) ([]Event, error) {
	simulation := tr.at.op.GetTrigger().GetSimulation()
	if simulation.GetOperationId() == "" {
		return nil, nil
	}
	input, ok, err := simulationInput(simulation, tr.sub.Input)
	if err != nil || !ok {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime)
	defer cancel()
	call := tr.sub.call(simulation.GetOperationId(), input)
	call.Behalf, call.Fresh = tr.behalf, true
	answer, err := t.Runtime.Invoke(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := usable(answer); err != nil {
		return nil, err
	}
	data, isJSON := compact(answer.Body)
	if !isJSON {
		return nil, nil
	}
	elements := []json.RawMessage{data}
	if list, ok := listAt(data, tr.sub.Webhook.Items); ok && tr.sub.Webhook.Batch && tr.sub.Split != SplitWhole {
		elements = list
	}
	events := []Event{}
	for _, element := range elements[:min(len(elements), tr.limit)] {
		events = append(events, t.sampled(tr, element))
	}
	return events, nil
}

// simulationInput is the input of a simulation; false if a value that it needs is not
// given.
func simulationInput(call *connectorv1.DynamicCall, given string) (string, bool, error) {
	input := map[string]any{}
	for _, a := range call.GetArguments() {
		value := json.RawMessage(a.GetJson())
		if a.GetInput() != "" {
			value = pointed(json.RawMessage(given), a.GetInput())
		}
		switch {
		case len(value) == 0 && a.GetRequired():
			return "", false, nil
		case len(value) == 0:
			continue
		}
		if err := place(input, a.GetPointer(), value); err != nil {
			return "", false, fmt.Errorf("fill in the simulation: %w", err)
		}
	}
	text, err := encodeInput(input)
	return text, err == nil, err
}

// sampled is an event that nobody has produced.
func (t *Triggers) sampled(tr trial, data []byte) Event {
	return Event{
		ID: eventID("test", tr.sub.UID, string(data)), Subscription: tr.sub, Revision: tr.at.revision, Time: t.Clock.Now(),
		ContentType: "application/json", Data: data, JSON: true,
	}
}

// answered is the JSON representation of a successful answer; nil if none is
// described.
func answered(op *connectorv1.Operation) *connectorv1.MediaType {
	for _, status := range []string{"200", "2", "default"} {
		for _, r := range op.GetResponses() {
			if !strings.HasPrefix(r.GetStatus(), status) {
				continue
			}
			for _, content := range r.GetContents() {
				if isJSONType(content.GetMediaType()) {
					return content
				}
			}
		}
	}
	return nil
}

// described is the schema of what an API says: a notification, or an answer.
func (tr trial) described() json.RawMessage {
	if tr.rules == nil {
		return tr.at.op.GetTrigger().GetWebhook().GetNotificationSchema()
	}
	return answered(tr.at.op).GetSchema()
}

// list reports whether what the API says holds the things that are events, and where.
// Where nobody says it of an API with links, it is the only list that is described, as
// it is the only one of an answer.
func (tr trial) list() (path string, ok bool) {
	if tr.rules == nil {
		return tr.sub.Webhook.Items, tr.sub.Webhook.Batch && tr.sub.Split != SplitWhole
	}
	switch path, ok = tr.rules.Items, true; {
	case !tr.linked():
	case !tr.rules.Batch || tr.sub.Split == SplitWhole:
		ok = false
	case path == "":
		path, ok = sample.New(tr.at.def).OnlyList(tr.described())
	}
	return path, ok
}

// linked reports whether the API keeps the state of the polls.
func (tr trial) linked() bool {
	if tr.rules == nil {
		return false
	}
	protocol, known := polling.Lookup(tr.rules.Protocol)
	return known && protocol.Linked()
}

// schema is that of the data of an event; nil if it is unknown.
func (tr trial) schema() []byte {
	named, schema := sample.New(tr.at.def), tr.described()
	if path, ok := tr.list(); ok {
		part := named.Property(schema, path)
		if tr.rules == nil || tr.sub.Split != SplitWhole {
			part = named.Element(part)
		}
		schema = part
	}
	return named.Complete(schema)
}

// newest is the data of the latest event that an answer of an API with links makes; nil if
// it makes none.
func (tr trial) newest(answer []byte) []byte {
	protocol, _ := polling.Lookup(tr.rules.Protocol)
	if tr.sub.Split == SplitWhole {
		return answer
	}
	items, err := protocol.Read(*tr.rules, polling.Page{Body: answer})
	if err != nil || len(items) == 0 {
		return nil
	}
	return items[len(items)-1].Data
}

// example is the data of an event as the connector describes it; nil if it does not.
func (tr trial) example() []byte {
	path, isList := tr.list()
	if tr.rules != nil {
		for _, text := range answered(tr.at.op).GetExamples() {
			data, ok := compact(text)
			if ok && tr.linked() {
				if item := tr.newest(data); item != nil {
					return item
				}
				continue
			}
			elements, found := listAt(data, path)
			switch {
			case !ok || isList && (!found || len(elements) == 0):
			case isList && tr.sub.Split == SplitWhole:
				data, _ = valueAt(data, path)
				return data
			case isList:
				return elements[0]
			default:
				return data
			}
		}
	}
	schema := tr.schema()
	if schema == nil {
		return nil
	}
	return sample.New(tr.at.def).Example(schema)
}
