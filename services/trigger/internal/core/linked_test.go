package core_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// told is an answer of an API that keeps the state of polls.
type told struct {
	status   int
	location string
	body     string
	header   http.Header
}

// strayed is what the runtime says of a Location at another host.
const strayed = "it leads elsewhere than to the connection's API"

// TestASubscriptionWhoseStateCannotBeFollowedIsNotMade: the first poll would be the
// first failure.
func TestASubscriptionWhoseStateCannotBeFollowedIsNotMade(t *testing.T) {
	r := newRig(t)
	broken := strayed
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(core.Call) *core.Answer {
			return &core.Answer{
				Status: http.StatusAccepted, Header: http.Header{"Location": {"https://elsewhere.example/1"}},
				Revision: inventorytest.Revision, LocationFault: broken,
			}
		}
	})
	_, err := r.Create(t.Context(), ann, draft("items", inventorytest.Native))
	if fault.ReasonOf(err) != fault.ReasonTriggerNotSupported || !strings.Contains(err.Error(), strayed) || !strings.Contains(err.Error(), "has to name that server") {
		t.Errorf("err = %v", err)
	}
	if _, err := r.Get(t.Context(), ann, named("items")); fault.ReasonOf(err) != fault.ReasonSubscriptionNotFound {
		t.Errorf("it exists: %v", err)
	}

	// One that begins later says so at its baseline, and begins when the API is put right.
	d := draft("later", inventorytest.Native)
	d.Recurrence.Start = r.clock.Now().Add(time.Minute)
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	poll := func() {
		t.Helper()
		s := r.get("later")
		r.clock.Advance(s.Polling.Cursor.Next.Sub(r.clock.Now()))
		if _, err := r.Poll(t.Context(), s.UID, s.Polling.Cursor.Next); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	if state, why := r.get("later").State(); state != core.StateError || !strings.Contains(why, strayed) {
		t.Errorf("state %v %q", state, why)
	}
	r.api.Set(func(*inventorytest.API) { broken = "" })
	poll()
	if state, why := r.get("later").State(); state != core.StateActive || !r.get("later").Polling.Cursor.Baseline {
		t.Errorf("state %v %q", state, why)
	}
}

// tell makes the API give answers, the last one for ever, and returns the links that
// it is asked under.
func (r *rig) tell(answers ...told) *[]string {
	links := &[]string{}
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(c core.Call) *core.Answer {
			*links = append(*links, c.Link)
			next := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			if next.status >= http.StatusBadRequest {
				x := inventorytest.Refusal(next.status, false)
				return &x
			}
			header := next.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			if next.location != "" {
				header.Set("Location", next.location)
			}
			return &core.Answer{Status: next.status, Header: header, Body: []byte(next.body), Revision: inventorytest.Revision}
		}
	})
	return links
}

func TestTheAPIsOwnLinksAreFollowed(t *testing.T) {
	const a, b = `{"items":[{"id":"a"}]}`, `{"items":[{"id":"b"},{"id":"c"}]}`
	for _, tc := range []struct {
		name    string
		answers []told
		links   []string
		want    []string
	}{
		{
			"nothing, nothing, something",
			[]told{{202, "1", "", nil}, {202, "1", "", nil}, {200, "2", a, nil}, {202, "2", "", nil}, {202, "2", "", nil}},
			[]string{"", "1", "1", "2", "2"},
			[]string{item("a")},
		},
		{
			"a first answer with items is the baseline too",
			[]told{{200, "1", a, nil}, {200, "2", b, nil}, {202, "2", "", nil}},
			[]string{"", "1", "2"},
			[]string{item("b"), item("c")},
		},
		{
			"an answer without a link keeps the one before",
			[]told{{202, "1", "", nil}, {202, "", "", nil}, {200, "2", a, nil}},
			[]string{"", "1", "1"},
			[]string{item("a")},
		},
		{
			"what the same link shows again is not new",
			[]told{{202, "1", "", nil}, {200, "1", a, nil}, {200, "1", a, nil}, {200, "1", `{"items":[{"id":"b"},{"id":"a"}]}`, nil}},
			[]string{"", "1", "1", "1"},
			[]string{item("a"), item("b")},
		},
		{
			"after an answer without news the same is new again",
			[]told{{202, "1", "", nil}, {200, "1", a, nil}, {202, "1", "", nil}, {200, "1", a, nil}},
			[]string{"", "1", "1", "1"},
			[]string{item("a"), item("a")},
		},
		{
			"what another link shows is new, whatever it is",
			[]told{{202, "1", "", nil}, {200, "2", a, nil}, {200, "3", a, nil}},
			[]string{"", "1", "2"},
			[]string{item("a"), item("a")},
		},
		{
			"an API without any link that answers with its list",
			[]told{{200, "", a, nil}, {200, "", a, nil}, {200, "", `{"items":[{"id":"a"},{"id":"b"}]}`, nil}},
			[]string{"", "", ""},
			[]string{item("b")},
		},
		{
			"a failure keeps the link",
			[]told{{202, "1", "", nil}, {500, "", "", nil}, {404, "9", "", nil}, {200, "2", a, nil}},
			[]string{"", "1", "1", "1"},
			[]string{item("a")},
		},
		{
			"another success than 200 does not fire",
			[]told{{202, "1", "", nil}, {204, "2", "", nil}, {201, "3", a, nil}, {200, "4", a, nil}},
			[]string{"", "1", "2", "3"},
			[]string{item("a")},
		},
		{
			"an empty answer that fires says nothing",
			[]told{{202, "1", "", nil}, {200, "2", `{"items":[]}`, nil}, {200, "3", "", nil}, {200, "4", a, nil}},
			[]string{"", "1", "2", "3"},
			[]string{item("a")},
		},
		{
			"a batch without its list is one event",
			[]told{{202, "1", "", nil}, {200, "2", `{"event":"moved"}`, nil}},
			[]string{"", "1"},
			[]string{`{"event":"moved"}`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			links := r.tell(tc.answers...)
			r.create("items", inventorytest.Native)
			for range len(tc.links) - 1 {
				r.clock.Advance(20 * time.Minute)
				r.fire()
				r.relay()
			}
			equal(t, "links", *links, tc.links)
			equal(t, "events", r.bus.events(), tc.want)
			ids := map[string]bool{}
			for _, m := range r.bus.messages {
				if ids[m.ID] {
					t.Errorf("id %s twice", m.ID)
				}
				ids[m.ID] = true
			}
		})
	}
}

