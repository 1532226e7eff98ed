package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// way is how an API confirms a registration.
type way string

const (
	relative way = "Location with a path"
	absolute way = "Location with a URL"
	silent   way = "no Location"
)

// Each webhook trigger of the packages is subscribed to in a running suite. The call
// that registers the callback has to be what the description says, with the callback
// URL where it is marked; what the API sends there has to become an event with the
// same content; and the deletion of the subscription has to call what removes the
// registration, which the API named in three ways.
func TestWebhookTriggersOfConnectorPackagesAreRegisteredNotifiedAndRemoved(t *testing.T) {
	root := filepath.Join(corpus, "powerplatform")
	w := &webhookTrial{clients: startSuite(t), api: startHooked(t), counts: map[string]int{}}
	for i, name := range packages(t, root) {
		text, err := os.ReadFile(filepath.Join(root, name, "apiDefinition.swagger.json"))
		if err != nil || !bytes.Contains(text, []byte(`"x-ms-notification-url"`)) && !bytes.Contains(text, []byte(`"x-ms-trigger"`)) {
			continue
		}
		if s, err := readPackage(root, name); err == nil {
			w.try(t, fmt.Sprintf("w-%d", i), s)
		}
	}
	t.Logf("%d webhook triggers", w.counts["triggers"])
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		t.Logf("%6d %s", w.counts[what], what)
	}
	for _, line := range w.failures {
		t.Log(line)
	}
	if named, found := w.counts[string(relative)+": "+removed], w.counts[string(silent)+": "+removed]; found < named/2 {
		t.Errorf("without a Location %d are removed, of %d that can be", found, named)
	}
	if w.counts["triggers"] == 0 || len(w.failures) > 0 {
		t.Errorf("%d failures at %d triggers", len(w.failures), w.counts["triggers"])
	}
}

// webhookTrial subscribes to triggers and counts what comes of it.
type webhookTrial struct {
	clients  clients
	api      *hooked
	counts   map[string]int
	failures []string
	nth      int
}

var errTrial = errors.New("not as described")

// wrong makes an error of a mismatch.
func wrong(class, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", errTrial, class, fmt.Sprintf(format, args...))
}

// try subscribes to the webhook triggers of a package.
func (w *webhookTrial) try(t *testing.T, id string, s subject) {
	t.Helper()
	operations, err := w.clients.connect(t.Context(), id, s.locate(w.api.host))
	if err != nil {
		w.failures = append(w.failures, fmt.Sprintf("%s: %v", s.name, err))
		return
	}
	for _, e := range s.doc.endpoints() {
		op := operations[e.key()]
		if op == nil {
			op = operations[strings.ToUpper(e.method)+" /"+e.path]
		}
		if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER {
			if _, body := s.doc.markedBody(e); body != nil && e.op["x-ms-trigger"] != nil {
				w.fail(s, e, "all", wrong("no trigger", "%s", op.GetKind()))
			}
			continue
		}
		w.counts["triggers"]++
		for _, how := range []way{relative, absolute, silent} {
			what, err := w.live(t, id, s, e, op, how)
			w.counts[string(how)+": "+what]++
			if err != nil {
				w.fail(s, e, how, err)
			}
			if what == needsCode {
				break
			}
		}
	}
}

func (w *webhookTrial) fail(s subject, e endpoint, how way, err error) {
	w.failures = append(w.failures, fmt.Sprintf("%s, %s (%s): %v", s.name, e.key(), how, err))
}

// What can come of a subscription.
const (
	needsCode   = "needs custom code that is not there"
	failed      = "FAILED"
	noDeletion  = "registered and notified; the description has nothing that removes it"
	notNamed    = "registered and notified; what removes it needs more than a Location can say"
	removed     = "registered, notified and removed"
	untold      = "registered and notified; no answer is described that would tell what is to be removed"
	leftBehind  = "registered and notified; the answer does not tell what is to be removed"
	noCallbacks = "the description has no place for the callback URL"
)

// live is the life of one subscription, and says what came of it.
func (w *webhookTrial) live(t *testing.T, id string, s subject, e endpoint, op *connectorv1.Operation, how way) (string, error) {
	t.Helper()
	mark, body := s.doc.markedBody(e)
	c, problem := s.call(e, required)
	if problem != "" {
		return failed, wrong("no input", "%s", problem)
	}
	w.nth++
	r := w.prepare(s, e, how)
	input := c.input
	if body != nil && input["body"] == nil { // it may be left out, but not by who registers a callback
		input["body"], _ = generator{doc: s.doc, mode: required, request: true}.value(body, 0, 0)
	}
	if body != nil {
		input["body"] = withoutLeaf(input["body"], mark)
	}
	name := fmt.Sprintf("%s-%d", id, w.nth)
	sub, err := w.clients.triggers.CreateSubscription(t.Context(), &triggerv1.CreateSubscriptionRequest{
		Parent: environment, SubscriptionId: name, Subscription: &triggerv1.Subscription{
			Connection: environment + "/connections/" + id, OperationId: op.GetOperationId(), Input: string(writeJSON(input)), UnsignedAccepted: true,
		},
	})
	switch {
	case err != nil && grpcx.FromStatus(err).Reason() == fault.ReasonCustomCodeRequired:
		return needsCode, nil
	case err != nil && body == nil && grpcx.FromStatus(err).Reason() == fault.ReasonTriggerNotSupported:
		return noCallbacks, nil
	case err != nil:
		return failed, wrong("refused", "%v, input %s", err, writeJSON(input))
	}
	callback, err := w.registered(s, e, input, mark)
	if err == nil {
		err = w.arrives(t, sub, callback, s.doc.notification(e))
	}
	if err != nil {
		_ = w.remove(t, sub)
		return failed, err
	}
	if err := w.remove(t, sub); err != nil {
		return failed, err
	}
	return w.judgeRemoval(r)
}

