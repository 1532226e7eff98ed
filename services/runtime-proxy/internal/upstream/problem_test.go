package upstream

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// problemCase is one answer of testdata/problems.json, shaped like those of an API,
// and what it means.
type problemCase struct {
	Name       string            `json:"name"`
	Status     int               `json:"status"`
	Header     map[string]string `json:"header"`
	Body       string            `json:"body"` // or
	JSON       json.RawMessage   `json:"json"`
	Rules      []json.RawMessage `json:"rules"`
	Repeatable bool              `json:"repeatable"`
	Want       *struct {
		Reason     string `json:"reason"`
		Says       string `json:"says"` // the API's own words, or their beginning
		Retryable  bool   `json:"retryable"`
		RetryAfter string `json:"retry_after"`
		// Violations are "field: description".
		Violations []string `json:"violations"`
	} `json:"want"` // null: no failure
}

func problemCases(t testing.TB) []problemCase {
	t.Helper()
	text, err := os.ReadFile("testdata/problems.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []problemCase
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (c *problemCase) response() *Response {
	resp := &Response{Status: c.Status, Header: http.Header{}, Body: []byte(c.Body)}
	if c.JSON != nil {
		resp.Body = c.JSON
	}
	for name, value := range c.Header {
		resp.Header.Set(name, value)
	}
	return resp
}

func (c *problemCase) rules(t testing.TB) *ErrorRules {
	t.Helper()
	var list []*connectorv1.ErrorRule
	for _, text := range c.Rules {
		rule := &connectorv1.ErrorRule{}
		if err := protojson.Unmarshal(text, rule); err != nil {
			t.Fatal(err)
		}
		list = append(list, rule)
	}
	rules, err := CompileErrorRules("Get", list)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// redactKey knows two secrets; one of them looks like markup.
func redactKey(text string) string {
	return strings.NewReplacer("s3cret", "[redacted]", "p<w>d&amp;1", "[redacted]").Replace(text)
}

// noon is the time of all cases.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestWhatAnswersOfAPIsMean(t *testing.T) {
	cases := problemCases(t)
	if len(cases) < 40 {
		t.Errorf("there are only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got := c.rules(t).Diagnose(c.response(), noon, c.Repeatable, redactKey)
			if c.Want == nil {
				if got != nil {
					t.Errorf("a problem: %+v", got)
				}
				return
			}
			if got == nil {
				t.Fatal("no problem")
			}
			_, said, _ := strings.Cut(got.Message, "): ")
			wait := time.Duration(0)
			if c.Want.RetryAfter != "" {
				wait, _ = time.ParseDuration(c.Want.RetryAfter)
			}
			if got.Reason != c.Want.Reason || !strings.HasPrefix(said, c.Want.Says) || (c.Want.Says == "") != (said == "") ||
				got.Retryable != c.Want.Retryable || got.RetryAfter != wait {
				t.Errorf("got %+v", got)
			}
			var violations []string
			for _, v := range got.Violations {
				violations = append(violations, v.Field+": "+v.Description)
			}
			if !slices.Equal(violations, c.Want.Violations) {
				t.Errorf("violations %q, want %q", violations, c.Want.Violations)
			}
		})
	}
}

func TestRulesThatCannotBeCompiled(t *testing.T) {
	for _, status := range []string{"", "4", "4X", "40", "4000", "abc", "4XY", "X04", "-04"} {
		rule := &connectorv1.ErrorRule{Statuses: []string{status}}
		if _, err := CompileErrorRules("Get", []*connectorv1.ErrorRule{rule}); fault.ReasonOf(err) != fault.ReasonDefinitionInvalid {
			t.Errorf("%q: %v", status, err)
		}
	}
	other := []*connectorv1.ErrorRule{{OperationIds: []string{"Other"}, Statuses: []string{"404"}}}
	if rules, err := CompileErrorRules("Get", other); rules != nil || err != nil {
		t.Errorf("rules of another operation: %v, %v", rules, err)
	}
}

// TestAnyBodyIsSurvived: bodies that are cut off or garbled anywhere are no reason
// to fail, to show a secret, or to say much.
func TestAnyBodyIsSurvived(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, c := range problemCases(t) {
		rules := c.rules(t)
		for range 50 {
			resp := c.response()
			resp.Body = append([]byte(nil), resp.Body...)
			if len(resp.Body) > 0 {
				resp.Body[dice.IntN(len(resp.Body))] = byte(dice.Uint32())
				resp.Body = resp.Body[:dice.IntN(len(resp.Body)+1)]
			}
			if p := rules.Diagnose(resp, noon, true, redactKey); p != nil && (p.Reason == "" || len(p.Message) > maxWords+100 || strings.Contains(p.Message, "s3cret")) {
				t.Fatalf("%s: %q is %+v", c.Name, resp.Body, p)
			}
		}
	}
}

func TestHostileBodiesCostLittle(t *testing.T) {
	for name, body := range map[string]string{
		"deep arrays":      strings.Repeat("[", 200_000),
		"deep objects":     strings.Repeat(`{"error":`, 30_000),
		"many errors":      `{"errors":[` + strings.Repeat(`{"message":"m"},`, 15_000) + `{}]}`,
		"many elements":    strings.Repeat("<a>", 80_000),
		"one open tag":     "<" + strings.Repeat("a", 250_000),
		"many brackets":    `{"message":"` + strings.Repeat("<", 250_000) + `"}`,
		"a title no end":   "<html><title>" + strings.Repeat("x", 250_000),
		"much plain text":  strings.Repeat("x ", 120_000),
		"entities in xml":  `<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("c", 1000) + `">]><message>` + strings.Repeat("&b;", 10_000) + `</message>`,
		"many fields":      `{"errors":{` + strings.Repeat(`"a":"b",`, 30_000) + `"c":"d"}}`,
		"fields in fields": strings.Repeat(`{"errors":[{"field":"a","errors":`, 8_000),
		"a million digits": `{"code":` + strings.Repeat("9", 200_000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			resp := &Response{Status: 400, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(body)}
			done := make(chan *Problem, 1)
			go func() { done <- Diagnose(resp, noon, true, redactKey) }()
			select {
			case p := <-done:
				if len(p.Message) > maxWords+100 || len(p.Violations) > maxViolations {
					t.Errorf("%d bytes, %d violations", len(p.Message), len(p.Violations))
				}
			case <-time.After(time.Minute): // what grows with the square of the length takes hours
				t.Fatal("it does not come to an end")
			}
		})
	}
}

