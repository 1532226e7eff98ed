package handshake_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// party is who answers in the tests.
var party = handshake.Party{Secrets: [][]byte{[]byte("key"), []byte("older")}, Tokens: []string{"callback-token", "our-secret"}}

// asked is one question.
type asked struct {
	name, handshake string
	method          string // POST if empty
	query           string
	header          http.Header
	body            string
	leaving         bool
	ignored         bool // it is no such question
	status          int  // 200 if 0
	want            string
	wantHeader      http.Header
	learned         string
}

var questions = []asked{
	{
		name: "a challenge is sent back as text", handshake: "slack",
		body: `{"token":"t","challenge":"3eZbrw1aB10FEMAGAZd4FyFQ","type":"url_verification"}`, want: "3eZbrw1aB10FEMAGAZd4FyFQ",
	},
	{name: "an event that mentions the word is none", handshake: "slack", body: `{"type":"event_callback","challenge":"url_verification"}`, ignored: true},
	{name: "another method is none", handshake: "slack", method: "PUT", body: `{"challenge":"a","type":"url_verification"}`, ignored: true},
	{name: "markup stays text", handshake: "slack", body: `{"challenge":"<script>","type":"url_verification"}`, want: "<script>"},
	{name: "no challenge", handshake: "slack", body: `{"type":"url_verification"}`, status: 403},
	{name: "a challenge that is too long", handshake: "slack", body: `{"type":"url_verification","challenge":"` + strings.Repeat("a", 5000) + `"}`, status: 403},
	{name: "a body that is too long is none", handshake: "slack", body: `{"type":"url_verification","challenge":"` + strings.Repeat("a", 17000) + `"}`, ignored: true},

	{name: "with the token of the callback URL", handshake: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=callback-token", want: "1158201444"},
	{name: "with the secret that the API was told", handshake: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=our-secret", want: "1"},
	{name: "with another token", handshake: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", status: 403},
	{name: "without a token", handshake: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1", status: 403},
	{name: "without a challenge it is none", handshake: "meta", method: "GET", query: "hub.mode=subscribe", ignored: true},
	{name: "another mode is none", handshake: "meta", method: "GET", query: "hub.mode=x&hub.challenge=1", ignored: true},

	{name: "with the token", handshake: "strava", method: "GET", query: "hub.mode=subscribe&hub.challenge=15f7d1a91c1f40f8&hub.verify_token=callback-token", want: `{"hub.challenge":"15f7d1a91c1f40f8"}`},
	{name: "with another token", handshake: "strava", method: "GET", query: "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", status: 403},

	{name: "a subscription is confirmed", handshake: "websub", method: "GET", query: "hub.mode=subscribe&hub.topic=t&hub.challenge=abc", want: "abc"},
	{name: "its end is not, as long as it is wanted", handshake: "websub", method: "GET", query: "hub.mode=unsubscribe&hub.topic=t&hub.challenge=abc", status: 404},
	{name: "its end is, once it is wanted", handshake: "websub", method: "GET", query: "hub.mode=unsubscribe&hub.topic=t&hub.challenge=abc", leaving: true, want: "abc"},
	{name: "a subscription is not any more", handshake: "websub", method: "GET", query: "hub.mode=subscribe&hub.topic=t&hub.challenge=abc", leaving: true, status: 404},
	{name: "a denial is none", handshake: "websub", method: "GET", query: "hub.mode=denied", ignored: true},

	{name: "a token in the query is decoded and sent back", handshake: "microsoft-graph", query: "validationToken=Validation%3a+Testing+client+application+reachability+for+subscription", want: "Validation: Testing client application reachability for subscription"},
	{name: "as GET", handshake: "microsoft-graph", method: "GET", query: "validationToken=a", want: "a"},
	{name: "as SharePoint writes it", handshake: "microsoft-graph", query: "validationtoken=a", want: "a"},
	{name: "two tokens are none", handshake: "microsoft-graph", query: "validationToken=a&validationToken=b", ignored: true},
	{name: "a notification is none", handshake: "microsoft-graph", body: `{"value":[]}`, ignored: true},
	{name: "markup stays text", handshake: "microsoft-graph", query: "validationToken=%3Cscript%3E", want: "<script>"},

	{
		name: "a sender asks to send", handshake: "cloudevents", method: "OPTIONS",
		header:     http.Header{"Webhook-Request-Origin": {"eventemitter.example.com"}, "Webhook-Request-Rate": {"120"}},
		wantHeader: http.Header{"Webhook-Allowed-Origin": {"eventemitter.example.com"}, "Webhook-Allowed-Rate": {"*"}, "Allow": {"POST"}},
	},
	{
		name: "without a rate", handshake: "cloudevents", method: "OPTIONS", header: http.Header{"Webhook-Request-Origin": {"a.example.com"}},
		wantHeader: http.Header{"Webhook-Allowed-Origin": {"a.example.com"}, "Allow": {"POST"}},
	},
	{name: "an origin that is no host", handshake: "cloudevents", method: "OPTIONS", header: http.Header{"Webhook-Request-Origin": {"a b"}}, status: 403},
	{name: "OPTIONS without an origin is none", handshake: "cloudevents", method: "OPTIONS", ignored: true},
	{name: "POST is none", handshake: "cloudevents", header: http.Header{"Webhook-Request-Origin": {"a"}}, ignored: true},

	{
		name: "a code is sent back", handshake: "event-grid", header: http.Header{"Aeg-Event-Type": {"SubscriptionValidation"}},
		body: `[{"id":"1","topic":"t","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`,
		want: `{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`,
	},
	{name: "another event of that header", handshake: "event-grid", header: http.Header{"Aeg-Event-Type": {"SubscriptionValidation"}}, body: `[{"eventType":"x","data":{"validationCode":"1"}}]`, status: 403},
	{name: "an event is none", handshake: "event-grid", header: http.Header{"Aeg-Event-Type": {"Notification"}}, body: `[]`, ignored: true},
	{
		name: "in the schema of CloudEvents", handshake: "event-grid", method: "OPTIONS", header: http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}},
		wantHeader: http.Header{"Webhook-Allowed-Origin": {"eventgrid.azure.net"}, "Allow": {"POST"}},
	},

	{ // HMAC-SHA256 of "qgg8vlvZRS6UYooatFL8Aw" with "key", computed with OpenSSL
		name: "a token is sent back with its HMAC", handshake: "zoom", body: `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`,
		want: `{"encryptedToken":"f2b3627702c43576251dc6a643384a2eb050e6e1d078adecf3415e1416944a43","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`,
	},
	{name: "what a notification would be is not signed", handshake: "zoom", body: `{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1654503849:{}"}}`, status: 403},
	{name: "an event is none", handshake: "zoom", body: `{"event":"meeting.started","payload":{"topic":"endpoint.url_validation"}}`, ignored: true},

	{ // HMAC-SHA256 of "9e2a3b" with "key", computed with OpenSSL
		name: "a token is sent back as its HMAC", handshake: "x", method: "GET", query: "crc_token=9e2a3b", want: `{"response_token":"sha256=K+ED2w6fw+mQWXE1qH72FE8IQGKJqbHskhMI/96Z31I="}`,
	},
	{name: "what a notification would be is not signed", handshake: "x", method: "GET", query: "crc_token=%7B%7D", status: 403},

	{name: "the challenge is sent back", handshake: "dropbox", method: "GET", query: "challenge=abc123", want: "abc123"},
	{name: "an empty challenge", handshake: "dropbox", method: "GET", query: "challenge=", status: 403},
	{name: "POST is none", handshake: "dropbox", query: "challenge=abc123", ignored: true},

	{
		name: "the secret is learned and sent back", handshake: "asana", header: http.Header{"X-Hook-Secret": {"b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"}}, body: "{}",
		learned: "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", wantHeader: http.Header{"X-Hook-Secret": {"b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"}},
	},
	{name: "a secret that is no header", handshake: "asana", header: http.Header{"X-Hook-Secret": {"a\x01b"}}, status: 403},
	{name: "two secrets are none", handshake: "asana", header: http.Header{"X-Hook-Secret": {"a", "b"}}, ignored: true},

	{name: "the token is learned", handshake: "notion", body: `{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`, learned: "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"},
	{name: "a notification that has it too is none", handshake: "notion", body: `{"verification_token":"a","type":"page.created"}`, ignored: true},

	{
		name: "the challenge is sent back", handshake: "twitch", header: http.Header{"Twitch-Eventsub-Message-Type": {"webhook_callback_verification"}},
		body: `{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{}}`, want: "pogchamp-kappa-360noscope-vohiyo",
	},
	{name: "a notification is none", handshake: "twitch", header: http.Header{"Twitch-Eventsub-Message-Type": {"notification"}}, body: `{"challenge":"a"}`, ignored: true},

	{name: "an intent to receive", handshake: "xero", body: `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}`},
	{name: "with events it is a notification", handshake: "xero", body: `{"events":[{}],"entropy":"a"}`, ignored: true},

	{name: "the challenge is sent back", handshake: "monday", body: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`, want: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`},
	{name: "a notification is none", handshake: "monday", body: `{"event":{},"challenge":"a"}`, ignored: true},

	{name: "the challenge is sent back", handshake: "okta", method: "GET", header: http.Header{"X-Okta-Verification-Challenge": {"my verification challenge"}}, want: `{"verification":"my verification challenge"}`},

	{name: "a ping of webhook events", handshake: "discord", body: `{"version":1,"application_id":"1","type":0}`, status: 204},
	{name: "a ping of interactions", handshake: "discord", body: `{"type":1,"id":"1"}`, want: `{"type":1}`},
	{name: "an event is none", handshake: "discord", body: `{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}`, ignored: true},

	{name: "HEAD", handshake: "probe", method: "HEAD"},
	{name: "GET", handshake: "probe", method: "GET"},
	{name: "a notification is none", handshake: "probe", body: "{}", ignored: true},
}

func TestHandshakes(t *testing.T) {
	for _, q := range questions {
		t.Run(q.handshake+": "+q.name, func(t *testing.T) { q.check(t) })
	}
}

func (q asked) check(t *testing.T) {
	t.Helper()
	h, ok := handshake.Lookup(q.handshake)
	if !ok {
		t.Fatal("there is no such handshake")
	}
	query, _ := url.ParseQuery(q.query)
	r := handshake.Request{Method: q.method, Query: query, Header: q.header, Body: []byte(q.body)}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if got := h.Meets(r); got == q.ignored {
		t.Fatalf("meets = %v", got)
	}
	if q.ignored {
		return
	}
	p := party
	p.Leaving = q.leaving
	got := h.Answer(r, p)
	if q.status == 0 {
		q.status = http.StatusOK
	}
	if got.Status != q.status || string(got.Body) != q.want || string(got.Learned) != q.learned {
		t.Errorf("%d %q, learned %q; want %d %q %q", got.Status, got.Body, got.Learned, q.status, q.want, q.learned)
	}
	for name := range q.wantHeader {
		if !slices.Equal(got.Header[name], q.wantHeader[name]) {
			t.Errorf("header %s is %q, want %q", name, got.Header[name], q.wantHeader[name])
		}
	}
	checkHarmless(t, got)
}

// checkHarmless makes sure that no browser takes an answer for a page.
func checkHarmless(t *testing.T, a handshake.Answer) {
	t.Helper()
	if len(a.Body) == 0 {
		return
	}
	if kind := a.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" && kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
	if a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("browsers may guess")
	}
}

func TestEveryHandshakeIsTried(t *testing.T) {
	for _, name := range handshake.Names() {
		i := slices.IndexFunc(questions, func(q asked) bool { return q.handshake == name && !q.ignored })
		if i < 0 {
			t.Errorf("no question tries %q", name)
		}
	}
	if _, ok := handshake.Lookup("secret handshake"); ok {
		t.Error("there is a handshake that there is not")
	}
}

func TestTheHandshakesOfPresetsExist(t *testing.T) {
	all, err := signature.Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for _, name := range p.Handshakes {
			if _, ok := handshake.Lookup(name); !ok {
				t.Errorf("preset %q names the handshake %q", p.Name, name)
			}
		}
	}
}

