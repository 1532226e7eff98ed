package script_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
)

func bucket(t *testing.T) jetstream.KeyValue {
	t.Helper()
	kv, err := testkit.NewNATS(t).Bucket(t.Context(), bus.BucketScriptState)
	must(t, err)
	return kv
}

// at is a place of a connection of the connector crm.
func at(environment, connection, key string) script.Place {
	return script.Place{Connection: resource.Connection{Environment: environment, ID: connection}, Connector: "crm", Key: []byte(key)}
}

func load(t *testing.T, s script.States, place script.Place, key string) string {
	t.Helper()
	value, err := s.Load(t.Context(), place, key)
	must(t, err)
	return string(value)
}

func TestStateOutlivesTheCall(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	if _, err := newRig(t, runner).value(`ctx.state.set('cursor', {page: 3, tags: ['ä']}); ctx.state.set('n', null)`); err != nil {
		t.Fatal(err)
	}
	got, err := newRig(t, runner).value(`const seen = [ctx.state.get('cursor'), ctx.state.get('n') ?? 'nothing', ctx.state.get('none') ?? 'nothing'];
		ctx.state.delete('cursor'); ctx.state.delete('none'); return [...seen, ctx.state.get('cursor') ?? 'gone']`)
	if want := `[{"page":3,"tags":["ä"]},"nothing","nothing","gone"]`; err != nil || got != want {
		t.Errorf("state = %s, %v, want %s", got, err, want)
	}
}

// TestCodeSeesTheStateOfItsNamespaceAlone: what the code of a former author has kept is
// not there for code that declares another namespace, and an edit loses nothing.
func TestCodeSeesTheStateOfItsNamespaceAlone(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	run := func(head, body string) string {
		t.Helper()
		r := newRig(t, runner)
		r.load(head + "\nexport function handle(request, ctx) { return new Response({json: (() => {\n" + body + "\n})() ?? null}) }")
		req := item()
		resp, err := r.runner.Handle(t.Context(), r.run, &req)
		must(t, err)
		return string(resp.Body)
	}
	const get = `return ctx.state.get('url') ?? 'nothing'`
	run("", `ctx.state.set('url', 'https://evil.example')`)
	if got := run("", get+" // edited"); got != `"https://evil.example"` {
		t.Errorf("without a namespace: %s", got)
	}
	if got := run("//# state=2026-orchid", get); got != `"nothing"` {
		t.Errorf("in a namespace of its own: %s", got)
	}
	run("  //# state=2026-orchid  ", `ctx.state.set('url', 'https://good.example')`)
	for head, want := range map[string]string{
		"//# state=2026-orchid\n// edited": `"https://good.example"`, "//# state=2026-lily": `"nothing"`, "": `"nothing"`,
		"// the line //# state=2026-orchid has to stand alone": `"nothing"`,
	} {
		if got := run(head, get); got != want {
			t.Errorf("%q: %s, want %s", head, got, want)
		}
	}
	t.Run("what others have kept takes no room", func(t *testing.T) {
		run("//# state=former", `for (let i = 0; i < 98; i++) ctx.state.set('k' + i, i)`)
		if got := run("//# state=later", `for (let i = 0; i < 100; i++) ctx.state.set('n' + i, i); return ctx.state.get('n99')`); got != "99" {
			t.Errorf("got %s", got)
		}
	})
}

func TestPlacesAreApart(t *testing.T) {
	s := script.NewStates(bucket(t))
	mine := at("default", "crm", "key")
	must(t, s.Store(t.Context(), mine, "k", json.RawMessage(`"mine"`)))
	other := mine
	other.Connector = "erp"
	for name, place := range map[string]script.Place{
		"another connection": at("default", "crm2", "key"), "another environment": at("prod", "crm", "key"), "another connector": other,
		"a connection of that name with another key": at("default", "crm", "other key"),
	} {
		if got := load(t, s, place, "k"); got != "" {
			t.Errorf("%s has %s", name, got)
		}
	}
	if got := load(t, s, mine, "k"); got != `"mine"` {
		t.Errorf("value = %s", got)
	}
	// What the new connection keeps under the name is its own.
	recreated := at("default", "crm", "other key")
	must(t, s.Store(t.Context(), recreated, "k", json.RawMessage(`"new"`)))
	if got := load(t, s, recreated, "k"); got != `"new"` {
		t.Errorf("value = %s", got)
	}
	if got := load(t, s, mine, "k"); got != "" {
		t.Errorf("the old key still opens %s", got)
	}
}

func TestValuesCannotBeMovedInTheBucket(t *testing.T) {
	kv := bucket(t)
	s := script.NewStates(kv)
	place := at("default", "crm", "key")
	must(t, s.Store(t.Context(), place, "a", json.RawMessage(`1`)))
	entry, err := kv.Get(t.Context(), bus.Key("state", "default", "crm", "crm", "a"))
	must(t, err)
	_, err = kv.Put(t.Context(), bus.Key("state", "default", "crm", "crm", "b"), entry.Value())
	must(t, err)
	if got := load(t, s, place, "b"); got != "" {
		t.Errorf("a moved value reads %s", got)
	}
}

