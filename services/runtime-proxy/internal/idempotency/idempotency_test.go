package idempotency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// keepers returns keepers of several processes on one NATS server.
func keepers(t *testing.T, n int, clk *clocktest.Fake) []*Keeper {
	t.Helper()
	server := testkit.StartNATS(t, t.TempDir())
	all := make([]*Keeper, n)
	for i := range all {
		b := testkit.Connect(t, server)
		if i == 0 {
			if err := b.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		bucket, err := b.Bucket(t.Context(), bus.BucketIdempotency)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = New(NewStore(bucket), clk)
	}
	return all
}

// order is a call that creates something.
func order(key, input string) Ask {
	return Ask{
		Connection: resource.Connection{Environment: "prod", ID: "shop"}, Principal: authn.Principal{Kind: authn.KindUser, Name: "ann"},
		Key: key, Fingerprint: FingerprintOf("CreateOrder", "", []byte(input)), Deadline: noon.Add(time.Minute),
	}
}

func mustBegin(t *testing.T, k *Keeper, ask Ask) *Claim {
	t.Helper()
	claim, err := k.Begin(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := claim.Replay(); ok {
		t.Fatal("the call was not to be made")
	}
	return claim
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want is what the second call with a key gets.
type want struct {
	replay  string // the answer
	reason  fault.Reason
	code    fault.Code
	outcome string
	wait    time.Duration
	words   string
}

// TestTheSecondCall: what becomes of a call with a key that was used before, on
// another process.
func TestTheSecondCall(t *testing.T) {
	clk := clocktest.New(noon)
	all := keepers(t, 2, clk)
	long := strings.Repeat("x", MaxAnswer)
	lost := fault.New(fault.CodeUnknown, fault.ReasonOutcomeUnknown, "lost")
	pending := want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeAborted, outcome: "pending", wait: 10 * time.Second, words: "under way"}
	unclear := want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeFailedPrecondition, outcome: "unknown", words: "may or may not have happened"}
	reused := want{reason: fault.ReasonIdempotencyKeyReused, code: fault.CodeAlreadyExists, words: "another input"}
	fresh := want{}
	other := func(change func(*Ask)) func(*Ask) { return change }
	for _, row := range []struct {
		name   string
		first  func(ctx context.Context, c *Claim) error
		later  time.Duration
		change func(*Ask)
		want   want
	}{
		{"the first was answered", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte("order 7")) }, 0, nil, want{replay: "order 7"}},
		{"it was answered with nothing", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, nil) }, 0, nil, want{replay: ""}},
		{"it was answered at the greatest length", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte(long)) }, 0, nil, want{replay: long}},
		{
			"its answer is too long to keep", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte(long+"x")) }, 0, nil,
			want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeFailedPrecondition, outcome: "answered", words: "too long to keep"},
		},
		{
			"the same input with other spaces", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte("order 7")) }, 0,
			other(func(a *Ask) { a.Fingerprint = FingerprintOf("CreateOrder", "", []byte(` { "n" : 1 } `)) }),
			want{replay: "order 7"},
		},
		{
			"another input", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte("order 7")) }, 0,
			other(func(a *Ask) { a.Fingerprint = FingerprintOf("CreateOrder", "", []byte(`{"n":2}`)) }), reused,
		},
		{
			"another operation", func(ctx context.Context, c *Claim) error { return c.Complete(ctx, []byte("order 7")) }, 0,
			other(func(a *Ask) { a.Fingerprint = FingerprintOf("DeleteOrder", "", []byte(`{"n":1}`)) }), reused,
		},
		{
			"another input while the first is under way", nil, 0,
			other(func(a *Ask) { a.Fingerprint = FingerprintOf("CreateOrder", "", []byte(`{"n":2}`)) }), reused,
		},
		{"another key", nil, 0, other(func(a *Ask) { a.Key += "x" }), fresh},
		{"another caller", nil, 0, other(func(a *Ask) { a.Principal.Name = "bob" }), fresh},
		{"a service of the same name", nil, 0, other(func(a *Ask) { a.Principal.Kind = authn.KindService }), fresh},
		{"another subject of the same caller", nil, 0, other(func(a *Ask) { a.Subject = "ben" }), fresh},
		{"another connection of the same name", nil, 0, other(func(a *Ask) { a.Instance = []byte("later") }), fresh},
		{"another connection", nil, 0, other(func(a *Ask) { a.Connection.ID = "shop-2" }), fresh},
		{"the first is under way", nil, 0, nil, pending},
		{"it has little time left", nil, 62 * time.Second, nil, want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeAborted, outcome: "pending", wait: 3 * time.Second, words: "under way"}},
		{"its process died", nil, 2 * time.Minute, nil, unclear},
		{"its answer was lost", func(ctx context.Context, c *Claim) error { return c.Fail(ctx, lost, 1) }, 0, nil, unclear},
		{"its caller left while it was sent", func(ctx context.Context, c *Claim) error { return c.Fail(ctx, context.Canceled, 1) }, 0, nil, unclear},
		{
			"it failed after the API had answered", func(ctx context.Context, c *Claim) error {
				return c.Made(ctx, Failure{201, fault.ReasonPolicyFailed})
			}, 0, nil,
			want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeFailedPrecondition, outcome: "made", words: "was made, and the API answered it with 201; then it failed with POLICY_FAILED"},
		},
		{
			"it failed after code had sent something", func(ctx context.Context, c *Claim) error {
				return c.Made(ctx, Failure{0, fault.ReasonScriptFailed})
			}, 0, nil,
			want{reason: fault.ReasonIdempotencyKeyInUse, code: fault.CodeFailedPrecondition, outcome: "made", words: "custom code had sent something for it, and had it answered; then it failed with SCRIPT_FAILED"},
		},
		{"it failed after the API had answered, and may be repeated", func(ctx context.Context, c *Claim) error {
			c.Repeatable(true)
			return c.Made(ctx, Failure{200, fault.ReasonPolicyFailed})
		}, 0, nil, fresh},
		{"it was never sent", func(ctx context.Context, c *Claim) error {
			return c.Fail(ctx, fault.Invalid(fault.ReasonInputInvalid, "x"), 0)
		}, 0, nil, fresh},
		{"it could not be sent", func(ctx context.Context, c *Claim) error {
			return c.Fail(ctx, fault.Unavailable(fault.ReasonUpstreamUnreachable, "x"), 1)
		}, 0, nil, fresh},
		{"it could not be sent the last time, and perhaps before", func(ctx context.Context, c *Claim) error {
			return c.Fail(ctx, fault.Unavailable(fault.ReasonUpstreamUnreachable, "x"), 2)
		}, 0, nil, unclear},
		{"the guard did not let it out", func(ctx context.Context, c *Claim) error {
			return c.Fail(ctx, fault.Denied(fault.ReasonEgressRefused, "x"), 1)
		}, 0, nil, fresh},
		{"it was released", func(ctx context.Context, c *Claim) error { return c.Release(ctx) }, 0, nil, fresh},
	} {
		t.Run(row.name, func(t *testing.T) {
			key := strings.ReplaceAll(row.name, " ", "-")
			start := clk.Now()
			ask := order(key, `{"n":1}`)
			ask.Deadline = start.Add(time.Minute)
			claim := mustBegin(t, all[0], ask)
			if row.first != nil {
				ok(t, row.first(t.Context(), claim))
			}
			clk.Advance(row.later)
			if row.change != nil {
				row.change(&ask)
			}
			ask.Deadline = clk.Now().Add(time.Minute)
			second, err := all[1].Begin(t.Context(), ask)
			check(t, row.want, second, err)
		})
	}
}

