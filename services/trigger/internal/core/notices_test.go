package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// notices is a draft of a subscription to notices about a connection.
func notices(id, connection string) core.Draft {
	return core.Draft{Environment: "default", ID: id, Connection: resource.Connection{Environment: "default", ID: connection}, Notices: true}
}

// listen subscribes somebody to notices.
func (r *rig) listen(who core.Caller, id, connection string) core.Subscription {
	r.t.Helper()
	s, err := r.Create(r.t.Context(), who, notices(id, connection))
	if err != nil {
		r.t.Fatalf("%s listens to %s: %v", who.Principal.Name, connection, err)
	}
	return s
}

// lost is the notice that a connection of an owner needs to be authorized again.
func lost(connection, owner string) core.Notice {
	name := resource.Connection{Environment: "default", ID: connection}
	return core.Notice{
		ID: name.String() + "@1-2", Type: "ferrule.connection.needs-authorization", Source: name.String(), Time: start,
		Data: []byte(`{"owner":"` + owner + `"}`), Connection: name, ConnectionOwner: owner, Owner: owner,
	}
}

// suspended is the notice that a subscription of an owner, on somebody's connection, is
// suspended.
func suspended(subscription, owner, connection, connectionOwner string) core.Notice {
	n := lost(connection, connectionOwner)
	n.ID, n.Type, n.Source, n.Owner = subscription+"@1-suspended-2", "ferrule.subscription.suspended", named(subscription).String(), owner
	return n
}

