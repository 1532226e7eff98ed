package runtimeproxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// routed sends GetItem with another method than the one it is described with.
func routed(declared, sent string) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		op := operationOf(d, "GetItem")
		op.Method, op.Safety = declared, &connectorv1.Safety{Safe: true, Idempotent: true}
		d.Policies = []*connectorv1.Policy{
			only(policyOf("routerequesttoendpoint", requestSection, "newPath", "/jobs", "httpMethod", sent), "GetItem"),
		}
	}
}

// TestWhatIsSentDecidesWhetherItIsSentTwice: not what the operation is described
// with, nor what the caller of a raw request wrote.
func TestWhatIsSentDecidesWhetherItIsSentTwice(t *testing.T) {
	lost := func(http.ResponseWriter, got, int) { panic(http.ErrAbortHandler) }
	for _, way := range []string{"call", "raw"} {
		t.Run(way+": a failure", func(t *testing.T) {
			rec := record(t, always(502, `{}`))
			s := startWith(t, rec.url, routed("GET", "POST"), threeAttempts)
			s.whileTimePasses(func() {
				if way == "raw" {
					if resp := s.do(s.request("GET", "/items/7", nil)); resp.StatusCode != 502 {
						t.Errorf("status %d", resp.StatusCode)
					}
					return
				}
				answer, err := s.call("GetItem", `{"id":"7"}`)
				must(t, err)
				if answer.GetError().GetRetryable() {
					t.Error("a POST that failed is to be sent again")
				}
			})
			if lines := fmt.Sprint(rec.lines()); lines != "[POST /api/jobs]" {
				t.Errorf("requests: %v", lines)
			}
		})
		t.Run(way+": a lost answer", func(t *testing.T) {
			rec := record(t, lost)
			s := startWith(t, rec.url, routed("GET", "POST"), threeAttempts)
			var err error
			s.whileTimePasses(func() {
				if way == "raw" {
					err = s.through(s.request("GET", "/items/7", nil))
				} else {
					_, err = s.call("GetItem", `{"id":"7"}`)
				}
			})
			reasonIs(t, err, fault.ReasonOutcomeUnknown)
			if lines := fmt.Sprint(rec.lines()); lines != "[POST /api/jobs]" {
				t.Errorf("requests: %v", lines)
			}
		})
	}
	t.Run("what is described as a POST stays one", func(t *testing.T) {
		rec := record(t, lost)
		s := startWith(t, rec.url, func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{only(policyOf("routerequesttoendpoint", requestSection, "newPath", "/jobs", "httpMethod", "GET"), "CreateItem")}
		}, threeAttempts)
		reasonIs(t, second(s.call("CreateItem", item)), fault.ReasonOutcomeUnknown)
		if n := len(rec.all()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestASafeCallThatGoesOutAsADeletionIsRepeatedWithAKeyOnly: whoever asks for something
// does not expect that anything is deleted, let alone twice.
func TestASafeCallThatGoesOutAsADeletionIsRepeatedWithAKeyOnly(t *testing.T) {
	code := func(d *connectorv1.Definition) {
		d.Scripts = []*connectorv1.Script{{Language: "javascript", Path: "script.js", Source: `export function before(request) { request.method = 'DELETE' }`}}
	}
	for _, row := range []struct {
		name, declared string
		change         func(*connectorv1.Definition)
		times          int // it is sent without a key
	}{
		{"a policy makes it of a GET", "GET", routed("GET", "DELETE"), 1},
		{"a policy makes it of a HEAD", "HEAD", routed("HEAD", "DELETE"), 1},
		{"code makes it of a GET", "GET", code, 1},
		{"a policy makes it of a PUT", "PUT", func(d *connectorv1.Definition) {
			routed("PUT", "DELETE")(d)
			operationOf(d, "GetItem").Safety = nil
		}, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, status := range []int{502, 0} { // 0 is an answer that gets lost
				rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
					if status == 0 {
						panic(http.ErrAbortHandler)
					}
					say(w, status, `{}`)
				})
				s := startWith(t, rec.url, row.change, threeAttempts)
				sent := func(call func() error) (n int, err error) {
					before := len(rec.all())
					s.whileTimePasses(func() { err = call() })
					return len(rec.all()) - before, err
				}
				n, err := sent(func() error { return second(s.call("GetItem", `{"id":"7"}`)) })
				if unknown := fault.ReasonOf(err) == fault.ReasonOutcomeUnknown; n != row.times || unknown != (status == 0 && row.times == 1) {
					t.Errorf("status %d: sent %d times, want %d: %v", status, n, row.times, err)
				}
				if n, err = sent(func() error { return second(s.call("GetItem", `{"id":"7"}`, withKey("k"))) }); n != 3 || fault.ReasonOf(err) == fault.ReasonOutcomeUnknown {
					t.Errorf("status %d: with a key sent %d times, want 3: %v", status, n, err)
				}
				if n, _ = sent(func() error { _ = s.do(s.request(row.declared, "/items/7", nil)); return nil }); n > row.times {
					t.Errorf("status %d: the raw request was sent %d times, want %d", status, n, row.times)
				}
			}
		})
	}
}