func TestWithoutASecretNothingIsSigned(t *testing.T) {
	for name, r := range map[string]handshake.Request{
		"zoom": {Method: "POST", Body: []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"a"}}`)},
		"x":    {Method: "GET", Query: url.Values{"crc_token": {"a"}}},
	} {
		h, _ := handshake.Lookup(name)
		if got := h.Answer(r, handshake.Party{}); got.Status != http.StatusForbidden || len(got.Body) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzBodies(f *testing.F) {
	for _, q := range questions {
		f.Add(q.handshake, q.query, q.body)
	}
	f.Fuzz(func(t *testing.T, name, query, body string) {
		h, ok := handshake.Lookup(name)
		if !ok {
			return
		}
		values, _ := url.ParseQuery(query)
		for _, method := range []string{"GET", "POST", "OPTIONS", "HEAD"} {
			r := handshake.Request{Method: method, Query: values, Header: http.Header{"X-Hook-Secret": {body}, "Aeg-Event-Type": {"SubscriptionValidation"}, "Webhook-Request-Origin": {query}}, Body: []byte(body)}
			if h.Meets(r) {
				a := h.Answer(r, party)
				checkHarmless(t, a)
				if len(a.Body) > 64<<10 {
					t.Errorf("%d bytes", len(a.Body))
				}
			}
		}
	})
}
