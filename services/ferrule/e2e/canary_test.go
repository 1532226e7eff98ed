package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// canary is a key that is easy to find again and that nobody could make by
// chance. Characters that URLs and JSON escape are part of it.
const canary = `canary/7f3c"d19e+5b&a8`

// forms are the ways in which a secret could be written down.
func forms(secret string) [][]byte {
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)), strings.ReplaceAll(secret, `"`, `\"`)}
	// In base64 a text looks different for each of three positions; the ends
	// depend on what is beside it and are cut.
	for skip := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + secret))
		all = append(all, coded[4:len(coded)-4], strings.NewReplacer("+", "-", "/", "_").Replace(coded[4:len(coded)-4]))
	}
	var out [][]byte
	for _, form := range all {
		out = append(out, []byte(form))
	}
	return out
}

// mentions tells whether text holds the secret in any form.
func mentions(text []byte, secret string) bool {
	for _, form := range forms(secret) {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}

func TestASecretIsNowhereToBeRead(t *testing.T) {
	t.Parallel()
	shop, rogue := startInventory(t, canary), startRogue(t)
	s := up(t, suiteOptions{data: t.TempDir(), logLevel: "debug"})
	var answers strings.Builder
	say := func(method, path, body string) {
		t.Helper()
		got := s.request(t, method, path, s.token, body)
		answers.WriteString(method + " " + path + "\n" + got.body + "\n")
		_ = got.header.Write(&answers)
	}
	c := s.overREST()
	c.connect(t, "shop", shop.url, canary)
	c.connect(t, "rogue", rogue.url, canary)
	subscribe(t, c, "listed", "OnItemListed", time.Second, "http://127.0.0.1:1/nobody")
	const base = "/v1/environments/default/"
	say("POST", base+"subscriptions?subscription_id=on-rogue", `{"connection": "environments/default/connections/rogue", "operation_id": "OnRogue"}`)
	if len(rogue.confided()) != 2 {
		t.Fatalf("the webhook was not registered:\n%s", answers.String())
	}
	if _, err := shop.create(t.Context(), "Something to see"); err != nil {
		t.Fatal(err)
	}
	var events []*triggerv1.Event
	testkit.Await(t, "an event", func() bool {
		events = must[[]*triggerv1.Event](t, "list events")(c.events(t.Context(), "listed"))
		return len(events) > 0
	})
	for _, e := range events {
		text, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		answers.Write(text)
	}
	provoke(say)
	echo, err := s.overGRPC(t, s.token).invoke(t, "rogue", "Echo", "")
	if err != nil {
		t.Fatal(err)
	}
	answers.WriteString(echo.GetError().String()) // the body is the API's own
	metrics := s.request(t, "GET", "/metrics", "", "").body
	if code := s.terminate(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	log := s.out.String()
	for what, secret := range map[string]string{
		"the API key": canary, "the bearer token": s.token,
		"the webhook's secret": rogue.confided()[0], "the callback's token": rogue.confided()[1],
	} {
		for where, text := range map[string]string{"the log": log, "an answer": answers.String(), "the metrics": metrics} {
			if mentions([]byte(text), secret) {
				t.Errorf("%s is in %s:\n%s", what, where, around(text, secret))
			}
		}
		for _, file := range filesWith(t, s.data, secret) {
			if what == "the bearer token" && file == "admin.token" {
				continue // that is where it belongs
			}
			t.Errorf("%s is in the file %s", what, file)
		}
	}
	provesItself(t, s, log)
	if !strings.Contains(metrics, "rpc_server") || !strings.Contains(metrics, "VaultService") {
		t.Errorf("the metrics do not tell of calls:\n%.1000s", metrics)
	}
}

// TestTheSecretOfAClientIsNowhereToBeRead: with a real provider, which is also asked
// for a new token and told wrong things.
func TestTheSecretOfAClientIsNowhereToBeRead(t *testing.T) {
	t.Parallel()
	s := newStage(t, "CODE", "client_secret_basic", nil)
	s.signedIn(t, "me", "ann")
	s.expect(t, "after signing in", "me", "ann")
	s.idp.control("expire")
	s.expect(t, "after a renewal", "me", "ann")
	var answers strings.Builder
	for _, path := range []string{"connections/me", "connections/me/proxy/me", "oauthClients", "auditRecords", "connectors/accounts/connectionForm"} {
		answers.WriteString(s.request(t, "GET", "/v1/environments/default/"+path, s.token, "").body)
	}
	for _, query := range []string{"state=made-up&code=made-up", "state=made-up&error=access_denied", "code=made-up"} {
		answers.WriteString(s.request(t, "GET", "/v1/oauth/callback/"+strings.Repeat("a", 26)+"?"+query, "", "").body)
	}
	answers.WriteString(s.request(t, "GET", "/metrics", "", "").body)
	if code := s.terminate(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	for where, text := range map[string]string{"an answer": answers.String(), "the log": s.out.String()} {
		if mentions([]byte(text), secretOfClients) {
			t.Errorf("the secret is in %s:\n%s", where, around(text, secretOfClients))
		}
	}
	if found := filesWith(t, s.data, secretOfClients); len(found) != 0 {
		t.Errorf("the secret is in %v", found)
	}
	if !strings.Contains(answers.String(), "client_secret") || len(filesWith(t, s.data, "environments/default")) == 0 {
		t.Error("the test does not look where things are")
	}
}

// provoke makes calls that succeed and calls that fail, with the secret in
// use and, here and there, in the request.
func provoke(say func(method, path, body string)) {
	const base = "/v1/environments/default/"
	for _, path := range []string{
		"connectors", "connectors/shop", "connectors/shop/revisions", "connectors/shop/revisions/published?view=REVISION_VIEW_FULL",
		"connectors/shop/revisions/published/operations", "connections", "connections/shop", "connections/rogue",
		"subscriptions", "subscriptions/listed", "subscriptions/on-rogue", "subscriptions/listed/events", "auditRecords",
		"connections/shop/proxy/items", "connections/rogue/proxy/garbage", "connections/rogue/proxy/reset",
	} {
		say("GET", base+path, "")
	}
	for _, operation := range []string{"Reset", "ResetAfterWork", "Garbage", "Cut", "Slow", "Away", "EndlessHeader"} {
		say("POST", base+"connections/rogue/operations/"+operation+":invoke?timeout=0.3s", "")
	}
	for _, row := range [][2]string{
		{"connections/shop/operations/ListItems:invoke", `{"limit": 2}`},
		{"connections/shop/operations/ListItems:invoke", `{"limit": "wrong"}`},
		{"connections/shop/operations/GetItem:invoke", `{"id": "nobody"}`},
		{"connections/shop:test", `{}`},
		{"connections/rogue:test", `{}`},
		{"connections", `{"connection_id": "shop", "connection": {"connector": "environments/default/connectors/shop"}, "secrets": {"api_key": ` + quoted + `}}`},
		{"connections", `{"connection": {"connector": "environments/default/connectors/shop"}, "secrets": {"colour": ` + quoted + `}}`},
		{"connections", `{"connection": {"connector": "environments/default/connectors/nobody"}, "secrets": {"api_key": ` + quoted + `}}`},
		{"connections", `{"connection": {"connector": 1}, "secrets": {"api_key": ` + quoted + `}}`},
		{"connections", `{"secrets": {"api_key": ` + quoted + `}, `},
	} {
		say("POST", base+row[0], row[1])
	}
	say("PATCH", base+"connections/shop", `{"connection": {"display_name": "Shop"}, "secrets": {"api_key": `+quoted+`}}`)
	say("DELETE", base+"subscriptions/on-rogue", "")
}

// quoted is the canary as JSON.
var quoted = `"` + strings.ReplaceAll(canary, `"`, `\"`) + `"`

// around shows where a secret was found, with what stands before it.
func around(text, secret string) string {
	for _, form := range forms(secret) {
		if at := strings.Index(text, string(form)); at >= 0 {
			return text[max(0, at-300):min(len(text), at+len(form)+50)]
		}
	}
	return ""
}

// filesWith returns the files below dir that hold the secret in any form.
func filesWith(t *testing.T, dir, secret string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if name, _ := filepath.Rel(dir, path); mentions(content, secret) {
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// provesItself finds what has to be there: a search that finds nothing at all
// would prove nothing.
func provesItself(t *testing.T, s *suite, log string) {
	t.Helper()
	for what, text := range map[string]string{"an event": "Something to see", "a description": "connectors/shop"} {
		files := filesWith(t, s.data, text)
		if len(files) == 0 {
			t.Errorf("%s is in no file of the data directory", what)
		}
		inStreams := slices.ContainsFunc(files, func(file string) bool { return strings.HasPrefix(file, "nats"+string(filepath.Separator)) })
		if what == "an event" && !inStreams {
			t.Errorf("%s is in no file of the streams, only in %v", what, files)
		}
	}
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "/ferrule.runtime.v1.RuntimeService/Invoke") {
		t.Errorf("the log is not that of debugging:\n%.2000s", log)
	}
}
