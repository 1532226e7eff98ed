package core_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// operation returns an operation of the API's description.
func (r *rig) operation(id string) *connectorv1.Operation {
	i := slices.IndexFunc(r.definition.Operations, func(o *connectorv1.Operation) bool { return o.GetOperationId() == id })
	return r.definition.Operations[i]
}

// describe says what the operations answer with, and notify of.
func (r *rig) describe() {
	r.definition.Schemas = []*connectorv1.Schema{{
		Name: "Item", Json: []byte(`{"type":"object","properties":{"id":{"type":"string","example":"described"}}}`),
	}}
	answers := []byte(`{"properties":{"items":{"type":"array","items":{"$ref":"#/$defs/Item"}}}}`)
	for _, id := range []string{inventorytest.Polling, inventorytest.Native} {
		r.operation(id).Responses = []*connectorv1.Response{
			{Status: "404"}, {Status: "200", Contents: []*connectorv1.MediaType{{MediaType: "application/json", Schema: answers}}},
		}
	}
	r.operation(inventorytest.Webhook).GetTrigger().GetWebhook().NotificationSchema = []byte(`{"$ref":"#/$defs/Item"}`)
}

func datas(sample core.Sample) (out []string) {
	for _, e := range sample.Events {
		out = append(out, string(e.Data))
	}
	return out
}

const wholeItem = `{"$defs":{"Item":{"type":"object","properties":{"id":{"type":"string","example":"described"}}}},"$ref":"#/$defs/Item"}`

const twoLists = `{"properties":{"left":{"items":{"const":"a"}},"right":{"type":"array"}}}`

func TestATestShowsWhatTheEventsOfATriggerLookLike(t *testing.T) {
	for _, tc := range []struct {
		name      string
		operation string
		limit     int
		prepare   func(*rig)
		draft     func(*core.Draft)
		want      []string
		source    core.SampleSource
		schema    string
	}{
		{name: "the latest item of a list", operation: inventorytest.Polling, want: []string{item("b")}, source: core.SampleAPI, schema: wholeItem},
		{
			name: "the latest items, the newest first", operation: inventorytest.Polling, limit: 5,
			want: []string{item("b"), item("a")}, source: core.SampleAPI, schema: wholeItem,
		},
		{
			name: "all of them in one", operation: inventorytest.Polling, limit: 5, draft: func(d *core.Draft) { d.Split = core.SplitWhole },
			want: []string{"[" + item("a") + "," + item("b") + "]"}, source: core.SampleAPI,
			schema: `{"$defs":{"Item":{"type":"object","properties":{"id":{"type":"string","example":"described"}}}},"items":{"$ref":"#/$defs/Item"},"type":"array"}`,
		},
		{
			name: "a description, where the API itself says that nothing is new", operation: inventorytest.Native,
			want: []string{`{"id":"described"}`}, source: core.SampleDescription, schema: wholeItem,
		},
		{
			name: "an element of the only list that is described, where nobody says where it is", operation: inventorytest.Native,
			prepare: func(r *rig) {
				r.operation(inventorytest.Native).GetTrigger().GetPolling().ItemsPath = ""
			},
			want: []string{`{"id":"described"}`}, source: core.SampleDescription, schema: wholeItem,
		},
		{
			name: "an element of the only list of an example", operation: inventorytest.Native,
			prepare: func(r *rig) {
				r.operation(inventorytest.Native).GetTrigger().GetPolling().ItemsPath = ""
				r.operation(inventorytest.Native).Responses[1].Contents[0].Examples = [][]byte{[]byte(`{"total": 1, "items": [ {"id": "given"} ]}`)}
			},
			want: []string{`{"id":"given"}`}, source: core.SampleDescription, schema: wholeItem,
		},
		{
			name: "the whole of what describes two lists", operation: inventorytest.Native,
			prepare: func(r *rig) {
				r.operation(inventorytest.Native).GetTrigger().GetPolling().ItemsPath = ""
				r.operation(inventorytest.Native).Responses[1].Contents[0].Schema = []byte(twoLists)
			},
			want: []string{`{"left":["a"],"right":[]}`}, source: core.SampleDescription, schema: twoLists,
		},
		{
			name: "an example of the connector, where the list is empty", operation: inventorytest.Polling,
			prepare: func(r *rig) {
				r.api.Source = func() []string { return nil }
				r.operation(inventorytest.Polling).Responses[1].Contents[0].Examples = [][]byte{[]byte(`{"items": [ {"id": "given"} ]}`)}
			},
			want: []string{`{"id":"given"}`}, source: core.SampleDescription, schema: wholeItem,
		},
		{
			name: "a description of a notification", operation: inventorytest.Webhook,
			want: []string{`{"id":"described"}`}, source: core.SampleDescription, schema: wholeItem,
		},
		{name: "nothing, where nobody describes it", operation: inventorytest.Unlisted, source: core.SampleDescription},
		{
			name: "a simulation with values of the input", operation: inventorytest.Webhook,
			prepare: func(r *rig) {
				r.operation(inventorytest.Webhook).GetTrigger().Simulation = &connectorv1.DynamicCall{
					Target: &connectorv1.DynamicCall_OperationId{OperationId: "Simulate"},
					Arguments: []*connectorv1.DynamicArgument{
						{Pointer: "/kind", Value: &connectorv1.DynamicArgument_Input{Input: "/body/kind"}, Required: true},
						{Pointer: "/count", Value: &connectorv1.DynamicArgument_Json{Json: []byte(`2`)}},
					},
				}
				r.api.Refuse = func(c core.Call) *core.Answer { return &core.Answer{Status: 200, Body: []byte(c.Input)} }
			},
			draft: func(d *core.Draft) { d.Input = `{"body":{"kind":"box"}}` },
			want:  []string{`{"count":2,"kind":"box"}`}, source: core.SampleAPI, schema: wholeItem,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.describe()
			if tc.prepare != nil {
				tc.prepare(r)
			}
			d := draft("it", tc.operation)
			if tc.draft != nil {
				tc.draft(&d)
			}
			sample, err := r.TestDraft(t.Context(), ann, d, tc.limit)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "events", datas(sample), tc.want)
			if sample.Source != tc.source || string(sample.Schema) != tc.schema {
				t.Errorf("source %v, schema %s", sample.Source, sample.Schema)
			}
			if list, _, err := r.List(t.Context(), ann, "default", "", 10); err != nil || len(list) != 0 || len(r.api.Hooks()) != 0 || len(r.schedules.due) != 0 {
				t.Errorf("the test left something: %v %v %v", list, r.api.Hooks(), err)
			}
		})
	}
}

