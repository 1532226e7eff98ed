package polling_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// full is a trigger with everything that can be said.
func full() *connectorv1.PollingTrigger {
	return &connectorv1.PollingTrigger{
		Protocol: listProtocol, ItemsPath: "a", KeyPath: "b", Order: connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST,
		Report: connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED, VersionPath: "v", MaxPages: 7,
		Cursors: []*connectorv1.PollingCursor{{
			Parameter: "since", ItemsPath: "i", ValuePath: "t", Template: "gt {value}", Initial: "{now}",
			Value: connectorv1.CursorValue_CURSOR_VALUE_LARGEST,
		}},
	}
}

func TestRulesComeFromTheModelAndGoBackToIt(t *testing.T) {
	for _, order := range []connectorv1.ListOrder{0, 1, 2} {
		p := full()
		p.Order = order
		op := &connectorv1.Operation{
			Trigger:    &connectorv1.Trigger{Batch: true, Protocol: &connectorv1.Trigger_Polling{Polling: p}},
			Pagination: &connectorv1.Pagination{Style: &connectorv1.Pagination_Offset{Offset: &connectorv1.OffsetPagination{}}},
		}
		rules := polling.RulesOf(op)
		if diff := cmp.Diff(p, rules.Proto(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		if !rules.Batch || !rules.Paged || rules.MaxPages() != 7 {
			t.Errorf("rules %+v", rules)
		}
		text, err := json.Marshal(rules)
		var again polling.Rules
		if err != nil || json.Unmarshal(text, &again) != nil || !again.Equal(rules) {
			t.Errorf("%s is %+v", text, again)
		}
	}
	var none *polling.Rules
	if none.Proto() != nil {
		t.Error("no rules are rules")
	}
	if (polling.Rules{}).MaxPages() != polling.DefaultPages || (polling.Rules{Pages: 1000}).MaxPages() != polling.MaxPages {
		t.Error("another number of pages")
	}
}

func TestRulesOfEarlierProgramsAreRead(t *testing.T) {
	var rules polling.Rules
	if err := json.Unmarshal([]byte(`{"protocol":3,"items":"a","key":"b","newest_first":true}`), &rules); err != nil {
		t.Fatal(err)
	}
	if want := (polling.Rules{Protocol: listProtocol, Items: "a", Key: "b", NewestFirst: true}); !rules.Equal(want) {
		t.Errorf("got %+v", rules)
	}
	// The memory held the digests alone.
	old := []byte{1}
	for _, item := range numbered(0, 3) {
		old = append(old, item.Digest[:]...)
	}
	seen, err := polling.ParseSeen(old)
	if err != nil || seen.Len() != 3 || len(seen.Fresh(numbered(0, 4))) != 1 {
		t.Errorf("%v, %v", seen, err)
	}
	if seen = seen.With(nil, noon); seen.Len() != 3 {
		t.Error("what was noted without its time is forgotten at once")
	}
	if _, err := polling.ParseSeen([]byte{9}); err == nil {
		t.Error("a memory of a newer program was read")
	}
}

func TestGivenRulesAreThoseOfAList(t *testing.T) {
	p := full()
	p.Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_UNSPECIFIED
	op := &connectorv1.Operation{Parameters: []*connectorv1.Parameter{{Name: "since", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY}}}
	rules, err := polling.Given(p, op)
	if diff := cmp.Diff(full(), rules.Proto(), protocmp.Transform()); err != nil || diff != "" {
		t.Error(err, diff)
	}
	p.Cursors[0].Parameter = "query.since"
	if _, err := polling.Given(p, op); err != nil {
		t.Error(err)
	}
	p.Cursors[0].Parameter = "header.since"
	if _, err := polling.Given(p, op); err == nil {
		t.Error("an input in another place is taken")
	}
}

func TestWhatWasSeenOfAnItem(t *testing.T) {
	items := func(version byte) []polling.Item {
		return []polling.Item{{Digest: polling.Digest{1}, Version: polling.Version{version}}}
	}
	seen := polling.Seen{}.With(items(1), noon)
	if !seen.Knows(items(1)[0]) || seen.Knows(items(2)[0]) {
		t.Error("a version is not known as it is")
	}
	fresh := seen.Fresh(items(2))
	if len(fresh) != 1 || !fresh[0].Changed {
		t.Errorf("fresh %+v", fresh)
	}
	if seen.Stale(noon.Add(23*time.Hour)) || !seen.Stale(noon.Add(25*time.Hour)) || (polling.Seen{}).Stale(noon) {
		t.Error("stale at another time")
	}
	if got := seen.With(nil, noon.Add(polling.MaxSeenAge+time.Hour)); got.Len() != 0 {
		t.Error("remembered for ever")
	}
	if got := seen.With(nil, noon.Add(polling.MaxSeenAge-time.Hour)); got.Len() != 1 {
		t.Error("forgotten too soon")
	}
}

func TestNamesWithDotsAreFound(t *testing.T) {
	_, got, err := read(t, polling.Rules{Items: "@odata.list.value", Key: "a.b.c"}, `{"@odata.list":{"value":[{"a.b":{"c":"k"}}]}}`)
	if err != nil || len(got) != 1 || got[0] != `k={"a.b":{"c":"k"}}` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheItemsOfABatch(t *testing.T) {
	protocol, _ := polling.Lookup(connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY)
	for _, tc := range []struct {
		name  string
		rules polling.Rules
		body  string
		want  []string
	}{
		{"a list", polling.Rules{Batch: true}, `[1,2]`, []string{"1", "2"}},
		{"the only list of an object", polling.Rules{Batch: true}, `{"n":1,"value":[1,2]}`, []string{"1", "2"}},
		{"two lists to choose from", polling.Rules{Batch: true}, `{"a":[1],"b":[2]}`, []string{`{"a":[1],"b":[2]}`}},
		{"the named one of two", polling.Rules{Batch: true, Items: "b"}, `{"a":[1],"b":[2]}`, []string{"2"}},
		{"a named one that is not there", polling.Rules{Batch: true, Items: "c"}, `{"a":[1]}`, []string{`{"a":[1]}`}},
		{"the same thing twice is two", polling.Rules{Batch: true}, `[1,1]`, []string{"1", "1"}},
		{"no batch", polling.Rules{}, `[1,2]`, []string{"[1,2]"}},
		{"an empty batch", polling.Rules{Batch: true}, ` `, nil},
		{"a text", polling.Rules{Batch: true}, `hello`, []string{"hello"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			items, err := protocol.Read(tc.rules, polling.Page{Body: []byte(tc.body)})
			var got []string
			for _, item := range items {
				got = append(got, string(item.Data))
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func FuzzAnswersAreReadOrRefused(f *testing.F) {
	for _, body := range []string{`[1,{"a":[]}]`, `{"value":[{"id":1}]}`, `null`, ``, `{"a.b":{"c":[1]}}`} {
		f.Add(body, "a.b", "id", "v")
	}
	f.Fuzz(func(t *testing.T, body, items, key, version string) {
		for number := range connectorv1.PollingProtocol_name {
			protocol, ok := polling.Lookup(connectorv1.PollingProtocol(number))
			if !ok {
				continue
			}
			rules := polling.Rules{Items: items, Key: key, Version: version, Changed: true, Batch: true, Cursors: []polling.Cursor{{Parameter: "p", Value: version}}}
			page := polling.Page{Body: []byte(body)}
			read, err := protocol.Read(rules, page)
			if err != nil {
				continue
			}
			seen := polling.Seen{}.With(read, noon)
			if fresh := seen.Fresh(read); len(fresh) != 0 && number == int32(listProtocol) {
				t.Errorf("what was seen is fresh: %v", fresh)
			}
			_, _ = rules.Advance(nil, []polling.Page{page})
		}
	})
}
