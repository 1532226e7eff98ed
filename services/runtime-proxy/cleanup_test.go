package runtimeproxy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// leaving is a runtime whose connector leaves something everywhere, and two
// connections that have been used.
func leaving(t *testing.T) *suite {
	t.Helper()
	rec := record(t, always(200, `{}`))
	s := startWith(t, rec.url, func(d *connectorv1.Definition) {
		withCode(`export function before(request, ctx) {
			ctx.state.set('seen', 1)
			ctx.callbackUrl('/items')
		}`, "CreateItem")(d)
	}, func(c *settings) {
		c.RateConnection, c.RateConnector, c.PublicURL = "500/1h", "500/1h", "https://ferrule.example/"
	})
	s.lendOther()
	s.vault.change(func(c *vaultv1.Credential) { c.LinkKey = []byte("a link key of thirty-two bytes..") })
	for _, name := range []string{connection, otherConnection} {
		on := func(r *runtimev1.InvokeRequest) { r.Connection = name }
		must(t, second(s.runtime.EnableRequestLog(s.as("ada"), &runtimev1.EnableRequestLogRequest{Connection: name, Duration: durationpb.New(time.Hour)})))
		must(t, second(s.call("CreateItem", item, on, withKey("once"))))
	}
	testkit.Await(t, "entries of the request logs", func() bool {
		return len(slices.DeleteFunc(s.left(), func(l string) bool { return !strings.HasPrefix(l, "log ") })) == 2
	})
	return s
}

// everything is what the two connections leave.
var everything = []string{
	"budget connection/crm", "budget connection/crm-two", "budget connector/crm", "callback crm", "callback crm-two",
	"key crm", "key crm-two", "log crm", "log crm-two", "state crm", "state crm-two", "switch crm", "switch crm-two",
}

// without is everything but what ends in one of the names.
func without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(everything), func(l string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(l, name) })
	})
}

// left returns what there is on the bus.
func (s *suite) left() (out []string) {
	ctx := s.t.Context()
	for name, say := range map[string]func(key []string, value string) string{
		bus.BucketScriptState: func(key []string, value string) string {
			if key[0] == "callback" {
				_, id, _ := strings.Cut(value, "/connections/")
				id, _, _ = strings.Cut(id, `"`)
				return "callback " + id
			}
			return "state " + key[3]
		},
		bus.BucketIdempotency: func(key []string, _ string) string { return "key " + key[1] },
		bus.BucketRateBudgets: func(key []string, _ string) string {
			id, _, _ := strings.Cut(key[2], "/")
			return "budget " + key[0] + "/" + id
		},
		bus.BucketRequestLogs: func(key []string, _ string) string { return "switch " + key[1] },
	} {
		bucket, err := s.env.Bus.Bucket(ctx, name)
		must(s.t, err)
		keys, err := bucket.ListKeys(ctx)
		must(s.t, err)
		for key := range keys.Keys() {
			tokens, err := bus.ParseKey(key)
			must(s.t, err)
			entry, err := bucket.Get(ctx, key)
			if err != nil {
				continue // it goes just now
			}
			out = append(out, say(tokens, string(entry.Value())))
		}
	}
	stream, err := s.env.Bus.JetStream().Stream(ctx, bus.StreamRequestLog)
	must(s.t, err)
	for _, id := range []string{"crm", "crm-two"} {
		if _, err := stream.GetLastMsgForSubject(ctx, bus.RequestLogSubject("default", id)); err == nil {
			out = append(out, "log "+id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *suite) awaitLeft(want []string) {
	s.t.Helper()
	deadline, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	for deadline.Err() == nil && !slices.Equal(s.left(), want) {
		continue // each look takes a while
	}
	if diff := cmp.Diff(want, s.left()); diff != "" {
		s.t.Fatalf("left on the bus (-want +got):\n%s", diff)
	}
}

// announce tells that something has changed.
func (s *suite) announce(kind bus.ChangeKind, id string) {
	s.t.Helper()
	must(s.t, s.env.Bus.Publish(s.t.Context(), bus.Change{Kind: kind, Environment: "default", ID: id}.Message(fmt.Sprintf("%s %s %d", kind, id, s.clock.Now().UnixNano()))))
}

func (s *suite) remove(names ...string) {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	s.vault.deleted = map[string]bool{}
	for _, name := range names {
		s.vault.deleted[name] = true
	}
}

// TestADeletedConnectionLeavesNothing on the bus, and a changed one keeps all.
func TestADeletedConnectionLeavesNothing(t *testing.T) {
	s := leaving(t)
	s.awaitLeft(everything)
	s.remove(connection)
	s.announce(bus.ChangeConnection, "crm-two") // which was only changed
	s.announce(bus.ChangeConnection, "crm")
	s.awaitLeft(without(" crm", "connection/crm"))
}

// TestADeletedConnectionWhoseAnnouncementWasMissed is found by the next process
// that begins to listen.
func TestADeletedConnectionWhoseAnnouncementWasMissed(t *testing.T) {
	s := leaving(t)
	s.awaitLeft(everything)
	s.remove(otherConnection)
	s.another()
	s.awaitLeft(without(" crm-two", "connection/crm-two"))
}

// TestADeletedConnectorLeavesNothing of its own: its connections are still there.
func TestADeletedConnectorLeavesNothing(t *testing.T) {
	s := leaving(t)
	s.awaitLeft(everything)
	s.registry.change(func(r *registry) { r.gone = true })
	s.announce(bus.ChangeConnector, "crm")
	s.awaitLeft(slices.DeleteFunc(slices.Clone(everything), func(l string) bool { return strings.HasPrefix(l, "state ") || l == "budget connector/crm" }))
}

// TestNothingIsRemovedWhileNobodyKnowsWhatIsGone: it is removed when the vault
// answers again.
func TestNothingIsRemovedWhileNobodyKnowsWhatIsGone(t *testing.T) {
	s := leaving(t)
	s.awaitLeft(everything)
	s.remove(connection, otherConnection)
	s.vault.fail(fault.Unavailable(fault.ReasonServiceUnavailable, "the vault is away"))
	s.announce(bus.ChangeConnection, "crm")
	s.announce(bus.ChangeConnection, "crm-two")
	testkit.Await(t, "warnings", func() bool { return strings.Count(s.log.String(), "trying again in a minute") >= 2 })
	s.awaitLeft(everything)
	s.vault.fail(nil)
	s.clock.Advance(61 * time.Second)
	s.awaitLeft([]string{"budget connector/crm"})
}

// TestACallbackOfADeletedConnectionIsUnknown, also before anything was removed.
func TestACallbackOfADeletedConnectionIsUnknown(t *testing.T) {
	c := newCalledBack(t)
	token := c.subscribe("/hook/a")
	c.remove(connection)
	c.announce(bus.ChangeConnection, "crm")
	c.awaitLeft(nil)
	_, err := c.receive(&runtimev1.ReceiveCallbackRequest{Token: token, Method: "POST"})
	reasonIs(t, err, fault.ReasonCallbackUnknown)
}
