package delivery_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// apiFake answers calls as the test says.
type apiFake struct {
	mu     sync.Mutex
	calls  []core.Call
	answer func(n int) (core.Answer, error)
}

func (r *apiFake) Invoke(_ context.Context, c core.Call) (core.Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	if r.answer == nil {
		return core.Answer{Status: 201}, nil
	}
	return r.answer(len(r.calls))
}

func (r *apiFake) made() []core.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]core.Call(nil), r.calls...)
}

var crm = resource.Connection{Environment: "default", ID: "crm"}

// actionJob is an attempt at an action.
func actionJob(input string) delivery.Job {
	return delivery.Job{
		Subscription: core.Subscription{UID: strings.Repeat("a", 32), Owner: "ann", ConnectionOwner: "somebody"},
		Sink:         core.Sink{ID: "main", Action: &core.ActionSink{Connection: crm, Operation: "CreateTask", Input: input}},
		EventID:      "e1", ID: "e1.main.r7", Event: []byte(`{"id":"e1","data":{"id":9007199254740993,"name":"x"}}`),
	}
}

func TestAnActionIsCalledWithTheRightsOfTheOwnerOncePerDelivery(t *testing.T) {
	r := &apiFake{}
	got := delivery.NewAction(r).Send(t.Context(), actionJob(`{"body": {"title": "${event.data.name}", "ref": "${event.data.id}"}}`))
	if got != (delivery.Result{Outcome: delivery.Accepted, Status: 201}) {
		t.Errorf("%+v", got)
	}
	want := []core.Call{{
		Behalf: core.BehalfOfService, Owner: "ann", Connection: crm, Operation: "CreateTask",
		Input: `{"body":{"ref":9007199254740993,"title":"x"}}`, IdempotencyKey: "e1.main.r7",
	}}
	if diff := cmp.Diff(want, r.made()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestWhatTheAnswerOfAnActionMeans(t *testing.T) {
	refusal := func(status int, retryable bool) core.Answer {
		return core.Answer{Status: status, Refusal: &core.Refusal{Message: "no such list", Retryable: retryable, RetryAfter: time.Minute}}
	}
	for _, tc := range []struct {
		name   string
		answer core.Answer
		err    error
		want   delivery.Outcome
		reason string
	}{
		{"done", core.Answer{Status: 204}, nil, delivery.Accepted, ""},
		{"a redirect is below 400", core.Answer{Status: 304}, nil, delivery.Accepted, ""},
		{"too many calls", refusal(429, true), nil, delivery.Failed, "the API refused the call: no such list"},
		{"away", refusal(503, true), nil, delivery.Failed, "no such list"},
		{"a wrong input", refusal(400, false), nil, delivery.Refused, "no such list"},
		{"a failure of the API", refusal(500, false), nil, delivery.Failed, "no such list"},
		{"something that the API cannot do yet", refusal(501, false), nil, delivery.Failed, "no such list"},
		{"a gateway before the API that lost the answer", refusal(502, false), nil, delivery.Unclear, "no such list"},
		{"a gateway before the API that waited too long", refusal(504, false), nil, delivery.Unclear, "no such list"},
		{"the same for a call that does no harm twice", refusal(504, true), nil, delivery.Failed, "no such list"},
		{"rights that can be given", refusal(403, false), nil, delivery.Failed, "no such list"},
		{"a payment that can be made", refusal(402, false), nil, delivery.Failed, "no such list"},
		{"a lock that will be released", refusal(423, false), nil, delivery.Failed, "no such list"},
		{"something that exists already", refusal(409, false), nil, delivery.Refused, "no such list"},
		{"something that is not there", refusal(404, false), nil, delivery.Refused, "no such list"},
		{"a conflict that passes", refusal(409, true), nil, delivery.Failed, "no such list"},
		{"a refusal behind the status of a success", refusal(200, false), nil, delivery.Refused, "no such list"},
		{"a failure behind the status of a success", refusal(200, true), nil, delivery.Failed, "no such list"},
		{"credentials that can be repaired", refusal(401, false), nil, delivery.Failed, "no such list"},
		{"a failure that nobody explains", core.Answer{Status: 500}, nil, delivery.Failed, "the API refused the call"},
		{"the API cannot be reached", core.Answer{}, fault.Unavailable(fault.ReasonUpstreamUnreachable, "the API is away").RetryAfter(time.Minute), delivery.Failed, "the action could not be called: the API is away"},
		{"nobody knows whether it was done", core.Answer{}, fault.Deadline(fault.ReasonUpstreamTimeout, "no answer"), delivery.Failed, "no answer"},
		{"an input that does not fit", core.Answer{}, fault.Invalid(fault.ReasonInputInvalid, "title is missing"), delivery.Refused, "title is missing"},
		{"a connection that is gone", core.Answer{}, fault.NotFound(fault.ReasonConnectionNotFound, "no connection"), delivery.Refused, "no connection"},
		{"a connection that has to be authorized again", core.Answer{}, fault.Precondition(fault.ReasonConnectionNotReady, "sign in"), delivery.Failed, "sign in"},
		{"no credentials", core.Answer{}, fault.Unauthenticated(fault.ReasonUnauthenticated, "sign in"), delivery.Failed, "sign in"},
		{"an answer that was lost", core.Answer{}, fault.New(fault.CodeUnknown, fault.ReasonOutcomeUnknown, "lost"), delivery.Unclear, "lost"},
		{"an earlier call whose outcome nobody knows", core.Answer{}, fault.Precondition(fault.ReasonIdempotencyKeyInUse, "lost").With("outcome", "unknown"), delivery.Unclear, "lost"},
		{"an earlier call with the input of an older mapping", core.Answer{}, fault.Exists(fault.ReasonIdempotencyKeyReused, "used"), delivery.Unclear, "used"},
		{"an earlier call that was made, and failed on our side then", core.Answer{}, fault.Precondition(fault.ReasonIdempotencyKeyInUse, "made").With("outcome", "made").With("upstream_status", "201"), delivery.Refused, "made"},
		{"an earlier call that was refused, and failed on our side then", core.Answer{}, fault.Precondition(fault.ReasonIdempotencyKeyInUse, "made").With("outcome", "made").With("upstream_status", "503"), delivery.Unclear, "made"},
		{"an earlier call of which code had made a part", core.Answer{}, fault.Precondition(fault.ReasonIdempotencyKeyInUse, "made").With("outcome", "made"), delivery.Unclear, "made"},
		{"an earlier call that is under way", core.Answer{}, fault.Aborted(fault.ReasonIdempotencyKeyInUse, "wait").With("outcome", "pending"), delivery.Pending, "wait"},
		{"an earlier call that was answered at length", core.Answer{}, fault.Precondition(fault.ReasonIdempotencyKeyInUse, "too long").With("outcome", "answered"), delivery.Refused, "too long"},
		{"another call that was faster by a moment", core.Answer{}, fault.Aborted(fault.ReasonIdempotencyKeyInUse, "wait").RetryAfter(time.Second), delivery.Pending, "wait"},
		{"something that nobody foresaw", core.Answer{}, context.DeadlineExceeded, delivery.Failed, "could not be called"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &apiFake{answer: func(int) (core.Answer, error) { return tc.answer, tc.err }}
			got := delivery.NewAction(r).Send(t.Context(), actionJob(""))
			if got.Outcome != tc.want || !strings.Contains(got.Reason, tc.reason) || got.Status != tc.answer.Status {
				t.Errorf("%+v, want %v %q", got, tc.want, tc.reason)
			}
			if strings.HasPrefix(tc.name, "too many") && got.RetryAfter != time.Minute {
				t.Errorf("retry after %v", got.RetryAfter)
			}
		})
	}
}

func TestAnActionOfWhichNobodyKnowsWhetherItWasDone(t *testing.T) {
	for _, tc := range []struct {
		name       string
		atMostOnce bool
		keys       []string // by call
		dead       uint64
	}{
		{"is done again, as another call", false, []string{"", ".1"}, 0},
		{"is a dead letter if the owner wants it at most once", true, []string{""}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			r := &apiFake{answer: func(n int) (core.Answer, error) {
				if n == 1 {
					return core.Answer{}, fault.New(fault.CodeUnknown, fault.ReasonOutcomeUnknown, "the answer was lost")
				}
				return core.Answer{Status: 201}, nil
			}}
			s := f.subscribeTo("items", core.Sink{ID: "0", Action: &core.ActionSink{Connection: crm, Operation: "CreateTask", AtMostOnce: tc.atMostOnce}})
			f.happen(s, "a")
			f.run(delivery.NewAction(r), 2)
			testkit.Await(t, "the end", func() bool {
				made := len(r.made()) // before the queue is looked at
				n, dead := f.queued()
				return made >= len(tc.keys) && n == 0 && dead == tc.dead
			})
			var keys []string
			first := r.made()[0].IdempotencyKey
			for _, call := range r.made() {
				keys = append(keys, strings.TrimPrefix(call.IdempotencyKey, first))
			}
			if diff := cmp.Diff(tc.keys, keys); diff != "" {
				t.Errorf("keys of the calls, without %q (-want +got):\n%s", first, diff)
			}
		})
	}
}

