package callback_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/callback"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func entry() callback.Entry {
	return callback.Entry{Connection: resource.Connection{Environment: "default", ID: "crm"}, Owner: "ada", Path: "/hook?a=1", Operation: "Register", Code: "c0de"}
}

func newStore(t *testing.T) (*callback.Store, jetstream.KeyValue) {
	t.Helper()
	kv, err := testkit.NewNATS(t).Bucket(t.Context(), bus.BucketScriptState)
	must(t, err)
	return callback.NewStore(kv), kv
}

func TestATokenIsOfOneEntryAndOneKey(t *testing.T) {
	key := []byte("link key")
	token := callback.Token(key, entry())
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 || token != callback.Token(key, entry()) {
		t.Fatalf("token = %q, %v", token, err)
	}
	for name, change := range map[string]func(*callback.Entry){
		"another connection":                  func(e *callback.Entry) { e.Connection.ID = "crm2" },
		"another environment":                 func(e *callback.Entry) { e.Connection.Environment = "prod" },
		"another owner":                       func(e *callback.Entry) { e.Owner = "bob" },
		"another path":                        func(e *callback.Entry) { e.Path = "/hook?a=2" },
		"another operation":                   func(e *callback.Entry) { e.Operation = "Search" },
		"other code":                          func(e *callback.Entry) { e.Code = "c0df" },
		"the same letters in other places":    func(e *callback.Entry) { e.Owner, e.Path = "ada/", "hook?a=1" },
		"letters that look like the boundary": func(e *callback.Entry) { e.Owner, e.Path = "ada9:/hook?a=1", "" },
	} {
		e := entry()
		change(&e)
		if callback.Token(key, e) == token || callback.Belongs(token, key, e) {
			t.Errorf("%s has the same token", name)
		}
	}
	if !callback.Belongs(token, key, entry()) || callback.Belongs(token, []byte("another key"), entry()) || callback.Belongs(callback.Token(nil, entry()), nil, entry()) {
		t.Error("a token belongs to its key, and to no other and not to none")
	}
}

func TestPathsOfCallbacks(t *testing.T) {
	for _, row := range []struct {
		path string
		good bool
	}{
		{"/hook", true},
		{"/", true},
		{"/a%20b/%2F?x=1&y=../z", true},
		{"/" + strings.Repeat("a", callback.MaxPath-1), true},
		{"/" + strings.Repeat("a", callback.MaxPath), false},
		{"", false},
		{"hook", false},
		{"https://elsewhere.example/hook", false},
		{"/a/../b", false},
		{"/a/%2e%2e/b", false},
		{"/a b", false},
		{"/a#b", false},
		{"/a\r\nb", false},
		{"/a\x00", false},
	} {
		err := callback.Check(row.path)
		if row.good != (err == nil) || (err != nil && fault.ReasonOf(err) != fault.ReasonInvalidArgument) {
			t.Errorf("Check(%.40q) = %v", row.path, err)
		}
	}
}

func TestEntriesAreKeptAndForgotten(t *testing.T) {
	store, kv := newStore(t)
	token := callback.Token([]byte("k"), entry())
	must(t, store.Put(t.Context(), token, entry()))
	got, err := store.Get(t.Context(), token)
	must(t, err)
	if diff := cmp.Diff(entry(), got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	before, err := kv.Get(t.Context(), bus.Key("callback", token))
	must(t, err)
	must(t, store.Put(t.Context(), token, entry()))
	if after, err := kv.Get(t.Context(), bus.Key("callback", token)); err != nil || after.Revision() != before.Revision() {
		t.Error("what is there already is written again")
	}
	must(t, store.Delete(t.Context(), token))
	must(t, store.Delete(t.Context(), token))
	if _, err := store.Get(t.Context(), token); fault.ReasonOf(err) != fault.ReasonCallbackUnknown {
		t.Errorf("error = %v", err)
	}
}

func TestTokensThatLeadNowhere(t *testing.T) {
	store, kv := newStore(t)
	token := callback.Token([]byte("k"), entry())
	must(t, store.Put(t.Context(), token, entry()))
	for name, text := range map[string]string{"not JSON": "{", "no connection": `{"connection":"crm","owner":"ada","path":"/"}`} {
		broken := callback.Token([]byte(name), entry())
		_, err := kv.Put(t.Context(), bus.Key("callback", broken), []byte(text))
		must(t, err)
		if _, err := store.Get(t.Context(), broken); fault.ReasonOf(err) != fault.ReasonCallbackUnknown {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	swapped := strings.ToUpper(token)
	if swapped == token {
		swapped = strings.ToLower(token)
	}
	for _, bad := range []string{"", "x", token[1:], token + "A", token + "\n", token[:42] + "!", "*", ">", "../" + token, swapped, strings.Repeat("A", 43)} {
		_, err := store.Get(t.Context(), bad)
		if f := fault.From(err); err == nil || f.Reason() != fault.ReasonCallbackUnknown || f.Code() != fault.CodeNotFound || len(f.Meta()) != 0 {
			t.Errorf("Get(%q) = %v", bad, err)
		}
	}
}

func TestABusThatIsAway(t *testing.T) {
	b := testkit.NewNATS(t)
	kv, err := b.Bucket(t.Context(), bus.BucketScriptState)
	must(t, err)
	store, token := callback.NewStore(kv), callback.Token([]byte("k"), entry())
	b.Conn().Close()
	_, err = store.Get(t.Context(), token)
	for _, err := range []error{err, store.Put(t.Context(), token, entry()), store.Delete(t.Context(), token)} {
		if fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
			t.Errorf("error = %v", err)
		}
	}
}
