package resilience

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

var shop = Key{Connection: resource.Connection{Environment: "prod", ID: "shop"}, Host: "api.example.com"}

// answer is what one attempt gets.
type answer struct {
	status int
	header http.Header
	err    error
}

func status(code int, fields ...string) answer {
	a := answer{status: code, header: http.Header{}}
	for i := 0; i < len(fields); i += 2 {
		a.header.Set(fields[i], fields[i+1])
	}
	return a
}

func failure(reason fault.Reason) answer {
	return answer{err: fault.Unavailable(reason, "x")}
}

// script answers attempts in order; the last answer is repeated.
func script(answers ...answer) Send {
	return func(_ context.Context, attempt int) (*upstream.Response, error) {
		a := answers[min(attempt, len(answers))-1]
		if a.err != nil {
			return nil, a.err
		}
		return &upstream.Response{Status: a.status, Header: a.header}, nil
	}
}

// longest makes each wait as long as it can be.
func longest(d time.Duration) time.Duration { return d }

func newGuard(options Options) *Guard {
	g := New(options, clock.System())
	g.jitter = longest
	return g
}

// TestAttempts: what is sent again, how often, and after how long. Time is that of
// the bubble.
func TestAttempts(t *testing.T) {
	const ms = time.Millisecond
	twice, once := Rules{Repeatable: true}, Rules{}
	for _, row := range []struct {
		name     string
		rules    Rules
		answers  []answer
		time     time.Duration // of the call; 0 for a minute
		attempts int
		status   int
		reason   fault.Reason
		took     time.Duration
	}{
		{"an answer", twice, []answer{status(200)}, 0, 1, 200, "", 0},
		{"503 and then an answer", twice, []answer{status(503), status(200)}, 0, 2, 200, "", 200 * ms},
		{"waits double", twice, []answer{status(503), status(503), status(200)}, 0, 3, 200, "", 600 * ms},
		{"the last answer is given after three attempts", twice, []answer{status(503), status(502), status(504), status(200)}, 0, 3, 504, "", 600 * ms},
		{"as many attempts as the rules say", Rules{Repeatable: true, Attempts: 5}, []answer{status(503)}, 0, 5, 503, "", 3000 * ms},
		{"one attempt", Rules{Repeatable: true, Attempts: 1}, []answer{status(503)}, 0, 1, 503, "", 0},
		{"never more than ten", Rules{Repeatable: true, Attempts: 99}, []answer{status(503)}, 0, 10, 503, "", 200*ms + 400*ms + 800*ms + 1600*ms + 3200*ms + 4*5000*ms},
		{"408", twice, []answer{status(408), status(200)}, 0, 2, 200, "", 200 * ms},
		{"425", twice, []answer{status(425), status(200)}, 0, 2, 200, "", 200 * ms},
		{"429", twice, []answer{status(429), status(200)}, 0, 2, 200, "", 200 * ms},
		{"502", twice, []answer{status(502), status(200)}, 0, 2, 200, "", 200 * ms},
		{"504", twice, []answer{status(504), status(200)}, 0, 2, 200, "", 200 * ms},
		{"500 comes back, so it is not asked for again", twice, []answer{status(500), status(200)}, 0, 1, 500, "", 0},
		{"501", twice, []answer{status(501), status(200)}, 0, 1, 501, "", 0},
		{"400", twice, []answer{status(400), status(200)}, 0, 1, 400, "", 0},
		{"409", twice, []answer{status(409), status(200)}, 0, 1, 409, "", 0},

		{"429 to what must not be sent twice", once, []answer{status(429, "Retry-After", "1"), status(200)}, 0, 1, 429, "", 0},
		{"503 to what must not be sent twice", once, []answer{status(503, "Retry-After", "1"), status(200)}, 0, 1, 503, "", 0},
		{"502 to what must not be sent twice", once, []answer{status(502), status(200)}, 0, 1, 502, "", 0},

		{"Retry-After in seconds", twice, []answer{status(429, "Retry-After", "3"), status(200)}, 0, 2, 200, "", 3000 * ms},
		{"Retry-After as a date", twice, []answer{status(503, "Retry-After", "Sat, 01 Jan 2000 00:00:07 GMT"), status(200)}, 0, 2, 200, "", 7000 * ms},
		{"Retry-After as a date that is over", twice, []answer{status(503, "Retry-After", "Fri, 31 Dec 1999 00:00:07 GMT"), status(200)}, 0, 2, 200, "", 200 * ms},
		{"Retry-After of no time is no reason to hurry", twice, []answer{status(503, "Retry-After", "0"), status(200)}, 0, 2, 200, "", 200 * ms},
		{"Retry-After that nobody can read", twice, []answer{status(503, "Retry-After", "soon"), status(200)}, 0, 2, 200, "", 200 * ms},
		{"Retry-After that is too long", twice, []answer{status(503, "Retry-After", "31"), status(200)}, 0, 1, 503, "", 0},
		{"Retry-After past the deadline", twice, []answer{status(503, "Retry-After", "10"), status(200)}, 9 * time.Second, 1, 503, "", 0},
		{"Retry-After just at the deadline", twice, []answer{status(503, "Retry-After", "10"), status(200)}, 10 * time.Second, 1, 503, "", 0},
		{"Retry-After within the time", twice, []answer{status(503, "Retry-After", "10"), status(200)}, 11 * time.Second, 2, 200, "", 10 * time.Second},
		{"a budget that is filled again", twice, []answer{status(429, "X-RateLimit-Reset", "4"), status(200)}, 0, 2, 200, "", 4 * time.Second},

		{"no connection", twice, []answer{failure(fault.ReasonUpstreamUnreachable), status(200)}, 0, 2, 200, "", 200 * ms},
		{"no connection for what must not be sent twice", once, []answer{failure(fault.ReasonUpstreamUnreachable), status(200)}, 0, 2, 200, "", 200 * ms},
		{"never a connection", once, []answer{failure(fault.ReasonUpstreamUnreachable)}, 0, 3, 0, fault.ReasonUpstreamUnreachable, 600 * ms},
		{"a reset", twice, []answer{failure(fault.ReasonUpstreamReset), status(200)}, 0, 2, 200, "", 200 * ms},
		{"a reset of what must not be sent twice", once, []answer{failure(fault.ReasonUpstreamReset), status(200)}, 0, 1, 0, fault.ReasonUpstreamReset, 0},
		{"an outcome that is unknown", once, []answer{failure(fault.ReasonOutcomeUnknown), status(200)}, 0, 1, 0, fault.ReasonOutcomeUnknown, 0},
		{"an outcome that is unknown, with a key that the API takes", twice, []answer{failure(fault.ReasonOutcomeUnknown), status(200)}, 0, 2, 200, "", 200 * ms},
		{"a timeout", twice, []answer{failure(fault.ReasonUpstreamTimeout), status(200)}, 0, 2, 200, "", 200 * ms},
		{"refused by the egress guard", twice, []answer{failure(fault.ReasonEgressRefused), status(200)}, 0, 1, 0, fault.ReasonEgressRefused, 0},
		{"no http", twice, []answer{failure(fault.ReasonUpstreamInvalidResponse), status(200)}, 0, 1, 0, fault.ReasonUpstreamInvalidResponse, 0},
		{"too long an answer", twice, []answer{failure(fault.ReasonUpstreamResponseTooLarge), status(200)}, 0, 1, 0, fault.ReasonUpstreamResponseTooLarge, 0},
		{"a caller who left", twice, []answer{{err: context.Canceled}, status(200)}, 0, 1, 0, fault.ReasonCanceled, 0},
		{"an error that nobody knows", twice, []answer{{err: errors.New("x")}, status(200)}, 0, 1, 0, fault.ReasonInternal, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limit := row.time
				if limit == 0 {
					limit = time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				resp, attempts, err := newGuard(Options{}).Do(ctx, shop, row.rules, script(row.answers...))
				got := 0
				if resp != nil {
					got = resp.Status
				}
				if attempts != row.attempts || got != row.status || fault.ReasonOf(err) != row.reason || time.Since(start) != row.took {
					t.Errorf("%d attempts, status %d, %v, after %v", attempts, got, err, time.Since(start))
				}
			})
		})
	}
}

func TestACallerWhoLeavesEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(5 * time.Second) // of the bubble
			cancel()
		}()
		start := time.Now()
		resp, attempts, err := newGuard(Options{}).Do(ctx, shop, Rules{Repeatable: true}, script(status(503, "Retry-After", "20")))
		if resp == nil || resp.Status != 503 || attempts != 1 || err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v, %d, %v after %v", resp, attempts, err, time.Since(start))
		}
	})
}

func TestWaitsAreDrawnFromZeroToTheLongest(t *testing.T) {
	g := New(Options{}, clock.System())
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := g.jitter(time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low > 10*time.Millisecond || high < 990*time.Millisecond || high >= time.Second {
		t.Errorf("waits between %v and %v", low, high)
	}
}

func TestOutcomes(t *testing.T) {
	for code, want := range map[int]Outcome{
		200: Healthy, 204: Healthy, 302: Healthy, 304: Healthy, 400: Healthy, 401: Healthy, 403: Healthy, 404: Healthy, 409: Healthy, 422: Healthy,
		408: Sick, 429: Sick, 500: Sick, 501: Healthy, 502: Sick, 503: Sick, 504: Sick, 505: Healthy, 520: Sick,
	} {
		if got := OutcomeOfStatus(code); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
	for reason, want := range map[fault.Reason]Outcome{
		fault.ReasonUpstreamUnreachable: Sick, fault.ReasonUpstreamTimeout: Sick, fault.ReasonUpstreamReset: Sick, fault.ReasonOutcomeUnknown: Sick,
		fault.ReasonUpstreamInvalidResponse: Sick, fault.ReasonEgressRefused: Nothing, fault.ReasonCanceled: Nothing, fault.ReasonInputTooLarge: Nothing,
	} {
		if got := OutcomeOf(nil, fault.Internal(reason, "x")); got != want {
			t.Errorf("%v: %v, want %v", reason, got, want)
		}
	}
}
