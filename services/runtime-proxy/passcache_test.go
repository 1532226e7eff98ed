package runtimeproxy_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// library is an API whose answers say how they are kept, by path. It counts them:
// every answer has another body.
func library(t testing.TB) *recorder {
	t.Helper()
	return record(t, func(w http.ResponseWriter, r got, n int) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.Header().Set("Etag", `"v1"`)
			w.Header().Set("X-Renewed", "yes")
			w.WriteHeader(304)
			return
		}
		headers := map[string][]string{
			"aged":       {"Cache-Control", "max-age=60"},
			"tagged":     {"Etag", `"v1"`, "Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"},
			"both":       {"Cache-Control", "max-age=60", "Etag", `"v1"`, "Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"},
			"secret":     {"Cache-Control", "no-store", "Etag", `"v1"`},
			"everything": {"Cache-Control", "max-age=60", "Vary", "*"},
			"language":   {"Cache-Control", "max-age=60", "Vary", "Accept-Language"},
			"packed":     {"Cache-Control", "max-age=60", "Content-Encoding", "gzip"},
			"old":        {"Cache-Control", "max-age=60", "Age", "50"},
			"insured":    {"Cache-Control", "max-age=1, stale-if-error=100"},
		}[strings.TrimPrefix(r.URL.Path, "/api/items/")]
		if r.URL.Path == "/api/items/insured" && n > 1 {
			say(w, 503, `{"error":"down"}`)
			return
		}
		if r.Header.Get("Range") != "" {
			headers = append(headers, "Content-Range", "bytes 0-1/10")
			say(w, 206, "an", headers...)
			return
		}
		say(w, 200, "answer "+string(rune('0'+n)), headers...)
	})
}

