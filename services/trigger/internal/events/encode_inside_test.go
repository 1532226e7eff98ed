package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// The envelope is written by hand; what it has to look like is what the standard library
// makes of it.
func TestAnEnvelopeIsWrittenAsTheStandardLibraryWritesIt(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 120_000, time.UTC)
	all := envelope{
		SpecVersion: "1.0", ID: "e1", Source: "environments/default/connections/shop", Type: "dev.ferrule.x.OnItem", Subject: "k", Time: at,
		ContentType: "application/json", Subscription: "environments/default/subscriptions/s", Revision: "r1", TraceParent: "00-01-02-03", OmittedBytes: 17,
		DataSchema: "https://ferrule.example.com/v1/x#OnItem", Hops: 3, Data: json.RawMessage(`1`), DataBase64: []byte{1},
	}
	for i, v := 0, reflect.ValueOf(all); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tried", v.Type().Field(i).Name)
		}
	}
	all.Data, all.DataBase64 = nil, nil
	changed := func(change func(*envelope)) envelope { v := all; change(&v); return v }
	for name, tc := range map[string]struct {
		envelope envelope
		event    core.Event
	}{
		"everything":           {all, core.Event{JSON: true, Data: []byte(`{"a":[1,"é"]}`)}},
		"nothing":              {envelope{Time: at.Truncate(time.Second)}, core.Event{JSON: true}},
		"data that is no JSON": {changed(func(v *envelope) { v.DataBase64 = []byte{0, 1, 2, 255} }), core.Event{Data: []byte{0, 1, 2, 255}}},
		"no data":              {all, core.Event{}},
		"texts to be escaped": {changed(func(v *envelope) {
			v.ID, v.Type, v.Subject = "a\"b\\c", "On <Item> & é", "line\nbreak \u2028 \x7f \xff"
		}), core.Event{JSON: true, Data: []byte(`"<"`)}},
	} {
		v := tc.envelope
		if tc.event.JSON {
			v.Data = tc.event.Data
		}
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got := string(encode(tc.envelope, tc.event)); got+"\n" != want.String() {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want.String())
		}
	}
}
