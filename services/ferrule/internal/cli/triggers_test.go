package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	subscriptionsPath = "/v1/environments/default/subscriptions"
	newItems          = subscriptionsPath + "/new-items"
	mine              = `"connection":"environments/default/connections/mine","operationId":"OnItem"`
	subscribed        = `{"name":"environments/default/subscriptions/new-items","state":"SUBSCRIPTION_STATE_ACTIVE","sinks":[{"id":"s1","http":{"url":"https://example.com/e"}}]}`
)

// file writes a file and returns it as a flag takes it.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "@" + path
}

func TestSubscribeSaysWhenHowAndWhereTo(t *testing.T) {
	create := map[string]string{"POST " + subscriptionsPath: subscribed}
	for _, row := range []struct{ name, stdin, args, sent string }{
		{name: "a cron expression in a time zone", args: "--cron|0 8 * * 1-5|--time-zone|Europe/Berlin|--jitter|30s", sent: `"cron":"0 8 * * 1-5","timeZone":"Europe/Berlin","jitter":"30s"`},
		{name: "days", args: "--every|2d|--suspend-after|30d", sent: `"interval":"172800s","suspendAfter":"2592000s"`},
		{name: "a start and an end", args: "--start|2026-05-01T12:00:00Z|--end|2026-05-02T12:00:00+02:00", sent: `"startTime":"2026-05-01T12:00:00Z","endTime":"2026-05-02T10:00:00Z"`},
		{name: "a whole batch, described", args: "--whole|--description|for the shop", sent: `"split":"SPLIT_WHOLE","description":"for the shop"`},
		{
			name: "rules for a list", args: "--list|cursor=since:updated_at,items=data.items,key=id,order=newest-first,version=updated_at,pages=3",
			sent: `"polling":{"protocol":"POLLING_PROTOCOL_LIST","itemsPath":"data.items","keyPath":"id","order":"LIST_ORDER_NEWEST_FIRST","report":"ITEM_CHANGE_CREATED_OR_CHANGED",` +
				`"versionPath":"updated_at","maxPages":3,"cursors":[{"parameter":"since","itemsPath":"data.items","valuePath":"updated_at"}]}`,
		},
		{name: "changes of a bare list, oldest first", args: "--list|key=id,changed,order=oldest-first", sent: `"polling":{"protocol":"POLLING_PROTOCOL_LIST","keyPath":"id","order":"LIST_ORDER_OLDEST_FIRST","report":"ITEM_CHANGE_CREATED_OR_CHANGED"}`},
		{name: "rules as JSON", args: `--list|{"itemsPath":"a","cursors":[{"parameter":"q","valuePath":"t","template":"t > {value}"}]}`, sent: `"polling":{"protocol":"POLLING_PROTOCOL_LIST","itemsPath":"a","cursors":[{"parameter":"q","valuePath":"t","template":"t > {value}"}]}`},
		{name: "a preset and a secret from standard input", args: "--signature|github|--secret|-", stdin: "s3cret\n", sent: `"signature":{"scheme":"github"},"secret":"s3cret"`},
		{name: "a secret from a file", args: "--secret|" + file(t, "s3cret\n"), sent: `"secret":"s3cret"`},
		{name: "a signature as a file", args: "--signature|" + file(t, `{"scheme":"hmac","header":"X-Sig"}`), sent: `"signature":{"scheme":"hmac","header":"X-Sig"}`},
		{name: "unsigned", args: "--unsigned", sent: `"unsignedAccepted":true`},
		{
			name: "two URLs, with order and bounds", args: "--to|https://a.example/e|--to|https://b.example/e|--binary|--when|event.data.n > 1|--order-by|event.subject|--retry-for|1d|--max-concurrent|2|--rate|0.5",
			sent: `"sinks":[{"http":{"url":"https://a.example/e","mode":"HTTP_MODE_BINARY"},"condition":"event.data.n > 1","orderBy":"event.subject","retryFor":"86400s","maxConcurrent":2,"maxPerSecond":0.5},` +
				`{"http":{"url":"https://b.example/e","mode":"HTTP_MODE_BINARY"},"condition":"event.data.n > 1","orderBy":"event.subject","retryFor":"86400s","maxConcurrent":2,"maxPerSecond":0.5}]`,
		},
		{
			name: "an action", args: `--action|chat/Post/Message|--map|{"body":{"text":"${event.data.name}"}}`,
			sent: `"sinks":[{"action":{"connection":"environments/default/connections/chat","operationId":"Post/Message","input":"{\"body\":{\"text\":\"${event.data.name}\"}}"}}]`,
		},
		{
			name: "an action that is called once at most", args: `--action|chat/Post|--at-most-once`,
			sent: `"sinks":[{"action":{"connection":"environments/default/connections/chat","operationId":"Post","unknownOutcome":"UNKNOWN_OUTCOME_DEAD_LETTER"}}]`,
		},
		{
			name: "an action of a connection by its full name, its input in a file", args: "--action|environments/default/connections/chat/Post|--map|" + file(t, `{}`),
			sent: `"sinks":[{"action":{"connection":"environments/default/connections/chat","operationId":"Post","input":"{}"}}]`,
		},
		{
			name: "a sink in full from standard input, besides a URL", args: "--to|https://a.example/e|--sink|-", stdin: `{"id":"own","http":{"url":"https://b.example","timeout":"5s"}}`,
			sent: `"sinks":[{"http":{"url":"https://a.example/e"}},{"id":"own","http":{"url":"https://b.example","timeout":"5s"}}]`,
		},
	} {
		t.Run(row.name, commandRow{
			args: append([]string{"subscribe", "mine", "OnItem"}, strings.Split(row.args, "|")...), stdin: row.stdin, answers: create,
			out: []string{"subscribed new-items", "ferrule sink-secret new-items s1"}, sent: "{" + mine + "," + row.sent + "}",
		}.check)
	}
}