// TestRawRequestsAreAnsweredAsTheAPIAllows: two requests, and what the second gets.
func TestRawRequestsAreAnsweredAsTheAPIAllows(t *testing.T) {
	const first = "answer 1"
	since := []string{"If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"}
	tests := []struct {
		name, id      string
		before, after []string // headers of the two
		later         time.Duration
		method        string // of the second; GET if empty
		asked         int    // requests of both
		status        int
		want          string
		field, value  string // of the second answer
	}{
		{"what is good for a minute", "aged", nil, nil, 7 * time.Second, "", 1, 200, first, "Age", "7"},
		{"what was good for a minute", "aged", nil, nil, 61 * time.Second, "", 2, 200, "answer 2", "Age", ""},
		{"what was old when it came", "old", nil, nil, 9 * time.Second, "", 1, 200, first, "Age", "59"},
		{"what had been old when it came", "old", nil, nil, 11 * time.Second, "", 2, 200, "answer 2", "", ""},
		{"what has a tag, if it is still that", "tagged", nil, nil, 0, "", 2, 200, first, "X-Renewed", "yes"},
		{"what must not be kept", "secret", nil, nil, 0, "", 2, 200, "answer 2", "", ""},
		{"what depends on everything", "everything", nil, nil, 0, "", 2, 200, "answer 2", "", ""},
		{"what depends on something that is the same", "language", []string{"Accept-Language", "de"}, []string{"Accept-Language", "de"}, 0, "", 1, 200, first, "", ""},
		{"what depends on something that is not", "language", []string{"Accept-Language", "de"}, []string{"Accept-Language", "fr"}, 0, "", 2, 200, "answer 2", "", ""},
		{"what nothing is said about", "silent", nil, nil, 0, "", 2, 200, "answer 2", "", ""},
		{"what is packed, for one who takes that", "packed", []string{"Accept-Encoding", "gzip"}, []string{"Accept-Encoding", "gzip"}, 0, "", 1, 200, first, "Content-Encoding", "gzip"},
		{"what is packed, for one who does not", "packed", []string{"Accept-Encoding", "gzip"}, []string{"Accept-Encoding", "identity"}, 0, "", 2, 200, "answer 2", "", ""},
		{"instead of a failure", "insured", nil, nil, 50 * time.Second, "", 2, 200, first, "Age", "50"},
		{"not for ever instead of a failure", "insured", nil, nil, 200 * time.Second, "", 2, 503, `{"error":"down"}`, "", ""},

		{"the caller asks for a new one", "aged", nil, []string{"Cache-Control", "no-cache"}, 0, "", 2, 200, "answer 2", "", ""},
		{"the caller asks for a new one in an old way", "aged", nil, []string{"Pragma", "no-cache"}, 0, "", 2, 200, "answer 2", "", ""},
		{"the caller asks whether it is still that", "both", nil, []string{"Cache-Control", "no-cache"}, 0, "", 2, 200, first, "X-Renewed", "yes"},
		{"the caller wants it not older than it is", "aged", nil, []string{"Cache-Control", "max-age=7"}, 7 * time.Second, "", 1, 200, first, "", ""},
		{"the caller wants a younger one", "aged", nil, []string{"Cache-Control", "max-age=6"}, 7 * time.Second, "", 2, 200, "answer 2", "", ""},
		{"the caller wants one that stays good for a while", "aged", nil, []string{"Cache-Control", "min-fresh=55"}, 7 * time.Second, "", 2, 200, "answer 2", "", ""},
		{"the caller wants nothing kept", "aged", []string{"Cache-Control", "no-store"}, nil, 0, "", 2, 200, "answer 2", "", ""},
		{"the caller wants what is kept, and it is", "aged", nil, []string{"Cache-Control", "only-if-cached"}, 0, "", 1, 200, first, "", ""},
		{"the caller wants what is kept, and it is not", "silent", nil, []string{"Cache-Control", "only-if-cached"}, 0, "", 1, 504, "", "", ""},

		{"the caller has it", "both", nil, []string{"If-None-Match", `"v0", W/"v1"`}, 0, "", 1, 304, "", "Etag", `"v1"`},
		{"the caller has another", "both", nil, []string{"If-None-Match", `"v0"`}, 0, "", 1, 200, first, "Etag", `"v1"`},
		{"the caller has one of that time", "both", nil, since, 0, "", 1, 304, "", "Content-Type", ""},
		{"the caller has an earlier one", "both", nil, []string{"If-Modified-Since", "Fri, 31 Dec 1999 00:00:00 GMT"}, 0, "", 1, 200, first, "", ""},
		{"the caller's own question goes to the API", "tagged", nil, []string{"If-None-Match", `"v0"`}, 0, "", 2, 200, "answer 2", "", ""},
		{"and its answer to the caller", "tagged", nil, []string{"If-None-Match", `"v1"`}, 0, "", 2, 304, "", "X-Renewed", "yes"},
		{"a condition that only the API can judge", "both", nil, []string{"If-Match", `"v1"`}, 0, "", 2, 200, "answer 2", "", ""},
		{"a part", "aged", nil, []string{"Range", "bytes=0-1"}, 0, "", 2, 206, "an", "", ""},
		{"a part is not the whole", "aged", []string{"Range", "bytes=0-1"}, nil, 0, "", 2, 200, "answer 2", "", ""},
		{"HEAD of what is kept", "aged", nil, nil, 7 * time.Second, "HEAD", 1, 200, "", "Content-Length", "8"},
		{"HEAD of what is not", "silent", nil, nil, 0, "HEAD", 2, 200, "", "", ""},
		{"OPTIONS", "aged", nil, nil, 0, "OPTIONS", 2, 200, "answer 2", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := library(t)
			s := startWith(t, rec.url, nil, func(c *settings) { c.MaxAttempts = 1 })
			s.pass("GET", "/items/"+tt.id, "", tt.before...)
			s.clock.Advance(tt.later)
			method := "GET"
			if tt.method != "" {
				method = tt.method
			}
			if tt.status == 504 { // nothing else can be in the way
				s.pass("OPTIONS", "/items/"+tt.id, "")
				rec.list = rec.list[:1]
			}
			answer := s.pass(method, "/items/"+tt.id, "", tt.after...)
			if n := len(rec.all()); n != tt.asked || answer.status != tt.status {
				t.Errorf("%d requests, status %d; want %d, %d", n, answer.status, tt.asked, tt.status)
			}
			if answer.body != tt.want && tt.status != 504 {
				t.Errorf("body = %q, want %q", answer.body, tt.want)
			}
			if tt.field != "" && answer.header.Get(tt.field) != tt.value {
				t.Errorf("%s = %q, want %q", tt.field, answer.header.Get(tt.field), tt.value)
			}
		})
	}
}

// TestAllWaysInShareWhatIsKept: an operation and its raw request have the same
// answer, whichever comes first.
func TestAllWaysInShareWhatIsKept(t *testing.T) {
	changes := map[string]func(*connectorv1.Definition){
		"of a plain connector":                nil,
		"with policies for single operations": policies(only(policyOf("setheader", answerSection, "name", "X-Policy", "value", "@connectionParameters('region')"), "GetItem")),
		"with policies that work on bodies":   policies(property(answerSection, "source", "crm")),
		"with code that works on answers":     withCode(`export function after(response) { response.headers.set("X-Policy", "yes") }`, "GetItem"),
		"with a word of the connector's own": func(d *connectorv1.Definition) {
			operationOf(d, "GetItem").Cache = &connectorv1.ResponseCache{MaxAgeSeconds: 60}
		},
		"with code that works on requests too": withCode(`export function before(request) { request.headers.set("X-Code", "yes") }`, "CreateItem"),
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, _ got, n int) {
				say(w, 200, `{"n":`+string(rune('0'+n))+`}`, "Cache-Control", "max-age=600")
			})
			s := start(t, rec.url, change)
			called := func() string {
				answer, err := s.call("GetItem", `{"id":"7"}`)
				must(t, err)
				return string(answer.GetBody().GetData())
			}
			passed := func() string { return s.pass("GET", "/items/7", "").body }
			if one, other := called(), passed(); one != other || !strings.HasPrefix(one, `{"n":1`) {
				t.Errorf("called %s, passed %s", one, other)
			}
			s.pass("POST", "/items", "{}")
			if one, other := passed(), called(); one != other || !strings.HasPrefix(one, `{"n":3`) {
				t.Errorf("after a change: passed %s, called %s", one, other)
			}
			must(t, second(s.call("CreateItem", item)))
			if got := passed(); !strings.HasPrefix(got, `{"n":5`) {
				t.Errorf("after a call that changes something: passed %s", got)
			}
		})
	}
}