// TestWhatIsSaidOfACallDecidesWhetherItIsMadeAgain: not what is said of the one that
// comes after it.
func TestWhatIsSaidOfACallDecidesWhetherItIsMadeAgain(t *testing.T) {
	lost := fault.New(fault.CodeUnknown, fault.ReasonOutcomeUnknown, "lost")
	for _, row := range []struct {
		name          string
		before, after bool // it was sent
		ends          bool // or else its process dies
		later         bool // is said of the second call
		again         bool
	}{
		{"a process died over what was sure to be repeatable", true, false, false, false, true},
		{"a process died over what was not", false, false, false, true, false},
		{"what was sent turned out to be repeatable", false, true, true, false, true},
		{"what was sent turned out not to be", true, false, true, true, false},
		{"it stayed repeatable", true, true, true, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			clk := clocktest.New(noon)
			k := keepers(t, 1, clk)[0]
			ask := order("k", "{}")
			ask.Repeatable, ask.Deadline = row.before, noon.Add(time.Minute)
			claim := mustBegin(t, k, ask)
			if row.ends {
				claim.Repeatable(row.after)
				ok(t, claim.Fail(t.Context(), lost, 1))
			} else {
				clk.Advance(2 * time.Minute)
			}
			ask.Repeatable, ask.Deadline = row.later, clk.Now().Add(time.Minute)
			_, err := k.Begin(t.Context(), ask)
			if again := err == nil; again != row.again || !again && fault.From(err).Meta()["outcome"] != "unknown" {
				t.Errorf("made again %v: %v", again, err)
			}
		})
	}
}

