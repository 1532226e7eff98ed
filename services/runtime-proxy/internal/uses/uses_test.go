package uses_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/uses"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func name(id string) resource.Connection { return resource.Connection{Environment: "default", ID: id} }

// vault is the double. It records a batch once, as the real one does, and says
// what it is told to.
type vault struct {
	mu       sync.Mutex
	answers  []error // one for each call, then nil
	lost     bool    // what it answers with an error has been recorded all the same
	calls    int
	batches  map[string]bool
	recorded []*vaultv1.CredentialUse
	hangs    bool // calls end only with their context
}

func (v *vault) ReportUses(ctx context.Context, in *vaultv1.ReportUsesRequest, _ ...grpc.CallOption) (*vaultv1.ReportUsesResponse, error) {
	if v.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls++
	var err error
	if len(v.answers) > 0 {
		err, v.answers = v.answers[0], v.answers[1:]
	}
	if (err == nil || v.lost) && !v.batches[in.GetBatchId()] {
		if v.batches == nil {
			v.batches = map[string]bool{}
		}
		v.batches[in.GetBatchId()] = true
		v.recorded = append(v.recorded, in.GetUses()...)
	}
	if len(in.GetUses()) > 1000 || in.GetBatchId() == "" || len(in.GetBatchId()) > 64 {
		err = errors.Join(err, fmt.Errorf("batch %q of %d uses", in.GetBatchId(), len(in.GetUses())))
	}
	return &vaultv1.ReportUsesResponse{}, err
}

// total adds up what was recorded, all or of one connection.
func (v *vault) total(connection string) (n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, u := range v.recorded {
		if connection == "" || u.GetConnection() == name(connection).String() {
			n += u.GetCount()
		}
	}
	return n
}

func (v *vault) called() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
}

// rig is a recorder that runs, in a bubble.
type rig struct {
	*uses.Recorder
	vault *vault
	clock *clocktest.Fake
	log   *strings.Builder
	stop  func()
}