// TestRawAnswersAreForThoseWhoAsked.
func TestRawAnswersAreForThoseWhoAsked(t *testing.T) {
	rec := record(t, always(200, `{}`, "Cache-Control", "max-age=600"))
	s := start(t, rec.url, nil)
	s.lendOther()
	get := func(user, path string, headers ...string) bool {
		t.Helper()
		before := len(rec.all())
		req := s.request("GET", "", nil)
		req.URL.Path = path
		req.Header.Set("Authorization", "Bearer "+s.tokens[user])
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		if resp := s.do(req); resp.StatusCode != 200 {
			t.Errorf("status = %d", resp.StatusCode)
		}
		return len(rec.all()) == before
	}
	other := strings.Replace(proxyPath, "crm", "crm-two", 1)
	for _, tt := range []struct {
		name    string
		replay  func() bool
		replays bool
	}{
		{"the first time", func() bool { return get("ada", proxyPath+"/x") }, false},
		{"the second time", func() bool { return get("ada", proxyPath+"/x") }, true},
		{"another user", func() bool { return get("root", proxyPath+"/x") }, false},
		{"another connection", func() bool { return get("ada", other+"/x") }, false},
		{"another path", func() bool { return get("ada", proxyPath+"/y") }, false},
		{"an own token", func() bool { return get("ada", proxyPath+"/x", "Ferrule-Subject-Token", "subject-one-token-value") }, false},
		{"the same token", func() bool { return get("ada", proxyPath+"/x", "Ferrule-Subject-Token", "subject-one-token-value") }, true},
		{"another token", func() bool { return get("ada", proxyPath+"/x", "Ferrule-Subject-Token", "subject-two-token-value") }, false},
		{"still", func() bool { return get("ada", proxyPath+"/x") }, true},
		{"after a change", func() bool { s.pass("DELETE", "/z", ""); return get("ada", proxyPath+"/x") }, false},
		{"the other connection was not changed", func() bool { return get("ada", other+"/x") }, true},
	} {
		if got := tt.replay(); got != tt.replays {
			t.Errorf("%s: replayed = %v, want %v", tt.name, got, tt.replays)
		}
	}
}

// TestAFailedChangeChangesNothing, but one whose outcome nobody knows may have.
func TestAFailedChangeChangesNothing(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if r.URL.Path == "/api/lost" {
			panic(http.ErrAbortHandler)
		}
		if r.Method != "GET" {
			say(w, 409, `{}`)
			return
		}
		say(w, 200, `{}`, "Cache-Control", "max-age=600")
	})
	s := start(t, rec.url, nil)
	s.pass("GET", "/x", "")
	s.pass("POST", "/x", "{}")
	s.pass("GET", "/x", "")
	if n := len(rec.all()); n != 2 {
		t.Errorf("%d requests after a refused change", n)
	}
	if answer := s.pass("POST", "/lost", "{}"); answer.status != 504 {
		t.Errorf("status = %d", answer.status)
	}
	s.pass("GET", "/x", "")
	if n := len(rec.all()); n != 4 {
		t.Errorf("%d requests after a lost change", n)
	}
}