// expectedRemoval is what has to come when a subscription is deleted.
type expectedRemoval struct {
	how      way
	known    bool // to whoever reads the description
	nameable bool
	want     expectation
	path     string   // the template
	ids      []string // that the answer holds
}

// prepare has the API confirm the next registration.
func (w *webhookTrial) prepare(s subject, e endpoint, how way) expectedRemoval {
	r := expectedRemoval{how: how}
	deletion, ok := s.doc.deletion(e)
	answer, ids := s.doc.confirmation(e, deletion, w.nth)
	location := ""
	if ok {
		var c call
		r.known, r.path, r.ids = true, deletion.path, ids
		c, location, r.nameable = s.doc.removal(deletion, w.nth)
		r.want = c.want
	}
	switch {
	case how == silent:
		location = ""
	case how == absolute && location != "":
		location = "http://" + w.api.host + location
	}
	w.api.begin(location, answer)
	return r
}

// registered judges the registration and returns the callback URL in it.
func (w *webhookTrial) registered(s subject, e endpoint, input object, mark []string) (string, error) {
	seen := w.api.requests()
	if len(seen) != 1 {
		return "", wrong("registration", "got %d requests, want 1", len(seen))
	}
	body, err := readJSON(seen[0].body)
	if err != nil {
		return "", wrong("body", "%v: %s", err, seen[0].body)
	}
	callback := leafAt(body, mark)
	if !strings.HasPrefix(callback, w.clients.url+"/hooks/") {
		return "", wrong("callback", "%q is at %v of %s", callback, mark, seen[0].body)
	}
	input["body"] = withLeaf(input["body"], mark, callback)
	c, problem := s.doc.swaggerCallWith(e, required, input)
	if problem != "" {
		return "", wrong("no input", "%s", problem)
	}
	if m, bad := c.want.judge(seen[0]); bad {
		return "", wrong(m.class, "%s", m.detail)
	}
	return callback, nil
}

// arrives has the API call back, and looks for the event.
func (w *webhookTrial) arrives(t *testing.T, sub *triggerv1.Subscription, callback string, payload []byte) error {
	t.Helper()
	status, err := post(t.Context(), callback, payload)
	if err != nil || status < 200 || status > 299 {
		return wrong("notification", "status %d, %v", status, err)
	}
	var events []*triggerv1.Event
	testkit.Await(t, "an event of "+sub.GetName(), func() bool {
		list, err := w.clients.triggers.ListEvents(t.Context(), &triggerv1.ListEventsRequest{Parent: sub.GetName(), PageSize: 10})
		events = list.GetEvents()
		return err == nil && len(events) > 0
	})
	got, err := readJSON([]byte(events[0].GetData()))
	want, err2 := readJSON(payload)
	if err != nil || err2 != nil || !bytes.Equal(writeJSON(got), writeJSON(want)) {
		return wrong("event", "got %s, want %s", events[0].GetData(), payload)
	}
	return nil
}

func post(ctx context.Context, url string, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// remove deletes a subscription and waits until it is gone.
func (w *webhookTrial) remove(t *testing.T, sub *triggerv1.Subscription) error {
	t.Helper()
	if _, err := w.clients.triggers.DeleteSubscription(t.Context(), &triggerv1.DeleteSubscriptionRequest{Name: sub.GetName()}); err != nil {
		return wrong("deletion", "%v", err)
	}
	why := ""
	testkit.Await(t, "the end of "+sub.GetName(), func() bool {
		now, err := w.clients.triggers.GetSubscription(t.Context(), &triggerv1.GetSubscriptionRequest{Name: sub.GetName()})
		if strings.Contains(now.GetStateReason(), "could not be removed") {
			why = now.GetStateReason()
		}
		return why != "" || err != nil && grpcx.FromStatus(err).Code() == fault.CodeNotFound
	})
	if why != "" {
		return wrong("removal", "%s", why)
	}
	return nil
}

// judgeRemoval compares what came when a subscription was deleted with what had to.
func (w *webhookTrial) judgeRemoval(r expectedRemoval) (string, error) {
	seen := w.api.requests()[1:]
	switch {
	case !r.known && len(seen) == 0:
		return noDeletion, nil
	case len(seen) > 1:
		return failed, wrong("removal", "got %d requests, want 1", len(seen))
	case len(seen) == 0 && r.how == silent && len(r.ids) == 0:
		return untold, nil
	case len(seen) == 0 && r.how == silent:
		return leftBehind, nil
	case len(seen) == 0 && !r.nameable:
		return notNamed, nil
	case len(seen) == 0:
		return failed, wrong("removal", "nothing was removed; want DELETE %s", r.want.path)
	case r.how != silent && r.nameable:
		if m, bad := r.want.judge(seen[0]); bad {
			return failed, wrong("removal "+m.class, "%s", m.detail)
		}
		return removed, nil
	}
	// Without a Location the ids are those of the answer.
	known := slices.ContainsFunc(r.ids, func(id string) bool { return strings.Contains(seen[0].target, id) })
	if seen[0].method != http.MethodDelete || !known && strings.Contains(r.path, "{") {
		return failed, wrong("removal", "%s %s has none of the ids %v", seen[0].method, seen[0].target, r.ids)
	}
	return removed, nil
}
