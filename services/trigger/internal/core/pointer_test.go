package core

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

func TestPlacing(t *testing.T) {
	for _, tc := range []struct {
		name, input, pointer string
		want                 string // empty: refused because there is a value
	}{
		{"a member of an object that is there", `{"body":{"a":1}}`, "/body/url", `{"body":{"a":1,"url":"v"}}`},
		{"objects are made on the way", `{}`, "/body/config/url", `{"body":{"config":{"url":"v"}}}`},
		{"an empty text gives way", `{"body":{"url":""}}`, "/body/url", `{"body":{"url":"v"}}`},
		{"null gives way", `{"body":null}`, "/body/url", `{"body":{"url":"v"}}`},
		{"a parameter", `{}`, "/callback", `{"callback":"v"}`},
		{"escapes of RFC 6901", `{}`, "/body/a~1b~0c", `{"body":{"a/b~c":"v"}}`},
		{"a list is made where an element is wanted", `{}`, "/body/hooks/0/url", `{"body":{"hooks":[{"url":"v"}]}}`},
		{"an element of a list that is there", `{"body":[{"a":1}]}`, "/body/0/url", `{"body":[{"a":1,"url":"v"}]}`},
		{"the element after the last", `{"body":[1]}`, "/body/1/url", `{"body":[1,{"url":"v"}]}`},
		{"long numbers stay", `{"id":12345678901234567890}`, "/a", `{"a":"v","id":12345678901234567890}`},
		{"a value is never replaced", `{"body":{"url":"mine"}}`, "/body/url", ""},
		{"nor an object", `{"body":{"url":{}}}`, "/body/url", ""},
		{"nor false", `{"body":{"url":false}}`, "/body/url", ""},
		{"text on the way", `{"body":"x"}`, "/body/url", ""},
		{"a list where an object is wanted", `{"body":[]}`, "/body/url", ""},
		{"an element far beyond the last", `{"body":[]}`, "/body/7/url", ""},
		{"a negative element", `{"body":[]}`, "/body/-1/url", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			input, err := parseInput(tc.input)
			if err != nil {
				t.Fatal(err)
			}
			err = place(input, tc.pointer, "v")
			if tc.want == "" {
				if !errors.Is(err, errTaken) {
					t.Errorf("err = %v", err)
				}
				return
			}
			got, _ := json.Marshal(input)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
	for _, pointer := range []string{"", "body", "body/url"} {
		if err := place(map[string]any{}, pointer, "v"); err == nil || errors.Is(err, errTaken) {
			t.Errorf("%q: %v", pointer, err)
		}
	}
}

func TestPausesNeverOverflowAndNeverFallShortOfTheIntervalOrAQuarterOfAnHour(t *testing.T) {
	for _, interval := range []time.Duration{time.Millisecond, time.Second, time.Hour, recurrence.MaxInterval} {
		before := time.Duration(0)
		for failures := 1; failures < 200; failures++ {
			for _, why := range []trouble{{}, {retryable: true}, {retryAfter: time.Minute}} {
				got := pause(interval, failures, why)
				if got < min(interval, maxPause) || got > max(maxPause, interval) {
					t.Fatalf("%v after %d failures: %v", interval, failures, got)
				}
			}
			now := pause(interval, failures, trouble{retryable: true})
			if now < before {
				t.Fatalf("%v: the pause shrinks from %v to %v", interval, before, now)
			}
			before = now
		}
	}
}

func TestEventIDsDependOnEveryPartAndItsPlace(t *testing.T) {
	ids := map[string]bool{}
	for _, parts := range [][]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}, {"a", "b", ""}, {"1:a", "b"}} {
		id := eventID(parts...)
		if len(id) != 32 || ids[id] {
			t.Errorf("%q: %s", parts, id)
		}
		ids[id] = true
		if eventID(parts...) != id {
			t.Errorf("%q: another id the second time", parts)
		}
	}
}