func TestTheBusCannotReadValues(t *testing.T) {
	kv := bucket(t)
	s := script.NewStates(kv)
	must(t, s.Store(t.Context(), at("default", "crm", "key"), "token", json.RawMessage(`"canary-state"`)))
	must(t, s.Store(t.Context(), at("default", "crm", "key"), "again", json.RawMessage(`"canary-state"`)))
	keys, err := kv.Keys(t.Context())
	must(t, err)
	var sealed [][]byte
	for _, key := range keys {
		entry, err := kv.Get(t.Context(), key)
		must(t, err)
		if bytes.Contains(entry.Value(), []byte("canary")) || strings.Contains(key, "canary") {
			t.Errorf("%s is kept as %q", key, entry.Value())
		}
		sealed = append(sealed, entry.Value())
	}
	if len(sealed) != 2 || bytes.Equal(sealed[0], sealed[1]) {
		t.Error("two values that are the same look the same")
	}
}

func TestBoundsOfStates(t *testing.T) {
	s := script.NewStates(bucket(t))
	place := at("default", "crm", "key")
	long := json.RawMessage(`"` + strings.Repeat("x", script.MaxStateValue-2) + `"`)
	for _, row := range []struct {
		name, key string
		value     json.RawMessage
		place     script.Place
		reason    fault.Reason
	}{
		{"the longest value", "long", long, place, ""},
		{"one byte more", "long", append(long, ' '), place, fault.ReasonScriptFailed},
		{"the longest key", strings.Repeat("k", script.MaxStateKey), long, place, ""},
		{"one byte more in the key", strings.Repeat("k", script.MaxStateKey+1), long, place, fault.ReasonScriptFailed},
		{"a key with every character", "a.b *>/\x00ü\n", long, place, ""},
		{"no key", "", long, place, fault.ReasonScriptFailed},
		{"a connection without a key", "k", long, at("default", "crm", ""), fault.ReasonConnectionNotReady},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := s.Store(t.Context(), row.place, row.key, row.value)
			if row.reason != "" {
				failing(t, err, row.reason)
				return
			}
			must(t, err)
			if got := load(t, s, row.place, row.key); got != string(row.value) {
				t.Errorf("%d bytes came back", len(got))
			}
		})
	}
	if _, err := s.Load(t.Context(), at("default", "crm", ""), "k"); fault.ReasonOf(err) != fault.ReasonConnectionNotReady {
		t.Errorf("error = %v", err)
	}
	if _, err := s.Load(t.Context(), place, ""); fault.ReasonOf(err) != fault.ReasonScriptFailed {
		t.Errorf("error = %v", err)
	}
}

func TestOneConnectionKeepsAHundredValues(t *testing.T) {
	s := script.NewStates(bucket(t))
	place := at("default", "crm", "key")
	for n := range script.MaxStateKeys {
		must(t, s.Store(t.Context(), place, fmt.Sprint(n), json.RawMessage(`1`)))
	}
	failing(t, s.Store(t.Context(), place, "one more", json.RawMessage(`1`)), fault.ReasonScriptLimitExceeded, "100")
	must(t, s.Store(t.Context(), place, "7", json.RawMessage(`2`)))                        // one that there is
	must(t, s.Store(t.Context(), at("default", "crm2", "key"), "k", json.RawMessage(`1`))) // somebody else's
	must(t, s.Store(t.Context(), place, "7", nil))
	must(t, s.Store(t.Context(), place, "one more", json.RawMessage(`1`)))
	failing(t, s.Store(t.Context(), place, "two more", json.RawMessage(`1`)), fault.ReasonScriptLimitExceeded)

	recreated := at("default", "crm", "the key of a connection that was made anew")
	must(t, s.Store(t.Context(), recreated, "two more", json.RawMessage(`1`)))
	if got := load(t, s, place, "8"); got != "" {
		t.Errorf("what the old connection kept is still there: %s", got)
	}
}

func TestABusThatIsAway(t *testing.T) {
	b := testkit.NewNATS(t)
	kv, err := b.Bucket(t.Context(), bus.BucketScriptState)
	must(t, err)
	s := script.NewStates(kv)
	b.Conn().Close()
	_, err = s.Load(t.Context(), at("default", "crm", "key"), "k")
	failing(t, err, fault.ReasonServiceUnavailable)
	failing(t, s.Store(t.Context(), at("default", "crm", "key"), "k", json.RawMessage(`1`)), fault.ReasonServiceUnavailable)
	failing(t, s.Store(t.Context(), at("default", "crm", "key"), "k", nil), fault.ReasonServiceUnavailable)
}
