package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// gated is a store whose commits wait until the test lets them go, one by one. It
// counts them.
type gated struct {
	kv.Store
	gate    chan error // what the next commit ends with
	commits atomic.Int64
}

func (g *gated) Update(ctx context.Context, fn func(kv.Tx) error) error {
	g.commits.Add(1)
	return g.Store.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return <-g.gate
	})
}

// outcome is how a Record ended.
type outcome struct {
	caller int
	err    error
}

// recordOne has a caller record something of its own.
func recordOne(s *store.Store, caller int, results chan<- outcome) {
	r := *record(core.ActionResolved, "crm", noon)
	r.OperationID = fmt.Sprint(caller)
	results <- outcome{caller, s.Record(context.Background(), r)}
}

func TestWhoComesWhileOthersWriteSharesTheNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &gated{Store: memkv.New(), gate: make(chan error)}
		s := open(engine)
		results := make(chan outcome, 100)
		go recordOne(s, 0, results)
		synctest.Wait() // one writes
		for i := range cap(results) - 1 {
			go recordOne(s, i+1, results)
		}
		synctest.Wait() // all others wait
		if len(results) != 0 {
			t.Fatal("somebody returned before anything was written")
		}
		engine.gate <- nil
		synctest.Wait()
		if len(results) != 1 {
			t.Fatalf("%d callers returned with the first transaction", len(results))
		}
		engine.gate <- nil
		synctest.Wait()
		if len(results) != cap(results) || engine.commits.Load() != 2 {
			t.Errorf("%d callers have returned after %d transactions", len(results), engine.commits.Load())
		}
		wantIntact(t, s, 100)
	})
}

func TestWhoIsAboutToJoinDoes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // all but one wait for a processor
	synctest.Test(t, func(t *testing.T) {
		engine := &gated{Store: memkv.New(), gate: make(chan error, 100)}
		for range cap(engine.gate) {
			engine.gate <- nil // the disk is so fast that nobody comes meanwhile
		}
		s := open(engine)
		results := make(chan outcome, 50)
		for i := range cap(results) {
			go recordOne(s, i, results)
		}
		synctest.Wait()
		if commits := engine.commits.Load(); len(results) != cap(results) || commits > 5 {
			t.Errorf("%d callers have returned after %d transactions", len(results), commits)
		}
		wantIntact(t, s, 50)
	})
}

func TestABatchHasItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &gated{Store: memkv.New(), gate: make(chan error)}
		s := open(engine)
		results := make(chan outcome, 2501)
		go recordOne(s, 0, results)
		synctest.Wait()
		for i := range cap(results) - 1 {
			go recordOne(s, i+1, results)
		}
		for _, want := range []int{1, 1001, 2001, 2501} {
			synctest.Wait()
			engine.gate <- nil
			synctest.Wait()
			if len(results) != want {
				t.Fatalf("%d callers have returned, want %d", len(results), want)
			}
		}
		wantIntact(t, s, 2501)
	})
}

func TestAFailureIsThatOfExactlyThoseInTheBatch(t *testing.T) {
	full := errors.New("the disk is full")
	synctest.Test(t, func(t *testing.T) {
		engine := &gated{Store: memkv.New(), gate: make(chan error)}
		s := open(engine)
		results := make(chan outcome, 30)
		groups := [][]int{{0}, {1, 2, 3, 4, 5}, {6, 7, 8}}
		failed := map[int]bool{}
		for i, end := range []error{nil, full, nil} {
			for _, caller := range groups[i] {
				go recordOne(s, caller, results)
				failed[caller] = end != nil
			}
			synctest.Wait()
			if i > 0 { // the group before is being written
				engine.gate <- []error{nil, full, nil}[i-1]
				synctest.Wait()
			}
		}
		engine.gate <- nil
		synctest.Wait()
		if len(results) != 9 {
			t.Fatalf("%d callers have returned", len(results))
		}
		for range 9 {
			o := <-results
			if failed[o.caller] != errors.Is(o.err, full) || !failed[o.caller] && o.err != nil {
				t.Errorf("caller %d got %v", o.caller, o.err)
			}
		}
		wantIntact(t, s, 4)
	})
}

func TestAPanicInATransactionLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &gated{Store: memkv.New(), gate: make(chan error)}
		panicking := &panicky{gated: engine}
		s := open(panicking)
		results := make(chan outcome, 3)
		go func() {
			defer func() { results <- outcome{0, fmt.Errorf("panic: %v", recover())} }()
			r := *record(core.ActionResolved, "crm", noon)
			_ = s.Record(context.Background(), r)
		}()
		synctest.Wait()
		for i := range 2 {
			go recordOne(s, i+1, results)
		}
		synctest.Wait()
		engine.gate <- nil // ends in the panic
		synctest.Wait()
		engine.gate <- nil
		synctest.Wait()
		if len(results) != 3 {
			t.Errorf("%d callers have returned", len(results))
		}
		wantIntact(t, s, 2)
	})
}