// The runtime remembers some failures under the key of their call and tells them again.
func TestAFailureThatIsRememberedIsTriedAgainAsAnotherCall(t *testing.T) {
	for _, tc := range []struct {
		name       string
		status     int
		atMostOnce bool
		made       []string // keys of the calls that reached the API
		dead       uint64
	}{
		{"a failure", 500, false, []string{"", ".1"}, 0},
		{"missing rights", 403, false, []string{"", ".1"}, 0},
		{"a failure where the call is to be made at most once", 500, true, []string{""}, 1},
		{"missing rights where the call is to be made at most once: nothing was done", 403, true, []string{"", ".1"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			r := &remembering{status: tc.status}
			s := f.subscribeTo("items", core.Sink{ID: "0", Action: &core.ActionSink{Connection: crm, Operation: "CreateTask", AtMostOnce: tc.atMostOnce}})
			f.happen(s, "a")
			f.run(delivery.NewAction(r), 2)
			testkit.Await(t, "the end", func() bool {
				made := len(r.keys()) // before the queue is looked at
				n, dead := f.queued()
				return made >= len(tc.made) && n == 0 && dead == tc.dead
			})
			keys := r.keys()
			for i, first := 0, keys[0]; i < len(keys); i++ {
				keys[i] = strings.TrimPrefix(keys[i], first)
			}
			if diff := cmp.Diff(tc.made, keys); diff != "" {
				t.Errorf("keys of the calls (-want +got):\n%s", diff)
			}
		})
	}
}

