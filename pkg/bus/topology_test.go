package bus_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestSubjects(t *testing.T) {
	event := bus.EventAddress{Environment: "prod", Connector: "shop", Operation: "orders.new", Subscription: "s1"}
	delivery := bus.DeliveryAddress{Environment: "prod", Subscription: "s1", Sink: "mine"}
	for _, row := range []struct{ name, got, want string }{
		{"a change", bus.ChangeSubject(bus.ChangeConnection, "prod", "c1"), "ferrule.change.connection.prod.c1"},
		{"what an owner has to know", bus.ConnectionSubject("prod", "shop", "c1"), "ferrule.connection.prod.shop.c1"},
		{"what the owner of a subscription has to know", bus.SubscriptionSubject("prod", "shop", "s1"), "ferrule.subscription.prod.shop.s1"},
		{"changes of a kind", bus.ChangeFilter(bus.ChangeGrant), "ferrule.change.grant.>"},
		{"changes of every kind", bus.ChangeFilter(bus.ChangeAny), "ferrule.change.>"},
		{"an event of an operation with a dot", event.Subject(), "ferrule.event.prod.shop.orders%2Enew.s1"},
		{"events of one subscription", bus.EventAddress{Environment: "prod", Subscription: "s1"}.Filter(), "ferrule.event.prod.*.*.s1"},
		{"the definition of a schedule", bus.ScheduleSubject("prod/s1"), "ferrule.poll.sched.prod%2Fs1"},
		{"the firing of a schedule", bus.FiringSubject("prod/s1"), "ferrule.poll.fire.prod%2Fs1"},
		{"a delivery", delivery.Subject(), "ferrule.delivery.prod.s1.mine"},
		{"deliveries of an environment", bus.DeliveryAddress{Environment: "prod"}.Filter(), "ferrule.delivery.prod.*.*"},
		{"work for a sink", delivery.WorkSubject(), "ferrule.sinkwork.prod.s1.mine"},
		{"the key of a sink", delivery.Key(), "prod.s1.mine"},
		{"a dead letter", delivery.DeadLetterSubject(), "ferrule.deadletter.prod.s1.mine"},
		{"dead letters of an environment", bus.DeliveryAddress{Environment: "prod"}.DeadLetterFilter(), "ferrule.deadletter.prod.*.*"},
		{"attempts of a subscription", delivery.AttemptSubject(), "ferrule.attempt.prod.s1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("got %q, want %q", row.got, row.want)
			}
		})
	}
}