// told returns the ids of the subscriptions that got an event, in their order.
func (r *rig) told() (ids []string) {
	r.t.Helper()
	for _, m := range r.bus.messages {
		if !strings.HasPrefix(m.Subject, "ferrule.event.") {
			continue
		}
		var e struct{ Subscription string }
		if err := json.Unmarshal(m.Data, &e); err != nil {
			r.t.Fatal(err)
		}
		name, err := resource.ParseSubscription(e.Subscription)
		if err != nil {
			r.t.Fatal(err)
		}
		ids = append(ids, name.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestANoticeIsForThoseWhoMaySeeWhatItIsAbout(t *testing.T) {
	for _, row := range []struct {
		name   string
		notice core.Notice
		want   []string
	}{
		{"the connection that somebody listens to", lost("shop", "ann"), []string{"ann-all", "ann-shop", "root-all", "root-shop"}},
		{"another one of the same owner", lost("bank", "ann"), []string{"ann-all", "root-all"}},
		{"one of somebody else", lost("bank", "bob"), []string{"bob-all", "root-all"}},
		{"another person's that has the name by now", lost("shop", "bob"), []string{"bob-all", "root-all"}},
		{"a subscription on the connection", suspended("new", "ann", "shop", "ann"), []string{"ann-all", "ann-shop", "root-all", "root-shop"}},
		{"another person's subscription on it", suspended("new", "bob", "shop", "ann"), []string{"bob-all", "root-all", "root-shop"}},
		{"a subscription of the time before owners of connections were noted", suspended("new", "ann", "shop", ""), []string{"ann-all", "ann-shop", "root-all", "root-shop"}},
		{"itself", suspended("ann-all", "ann", "bank", "ann"), []string{"root-all"}},
		{"a connection of another environment", func() core.Notice {
			n := lost("shop", "ann")
			n.Connection.Environment = "staging"
			return n
		}(), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			r.listen(ann, "ann-shop", "shop")
			r.listen(ann, "ann-all", core.EveryConnection)
			r.listen(bob, "bob-all", core.EveryConnection)
			r.listen(admin, "root-all", core.EveryConnection)
			r.listen(admin, "root-shop", "shop")
			r.create("new-items", "OnItemListed") // no subscription to notices
			if err := r.Notify(t.Context(), row.notice); err != nil {
				t.Fatal(err)
			}
			equal(t, "told", r.told(), row.want)
		})
	}
}

func TestANoticeBecomesAnEventWithItsTypeAndSource(t *testing.T) {
	r := newRig(t)
	s := r.listen(ann, "", core.EveryConnection)
	if s.Name.ID != "notices" || s.Connector.ID != "-" || s.Operation != "" {
		t.Errorf("it is %s of %s, %q", s.Name, s.Connector, s.Operation)
	}
	n := lost("shop", "ann")
	for range 2 {
		if err := r.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.bus.messages) != 1 || r.bus.dropped != 1 {
		t.Fatalf("%d messages, %d dropped", len(r.bus.messages), r.bus.dropped)
	}
	m := r.bus.messages[0]
	var got map[string]any
	if err := json.Unmarshal(m.Data, &got); err != nil {
		t.Fatal(err)
	}
	for attribute, want := range map[string]any{
		"type": n.Type, "source": n.Source, "id": m.ID, "time": "2026-03-01T12:00:00Z", "subscription": s.Name.String(),
		"datacontenttype": "application/json",
	} {
		if got[attribute] != want {
			t.Errorf("%s = %v, want %v", attribute, got[attribute], want)
		}
	}
	if m.Subject != "ferrule.event.default.-.notices.notices" {
		t.Errorf("its subject is %s", m.Subject)
	}
	if at := r.get("notices").Activity(); !at.Equal(start) {
		t.Errorf("it was last told something at %v", at)
	}
	if err := r.FlushActivity(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.restart(r.kv)
	if at := r.get("notices").Activity(); !at.Equal(start) {
		t.Errorf("after a restart it was last told something at %v", at)
	}
}

func TestWhatIsAboutAnAPIIsRefusedForNotices(t *testing.T) {
	for field, change := range map[core.Field]func(*core.Draft){
		core.FieldOperation:    func(d *core.Draft) { d.Operation = "OnItemListed" },
		core.FieldPolling:      func(d *core.Draft) { d.Polling = &connectorv1.PollingTrigger{} },
		core.FieldInput:        func(d *core.Draft) { d.Input = "{}" },
		core.FieldInterval:     func(d *core.Draft) { d.Recurrence.Interval = time.Hour },
		core.FieldCron:         func(d *core.Draft) { d.Recurrence.Cron = "0 8 * * *" },
		core.FieldTimeZone:     func(d *core.Draft) { d.Recurrence.Zone = "UTC" },
		core.FieldJitter:       func(d *core.Draft) { d.Recurrence.Jitter = new(time.Second) },
		core.FieldStart:        func(d *core.Draft) { d.Recurrence.Start = start },
		core.FieldEnd:          func(d *core.Draft) { d.Recurrence.End = start.Add(time.Hour) },
		core.FieldUnsigned:     func(d *core.Draft) { d.UnsignedAccepted = true },
		core.FieldSplit:        func(d *core.Draft) { d.Split = core.SplitWhole },
		core.FieldSuspendAfter: func(d *core.Draft) { d.SuspendAfter = time.Hour },
		core.FieldSignature:    func(d *core.Draft) { d.Signature = &signature.Rule{Scheme: "github"} },
		core.FieldSecret:       func(d *core.Draft) { d.Secret = []byte("s") },
	} {
		r := newRig(t)
		d := notices("n", "shop")
		change(&d)
		_, err := r.Create(t.Context(), ann, d)
		_, testing := r.TestDraft(t.Context(), ann, d, 1)
		r.listen(ann, "n", "shop")
		_, updating := r.Update(t.Context(), ann, named("n"), core.Change{Fields: []core.Field{field}, Values: d})
		for _, err := range []error{err, testing, updating} {
			violations := fault.From(err).Violations()
			if fault.CodeOf(err) != fault.CodeInvalidArgument || len(violations) != 1 || violations[0].Field != "subscription."+string(field) {
				t.Errorf("%s: %v, %v", field, err, violations)
			}
		}
	}
}

func TestNobodyListensToTheConnectionOfAnother(t *testing.T) {
	r := newRig(t)
	_, err := r.Create(t.Context(), bob, notices("n", "shop")) // it is shared with him
	wantReason(t, err, fault.ReasonPermissionDenied)
	_, err = r.Create(t.Context(), suite, notices("n", core.EveryConnection))
	wantReason(t, err, fault.ReasonPermissionDenied)
	_, err = r.Create(t.Context(), ann, notices("n", "gone"))
	wantReason(t, err, fault.ReasonConnectionNotFound)
	d := notices("n", core.EveryConnection)
	d.Connection.Environment = "staging"
	_, err = r.Create(t.Context(), ann, d)
	wantReason(t, err, fault.ReasonInvalidArgument)
	d = notices("n", core.EveryConnection)
	d.Notices, d.Operation = false, "OnItemListed"
	_, err = r.Create(t.Context(), ann, d)
	wantReason(t, err, fault.ReasonConnectionNotFound)
}

func TestWhoIsNoAdministratorAnyMoreGetsNothingOfOthersAndCanDeleteThat(t *testing.T) {
	r := newRig(t)
	d := notices("all", core.EveryConnection)
	d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: "https://example.com/ops"}}}
	s, err := r.Create(t.Context(), admin, d)
	if err != nil {
		t.Fatal(err)
	}
	sink := s.Sinks[0].ID
	former := admin
	former.Principal.Roles = ann.Principal.Roles
	name := named("all")
	_, told := r.Told(t.Context(), former, name)
	_, updated := r.Update(t.Context(), former, name, core.Change{Fields: []core.Field{core.FieldDescription}})
	_, resumed := r.Resume(t.Context(), former, name, false)
	_, replayed := r.Replay(t.Context(), former, name, core.Replay{})
	_, tested := r.Test(t.Context(), former, name, 1)
	_, read := r.SinkSecret(t.Context(), former, name, sink)
	_, rotated := r.RotateSinkSecret(t.Context(), former, name, sink)
	for _, err := range []error{told, updated, resumed, replayed, tested, read, rotated} {
		wantReason(t, err, fault.ReasonPermissionDenied)
	}
	if _, err := r.Told(t.Context(), admin, name); err != nil {
		t.Error(err)
	}
	if _, err := r.SinkSecret(t.Context(), admin, name, sink); err != nil {
		t.Error(err)
	}
	if _, err := r.Pause(t.Context(), former, name); err != nil {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), former, name); err != nil {
		t.Error(err)
	}
}