// remembering is a runtime that answers each key as it did first, and an API that
// fails at the first call.
type remembering struct {
	status int

	mu    sync.Mutex
	order []string
	known map[string]core.Answer
}

func (r *remembering) Invoke(_ context.Context, c core.Call) (core.Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer, ok := r.known[c.IdempotencyKey]; ok {
		answer.Replayed = true
		return answer, nil
	}
	answer := core.Answer{Status: 201}
	if len(r.order) == 0 {
		answer = core.Answer{Status: r.status, Refusal: &core.Refusal{Message: "not now"}}
		r.known = map[string]core.Answer{}
	}
	r.order, r.known[c.IdempotencyKey] = append(r.order, c.IdempotencyKey), answer
	return answer, nil
}

// keys are those of the calls that reached the API, in order.
func (r *remembering) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.order...)
}

// After the runtime has died over calls it does not make them again under their keys.
func TestCallsThatAreUnderWayOrOfUnknownOutcomeDoNotHoldUpOtherEvents(t *testing.T) {
	for _, tc := range []struct {
		name    string
		earlier *fault.Error
		left    uint64 // deliveries that wait
		again   bool
	}{
		{"under way", fault.Aborted(fault.ReasonIdempotencyKeyInUse, "wait").With("outcome", "pending").RetryAfter(time.Hour), 3, false},
		{"of unknown outcome", fault.Precondition(fault.ReasonIdempotencyKeyInUse, "lost").With("outcome", "unknown"), 0, true},
		{"with another input", fault.Exists(fault.ReasonIdempotencyKeyReused, "used"), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			s := f.subscribeTo("items", core.Sink{ID: "0", Action: &core.ActionSink{Connection: crm, Operation: "CreateTask"}})
			r := &crashed{earlier: tc.earlier}
			f.happen(s, "old1", "old2", "old3", "new1", "new2")
			f.run(delivery.NewAction(r), 2)
			want := []string{"new1-items.0", "new2-items.0"}
			if tc.again {
				want = append(want, "old1-items.0.1", "old2-items.0.1", "old3-items.0.1")
			}
			testkit.Await(t, "the others", func() bool {
				made := len(r.done()) // before the queue is looked at
				n, dead := f.queued()
				return made >= len(want) && n == tc.left && dead == 0
			})
			if diff := cmp.Diff(want, r.done()); diff != "" {
				t.Errorf("keys of the calls that were made (-want +got):\n%s", diff)
			}
		})
	}
}