func run(t *testing.T, v *vault, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{vault: v, clock: clocktest.New(noon), log: &strings.Builder{}}
		r.Recorder = uses.New(v, r.clock, slog.New(slog.NewTextHandler(r.log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		r.stop = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		test(t, r)
		r.stop()
	})
}

// wait lets time pass, and everything happen that happens then.
func (r *rig) wait(d time.Duration) {
	r.clock.Advance(d)
	synctest.Wait()
}

func TestEqualUsesAreAddedUpAndReportedEveryTenSeconds(t *testing.T) {
	run(t, &vault{}, func(t *testing.T, r *rig) {
		for range 3 {
			r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
			r.clock.Advance(time.Second)
		}
		for _, other := range [][4]string{
			{"erp", "ann", "ListItems", "api.example.com:443"},
			{"crm", "bob", "ListItems", "api.example.com:443"},
			{"crm", "ann", "", "api.example.com:443"},
			{"crm", "ann", "ListItems", "eu.example.com:443"},
		} {
			r.Note(name(other[0]), other[1], other[2], other[3])
		}
		r.wait(7*time.Second - 1)
		if r.vault.called() != 0 {
			t.Fatal("it was reported too early")
		}
		r.wait(1)
		got := r.vault.recorded
		slices.SortFunc(got, func(a, b *vaultv1.CredentialUse) int { return strings.Compare(a.String(), b.String()) })
		at := func(seconds int) *timestamppb.Timestamp {
			return timestamppb.New(noon.Add(time.Duration(seconds) * time.Second))
		}
		one := func(id, principal, operation, host string) *vaultv1.CredentialUse {
			return &vaultv1.CredentialUse{
				Connection: "environments/default/connections/" + id, Principal: principal, OperationId: operation, Host: host,
				Count: 1, FirstTime: at(3), LastTime: at(3),
			}
		}
		thrice := one("crm", "ann", "ListItems", "api.example.com:443")
		thrice.Count, thrice.FirstTime, thrice.LastTime = 3, at(0), at(2)
		want := []*vaultv1.CredentialUse{
			thrice, one("erp", "ann", "ListItems", "api.example.com:443"), one("crm", "bob", "ListItems", "api.example.com:443"),
			one("crm", "ann", "", "api.example.com:443"), one("crm", "ann", "ListItems", "eu.example.com:443"),
		}
		slices.SortFunc(want, func(a, b *vaultv1.CredentialUse) int { return strings.Compare(a.String(), b.String()) })
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || r.vault.called() != 1 {
			t.Errorf("%d calls, %s", r.vault.called(), diff)
		}
		r.wait(time.Hour)
		if r.vault.called() != 1 {
			t.Error("nothing was used, and it was reported")
		}
		r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
		r.wait(10 * time.Second)
		if r.vault.called() != 2 || r.vault.total("") != 8 {
			t.Errorf("%d calls, %d uses", r.vault.called(), r.vault.total(""))
		}
	})
}

// noteMany notes n different uses of so many connections.
func (r *rig) noteMany(n, connections int) {
	for i := range n {
		r.Note(name(fmt.Sprint("c", i%connections)), "ann", fmt.Sprint("operation ", i), "api.example.com:443")
	}
}

func TestManyDifferentUsesAreReportedAtOnce(t *testing.T) {
	run(t, &vault{}, func(t *testing.T, r *rig) {
		r.noteMany(24_999, 10)
		synctest.Wait()
		if r.vault.called() != 0 {
			t.Fatal("it was reported too early")
		}
		r.noteMany(25_000, 10) // one of them is new
		synctest.Wait()
		if r.vault.called() == 0 {
			t.Error("25,000 different uses were not reported at once")
		}
		r.stop()
		if r.vault.total("") != 49_999 {
			t.Errorf("%d uses were recorded", r.vault.total(""))
		}
	})
}

func TestConnectionsInTurnAreReportedOnceInTenSeconds(t *testing.T) {
	run(t, &vault{}, func(t *testing.T, r *rig) {
		for range 8 {
			for i := range 10_000 {
				r.Note(name(fmt.Sprint("c", i)), "ann", "", "api.example.com:443")
			}
			r.wait(time.Second)
		}
		if r.vault.called() != 0 {
			t.Errorf("%d reports before the ten seconds were over", r.vault.called())
		}
		r.wait(2 * time.Second)
		if r.vault.called() != 10 || r.vault.total("") != 80_000 {
			t.Errorf("%d reports of %d uses, want ten for ten thousand connections", r.vault.called(), r.vault.total(""))
		}
	})
}

func TestAReportThatFailsIsRepeatedAndRecordedOnce(t *testing.T) {
	down := status.Error(codes.Unavailable, "the vault is being started")
	run(t, &vault{answers: []error{down, down, down}, lost: true}, func(t *testing.T, r *rig) {
		r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
		r.wait(10 * time.Second)
		r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
		for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			r.wait(pause - 1)
			if r.vault.called() != i+1 {
				t.Errorf("after failure %d it was repeated before %v", i+1, pause)
			}
			r.wait(1)
		}
		if r.vault.called() != 5 || r.vault.total("crm") != 2 || len(r.vault.batches) != 2 {
			t.Errorf("%d calls, %d uses in %d batches", r.vault.called(), r.vault.total("crm"), len(r.vault.batches))
		}
		if n := strings.Count(r.log.String(), "level=WARN"); n != 3 {
			t.Errorf("%d lines in the log: %s", n, r.log)
		}
	})
}

func TestTheWaitForTheVaultIsNeverMoreThanAMinute(t *testing.T) {
	v := &vault{}
	for range 100 {
		v.answers = append(v.answers, status.Error(codes.Unavailable, "down"))
	}
	run(t, v, func(t *testing.T, r *rig) {
		r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
		for range 20 {
			r.wait(time.Minute)
		}
		before := r.vault.called()
		r.noteMany(30_000, 10) // do not make it come back
		for range 10 {
			r.wait(time.Minute)
		}
		if n := r.vault.called() - before; n != 10 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		r.vault.mu.Lock()
		r.vault.answers = nil
		r.vault.mu.Unlock()
	})
	if v.total("") != 30_001 {
		t.Errorf("%d uses were recorded", v.total(""))
	}
}