func TestASingleTriggerIsOneEventWhateverItsAnswerHolds(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{"an object", `{ "id": "a" }`, `{ "id": "a" }`},
		{"a list", `[1,2]`, `[1,2]`},
		{"nothing", ``, `null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.definition.GetOperations()[1].GetTrigger().Batch = false
			r.tell(told{202, "1", "", nil}, told{200, "2", tc.body, nil}, told{202, "2", "", nil})
			r.create("items", inventorytest.Native)
			r.minute()
			r.minute()
			equal(t, "events", r.bus.events(), []string{tc.want})
		})
	}
}

func TestAnAnswerThatIsNoJSONIsAnEventOfItsBytes(t *testing.T) {
	r := newRig(t)
	csv := http.Header{"Content-Type": {"text/csv"}}
	r.tell(told{202, "1", "", nil}, told{200, "2", "a,b\n", csv}, told{202, "2", "", nil})
	r.create("items", inventorytest.Native)
	r.minute()
	found := false
	for _, m := range r.bus.messages {
		found = found || strings.Contains(string(m.Data), `"datacontenttype":"text/csv"`) && strings.Contains(string(m.Data), `"data_base64":"YSxiCg=="`)
	}
	if !found {
		t.Errorf("messages %q", r.bus.messages)
	}
}

func TestALinkThatIsNotAcceptedAnyMoreLosesNothingSilently(t *testing.T) {
	r := newRig(t)
	s := r.create("items", inventorytest.Native)
	link := s.Polling.Cursor.State
	r.api.Add("c")
	refuse := func(broken bool) {
		r.api.Set(func(a *inventorytest.API) {
			a.Before = func(c core.Call) error {
				if broken && c.Link != "" {
					return fault.Invalid(fault.ReasonLinkInvalid, "the link cannot be followed")
				}
				return nil
			}
		})
	}
	refuse(true)
	r.minute()
	state, why := r.get("items").State()
	if state != core.StateError || !strings.Contains(why, "another host") || !strings.Contains(why, "pause and resume") || r.get("items").Polling.Cursor.State != link {
		t.Fatalf("state %v %q: nothing begins anew by itself", state, why)
	}

	// The connection leads back: nothing is lost.
	refuse(false)
	r.clock.Advance(time.Hour)
	r.fire()
	r.relay()
	equal(t, "events", r.bus.events(), []string{item("c")})

	// It stays away, and somebody decides to begin again.
	refuse(true)
	r.clock.Advance(time.Hour)
	r.fire()
	s, err := r.store.AlterPolling(t.Context(), s.UID, func(s *core.Subscription) error {
		s.Polling.Cursor = s.Polling.Cursor.Resumed(r.clock.Now())
		return nil
	})
	if err != nil || s.Polling.Cursor.State != "" || s.Polling.Cursor.Baseline {
		t.Fatalf("%v, cursor %+v", err, s.Polling.Cursor)
	}
	r.schedules.due[s.UID] = s.Polling.Cursor.Next
	r.api.Add("before the new baseline")
	r.fire()
	refuse(false)
	r.api.Add("d")
	r.minute()
	equal(t, "events", r.bus.events(), []string{item("c"), item("d")})
}

func TestAnAPIThatHasForgottenTheStateKeepsItUntilSomebodyResumes(t *testing.T) {
	r := newRig(t)
	r.tell(told{202, "1", "", nil}, told{410, "", "", nil})
	r.create("items", inventorytest.Native)
	r.minute()
	c := r.get("items").Polling.Cursor
	if !c.Refused || c.State != "1" || !strings.Contains(c.Reason, "pause and resume") {
		t.Errorf("cursor %+v", c)
	}
	if again := c.Resumed(start); again.State != "" || again.Refused || again.Baseline || again.Failures != 0 {
		t.Errorf("resumed %+v", again)
	}
}

func TestALinkWithoutMeasureIsAFailure(t *testing.T) {
	r := newRig(t)
	r.tell(told{202, "1", "", nil}, told{200, strings.Repeat("x", 17<<10), `{"items":[{"id":"a"}]}`, nil}, told{200, "2", `{"items":[{"id":"a"}]}`, nil})
	r.create("items", inventorytest.Native)
	r.minute()
	if state, why := r.get("items").State(); state != core.StateError || !strings.Contains(why, "longer than") {
		t.Errorf("state %v %q", state, why)
	}
	r.minute()
	equal(t, "events", r.bus.events(), []string{item("a")})
}

func TestAnotherProtocolOfANewRevisionBeginsWithItsOwnBaseline(t *testing.T) {
	r := newRig(t)
	r.create("items", inventorytest.Native)
	def := inventorytest.Definition()
	def.GetOperations()[1].GetTrigger().Protocol = def.GetOperations()[0].GetTrigger().GetProtocol() // LIST
	r.definition = def
	r.api.Republish("second")
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(c core.Call) *core.Answer {
			body := `{"items":[{"id":"b"},{"id":"a"}]}`
			if c.Link != "" {
				body = `{"items":[{"id":"b"}]}` // a part
			}
			return &core.Answer{Status: 200, Header: http.Header{}, Body: []byte(body), Revision: "second"}
		}
	})
	r.minute()
	r.minute()
	equal(t, "events", r.bus.events(), nil)
	if c := r.get("items").Polling.Cursor; c.State != "" || c.Failures != 0 {
		t.Errorf("cursor %+v", c)
	}
}

func TestALargeBatchIsSplitUpToTheLimit(t *testing.T) {
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ",%d", i)
		}
		return `{"items":[` + b.String()[1:] + `]}`
	}
	r := newRig(t)
	r.tell(told{202, "1", "", nil}, told{200, "2", list(100_001), nil}, told{200, "2", list(100_000), nil})
	s := r.create("items", inventorytest.Native)
	r.minute()
	if state, why := r.get("items").State(); state != core.StateError || !strings.Contains(why, "100000") {
		t.Fatalf("state %v %q", state, why)
	}
	r.clock.Advance(time.Hour)
	if _, err := r.Poll(t.Context(), s.UID, r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if state, why := r.get("items").State(); state != core.StateActive {
		t.Errorf("state %v %q", state, why)
	}
}

// A policy whose link holds nothing of an answer, or a value that the API includes, asks
// for the same again.
func TestWhatAPolicyShowsAtTheBaselineIsOld(t *testing.T) {
	const a, ab = `{"items":[{"id":"a"}]}`, `{"items":[{"id":"b"},{"id":"a"}]}`
	for _, tc := range []struct {
		name    string
		answers []told
		links   []string
		want    []string
	}{
		{
			"a constant: each poll shows all that there is",
			[]told{{202, "1", "", nil}, {200, "1", a, nil}, {200, "1", a, nil}, {200, "1", ab, nil}, {200, "1", ab, nil}},
			[]string{"", "1", "1", "1", "1"},
			[]string{item("b")},
		},
		{
			"a filter that includes the newest item",
			[]told{{202, "1", "", nil}, {200, "1", a, nil}, {200, "1", a, nil}, {200, "2", ab, nil}, {202, "2", "", nil}},
			[]string{"", "1", "1", "1", "2"},
			[]string{item("b")},
		},
		{
			"a filter that is right",
			[]told{{202, "1", "", nil}, {202, "1", "", nil}, {200, "2", a, nil}, {202, "2", "", nil}},
			[]string{"", "1", "1", "2"},
			[]string{item("a")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			for _, op := range r.definition.GetOperations() {
				if op.GetOperationId() == inventorytest.Native {
					op.GetTrigger().GetPolling().Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY
				}
			}
			links := r.tell(tc.answers...)
			r.create("items", inventorytest.Native)
			for range len(tc.answers) - 2 {
				r.clock.Advance(time.Minute)
				r.fire()
			}
			r.relay()
			equal(t, "events", r.bus.events(), tc.want)
			equal(t, "links", *links, tc.links)
		})
	}
}