func check(t *testing.T, w want, c *Claim, err error) {
	t.Helper()
	if w.reason == "" {
		if err != nil {
			t.Fatal(err)
		}
		if answer, _ := c.Replay(); string(answer) != w.replay {
			t.Errorf("the answer has %d bytes, want %d", len(answer), len(w.replay))
		}
		return
	}
	f := fault.From(err)
	wait, _ := f.Retry()
	if err == nil || f.Reason() != w.reason || f.Code() != w.code || f.Meta()["outcome"] != w.outcome || wait != w.wait || !strings.Contains(f.Message(), w.words) {
		t.Errorf("%v %v %v, wait %v", f.Code(), f, f.Meta(), wait)
	}
}

// TestOnlyOneOfManyCallsIsMade: two processes get the same call many times at once.
// One is made; all others wait for its answer.
func TestOnlyOneOfManyCallsIsMade(t *testing.T) {
	all := keepers(t, 2, clocktest.New(noon))
	for round := range 10 {
		var made atomic.Int64
		var wg sync.WaitGroup
		ask := order(fmt.Sprint("key-", round), `{}`)
		for caller := range 16 {
			wg.Go(func() {
				claim, err := all[caller%2].Begin(t.Context(), ask)
				switch fault.ReasonOf(err) {
				case "":
					if answer, replayed := claim.Replay(); replayed {
						if string(answer) != "done" {
							t.Errorf("answer %q", answer)
						}
						return
					}
					made.Add(1)
					if err := claim.Complete(t.Context(), []byte("done")); err != nil {
						t.Error(err)
					}
				case fault.ReasonIdempotencyKeyInUse:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Errorf("round %d: %d calls were made", round, made.Load())
		}
	}
}

// TestOneTakesOverACallThatDied: of many who may repeat it, one does.
func TestOneTakesOverACallThatDied(t *testing.T) {
	clk := clocktest.New(noon)
	all := keepers(t, 2, clk)
	ask := order("key", `{}`)
	ask.Repeatable = true
	dead := mustBegin(t, all[0], ask)
	clk.Advance(time.Hour)
	ask.Deadline = clk.Now().Add(time.Minute)
	var made atomic.Int64
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			if _, err := all[caller%2].Begin(t.Context(), ask); err == nil {
				made.Add(1)
			} else if fault.ReasonOf(err) != fault.ReasonIdempotencyKeyInUse {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d took over", made.Load())
	}
	ok(t, dead.Complete(t.Context(), []byte("late"))) // it was only slow: the key is another's now
	if _, err := all[0].Begin(t.Context(), ask); fault.ReasonOf(err) != fault.ReasonIdempotencyKeyInUse {
		t.Errorf("the late answer replaced the new claim: %v", err)
	}
}

func TestFingerprints(t *testing.T) {
	base := FingerprintOf("Create", "", []byte(`{"a":1,"b":[1,2]}`))
	for _, row := range []struct {
		name            string
		operation, link string
		input           string
		same            bool
	}{
		{"the order of members", "Create", "", `{"b":[1,2],"a":1}`, true},
		{"spaces", "Create", "", "{ \"a\": 1,\n\"b\": [1, 2] }", true},
		{"the order of items", "Create", "", `{"a":1,"b":[2,1]}`, false},
		{"how a number is written", "Create", "", `{"a":1.0,"b":[1,2]}`, false},
		{"the operation", "Update", "", `{"a":1,"b":[1,2]}`, false},
		{"a link", "Create", "x", `{"a":1,"b":[1,2]}`, false},
		{"no json", "Create", "", `{"a":1,"b":[1,2]`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := FingerprintOf(row.operation, row.link, []byte(row.input)) == base; got != row.same {
				t.Errorf("same = %v", got)
			}
		})
	}
	if FingerprintOf("C", "", []byte("9007199254740993")) == FingerprintOf("C", "", []byte("9007199254740992")) {
		t.Error("large numbers that differ are taken for the same")
	}
	if FingerprintOf("ab", "c", nil) == FingerprintOf("a", "bc", nil) {
		t.Error("parts run into each other")
	}
	input := []byte(`{"b":1,"a":2}`)
	FingerprintOf("C", "", input)
	if string(input) != `{"b":1,"a":2}` {
		t.Errorf("the caller's input is %s now", input)
	}
}

func TestWhichAnswersAreKept(t *testing.T) {
	for _, row := range []struct {
		name             string
		status           int
		retryable        bool
		plain, repeating bool // with Repeatable false and true
	}{
		{"success", 200, false, true, true},
		{"a redirect", 302, false, true, true},
		{"success that means failure, and can be tried again", 200, true, false, false},
		{"a refusal", 400, false, true, true},
		{"a refused token", 401, false, false, false},
		{"a conflict", 409, false, true, true},
		{"a conflict that passes", 409, true, false, false},
		{"too many calls", 429, true, false, false},
		{"a failure", 500, false, true, false},
		{"a failure on the way", 502, false, true, false},
		{"not now", 503, true, false, false},
		{"not now, and never again", 503, false, true, false},
	} {
		plain, repeating := Outcome{row.status, row.retryable, false}, Outcome{row.status, row.retryable, true}
		if plain.Final() != row.plain || repeating.Final() != row.repeating {
			t.Errorf("%s: %v, %v", row.name, plain.Final(), repeating.Final())
		}
	}
}

// slow is a store that answers in the end: each time when the caller has given up, or
// right away.
type slow struct {
	mu      sync.Mutex
	value   []byte
	version uint64
	// saves says what becomes of each Save: 'k' keeps it, 'l' keeps it and loses the
	// acknowledgement, 'd' drops it and hangs.
	saves   string
	load    time.Duration
	granted []time.Duration // how long each Save might have taken
}

func (s *slow) Load(ctx context.Context, _ string) ([]byte, uint64, error) {
	select {
	case <-time.After(s.load):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == 0 {
		return nil, 0, ErrNotFound
	}
	return s.value, s.version, nil
}

func (s *slow) Save(ctx context.Context, _ string, value []byte, version uint64) (uint64, error) {
	deadline, _ := ctx.Deadline()
	s.mu.Lock()
	s.granted = append(s.granted, time.Until(deadline))
	fate := s.saves[0]
	s.saves = s.saves[1:]
	if fate != 'd' {
		if version != s.version {
			s.mu.Unlock()
			return 0, ErrConflict
		}
		s.value, s.version = value, s.version+1
	}
	now := s.version
	s.mu.Unlock()
	if fate == 'k' {
		return now, nil
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

func (*slow) Delete(context.Context, string, uint64) error { return nil }

// TestAHangingStoreHoldsNoCall: what it is asked has a time of its own each, the call is
// refused after that, and a claim whose acknowledgement was lost is found again.
func TestAHangingStoreHoldsNoCall(t *testing.T) {
	for _, row := range []struct {
		name, saves string
		load        time.Duration
		took        time.Duration
		want        fault.Reason
	}{
		{"it takes its time to read", "k", 1500 * time.Millisecond, 1500 * time.Millisecond, ""},
		{"it never writes", "d", 0, storeTime, fault.ReasonServiceUnavailable},
		{"it writes, and does not say so", "l", 0, storeTime, ""},
		{"it never reads", "k", time.Hour, storeTime, fault.ReasonServiceUnavailable},
		{"it is slow in everything", "d", 1900 * time.Millisecond, beginTime, fault.ReasonServiceUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &slow{saves: row.saves, load: row.load}
				start := time.Now()
				claim, err := New(store, clocktest.New(noon)).Begin(t.Context(), order("k", "{}"))
				if took := time.Since(start); fault.ReasonOf(err) != row.want || took != row.took {
					t.Fatalf("after %v: %v", took, err)
				}
				for _, granted := range store.granted {
					if granted != storeTime {
						t.Errorf("it had %v to write, want %v", granted, storeTime)
					}
				}
				if err != nil {
					return
				}
				store.saves = "k"
				ok(t, claim.Complete(t.Context(), []byte("done"))) // with the version that it really has
				if got := decode(store.value); string(got.answer) != "done" {
					t.Errorf("kept %q", got.answer)
				}
			})
		})
	}
}

// TestALostClaimIsNotTakenForAnothersLikeIt: two callers with the same call at the same
// moment.
func TestALostClaimIsNotTakenForAnothersLikeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{saves: "k"}
		k := New(store, clocktest.New(noon))
		first := mustBegin(t, k, order("k", "{}"))
		twin := store.value
		store.value, store.version, store.saves = nil, 0, "d"
		go func() {
			time.Sleep(time.Second) // while the second one waits for the store
			store.mu.Lock()
			defer store.mu.Unlock()
			store.value, store.version = twin, 1
		}()
		if _, err := k.Begin(t.Context(), order("k", "{}")); fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
			t.Errorf("the other's claim counts as its own: %v", err)
		}
		store.saves = "k"
		ok(t, first.Complete(t.Context(), nil))
	})
}