// TestRawAnswersGivenAgainAreAsGood: header policies are applied, secrets hidden,
// and links lead back to us.
func TestRawAnswersGivenAgainAreAsGood(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		say(w, 200, `{}`, "Cache-Control", "max-age=600", "X-Echo", r.URL.Query().Get("key"), "Location", "/api/items/8", "Set-Cookie", "a=b")
	})
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{key("api_key", inQuery, "key", "")}
		d.Policies = []*connectorv1.Policy{policyOf("setheader", answerSection, "name", "X-Policy", "value", "@connectionParameters('region')")}
	})
	for i := range 2 {
		answer := s.pass("GET", "/items/7", "")
		h := answer.header
		if h.Get("X-Policy") != "eu" || leaks(h.Get("X-Echo")) || h.Get("Location") != proxyPath+"/items/8" || h.Get("Set-Cookie") != "" || answer.body != "{}" {
			t.Errorf("request %d: %+v", i+1, answer)
		}
	}
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestOnlyWholeAnswersAreKept: neither what broke off, nor what its caller did not
// wait for, nor what is too long.
func TestOnlyWholeAnswersAreKept(t *testing.T) {
	t.Run("what broke off", func(t *testing.T) {
		var again bool
		s := start(t, tcp(t, func(c net.Conn) {
			defer c.Close()
			_, _ = http.ReadRequest(bufio.NewReader(c))
			text := "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
			if !again {
				text = text[:len(text)-1]
			}
			again = true
			_, _ = io.WriteString(c, text)
		}), nil)
		resp := s.do(s.request("GET", "/x", nil))
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("body = %q", body)
		}
		if answer := s.pass("GET", "/x", ""); answer.body != "hello" {
			t.Errorf("answer = %+v", answer)
		}
	})
	t.Run("what the caller did not wait for", func(t *testing.T) {
		more, ended := make(chan struct{}), make(chan struct{}, 2)
		rec := record(t, func(w http.ResponseWriter, r got, n int) {
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = io.WriteString(w, "begun, ")
			if n == 1 {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				ended <- struct{}{}
				return
			}
			_, _ = io.WriteString(w, "ended")
		})
		defer close(more)
		s := start(t, rec.url, nil)
		ctx, cancel := context.WithCancel(t.Context())
		resp := s.do(s.request("GET", "/x", nil).WithContext(ctx))
		_, err := io.ReadFull(resp.Body, make([]byte, 7))
		must(t, err)
		cancel()
		testkit.Receive(t, "the API to notice", ended)
		if answer := s.pass("GET", "/x", ""); answer.body != "begun, ended" {
			t.Errorf("answer = %+v", answer)
		}
	})
	t.Run("what is too long", func(t *testing.T) {
		for _, length := range []int{4<<20 - 1, 4<<20 + 1} {
			rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
				w.Header().Set("Cache-Control", "max-age=60")
				_, _ = io.Copy(w, io.LimitReader(endless{}, int64(length))) // of unknown length
			})
			s := start(t, rec.url, nil)
			for range 2 {
				if answer := s.pass("GET", "/x", ""); len(answer.body) != length {
					t.Errorf("%d bytes of %d", len(answer.body), length)
				}
			}
			if kept := len(rec.all()) == 1; kept != (length < 4<<20) {
				t.Errorf("%d bytes were kept: %v", length, kept)
			}
		}
	})
	t.Run("what does not fit into the memory for it", func(t *testing.T) {
		rec := record(t, always(200, strings.Repeat("x", 10_000), "Cache-Control", "max-age=60"))
		s := startWith(t, rec.url, nil, func(c *settings) { c.CacheAnswerBytes = 5_000 })
		for range 2 {
			if answer := s.pass("GET", "/x", ""); len(answer.body) != 10_000 {
				t.Errorf("%d bytes", len(answer.body))
			}
		}
	})
}

// endless is a reader without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestAnAnswerThatWasOvertakenIsNotKept: something was changed while it was on its
// way.
func TestAnAnswerThatWasOvertakenIsNotKept(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	rec := record(t, func(w http.ResponseWriter, r got, n int) {
		if n == 1 {
			close(asked)
			<-goOn
		}
		say(w, 200, r.Method, "Cache-Control", "max-age=60")
	})
	s := start(t, rec.url, nil)
	done := make(chan passed, 1)
	go func() { done <- s.pass("GET", "/x", "") }()
	testkit.Receive(t, "the first request", closed(asked))
	s.pass("POST", "/x", "{}")
	close(goOn)
	testkit.Receive(t, "the first answer", done)
	s.pass("GET", "/x", "")
	if n := len(rec.all()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestAnswersToBeKeptStream: nobody waits for their end.
func TestAnswersToBeKeptStream(t *testing.T) {
	more := make(chan string)
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
		w.Header().Set("Cache-Control", "max-age=60")
		for text := range more {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
	})
	s := start(t, rec.url, nil)
	go func() { more <- "one\n" }()
	resp := s.do(s.request("GET", "/x", nil))
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "one\n" {
		t.Fatalf("line = %q, %v", line, err)
	}
	more <- "two\n"
	close(more)
	rest, err := io.ReadAll(lines)
	must(t, err)
	if answer := s.pass("GET", "/x", "", "Accept-Encoding", "gzip"); string(rest) != "two\n" || answer.body != "one\ntwo\n" || len(rec.all()) != 1 {
		t.Errorf("rest %q, then %q after %d requests", rest, answer.body, len(rec.all()))
	}
}