func TestHoweverLongTheVaultIsGoneEveryUseIsCounted(t *testing.T) {
	v := &vault{answers: slices.Repeat([]error{status.Error(codes.Unavailable, "down")}, 200)}
	run(t, v, func(t *testing.T, r *rig) {
		const rounds, each = 30, 5000
		for round := range rounds {
			for i := range each {
				r.Note(name(fmt.Sprint("c", i%100)), "ann", fmt.Sprint(round, "-", i), "api.example.com:443")
			}
			r.wait(time.Minute)
		}
		r.vault.mu.Lock()
		r.vault.answers = nil
		r.vault.mu.Unlock()
		r.wait(time.Minute)
		r.wait(time.Minute)
		if got := r.vault.total(""); got != rounds*each {
			t.Errorf("%d uses were recorded, want %d", got, rounds*each)
		}
		for i := range 100 {
			if got := r.vault.total(fmt.Sprint("c", i)); got != rounds*each/100 {
				t.Errorf("%d uses of connection %d", got, i)
			}
		}
		if n := len(r.vault.recorded); n > 100*1000+100 {
			t.Errorf("%d entries were kept meanwhile", n)
		}
		for _, u := range r.vault.recorded {
			if u.GetFirstTime().AsTime().After(u.GetLastTime().AsTime()) || u.GetFirstTime().AsTime().Before(noon) {
				t.Fatalf("a sum has the times %v", u)
			}
		}
	})
}

func TestABatchThatTheVaultRefusesForGoodStopsNoOther(t *testing.T) {
	v := &vault{answers: []error{status.Error(codes.InvalidArgument, "no")}}
	run(t, v, func(t *testing.T, r *rig) {
		r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
		r.wait(10 * time.Second)
		r.Note(name("erp"), "ann", "ListItems", "api.example.com:443")
		r.wait(10 * time.Second)
		if r.vault.called() != 2 || r.vault.total("erp") != 1 || r.vault.total("crm") != 0 {
			t.Errorf("%d calls, %v", r.vault.called(), r.vault.recorded)
		}
		if !strings.Contains(r.log.String(), "level=ERROR") {
			t.Errorf("nobody is told: %s", r.log)
		}
	})
}

func TestTheLastUsesAreReportedAtTheEnd(t *testing.T) {
	v := &vault{}
	run(t, v, func(_ *testing.T, r *rig) { r.noteMany(2500, 10) })
	if v.total("") != 2500 {
		t.Errorf("%d uses were recorded", v.total(""))
	}
}

func TestTheEndWaitsForNobodyLongerThanFiveSeconds(t *testing.T) {
	run(t, &vault{hangs: true}, func(t *testing.T, r *rig) {
		r.noteMany(7, 2)
		before := time.Now() // of the bubble
		r.stop()
		if took := time.Since(before); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if !strings.Contains(r.log.String(), "uses=7") {
			t.Errorf("how many were lost is not said: %s", r.log)
		}
	})
}

func TestTextsThatAreTooLongOrNoTextAreClipped(t *testing.T) {
	run(t, &vault{}, func(t *testing.T, r *rig) {
		r.Note(name("crm"), strings.Repeat("a", 300), strings.Repeat("ж", 300)+"\xff", "host\xff:443")
		r.wait(10 * time.Second)
		got := r.vault.recorded[0]
		if len(got.GetPrincipal()) != 256 || len(got.GetOperationId()) != 512 || got.GetHost() != "host:443" {
			t.Errorf("got %v", got)
		}
	})
}

func TestNoUseIsLostBetweenManyCallersAndReports(t *testing.T) {
	const callers, each = 8, 5000
	v := &vault{}
	r := uses.New(v, clock.System(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				r.Note(name(fmt.Sprint("c", i%7)), "ann", fmt.Sprint(caller, i%3000), "api.example.com:443")
			}
		})
	}
	all.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if v.total("") != callers*each {
		t.Errorf("%d uses of %d were recorded", v.total(""), callers*each)
	}
}

func TestNotingAgainAllocatesNothing(t *testing.T) {
	r := uses.New(&vault{}, clock.System(), slog.New(slog.DiscardHandler))
	r.Note(name("crm"), "ann", "ListItems", "api.example.com:443")
	if n := testing.AllocsPerRun(1000, func() { r.Note(name("crm"), "ann", "ListItems", "api.example.com:443") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNote(b *testing.B) {
	for title, connections := range map[string]int{"one connection": 1, "500 connections": 500} {
		names := make([]resource.Connection, connections)
		for i := range names {
			names[i] = name(fmt.Sprint("connection-", i))
		}
		r := uses.New(&vault{}, clock.System(), slog.New(slog.DiscardHandler))
		b.Run(title, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r.Note(names[i%connections], "ann", "ListItems", "api.example.com:443")
				i++
			}
		})
		b.Run(title+" in parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					r.Note(names[i%connections], "ann", "ListItems", "api.example.com:443")
				}
			})
		})
	}
}