func TestKeysHaveALength(t *testing.T) {
	k := New(nil, clocktest.New(noon))
	for _, key := range []string{"", strings.Repeat("x", MaxKey+1)} {
		if _, err := k.Begin(t.Context(), order(key, "{}")); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
			t.Errorf("%d bytes: %v", len(key), err)
		}
	}
}

// broken is a store that fails where it is told to.
type broken struct {
	Store
	load, save error
	saves      []int // lengths
}

func (b *broken) Load(context.Context, string) ([]byte, uint64, error) { return nil, 0, b.load }

func (b *broken) Save(_ context.Context, _ string, value []byte, _ uint64) (uint64, error) {
	b.saves = append(b.saves, len(value))
	if len(value) > head+40 {
		return 0, errors.New("maximum bytes exceeded")
	}
	return 1, b.save
}

func TestAStoreThatFails(t *testing.T) {
	down := errors.New("no servers")
	for _, row := range []struct {
		name  string
		store *broken
		want  fault.Reason
	}{
		{"to read: nothing is called", &broken{load: down}, fault.ReasonServiceUnavailable},
		{"to write: nothing is called", &broken{load: ErrNotFound, save: down}, fault.ReasonServiceUnavailable},
		{"to come to rest", &broken{load: ErrNotFound, save: ErrConflict}, fault.ReasonIdempotencyKeyInUse},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := New(row.store, clocktest.New(noon)).Begin(t.Context(), order("k", "{}")); fault.ReasonOf(err) != row.want {
				t.Errorf("error = %v", err)
			}
		})
	}
	t.Run("to take a long answer: that it came is kept", func(t *testing.T) {
		store := &broken{load: ErrNotFound}
		claim := mustBegin(t, New(store, clocktest.New(noon)), order("k", "{}"))
		ok(t, claim.Complete(t.Context(), bytes.Repeat([]byte("x"), 41)))
		if n := len(store.saves); n != 3 || store.saves[2] != head {
			t.Errorf("saved %v", store.saves)
		}
	})
}