func TestATestOfASubscriptionMovesNothing(t *testing.T) {
	for _, operation := range protocols {
		t.Run(operation, func(t *testing.T) {
			r := newRig(t)
			before := r.create("items", operation)
			r.api.Add("c")
			if _, err := r.Test(t.Context(), ann, named("items"), 3); err != nil {
				t.Fatal(err)
			}
			if after := r.get("items"); after.Etag() != before.Etag() {
				t.Error("it has changed")
			}
			r.relay()
			equal(t, "events after the test", r.bus.events(), nil)
			r.clock.Advance(time.Minute)
			r.fire()
			r.relay()
			equal(t, "events", r.bus.events(), []string{item("c")})
		})
	}
}

func TestTheLatestEventIsShownWhereTheAPIHasNothingToShow(t *testing.T) {
	r := newRig(t)
	s := r.create("hook", inventorytest.Webhook)
	if _, err := r.ingest(r.notification(s, "1", `{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	sample, err := r.Test(t.Context(), ann, named("hook"), 1)
	if err != nil || sample.Source != core.SampleEvent {
		t.Fatalf("source %v, %v", sample.Source, err)
	}
	equal(t, "events", datas(sample), []string{`{"n":1}`})
}

func TestATestSaysWhyTheAPICouldNotBeAsked(t *testing.T) {
	r := newRig(t)
	r.api.Refuse = func(core.Call) *core.Answer { x := inventorytest.Refusal(403, false); return &x }
	_, err := r.TestDraft(t.Context(), ann, draft("it", inventorytest.Polling), 1)
	if fault.CodeOf(err) != fault.CodeFailedPrecondition || !strings.Contains(err.Error(), "403") {
		t.Errorf("failed with %v", err)
	}
	_, err = r.Test(t.Context(), bob, named("it"), 1)
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	_, err = r.TestDraft(t.Context(), suite, draft("it", inventorytest.Polling), 1)
	wantReason(t, err, fault.ReasonPermissionDenied)
}