func TestSubjectsCanBeReadBack(t *testing.T) {
	odd := "a.b *>/é%"
	t.Run("a change", func(t *testing.T) {
		kind, env, id, err := bus.ParseChange(bus.ChangeSubject(bus.ChangeGrant, odd, ""))
		if err != nil || kind != bus.ChangeGrant || env != odd || id != "" {
			t.Errorf("got %q %q %q, %v", kind, env, id, err)
		}
	})
	t.Run("an event", func(t *testing.T) {
		want := bus.EventAddress{Environment: "e", Connector: "c", Operation: odd, Subscription: "s"}
		got, err := bus.ParseEvent(want.Subject())
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	})
	t.Run("a firing", func(t *testing.T) {
		got, err := bus.ParseFiring(bus.FiringSubject(odd))
		if err != nil || got != odd {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("the totals of a process", func(t *testing.T) {
		want := bus.UsageAddress{Environment: odd, Hour: "2026112115", Connector: "crm", Connection: "mine", Process: "p.1"}
		if got, err := bus.ParseUsage(want.Subject()); err != nil || got != want {
			t.Errorf("usage: got %+v, %v", got, err)
		}
	})
	t.Run("a delivery and its dead letter", func(t *testing.T) {
		want := bus.DeliveryAddress{Sink: "mine", Environment: odd, Subscription: "s"}
		got, err := bus.ParseDelivery(want.Subject())
		if err != nil || got != want {
			t.Errorf("delivery: got %+v, %v", got, err)
		}
		got, err = bus.ParseDeadLetter(want.DeadLetterSubject())
		if err != nil || got != want {
			t.Errorf("dead letter: got %+v, %v", got, err)
		}
		got, err = bus.ParseSinkWork(want.WorkSubject())
		if err != nil || got != want {
			t.Errorf("work: got %+v, %v", got, err)
		}
	})
}

func TestForeignSubjectsAreRefused(t *testing.T) {
	for _, row := range []struct{ name, subject string }{
		{"another prefix", "ferrule.change.a.b.c.d"},
		{"too few tokens", "ferrule.event.a.b.c"},
		{"too many tokens", "ferrule.event.a.b.c.d.e"},
		{"an empty token", "ferrule.event.a..c.d"},
		{"a wildcard", "ferrule.event.a.b.c.*"},
		{"the prefix alone", "ferrule.event"},
		{"nothing", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := bus.ParseEvent(row.subject); err == nil {
				t.Errorf("ParseEvent(%q) = %+v, want an error", row.subject, got)
			}
		})
	}
}

func TestStreamsFitTogether(t *testing.T) {
	streams := bus.Topology{Replicas: 3}.Streams()
	var bytes int64
	for _, b := range (bus.Topology{Replicas: 3}).Buckets() {
		bytes += b.MaxBytes
		if b.Replicas != 3 || b.MaxBytes <= 0 {
			t.Errorf("%s: replicas %d, bytes %d", b.Bucket, b.Replicas, b.MaxBytes)
		}
	}
	for _, s := range streams {
		bytes += s.MaxBytes
		if s.Replicas != 3 || s.Storage != jetstream.FileStorage || s.Duplicates != bus.DedupWindow {
			t.Errorf("%s: replicas %d, storage %v, window %v", s.Name, s.Replicas, s.Storage, s.Duplicates)
		}
		if s.Mirror != nil || len(s.Sources) > 0 {
			t.Errorf("%s mirrors or sources another stream, which has lost scheduled messages (nats-server issue 8423)", s.Name)
		}
	}
	if bytes > embedded.DefaultMaxStore/2 {
		t.Errorf("streams reserve %d bytes of the %d of an embedded server, and polls have no reservation", bytes, int64(embedded.DefaultMaxStore))
	}
	if got := (bus.Topology{}).Streams()[0].Replicas; got != 1 {
		t.Errorf("replicas = %d by default, want 1", got)
	}
}

// names returns the streams on the server.
func names(t *testing.T, b *bus.Bus) []string {
	t.Helper()
	var got []string
	lister := b.JetStream().StreamNames(t.Context())
	for name := range lister.Name() {
		got = append(got, name)
	}
	if err := lister.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEnsureByManyAtOnceAndAgain(t *testing.T) {
	srv := testkit.StartNATS(t, t.TempDir())
	var wg sync.WaitGroup
	for range 4 {
		b := testkit.Connect(t, srv)
		wg.Go(func() {
			for range 2 {
				if err := b.Ensure(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := []string{
		bus.StreamAttempts, bus.StreamChanges, bus.StreamDeadLetters, bus.StreamDeliveries, bus.StreamEvents, bus.StreamPolls, bus.StreamRequestLog,
		bus.StreamSinkWork, bus.StreamUsage,
		"KV_" + bus.BucketIdempotency, "KV_" + bus.BucketRateBudgets, "KV_" + bus.BucketRequestLogs, "KV_" + bus.BucketScriptState, "KV_" + bus.BucketSinks,
	}
	if diff := cmp.Diff(want, names(t, testkit.Connect(t, srv))); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

// An update makes the server write its configuration while others use the stream,
// and races there with new consumers.
func TestEnsureLeavesAloneWhatIsAsItShouldBe(t *testing.T) {
	b := testkit.Connect(t, testkit.StartNATS(t, t.TempDir()))
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	updates, err := b.Conn().SubscribeSync("$JS.EVENT.ADVISORY.STREAM.UPDATED.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := updates.Pending(); n != 0 {
		m, err := updates.NextMsg(time.Second)
		t.Errorf("%d streams were updated, the first was %v, %v", n, m, err)
	}
	changed := (bus.Topology{}).Streams()[0]
	changed.MaxMsgs = 5
	if _, err := b.JetStream().UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stream, err := b.JetStream().Stream(t.Context(), changed.Name); err != nil || stream.CachedInfo().Config.MaxMsgs > 0 {
		t.Errorf("a limit that somebody added is still there: %v", err)
	}
}

func TestEnsureAppliesANewConfigurationAndKeepsMessages(t *testing.T) {
	srv := testkit.StartNATS(t, t.TempDir())
	connect := func(topology bus.Topology) *bus.Bus {
		b, err := bus.Connect(t.Context(), bus.Config{InProcess: srv, Topology: topology, Log: testkit.Logger(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		if err := b.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b
	}
	connect(bus.Topology{})
	b := connect(bus.Topology{})
	publish(t, b, "e1", "ferrule.event.a.b.c.d")
	b = connect(bus.Topology{EventsMaxAge: 3 * time.Hour, EventsMaxBytes: 1 << 20})
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	if info.Config.MaxAge != 3*time.Hour || info.Config.MaxBytes != 1<<20 || info.State.Msgs != 1 {
		t.Errorf("age %v, bytes %d, messages %d; want the new limits and the old message", info.Config.MaxAge, info.Config.MaxBytes, info.State.Msgs)
	}
}

func TestTheHistoryOfAttemptsIsWrittenAnewForAnotherMode(t *testing.T) {
	srv := testkit.StartNATS(t, t.TempDir())
	b := testkit.Connect(t, srv)
	synced := jetstream.StreamConfig{
		Name: bus.StreamAttempts, Subjects: []string{"ferrule.attempt.>"}, MaxMsgsPerSubject: bus.AttemptsPerSubscription,
	}
	if _, err := b.JetStream().CreateStream(t.Context(), synced); err != nil {
		t.Fatal(err)
	}
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamAttempts)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config.PersistMode; got != jetstream.AsyncPersistMode {
		t.Errorf("mode %v, want one that does not sync each attempt", got)
	}
}

func TestAServerWithLittleRoomSaysWhatToDo(t *testing.T) {
	srv, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), MaxStore: 1 << 30, Log: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close(context.Background()) })
	b := testkit.Connect(t, srv)
	if err := b.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "max_file_store") {
		t.Errorf("Ensure() = %v, want the setting that helps", err)
	}
}

func TestEnsureNamesTheStreamItCannotChangeAndGoesOn(t *testing.T) {
	b := testkit.Connect(t, testkit.StartNATS(t, t.TempDir()))
	_, err := b.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: bus.StreamPolls, Subjects: []string{"ferrule.poll.>"}, Retention: jetstream.LimitsPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Ensure(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ensure stream FERRULE_POLLS") {
		t.Errorf("Ensure() = %v, want an error that names the stream", err)
	}
	all := len(bus.Topology{}.Streams()) + len(bus.Topology{}.Buckets())
	if got := len(names(t, b)); got != all {
		t.Errorf("%d streams exist, want the others too", got)
	}
}