// TestACallWhoseTimeIsOverIsStillRecorded: the deadline that ended the call must not
// end the record of how it ended.
func TestACallWhoseTimeIsOverIsStillRecorded(t *testing.T) {
	k := keepers(t, 1, clocktest.New(noon))[0]
	for name, settle := range map[string]func(context.Context, *Claim) error{
		"unknown": func(ctx context.Context, c *Claim) error { return c.Fail(ctx, context.DeadlineExceeded, 1) },
		"answered": func(ctx context.Context, c *Claim) error {
			return c.Complete(ctx, []byte(strings.Repeat("x", MaxAnswer+1)))
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		claim := mustBegin(t, k, order(name, "{}"))
		cancel()
		ok(t, settle(ctx, claim))
		_, err := k.Begin(t.Context(), order(name, "{}"))
		if got := fault.From(err).Meta()["outcome"]; err == nil || got != name {
			t.Errorf("outcome %q, want %q", got, name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	claim := mustBegin(t, k, order("released", "{}"))
	cancel()
	ok(t, claim.Release(ctx))
	mustBegin(t, k, order("released", "{}"))
}

func TestABusThatIsAwayEndsTheCallSoon(t *testing.T) {
	server := testkit.StartNATS(t, t.TempDir())
	b := testkit.Connect(t, server)
	ok(t, b.Ensure(t.Context()))
	bucket, err := b.Bucket(t.Context(), bus.BucketIdempotency)
	ok(t, err)
	ok(t, server.Close(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	_, err = New(NewStore(bucket), clocktest.New(noon)).Begin(ctx, order("key", "{}"))
	if fault.ReasonOf(err) != fault.ReasonServiceUnavailable || ctx.Err() != nil {
		t.Errorf("error = %v, context %v", err, ctx.Err())
	}
}

func TestRecordsOfAnotherFormatFitNoCall(t *testing.T) {
	for _, b := range [][]byte{nil, {1}, bytes.Repeat([]byte{9}, 100)} {
		if got := decode(b); got.state != 0 || got.fingerprint != (Fingerprint{}) {
			t.Errorf("%v is read as %v", b, got)
		}
	}
}

// TestNothingOfTheCallerIsInTheName: keys of the bucket are seen by operators.
func TestNothingOfTheCallerIsInTheName(t *testing.T) {
	ask := order("order-of-ann@example.com", "{}")
	if name := ask.name(); strings.Contains(name, "ann") || !strings.HasPrefix(name, "prod.shop.") {
		t.Errorf("name = %s", name)
	}
}