func TestWaitsAreBounded(t *testing.T) {
	for _, row := range []struct {
		name, field, value string
		status             int
		want               time.Duration
	}{
		{"a century", "Retry-After", "3153600000", 429, maxRetryAfter},
		{"infinity", "Retry-After", "Inf", 429, 0},
		{"not a number", "Retry-After", "NaN", 429, 0},
		{"less than nothing", "Retry-After", "-1", 429, 0},
		{"a part of a second", "Retry-After", "0.5", 429, 500 * time.Millisecond},
		{"milliseconds", "Retry-After-Ms", "250", 503, 250 * time.Millisecond},
		{"a reset that is over", "X-RateLimit-Reset", "1000000001", 429, 0},
		{"a reset far ahead", "X-RateLimit-Reset", "9999999999", 429, maxRetryAfter},
		{"a reset of an answer that says nothing of limits", "X-RateLimit-Reset", "60", 503, 0},
		{"a duration less than nothing", "X-RateLimit-Reset", "-5s", 429, 0},
		{"words", "RateLimit-Reset", "later", 429, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			header := http.Header{}
			header.Set(row.field, row.value)
			if got := RetryAfter(row.status, header, noon); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestAnAnswerThatUsedUpTheBudgetIsNoReasonToWait(t *testing.T) {
	header := http.Header{}
	header.Set("X-RateLimit-Remaining", "0")
	header.Set("X-RateLimit-Reset", "60")
	for status, want := range map[int]time.Duration{200: 0, 304: 0, 400: time.Minute, 403: time.Minute, 429: time.Minute} {
		if got := RetryAfter(status, header, noon); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}

// BenchmarkNoProblem is what an answer that reports no failure costs.
func BenchmarkNoProblem(b *testing.B) {
	rules, err := CompileErrorRules("Get", []*connectorv1.ErrorRule{{Path: "code", Message: "x"}})
	if err != nil {
		b.Fatal(err)
	}
	resp := &Response{Status: 200, Body: []byte(`{"code":1}`)}
	b.ReportAllocs()
	for b.Loop() {
		if rules.Diagnose(resp, noon, true, redactKey) != nil {
			b.Fatal("a problem")
		}
	}
}

// TestAFailureOfTheAPIStaysOne: what its body is called does not make it the fault of
// the caller, while the connector's own word does.
func TestAFailureOfTheAPIStaysOne(t *testing.T) {
	rules, err := CompileErrorRules("Op", []*connectorv1.ErrorRule{{Statuses: []string{"500"}, Reason: reasonNotFound, Path: "type", Equals: "gone"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		status int
		code   string
		want   string
	}{
		{"a card that nobody looked at", 500, "card_error", reasonError},
		{"a card in an outage", 503, "card_error", reasonUnavailable},
		{"a name that was not found by something that broke", 500, "not_found", reasonError},
		{"too many calls, whatever the status", 503, "SlowDown", reasonRateLimited},
		{"an outage with a status that says less", 500, "service_unavailable", reasonUnavailable},
		{"the connector knows better", 500, "gone", reasonNotFound},
		{"a card", 402, "card_error", reasonBadRequest},
	} {
		resp := &Response{Status: row.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"type":"` + row.code + `"}`)}
		if p := rules.Diagnose(resp, noon, true, redactKey); p == nil || p.Reason != row.want {
			t.Errorf("%s: %+v, want %s", row.name, p, row.want)
		}
	}
}
