package trigger

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

// askers is how many notifications are on their way at a time.
const askers = 50

// BenchmarkWebhook is what a notification takes of a processor in a whole process,
// but for HTTP: from its signature to the event in the stream, and the reading of the
// stream for sinks. "bare" publishes the same bytes and does nothing else.
func BenchmarkWebhook(b *testing.B) {
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	w := newWorldIn(b, engine, b.TempDir(), b.TempDir())
	w.log = slog.New(slog.DiscardHandler)
	p := w.begin(engine)
	p.create("hook", inventorytest.Webhook)
	hook := p.api.Hooks()[0]
	body := fmt.Sprintf(`{"at":1763787600000000000,"padding":%q}`, strings.Repeat("x", 980))
	in := p.service.Ingress()
	var n atomic.Int64
	b.Run("ferrule", func(b *testing.B) {
		many(b, func() error {
			_, err := in.IngestWebhook(b.Context(), p.notification(hook, strconv.FormatInt(n.Add(1), 10), body))
			return err
		})
	})
	other := testkit.Connect(b, p.nats)
	subject := bus.EventAddress{Environment: "default", Connector: "things", Operation: "OnThing", Subscription: "things"}.Subject()
	event := []byte(strings.Repeat("x", 500) + body)
	p.stop()
	b.Run("bare", func(b *testing.B) {
		many(b, func() error {
			_, err := other.JetStream().Publish(b.Context(), subject, event)
			return err
		})
	})
}

// many does something many times, as many at a time as there are askers, and reports
// what it took of a processor.
func many(b *testing.B, do func() error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	before := taken(b)
	var asking sync.WaitGroup
	for range askers {
		asking.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	asking.Wait()
	b.ReportMetric(float64(taken(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}

// taken is what this process took of processors so far, in nanoseconds.
func taken(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