// panicky panics in its first transaction.
type panicky struct {
	*gated
	done atomic.Bool
}

func (p *panicky) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return p.gated.Update(ctx, func(tx kv.Tx) error {
		if !p.done.Swap(true) {
			<-p.gate
			panic("the engine has a bug")
		}
		return fn(tx)
	})
}

// wantIntact verifies a trail and wants so many records in it.
func wantIntact(t testing.TB, s *store.Store, n uint64) core.AuditAnchor {
	t.Helper()
	got, err := s.VerifyAudit(t.Context(), "default", core.AuditAnchor{})
	if err != nil || got.Broken != 0 || got.Checked != n {
		t.Fatalf("got %+v, %v, want %d records in order", got, err, n)
	}
	return got.Last
}

func TestRecordsAloneAndWithChangesAreOneChain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		const each = 30
		// Two stores on one engine are like two replicas: they share nothing else.
		stores := []*store.Store{open(engine), open(engine)}
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				s := stores[worker%2]
				for i := range each {
					id := fmt.Sprintf("c-%d-%d", worker, i)
					err := s.Record(t.Context(), *record(core.ActionResolved, id, noon))
					err = errors.Join(err, s.Insert(t.Context(), core.Write{Connection: connection(id), Audit: record(core.ActionCreated, id, noon)}))
					err = errors.Join(err, s.RecordUses(t.Context(), core.UseBatch{ID: id, Time: noon, Records: []core.AuditRecord{full(), full()}}))
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		stop, verified := make(chan struct{}), make(chan struct{})
		go func() { // while all that goes on
			defer close(verified)
			for {
				if got, err := stores[0].VerifyAudit(t.Context(), "default", core.AuditAnchor{}); err != nil || got.Broken != 0 {
					t.Errorf("meanwhile: %+v, %v", got, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		all.Wait()
		close(stop)
		<-verified
		wantIntact(t, stores[0], 8*each*4)
	})
}

func TestACrashWhileManyRecordLeavesWhatWasPromisedAndAWholeChain(t *testing.T) {
	for _, point := range []faultkv.Point{faultkv.OnGet, faultkv.OnScan, faultkv.OnPut, faultkv.BeforeCommit, faultkv.AfterCommit} {
		for n := 1; n <= 40; n += 3 {
			inner := memkv.New()
			faulty := faultkv.New(inner)
			faulty.Crash(point, n)
			s := open(faulty)
			promised := make(chan string, 200)
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					r := *record(core.ActionResolved, "crm", noon)
					r.OperationID = fmt.Sprint(i)
					if s.Record(t.Context(), r) == nil {
						promised <- r.OperationID
					}
				})
			}
			all.Wait()
			close(promised)
			again := open(inner)
			kept := map[string]bool{}
			for _, operation := range operations(trailPages(t, again, core.AuditQuery{}, 100)) {
				kept[operation] = true
			}
			for operation := range promised {
				if !kept[operation] {
					t.Errorf("point %d, pass %d: record %s is lost", point, n, operation)
				}
			}
			wantIntact(t, again, uint64(len(kept)))
		}
	}
}

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

// BenchmarkRecordParallel is the trail alone, with callers as they come in
// parallel: on memory it is the work, on a file the shared wait for the disk is
// added.
func BenchmarkRecordParallel(b *testing.B) {
	for name, engine := range engines() {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("%s/%d callers", name, 2*callers), func(b *testing.B) {
				engine := engine(b)
				defer func() { _ = engine.Close() }()
				benchRecord(b, open(engine), callers)
			})
		}
	}
}

func benchRecord(b *testing.B, s *store.Store, callers int) {
	b.Helper()
	records := make([]core.AuditRecord, 1000)
	for i := range records {
		records[i] = *record(core.ActionResolved, fmt.Sprint("connection-", i), noon)
	}
	var next atomic.Int64
	b.SetParallelism(callers)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Record(b.Context(), records[next.Add(1)%1000]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkTrailOfAMillion fills a file with a million records, or ten thousand in
// short mode, and asks it what people ask.
func BenchmarkTrailOfAMillion(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "vault.db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	s := open(engine)
	many(b, s, n, func(i int, r *core.AuditRecord) { r.Connection.ID = fmt.Sprint("c-", i%10_000) })
	for title, f := range map[string]core.AuditFilter{
		"newest":        {},
		"by connection": {Connection: "c-5000"},
		"by time":       {To: noon.Add(time.Duration(n/2) * time.Second)},
		"by principal":  {Principal: "nobody"},
	} {
		b.Run(title, func(b *testing.B) {
			f.Environment = "default"
			for b.Loop() {
				if _, _, err := s.AuditRecords(b.Context(), core.AuditQuery{AuditFilter: f, Limit: 50}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			wantIntact(b, s, uint64(n))
		}
	})
}