func TestNoticesAreSubscribedToAndShownAsWhatTheyAre(t *testing.T) {
	const (
		about   = `{"name":"environments/default/subscriptions/told","connection":"environments/default/connections/`
		notices = `","source":"SUBSCRIPTION_SOURCE_NOTICES","state":"SUBSCRIPTION_STATE_ACTIVE"}`
		told    = subscriptionsPath + "/told"
	)
	create := map[string]string{"POST " + subscriptionsPath: about + "-" + notices}
	for _, row := range []commandRow{
		{
			name: "about everything of the caller's", args: []string{"subscribe", "--notices", "--to", "https://a.example/e"}, answers: create,
			out:  []string{"subscribed told to all notices (active)", "ferrule events told --follow"},
			sent: `{"connection":"environments/default/connections/-","sinks":[{"http":{"url":"https://a.example/e"}}],"source":"SUBSCRIPTION_SOURCE_NOTICES"}`,
		},
		{
			name: "about one connection", args: []string{"subscribe", "--notices", "shop"}, answers: map[string]string{"POST " + subscriptionsPath: about + "shop" + notices},
			out: []string{"subscribed told to the notices of shop (active)"}, sent: `{"connection":"environments/default/connections/shop","source":"SUBSCRIPTION_SOURCE_NOTICES"}`,
		},
		{
			name: "in the list", args: []string{"subscriptions"}, answers: map[string]string{"GET " + subscriptionsPath: `{"subscriptions":[` + about + "-" + notices + `]}`},
			out: []string{"told", "(all)", "(notices)", "active"},
		},
		{
			name: "alone", args: []string{"subscriptions", "show", "told"}, answers: map[string]string{"GET " + told: about + "shop" + notices},
			out: []string{"shop", "(notices)"},
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestSubscriptionsAreShownAndChanged(t *testing.T) {
	const withSinks = `{"etag":"e1","sinks":[{"id":"s1","http":{"url":"https://a.example"}},{"id":"s2","disabled":true,"disabledReason":"gone","http":{"url":"https://b.example"}}]}`
	for _, row := range []commandRow{
		{
			name: "the list has a name of its own, too", args: []string{"subscriptions", "list"},
			answers: map[string]string{"GET " + subscriptionsPath: `{"subscriptions":[` + subscribed + `]}`}, out: []string{"new-items", "active"},
		},
		{
			name: "one is shown with its times, its list and its sinks", args: []string{"subscriptions", "show", "new-items"},
			answers: map[string]string{"GET " + newItems: `{"name":"environments/default/subscriptions/new-items",` + mine + `,"state":"SUBSCRIPTION_STATE_SUSPENDED","stateReason":"the API answered 500",
				"cron":"0 8 * * *","timeZone":"Europe/Berlin","polling":{"itemsPath":"data","keyPath":"id"},"secretGiven":true,"suspendAfter":"7200s",
				"sinks":[{"id":"s1","http":{"url":"https://a.example"},"condition":"event.data.n > 1"},{"id":"s2","disabled":true,"disabledReason":"gone","action":{"connection":"environments/default/connections/chat","operationId":"Post"}}]}`},
			out: []string{
				"suspended", "the API answered 500", "at 0 8 * * * in Europe/Berlin", "items in data, told apart by id", "  2h\n", "with a secret of yours",
				"to https://a.example if event.data.n > 1", "calls Post of chat (disabled: gone; `ferrule subscriptions update new-items --enable-sink s2` enables it)",
			},
		},
		{
			name: "lengths of time are written as they are given", args: []string{"subscriptions", "show", "new-items"},
			answers: map[string]string{"GET " + newItems: `{"name":"environments/default/subscriptions/new-items","interval":"43200000s","suspendAfter":"5400s"}`},
			out:     []string{"every 500d\n", "1h30m\n"},
		},
		{
			name: "machines get all of it", args: []string{"subscriptions", "show", "new-items", "-o", "json"},
			answers: map[string]string{"GET " + newItems: subscribed}, out: []string{`"sinks":[{"http":`},
		},
		{
			name: "an interval replaces a cron expression", args: []string{"subscriptions", "update", "new-items", "--every", "5m"},
			answers: map[string]string{"PATCH " + newItems + "?update_mask=cron%2Cinterval": subscribed}, out: []string{"changed new-items (active)"}, sent: `{"interval":"300s"}`,
		},
		{
			name: "an end is taken away, and polling begins anew", args: []string{"subscriptions", "update", "new-items", "--end", "", "--reset"},
			answers: map[string]string{"PATCH " + newItems + "?reset=true&update_mask=end_time": subscribed}, sent: `{}`,
		},
		{
			name: "a baseline alone", args: []string{"subscriptions", "update", "new-items", "--reset"},
			answers: map[string]string{"PATCH " + newItems + "?reset=true": subscribed}, sent: `{}`,
		},
		{
			name: "the input and what was false", args: []string{"subscriptions", "update", "new-items", "-p", "a=1", "--unsigned=false", "--signature", ""},
			answers: map[string]string{"PATCH " + newItems + "?update_mask=input%2Csignature%2Cunsigned_accepted": subscribed}, sent: `{"input":"{\"a\":1}"}`,
		},
		{
			name: "a sink is added to those that are there", args: []string{"subscriptions", "update", "new-items", "--to", "https://c.example"},
			answers: map[string]string{"GET " + newItems: withSinks, "PATCH " + newItems + "?update_mask=sinks": subscribed},
			sent:    strings.Replace(withSinks, `]}`, `,{"http":{"url":"https://c.example"}}]}`, 1),
		},
		{
			name: "a sink is replaced, one enabled", args: []string{"subscriptions", "update", "new-items", "--sink", `{"id":"s1","http":{"url":"https://c.example"}}`, "--enable-sink", "s2"},
			answers: map[string]string{"GET " + newItems: withSinks, "PATCH " + newItems + "?update_mask=sinks": subscribed},
			sent:    `{"etag":"e1","sinks":[{"id":"s1","http":{"url":"https://c.example"}},{"id":"s2","disabledReason":"gone","http":{"url":"https://b.example"}}]}`,
		},
		{
			name: "a sink is removed, one disabled", args: []string{"subscriptions", "update", "new-items", "--remove-sink", "s2", "--disable-sink", "s1"},
			answers: map[string]string{"GET " + newItems: withSinks, "PATCH " + newItems + "?update_mask=sinks": subscribed},
			sent:    `{"etag":"e1","sinks":[{"id":"s1","disabled":true,"http":{"url":"https://a.example"}}]}`,
		},
		{
			name: "a sink that is not there", args: []string{"subscriptions", "update", "new-items", "--remove-sink", "s9"}, code: 2,
			answers: map[string]string{"GET " + newItems: withSinks}, err: []string{`no sink "s9"`, "ferrule subscriptions show"},
		},
		{
			name: "pause", args: []string{"subscriptions", "pause", "new-items"},
			answers: map[string]string{"POST " + newItems + ":pause": `{"name":"x/new-items","state":"SUBSCRIPTION_STATE_PAUSED"}`}, out: []string{"paused new-items (paused)"},
		},
		{
			name: "resume without what was missed", args: []string{"subscriptions", "resume", "new-items", "--skip-missed"},
			answers: map[string]string{"POST " + newItems + ":resume": subscribed}, out: []string{"resumed new-items (active)"}, sent: `{"skipMissed":true}`,
		},
		{
			name: "delete", args: []string{"subscriptions", "delete", "new-items"},
			answers: map[string]string{"DELETE " + newItems: `{}`}, err: []string{"deleted subscription new-items"},
		},
		{
			name: "the secret of a sink", args: []string{"sink-secret", "new-items", "s1"},
			answers: map[string]string{"GET " + newItems + "/sinks/s1:secret": `{"secret":"whsec_a"}`}, out: []string{"whsec_a\n"},
		},
		{
			name: "a new secret of a sink says how long the old one holds", args: []string{"sink-secret", "new-items", "s1", "--rotate"},
			answers: map[string]string{"POST " + newItems + "/sinks/s1:rotateSecret": `{"secret":"whsec_b","previousSecret":"whsec_a","previousExpireTime":"2026-05-01T12:00:00Z"}`},
			out:     []string{"whsec_b\n"}, err: []string{"the one before, too, until 2026-05-01"},
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestTriggersAreTriedOut(t *testing.T) {
	test := "POST " + subscriptionsPath + ":test"
	for _, row := range []commandRow{
		{
			name: "a trigger of a connection", args: []string{"trigger", "test", "mine", "OnItem", "-p", "a=1", "--max", "2", "--whole"},
			answers: map[string]string{test: `{"source":"SAMPLE_SOURCE_API","events":[{"data":"{\"id\":1}"},{"data":"plain"}]}`},
			out:     []string{"{\n  \"id\": 1\n}\n", "plain\n"}, err: []string{"2 events, made of what the API has now"},
			sent: `{"subscription":{` + mine + `,"input":"{\"a\":1}","split":"SPLIT_WHOLE"},"maxEvents":2}`,
		},
		{
			name: "any list", args: []string{"trigger", "test", "mine", "OnItem", "--list", "key=id"},
			answers: map[string]string{test: `{"source":"SAMPLE_SOURCE_DESCRIPTION","events":[{"data":"1"}]}`}, err: []string{"1 event, made up from the connector's examples"},
			sent: `{"subscription":{` + mine + `,"polling":{"protocol":"POLLING_PROTOCOL_LIST","keyPath":"id"}},"maxEvents":1}`,
		},
		{
			name: "a subscription", args: []string{"triggers", "test", "new-items"},
			answers: map[string]string{test: `{"source":"SAMPLE_SOURCE_EVENT","events":[{"data":"1"}]}`}, err: []string{"1 event that happened"},
			sent: `{"subscription":{"name":"environments/default/subscriptions/new-items"},"maxEvents":1}`,
		},
		{
			name: "nothing to show", args: []string{"trigger", "test", "new-items"}, answers: map[string]string{test: `{}`}, err: []string{"nothing to show yet"},
		},
		{
			name: "machines get the schema, too", args: []string{"trigger", "test", "new-items", "-o", "json"},
			answers: map[string]string{test: `{"schema":"{}"}`}, out: []string{`{"schema":"{}"}`},
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestEventsAndDeliveriesAreFollowedAndRepeated(t *testing.T) {
	const dead = `{"name":"environments/default/subscriptions/new-items/deliveries/e1.s1","sink":"s1","state":"DELIVERY_STATE_DEAD","reason":"tried for 3 days",
		"attempts":[{"number":1,"time":"2026-05-01T12:00:00Z","duration":"0.2501s","statusCode":500},{"number":2,"time":"2026-05-01T12:01:00Z","reason":"no such host"}]}`
	for _, row := range []commandRow{
		{
			name: "events between two times", args: []string{"events", "new-items", "--from", "2026-05-01T00:00:00Z", "--to", "2026-05-02T00:00:00+02:00"},
			answers: map[string]string{"GET " + newItems + "/events?end_time=2026-05-01T22%3A00%3A00Z&page_size=500&page_token=&start_time=2026-05-01T00%3A00%3A00Z": `{"events":[{"id":"e1","data":"1","sequence":"7"}]}`},
			out:     []string{"e1  1"},
		},
		{
			name: "what is no JSON is shown as the text that it is", args: []string{"events", "new-items"},
			answers: map[string]string{"GET " + newItems + "/events": `{"events":[{"id":"e1","dataContentType":"application/x-www-form-urlencoded","data":"YT0xJmI9Mg=="},` +
				`{"id":"e2","dataContentType":"application/x-www-form-urlencoded","data":"true"},{"id":"e3","dataContentType":"application/octet-stream","data":"//4="},{"id":"e4","dataContentType":"text/plain","data":"YQobYg=="}]}`},
			out: []string{"e1  a=1&b=2\n", "e2  true\n", "e3  //4=\n", "e4  a \\u001bb\n"},
		},
		{
			name: "following begins behind a sequence", args: []string{"events", "new-items", "--follow", "--after", "7", "-n", "1"},
			answers: map[string]string{"GET " + newItems + "/events:stream?after_sequence=7": `{"result":{"id":"e2","data":"2","sequence":"8"}}` + "\n"},
			out:     []string{"e2  2"}, err: []string{"--follow --after 8"},
		},
		{
			name: "nothing gets lost between an empty list and the stream", args: []string{"events", "new-items", "--follow", "-n", "1"},
			answers: map[string]string{
				"GET " + newItems + "/events":                                            `{}`,
				"GET " + newItems + "/events:stream?start_time=1970-01-01T00%3A00%3A00Z": `{"result":{"id":"e2","data":"2","sequence":"8"}}` + "\n",
			},
			out: []string{"e2  2"},
		},
		{
			name: "the same from a time", args: []string{"events", "new-items", "--follow", "-n", "1", "--from", "2026-05-01T00:00:00Z"},
			answers: map[string]string{
				"GET " + newItems + "/events":                                            `{}`,
				"GET " + newItems + "/events:stream?start_time=2026-05-01T00%3A00%3A00Z": `{"result":{"id":"e2","data":"2","sequence":"8"}}` + "\n",
			},
			out: []string{"e2  2"},
		},
		{
			name: "events are replayed from a time to some sinks", args: []string{"events", "replay", "new-items", "--from", "2026-05-01T00:00:00Z", "--to", "2026-05-02T00:00:00Z", "--sink", "s1", "--max", "5"},
			answers: map[string]string{"POST " + newItems + "/events:replay": `{"events":5,"nextEventId":"e6"}`},
			out:     []string{"5 events will be sent again", "ferrule events replay new-items --event e6"},
			sent:    `{"startTime":"2026-05-01T00:00:00Z","endTime":"2026-05-02T00:00:00Z","sinks":["s1"],"maxEvents":5}`,
		},
		{
			name: "and from an event", args: []string{"events", "replay", "new-items", "--event", "e6"},
			answers: map[string]string{"POST " + newItems + "/events:replay": `{"events":1}`}, out: []string{"1 event will be sent again"}, sent: `{"eventId":"e6"}`,
		},
		{
			name: "dead deliveries with every attempt", args: []string{"deliveries", "new-items", "--state", "dead", "--sink", "s1", "--attempts"},
			answers: map[string]string{"GET " + newItems + "/deliveries?page_size=1000&page_token=&sink=s1&state=DELIVERY_STATE_DEAD": `{"deliveries":[` + dead + `]}`},
			out:     []string{"e1.s1", "dead", "tried for 3 days", "#1", "500 Internal Server Error (250ms)", "#2", "no such host"},
		},
		{
			name: "each attempt says all of its reason", args: []string{"deliveries", "new-items", "--attempts"},
			answers: map[string]string{"GET " + newItems + "/deliveries": `{"deliveries":[{"name":"x/e3.s1","attempts":[{"number":1,"reason":"` + strings.Repeat("long ", 50) + `end"}]}]}`},
			out:     []string{"long end (0s)"},
		},
		{
			name: "deliveries that wait say why", args: []string{"deliveries", "new-items"},
			answers: map[string]string{
				"GET " + newItems + "/deliveries?page_size=1000&page_token=":   `{"deliveries":[` + dead + `],"nextPageToken":"p2"}`,
				"GET " + newItems + "/deliveries?page_size=1000&page_token=p2": `{"deliveries":[{"name":"x/e2.s1","state":"DELIVERY_STATE_PENDING","attempts":[{"number":1,"statusCode":503}]}]}`,
			},
			out: []string{"e2.s1", "pending", "503 Service Unavailable"},
		},
		{
			name: "no more than wanted", args: []string{"deliveries", "new-items", "--limit", "1", "-o", "json"},
			answers: map[string]string{"GET " + newItems + "/deliveries": `{"deliveries":[` + dead + `],"nextPageToken":"p2"}`}, out: []string{`"reason":"tried for 3 days"`},
		},
		{
			name: "no deliveries", args: []string{"deliveries", "new-items"}, answers: map[string]string{"GET " + newItems + "/deliveries": `{}`}, err: []string{"nothing was sent", "`ferrule subscriptions show new-items`"},
		},
		{
			name: "no deliveries of a kind", args: []string{"deliveries", "new-items", "--state", "dead"}, answers: map[string]string{"GET " + newItems + "/deliveries": `{}`},
			err: []string{"there are no such deliveries; `ferrule deliveries new-items` lists all"},
		},
		{
			name: "nothing is tried again where nothing is dead", args: []string{"deliveries", "redeliver", "new-items"},
			answers: map[string]string{"POST " + newItems + "/deliveries:redeliver": `{}`}, err: []string{"no delivery of new-items is dead"},
		},
		{
			name: "nor where none of those that are named is dead", args: []string{"deliveries", "redeliver", "new-items", "e1.s9"},
			answers: map[string]string{"POST " + newItems + "/deliveries:redeliver": `{}`}, err: []string{"none of those deliveries of new-items is dead; `ferrule deliveries new-items` lists all"},
		},
		{
			name: "no events yet", args: []string{"events", "new-items"}, answers: map[string]string{"GET " + newItems + "/events": `{}`},
			err: []string{"there are no events yet; --follow waits for them"},
		},
		{
			name: "no events in a time", args: []string{"events", "new-items", "--from", "1h"}, answers: map[string]string{"GET " + newItems + "/events": `{}`},
			err: []string{"there are no events of that time; `ferrule events new-items` lists all"},
		},
		{
			name: "all that are dead are tried again", args: []string{"deliveries", "redeliver", "new-items", "--sink", "s1"},
			answers: map[string]string{"POST " + newItems + "/deliveries:redeliver": `{"deliveries":3}`}, out: []string{"3 deliveries of new-items will be tried again"}, sent: `{"sink":"s1"}`,
		},
		{
			name: "and single ones", args: []string{"deliveries", "redeliver", "new-items", "e1.s1", "environments/default/subscriptions/new-items/deliveries/e2.s1"},
			answers: map[string]string{"POST " + newItems + "/deliveries:redeliver": `{"deliveries":2}`},
			sent:    `{"names":["environments/default/subscriptions/new-items/deliveries/e1.s1","environments/default/subscriptions/new-items/deliveries/e2.s1"]}`,
		},
	} {
		t.Run(row.name, row.check)
	}
}

func TestWrongUsageOfTriggersAsksNobody(t *testing.T) {
	s := serve(t, nil)
	for _, row := range []struct {
		name, args, want string
	}{
		{"notices of a trigger", "subscribe|--notices|shop|OnItem", "--notices [CONNECTION]"},
		{"a trigger without a name", "subscribe|shop", "subscribe CONNECTION TRIGGER"},
		{"two recurrences", "subscribe|a|B|--every|1m|--cron|* * * * *", "exclude each other"},
		{"no length of time", "subscribe|a|B|--every|soon", "write 90s"},
		{"no number of days", "subscribe|a|B|--every|1.5d", "write 30d"},
		{"days without end", "subscribe|a|B|--every|99999999999d", "write 30d"},
		{"no time", "subscribe|a|B|--end|tomorrow", "such as 2h or 30d"},
		{"an unknown rule", "subscribe|a|B|--list|item=x", `no rule "item"`},
		{"a rule without a value", "subscribe|a|B|--list|key", "--list \"key\" is no rule"},
		{"an unknown order", "subscribe|a|B|--list|order=desc", "newest-first or oldest-first"},
		{"a cursor without a path", "subscribe|a|B|--list|cursor=since", "cursor=PARAMETER:PATH"},
		{"pages that are no number", "subscribe|a|B|--list|pages=all", "pages=10"},
		{"a sink of something else", `subscribe|a|B|--sink|{"url":"x"}`, "--sink is not what it should be"},
		{"a signature of something else", `subscribe|a|B|--signature|{"kind":"x"}`, "--signature is not what it should be"},
		{"an action without an operation", "subscribe|a|B|--action|chat", "CONNECTION/OPERATION"},
		{"an action of a full name without an operation", "subscribe|a|B|--action|environments/default/connections/chat", "CONNECTION/OPERATION"},
		{"an input without an action", "subscribe|a|B|--map|{}", "--action CONNECTION/OPERATION"},
		{"an input that is no object", "subscribe|a|B|--action|c/D|--map|[]", "not a JSON object"},
		{"a condition without a sink", "subscribe|a|B|--when|true", "--to and --action"},
		{"at most once without an action", "subscribe|a|B|--to|https://a.example|--at-most-once", "name that with --action"},
		{"binary without a URL", "subscribe|a|B|--action|c/D|--binary", "name that with --to"},
		{"standard input twice", "subscribe|a|B|-i|-|--secret|-", "read once"},
		{"a sink and a secret from standard input", "subscribe|a|B|--sink|-|--secret|-", "read once"},
		{"nothing to change", "subscriptions|update|a", "nothing to change"},
		{"replay without a beginning", "events|replay|a", "either --from or --event"},
		{"replay with two beginnings", "events|replay|a|--from|1h|--event|e", "either --from or --event"},
		{"following into the past", "events|a|--follow|--to|1h", "leave one out"},
		{"fewer events than none", "events|a|-n|-1", "--count must be at least 0"},
		{"a sequence without following", "events|a|--after|7", "--after goes with --follow"},
		{"an unknown state", "deliveries|a|--state|lost", "pending, delivered or dead"},
		{"a state that is none", "deliveries|a|--state|unspecified", "pending, delivered or dead"},
		{"a subscription with an input", "trigger|test|a|-p|x=1", "tested as it is"},
		{"too much to test", "trigger|test|a|b|c", "or a subscription"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := run(t, s, "", strings.Split(row.args, "|")...)
			if got.code != 2 || !strings.Contains(got.err, row.want) {
				t.Errorf("exit %d, errors %q, want 2 and %q", got.code, got.err, row.want)
			}
		})
	}
	if got := run(t, s, "", "subscribe", "a", "B", "--signature", "github", "--secret", "-"); got.code == 0 || !strings.Contains(got.err, "standard input has no line for it") {
		t.Errorf("exit %d, errors %q where standard input is empty", got.code, got.err)
	}
	if len(s.asked) > 0 {
		t.Errorf("the server was asked %q", s.asked)
	}
}

func TestCommandsOfTriggersTeach(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"subscribe", "cursor   PARAMETER:PATH"},
		{"subscribe", "ferrule.connection.needs-authorization"},
		{"subscriptions", "creating   it is being set up, or waits for its start time"},
		{"subscriptions", "suspended  it has failed for too long"},
		{"subscriptions|update", "--remove-sink"},
		{"trigger", "Show what the events of a trigger look like"},
		{"trigger|test", "Nothing is registered"},
		{"events", "ferrule events replay"},
		{"events|replay", "same\nids as before"},
		{"deliveries", "redeliver"},
		{"sink-secret", "Standard Webhooks"},
	} {
		got := run(t, nil, "", append(strings.Split(row.args, "|"), "--help")...)
		if got.code != 0 || !strings.Contains(got.out, row.want) {
			t.Errorf("%s --help lacks %q:\n%s", row.args, row.want, got.out)
		}
	}
}