// TestWhatWasSentDecidesWhatAKeyIsWorth: code makes a POST of what is described as a GET,
// so that a call of which nobody knows the outcome is not made again, and a failure is an
// answer.
func TestWhatWasSentDecidesWhatAKeyIsWorth(t *testing.T) {
	post := `export function before(request) { request.method = 'POST' }`
	asks := `export function before(request) { }`
	for _, row := range []struct {
		name, source string
		status       int // 0 is an answer that gets lost
		want         int // requests of two calls with one key
		outcome      string
	}{
		{"a POST whose answer is lost", post, 0, 1, "unknown"},
		{"a POST that fails", post, 500, 1, ""},
		{"a GET whose answer is lost", asks, 0, 2, ""},
		{"a GET that fails", asks, 500, 2, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newScripted(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
				if row.status == 0 {
					panic(http.ErrAbortHandler)
				}
				say(w, row.status, `{}`)
			})
			s := startCode(t, a.url, row.source, "Search")
			_ = second(s.call("Search", `{}`, withKey("k")))
			err := second(s.call("Search", `{}`, withKey("k")))
			got := ""
			if err != nil {
				got = fault.From(err).Meta()["outcome"]
			}
			if len(a.sent()) != row.want || got != row.outcome {
				t.Errorf("%d requests, want %d: %v, outcome %q", len(a.sent()), row.want, err, got)
			}
		})
	}
}

// TestARoutedDeletionIsSentEachTime: nothing of it is kept, and what was kept is
// forgotten, whatever the operation is described with and however it is called.
func TestARoutedDeletionIsSentEachTime(t *testing.T) {
	for _, row := range []struct{ declared, sent string }{{"GET", "POST"}, {"HEAD", "DELETE"}, {"GET", "DELETE"}} {
		t.Run(row.declared+" to "+row.sent, func(t *testing.T) {
			rec := record(t, always(200, `[]`, "Cache-Control", "max-age=600"))
			s := start(t, rec.url, func(d *connectorv1.Definition) {
				routed(row.declared, row.sent)(d)
				operationOf(d, "GetItem").Cache = &connectorv1.ResponseCache{MaxAgeSeconds: 600}
			})
			for name, change := range map[string]func(){
				"call": func() { must(t, second(s.call("GetItem", `{"id":"7"}`))) },
				"raw":  func() { must(t, s.through(s.request(row.declared, "/items/7", nil))) },
			} {
				must(t, second(s.call("ListItems", "")))
				answer, err := s.call("ListItems", "")
				must(t, err)
				if !answer.GetReplayed() {
					t.Fatal("the list is not kept")
				}
				before := len(rec.all())
				change()
				change()
				if n := len(rec.all()) - before; n != 2 {
					t.Errorf("%s: two changes are %d requests", name, n)
				}
				answer, err = s.call("ListItems", "")
				must(t, err)
				if answer.GetReplayed() {
					t.Errorf("%s: the list from before the change is given", name)
				}
			}
		})
	}
}

// TestWhatEmptiesTheMemory: every request that may have changed something, also one
// whose answer was lost or that was streamed.
func TestWhatEmptiesTheMemory(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if r.Header.Get("X-Lose") != "" || strings.Contains(r.body, "lost") {
			panic(http.ErrAbortHandler)
		}
		say(w, 200, `[]`, "Cache-Control", "max-age=600")
	})
	s := start(t, rec.url, nil)
	for name, change := range map[string]func(){
		"a lost answer": func() {
			reasonIs(t, second(s.call("CreateItem", `{"body":{"name":"lost"}}`)), fault.ReasonOutcomeUnknown)
		},
		"a stream": func() {
			start := &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "CreateItem", Input: []byte(item)}
			must(t, second(s.streamed(t, start, nil)))
		},
	} {
		must(t, second(s.call("ListItems", "")))
		change()
		answer, err := s.call("ListItems", "")
		must(t, err)
		if answer.GetReplayed() {
			t.Errorf("after %s the list is still given", name)
		}
		s.clock.Advance(time.Second)
	}
}

// TestNoHeaderMakesAnotherRequestOfIt: some servers take the method or the path from
// one. What an operation is described with goes through.
func TestNoHeaderMakesAnotherRequestOfIt(t *testing.T) {
	rec := record(t, always(200, `{}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		op := operationOf(d, "GetItem")
		op.Parameters = append(op.Parameters, &connectorv1.Parameter{Name: "X-HTTP-Method", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER})
	})
	names := []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X_Http_Method_Override"}
	for path, want := range map[string]string{"/items": "", "/items/7": "X-HTTP-Method"} {
		req := s.request("GET", path, nil)
		for _, name := range names {
			req.Header.Set(name, "DELETE")
		}
		must(t, s.through(req))
		all := rec.all()
		for _, name := range names {
			if got := all[len(all)-1].Header.Get(name); (got != "") != (name == want) {
				t.Errorf("%s: %s = %q", path, name, got)
			}
		}
	}
}