func TestNoticesArePausedChangedAndDeleted(t *testing.T) {
	r := newRig(t)
	s := r.listen(ann, "n", "shop")
	if state, why := s.State(); state != core.StateActive || why != "" {
		t.Errorf("it is %v: %s", state, why)
	}
	step := func(what string, err error, want int) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		n := lost("shop", "ann")
		n.ID = what
		if err := r.Notify(t.Context(), n); err != nil || len(r.told()) != want {
			t.Errorf("%s, then %d events, want %d (%v)", what, len(r.told()), want, err)
		}
	}
	_, err := r.Pause(t.Context(), ann, s.Name)
	step("paused", err, 0)
	if r.state("n") != core.StatePaused {
		t.Errorf("it is %v", r.state("n"))
	}
	_, err = r.Resume(t.Context(), ann, s.Name, false)
	step("resumed", err, 1)
	changed, err := r.Update(t.Context(), ann, s.Name, core.Change{
		Fields: []core.Field{core.FieldDescription, core.FieldSinks, core.FieldSource, core.FieldConnection},
		Values: core.Draft{Notices: true, Connection: s.Connection, Description: "why", Sinks: []core.Sink{{ID: "a", HTTP: &core.HTTPSink{URL: "https://example.com/"}}}},
	})
	step("changed", err, 2)
	if changed.Description != "why" || len(changed.Sinks) != 1 || changed.Etag() == s.Etag() {
		t.Errorf("it is %+v", changed)
	}
	_, err = r.Update(t.Context(), ann, s.Name, core.Change{Fields: []core.Field{core.FieldSource}})
	wantReason(t, err, fault.ReasonInvalidArgument)
	_, err = r.Update(t.Context(), bob, s.Name, core.Change{Fields: []core.Field{core.FieldDescription}})
	wantReason(t, err, fault.ReasonSubscriptionNotFound)
	step("deleted", r.Delete(t.Context(), ann, s.Name), 2)
	if r.listen(ann, "n", "shop").UID == s.UID { // the name is free again
		t.Error("it is the same")
	}
	if len(r.troubles) > 0 {
		t.Errorf("troubles: %q", r.troubles)
	}
}

