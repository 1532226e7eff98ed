package core_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// takes is a runtime whose action takes a body with a name, of at least two characters,
// a count, a list of tags, and either a price or a weight.
func takes(_ string, input []byte) (out []core.InputFault, err error) {
	var in map[string]any
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, err
	}
	say := func(byType bool, field, description string) {
		out = append(out, core.InputFault{Field: field, Description: description, ByType: byType})
	}
	for name := range in {
		if name != "body" && name != "Content-Type" {
			say(true, name, "is no input of this operation")
		}
	}
	body, ok := in["body"].(map[string]any)
	if !ok {
		say(in["body"] != nil, "body", "must be an object")
		return out, nil
	}
	for name, value := range body {
		switch name {
		case "name":
			if text, ok := value.(string); !ok {
				say(true, "body.name", "must be a string")
			} else if len(text) < 2 {
				say(false, "body.name", "must have at least 2 characters")
			}
		case "count":
			if n, ok := value.(float64); !ok || n != float64(int(n)) {
				say(true, "body.count", "must be an integer")
			}
		case "tags":
			if list, ok := value.([]any); !ok {
				say(true, "body.tags", "must be an array")
			} else if len(list) == 0 {
				say(false, "body.tags", "must have at least 1 items")
			}
		case "price", "weight":
		default:
			say(true, "body."+name, "is not known to the operation")
		}
	}
	if body["name"] == nil {
		say(false, "body.name", "is required")
	}
	if (body["price"] == nil) == (body["weight"] == nil) {
		say(false, "body", "must fit one of the forms that the operation allows")
	}
	return out, nil
}

// TestAMappingThatNeverFitsItsActionIsRefusedWithAllItsFaults: what no event can mend is
// found now, and what some event may mend is left to the deliveries.
func TestAMappingThatNeverFitsItsActionIsRefusedWithAllItsFaults(t *testing.T) {
	const fine = `"name": "${event.data.name}", "price": 1`
	for _, tc := range []struct {
		name, input string
		want        []string // "field: description", by field
	}{
		{"it fits", `{"body": {` + fine + `, "count": 3, "tags": ["a"]}}`, nil},
		{"what the event says may fit", `{"body": {"name": "${event.data.a}", "count": "${event.data.b}", "tags": "${event.data.c}", "price": "${event.data.?d}"}}`, nil},
		{"the whole body is the event's", `{"body": "${event.data}"}`, nil},
		{"an example that is too short", `{"body": {"name": "${event.id}", "tags": "${[event.data.x].filter(x, x > 1)}", "price": 1}}`, nil},
		{"a double may be whole", `{"body": {` + fine + `, "count": "${double(event.data.x)}"}}`, nil},
		{"which form it has depends on the event", `{"body": {"name": "ab", "price": "${event.data.?price}", "weight": "${event.data.?weight}"}}`, nil},
		{"an unknown input", `{"bdy": {"name": "${event.data.name}"}, "body": {` + fine + `}}`, []string{"bdy: is no input of this operation"}},
		{"an unknown member", `{"body": {` + fine + `, "nam": "${event.id}", "x": "${event.data.?x}"}}`, []string{
			"body.nam: is not known to the operation", "body.x: is not known to the operation",
		}},
		{"something is missing", `{"body": {"price": "${event.data.p}"}}`, []string{"body.name: is required"}},
		{"nothing is given", ``, []string{"body: must be an object"}},
		{"constants of another type", `{"body": {"name": 5, "count": "3", "price": 1}}`, []string{"body.count: must be an integer", "body.name: must be a string"}},
		{"a constant that is no good", `{"body": {"name": "a", "price": 1}}`, []string{"body.name: must have at least 2 characters"}},
		{"expressions of another type", `{"body": {"name": "${size(event.data.x)}", "count": "no ${event.data.n}", "tags": "${event.id}", "price": 1}}`, []string{
			"body.count: must be an integer; the expression no ${event.data.n} is a string for every event",
			"body.name: must be a string; the expression size(event.data.x) is an integer for every event",
			"body.tags: must be an array; the expression event.id is a string for every event",
		}},
		{"a body that is a text", `{"body": "${event.data.x} and more"}`, []string{"body: must be an object; the expression ${event.data.x} and more is a string for every event"}},
		{"both forms", `{"body": {"name": "ab", "price": 1, "weight": 1}}`, []string{"body: must fit one of the forms that the operation allows"}},
		{"the event says what the body is", `{"Content-Type": "${event.data.type}", "body": {"nam": "x"}}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.api.Set(func(a *inventorytest.API) { a.Misfits = takes })
			d := draft("items", inventorytest.Polling)
			wrong := actionSink()
			wrong.Action.Input = tc.input
			d.Sinks = []core.Sink{httpSink(), wrong}
			_, err := r.Create(t.Context(), ann, d)
			checkMisfits(t, err, tc.want)

			// A subscription that is there stays what it is.
			d.ID, d.Sinks = "other", nil
			if _, err := r.Create(t.Context(), ann, d); err != nil {
				t.Fatal(err)
			}
			d.Sinks = []core.Sink{httpSink(), wrong}
			_, err = r.Update(t.Context(), ann, named("other"), core.Change{Fields: []core.Field{core.FieldSinks}, Values: d})
			checkMisfits(t, err, tc.want)
			if s := r.get("other"); (len(s.Sinks) == 0) != (tc.want != nil) {
				t.Errorf("it has %d sinks", len(s.Sinks))
			}
		})
	}
}

func checkMisfits(t *testing.T, err error, want []string) {
	t.Helper()
	if want == nil && err == nil {
		return
	}
	var got []string
	for _, v := range fault.From(err).Violations() {
		got = append(got, strings.TrimPrefix(v.Field, "subscription.sinks[1].action.input.")+": "+v.Description)
	}
	slices.Sort(got)
	if fault.ReasonOf(err) != fault.ReasonInputInvalid || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	if len(want) > 0 && !strings.Contains(err.Error(), "change the mapping") {
		t.Errorf("no remedy: %v", err)
	}
}

// TestWhatNobodyCanTellNowRefusesNothing: the runtime may be away, and a sink that is
// disabled may be kept for later.
func TestWhatNobodyCanTellNowRefusesNothing(t *testing.T) {
	unable := func(err error) func(string, []byte) ([]core.InputFault, error) {
		return func(string, []byte) ([]core.InputFault, error) { return nil, err }
	}
	for _, tc := range []struct {
		name    string
		misfits func(string, []byte) ([]core.InputFault, error)
		disable bool
		reason  fault.Reason
	}{
		{"the runtime is away", unable(fault.Unavailable(fault.ReasonServiceUnavailable, "away")), false, ""},
		{"the sink is disabled", takes, true, ""},
		{"the action cannot be called at all", unable(fault.Unimplemented(fault.ReasonCustomCodeRequired, "custom code")), false, fault.ReasonCustomCodeRequired},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.api.Set(func(a *inventorytest.API) { a.Misfits = tc.misfits })
			d := draft("items", inventorytest.Polling)
			sink := actionSink()
			sink.Action.Input, sink.Disabled = `{"x": 1}`, tc.disable
			d.Sinks = []core.Sink{sink}
			if _, err := r.Create(t.Context(), ann, d); fault.ReasonOf(err) != tc.reason {
				t.Errorf("err = %v", err)
			}
		})
	}
}