// crashed is a runtime that knows of earlier calls for old events under their first
// keys, and an API in the best of health.
type crashed struct {
	earlier error

	mu   sync.Mutex
	made []string
}

func (r *crashed) Invoke(_ context.Context, c core.Call) (core.Answer, error) {
	if strings.HasPrefix(c.IdempotencyKey, "old") && strings.HasSuffix(c.IdempotencyKey, ".0") {
		return core.Answer{}, r.earlier
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = append(r.made, c.IdempotencyKey)
	return core.Answer{Status: 201}, nil
}

// done are the keys of the calls that reached the API, sorted.
func (r *crashed) done() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.made))
}

func TestAnInputThatCannotBeMadeIsRefusedWithTheExpression(t *testing.T) {
	r := &apiFake{}
	got := delivery.NewAction(r).Send(t.Context(), actionJob(`{"body": {"title": "${event.data.title}"}}`))
	want := "the input could not be made: the expression event.data.title at /body/title: the event has no title there"
	if got.Outcome != delivery.Refused || !strings.HasPrefix(got.Reason, want) || len(r.made()) != 0 {
		t.Errorf("%+v, %d calls", got, len(r.made()))
	}
}

// kinds are the kinds of sinks, which one suite holds to the same promises.
func kinds(t *testing.T, f *fixture) map[string]func(answer func(n int) bool) (core.Sink, delivery.Sender, func() int) {
	return map[string]func(func(int) bool) (core.Sink, delivery.Sender, func() int){
		"http": func(answer func(int) bool) (core.Sink, delivery.Sender, func() int) {
			target := newSink(t, failing(answer))
			return core.Sink{ID: "0", HTTP: &core.HTTPSink{URL: target.URL}}, f.http(), func() int { return len(target.bodies()) }
		},
		"action": func(answer func(int) bool) (core.Sink, delivery.Sender, func() int) {
			r := &apiFake{answer: func(n int) (core.Answer, error) {
				if answer(n) {
					return core.Answer{Status: 200}, nil
				}
				return core.Answer{Status: 503, Refusal: &core.Refusal{Message: "away", Retryable: true}}, nil
			}}
			return core.Sink{ID: "0", Action: &core.ActionSink{Connection: crm, Operation: "CreateTask"}}, delivery.NewAction(r), func() int { return len(r.made()) }
		},
	}
}

func TestEveryKindOfSink(t *testing.T) {
	for _, kind := range []string{"http", "action"} {
		t.Run(kind, func(t *testing.T) {
			for _, tc := range []struct {
				name     string
				answer   func(n int) bool
				shift    time.Duration
				attempts int
				dead     uint64
			}{
				{"gets an event once", func(int) bool { return true }, 0, 1, 0},
				{"gets it again if it failed", func(n int) bool { return n > 1 }, 0, 2, 0},
				{"gets it no more once its time is over", func(int) bool { return false }, 73 * time.Hour, 1, 1},
			} {
				t.Run(tc.name, func(t *testing.T) {
					f := newFixture(t)
					sink, sender, attempts := kinds(t, f)[kind](tc.answer)
					s := f.subscribeTo("items", sink)
					f.clock.shift(tc.shift)
					f.happen(s, "a")
					f.run(sender, 2)
					testkit.Await(t, "the end", func() bool {
						made := attempts() // before the queue is looked at
						n, dead := f.queued()
						return made >= tc.attempts && n == 0 && dead == tc.dead
					})
					if attempts() != tc.attempts {
						t.Errorf("%d attempts, want %d", attempts(), tc.attempts)
					}
				})
			}
		})
	}
}