func TestATestShowsANotice(t *testing.T) {
	r := newRig(t)
	example, err := r.TestDraft(t.Context(), ann, notices("", core.EveryConnection), 1)
	if err != nil || example.Source != core.SampleDescription || len(example.Events) != 1 || example.Events[0].Type != "ferrule.connection.needs-authorization" {
		t.Fatalf("%+v, %v", example, err)
	}
	s := r.listen(ann, "n", "shop")
	sample, err := r.Test(t.Context(), ann, s.Name, 1)
	if err != nil || sample.Source != core.SampleDescription || sample.Events[0].Source != s.Connection.String() || !json.Valid(sample.Events[0].Data) {
		t.Fatalf("%+v, %v", sample, err)
	}
	if err := r.Notify(t.Context(), lost("shop", "ann")); err != nil {
		t.Fatal(err)
	}
	if sample, err = r.Test(t.Context(), ann, s.Name, 1); err != nil || sample.Source != core.SampleEvent {
		t.Errorf("%+v, %v", sample, err)
	}
	if len(r.told()) != 1 {
		t.Errorf("a test published: %q", r.told())
	}
}

func TestAFailureAtAnyNoticeTellsEverybodyOnceMore(t *testing.T) {
	for at := range 3 {
		r := newRig(t)
		for i := range 3 {
			r.listen(ann, fmt.Sprint("n", i), core.EveryConnection)
		}
		n, published := lost("shop", "ann"), 0
		fail := func(outbox.Message) error {
			if published++; published-1 == at {
				return errBroken
			}
			return nil
		}
		if at%2 == 0 {
			r.bus.before = fail
		} else {
			r.bus.after = fail
		}
		if err := r.Notify(t.Context(), n); err == nil {
			t.Fatal("nobody knows that it failed")
		}
		if err := r.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		equal(t, "told", r.told(), []string{"n0", "n1", "n2"})
	}
}

// together publishes events when as many as are expected are under way.
type together struct {
	core.Events

	underWay sync.WaitGroup
}

func (e *together) Publish(ctx context.Context, event core.Event) error {
	e.underWay.Done()
	e.underWay.Wait()
	return e.Events.Publish(ctx, event)
}

func TestTheEventsOfANoticeArePublishedAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		all := &together{Events: r.Events}
		for i := range core.MaxNotices {
			r.listen(ann, fmt.Sprint("n", i), core.EveryConnection)
		}
		all.underWay.Add(core.MaxNotices)
		r.Events = all
		if err := r.Notify(t.Context(), lost("shop", "ann")); err != nil || len(r.told()) != core.MaxNotices {
			t.Errorf("%d are told, %v", len(r.told()), err)
		}
	})
}

func TestASubscriptionThatCannotBeReadKeepsNobodyFromBeingTold(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"n0", "n1", "n2"} {
		s := r.listen(ann, id, core.EveryConnection)
		if id != "n1" {
			continue
		}
		err := r.kv.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("s/"+s.UID), []byte("damaged")) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Notify(t.Context(), lost("shop", "ann")); err != nil {
		t.Fatal(err)
	}
	equal(t, "told", r.told(), []string{"n0", "n2"})
	if len(r.troubles) != 1 || !strings.Contains(r.troubles[0], "cannot be read") {
		t.Errorf("troubles: %q", r.troubles)
	}
}

func TestSubscriptionsToNoticesAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range core.MaxNotices {
		r.listen(ann, fmt.Sprint("ann-", i), core.EveryConnection)
		r.listen(admin, fmt.Sprint("root-", i), core.EveryConnection)
	}
	for _, who := range []core.Caller{ann, admin} {
		_, err := r.Create(t.Context(), who, notices("more", core.EveryConnection))
		wantReason(t, err, fault.ReasonLimitReached)
	}
	r.listen(bob, "bob", core.EveryConnection)
	if err := r.Notify(t.Context(), lost("shop", "ann")); err != nil || len(r.told()) != 2*core.MaxNotices {
		t.Errorf("%d are told, %v", len(r.told()), err)
	}
	if err := r.Delete(t.Context(), ann, named("ann-7")); err != nil {
		t.Fatal(err)
	}
	r.listen(ann, "more", "shop")
}
