package schedule_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

// What is written here is "@at" in UTC and nothing else: the server knows fewer forms
// than it seems to.
func TestTrapPatternsThatLookRightAreRefused(t *testing.T) {
	js := bare(t)
	if _, err := js.CreateStream(t.Context(), polls(t)); err != nil {
		t.Fatal(err)
	}
	for name, pattern := range map[string]string{
		"a cron expression of five fields": "0 9 * * *",
		"the last day of the month":        "0 0 9 L * *",
		"the start of the machine":         "@reboot",
		"less than a second":               "@every 500ms",
		"no pattern":                       "tomorrow",
	} {
		if err := define(t, js, pattern, bus.FiringSubject("a")); err == nil {
			t.Errorf("%s is accepted now", name)
		}
	}
	if err := define(t, js, "@at "+time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano), bus.FiringSubject("a")); err != nil {
		t.Errorf("our own form: %v", err)
	}
}

// A work queue keeps a message that was delivered as often as MaxDeliver says, and
// gives it to nobody: its subscription would be dead for good.
func TestTrapAFiringThatIsGivenUpStaysForNobody(t *testing.T) {
	if got := bus.PollsConsumer(time.Second).MaxDeliver; got != -1 {
		t.Errorf("firings are given up after %d deliveries", got)
	}
	js := bare(t)
	stream, err := js.CreateStream(t.Context(), polls(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg := bus.PollsConsumer(time.Second)
	cfg.MaxDeliver = 1
	consumer, err := stream.CreateConsumer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), bus.FiringSubject("a"), nil); err != nil {
		t.Fatal(err)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
	if err != nil || m.Nak() != nil {
		t.Fatal(err)
	}
	if m, err := consumer.Next(jetstream.FetchMaxWait(500 * time.Millisecond)); err == nil {
		t.Errorf("delivered again: %s", m.Subject())
	}
	if n := messages(t, stream); n != 1 {
		t.Errorf("%d messages are left, the trap is another", n)
	}
}
