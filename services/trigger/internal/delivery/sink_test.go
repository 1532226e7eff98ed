package delivery_test

import (
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// request is what an endpoint was sent.
type request struct {
	header http.Header
	body   string
}

// post sends a job to an endpoint that keeps it.
func post(t *testing.T, f *fixture, sink core.HTTPSink, event string) (request, delivery.Result) {
	t.Helper()
	got := make(chan request, 1)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- request{r.Header, string(body)}
	}))
	defer target.Close()
	sink.URL = target.URL
	result := f.http().Send(t.Context(), jobTo(sink, event))
	select {
	case r := <-got:
		return r, result
	default:
		return request{}, result
	}
}

func TestAnEventTravelsInTheModeThatTheSinkWants(t *testing.T) {
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clock.System()}}
	const head = `{"specversion":"1.0","id":"e1","source":"/x","type":"t","subject":"Grüße \"%\" €","time":"2026-03-01T12:00:00Z","omittedbytes":0,"odd":true`
	binary := func(rest map[string][]string) map[string][]string {
		h := map[string][]string{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {"e1"}, "Ce-Source": {"/x"}, "Ce-Type": {"t"}, "Ce-Time": {"2026-03-01T12:00:00Z"},
			"Ce-Subject": {"Gr%C3%BC%C3%9Fe%20%22%25%22%20%E2%82%AC"}, "Ce-Omittedbytes": {"0"}, "Ce-Odd": {"true"},
		}
		maps.Copy(h, rest)
		return h
	}
	for _, tc := range []struct {
		name, event, body string
		binary            bool
		header            map[string][]string
	}{
		{"structured", head + `,"data":{"a":1}}`, head + `,"data":{"a":1}}`, false, map[string][]string{"Content-Type": {events.ContentType}}},
		{
			"binary with JSON", head + `,"datacontenttype":"application/json; charset=utf-8","data":{"a": 1.10}}`, `{"a": 1.10}`, true,
			binary(map[string][]string{"Content-Type": {"application/json; charset=utf-8"}}),
		},
		{"binary with JSON of which the type is not told", head + `,"data":[1]}`, `[1]`, true, binary(map[string][]string{"Content-Type": {"application/json"}})},
		{"binary with bytes", head + `,"datacontenttype":"image/png","data_base64":"AP8="}`, "\x00\xff", true, binary(map[string][]string{"Content-Type": {"image/png"}})},
		{"binary without data", head + `}`, "", true, binary(nil)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, result := post(t, f, core.HTTPSink{Binary: tc.binary}, tc.event)
			if result.Outcome != delivery.Accepted || got.body != tc.body {
				t.Fatalf("%+v, body %q", result, got.body)
			}
			header := map[string][]string{}
			for name, value := range got.header {
				if strings.HasPrefix(name, "Ce-") || name == "Content-Type" {
					header[name] = value
				}
			}
			if diff := cmp.Diff(tc.header, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{`[]`, `{"data_base64":"*"}`, `{"data_base64":1}`, `{"source":{}}`} {
		if _, result := post(t, f, core.HTTPSink{Binary: true}, bad); result.Outcome != delivery.Refused {
			t.Errorf("%s: %+v", bad, result)
		}
	}
}

// TestDeliveriesAreSignedWithBothSecretsDuringARotation checks with a library of
// other people: both the old and the new receiver accept what is sent meanwhile, and
// only the new one what comes after.
func TestDeliveriesAreSignedWithBothSecretsDuringARotation(t *testing.T) {
	now := time.Now()
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clock.System()}}
	uid := jobTo(core.HTTPSink{}, "").Subscription.UID
	for _, tc := range []struct {
		name     string
		sink     core.HTTPSink
		accepted []bool // by those who know secret 0, 1, 2
	}{
		{"the first secret", core.HTTPSink{}, []bool{true, false, false}},
		{"a rotation", core.HTTPSink{Secrets: 1, OverlapUntil: now.Add(time.Hour)}, []bool{true, true, false}},
		{"the end of a rotation", core.HTTPSink{Secrets: 1, OverlapUntil: now.Add(-time.Hour)}, []bool{false, true, false}},
		{"a second rotation", core.HTTPSink{Secrets: 2, OverlapUntil: now.Add(time.Hour)}, []bool{false, true, true}},
		{"the body alone", core.HTTPSink{Binary: true}, []bool{true, false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, _ := post(t, f, tc.sink, `{"id":"e1","data":{"a": "ü"}}`)
			for n, want := range tc.accepted {
				receiver, err := standardwebhooks.NewWebhook(f.keys.SinkSecret(uid, "main", n))
				if err != nil {
					t.Fatal(err)
				}
				if err := receiver.Verify([]byte(got.body), got.header); (err == nil) != want {
					t.Errorf("secret %d: %v", n, err)
				}
				if err := receiver.Verify([]byte(got.body+" "), got.header); err == nil {
					t.Errorf("secret %d accepts another body", n)
				}
			}
			if id := got.header.Get("Webhook-Id"); id != "e1" {
				t.Errorf("id %q", id)
			}
		})
	}
}

func TestTheAuthorizationIsOpenedForItsOwnSinkOnly(t *testing.T) {
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clock.System()}}
	uid := jobTo(core.HTTPSink{}, "").Subscription.UID
	seal := func(sink string) []byte {
		sealed, err := f.keys.Seal(uid, core.AuthorizationField(sink), []byte("Bearer hidden"))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	got, result := post(t, f, core.HTTPSink{Authorization: seal("main")}, `{}`)
	if got.header.Get("Authorization") != "Bearer hidden" || result.Outcome != delivery.Accepted {
		t.Errorf("%v, %+v", got.header, result)
	}
	got, result = post(t, f, core.HTTPSink{Authorization: seal("other")}, `{}`)
	if got.header != nil || result.Outcome != delivery.Failed || strings.Contains(result.Reason, "hidden") {
		t.Errorf("a moved authorization: %v, %+v", got.header, result)
	}
}

func TestAnEndpointGetsItsOwnTime(t *testing.T) {
	release := make(chan struct{})
	target := newSink(t, func(int, http.ResponseWriter) { <-release })
	defer close(release)
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clock.System()}}
	result := f.http().Send(t.Context(), jobTo(core.HTTPSink{URL: target.URL, Timeout: 50 * time.Millisecond}, "{}"))
	if result.Outcome != delivery.Failed || result.Reason != "the endpoint did not answer in time" {
		t.Errorf("%+v", result)
	}
}

func TestTheVectorOfTheStandard(t *testing.T) {
	// The example of the Standard Webhooks specification.
	receiver, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := receiver.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || signed != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Fatalf("%s, %v", signed, err)
	}
	if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signed, "v1,")); err != nil {
		t.Error(err)
	}
}
