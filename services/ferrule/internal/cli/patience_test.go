package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// hurried is a clock whose waits are over at once.
type hurried struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hurried) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hurried) After(d time.Duration) <-chan time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
	over := make(chan time.Time, 1)
	over <- h.now
	return over
}

// commandOn runs a command on a clock and returns its error and what it said.
func commandOn(t *testing.T, c *hurried, server string, args ...string) (string, error) {
	t.Helper()
	var said bytes.Buffer
	a := &app{Streams: Streams{In: strings.NewReader(""), Out: &said, Err: &said}, clock: c}
	root := newRoot(a)
	root.SetArgs(append(args, "--server", server, "--token", "t"))
	err := root.ExecuteContext(t.Context())
	return said.String(), err
}

// away answers a request as a server does that starts again.
func away(w http.ResponseWriter, n int) {
	switch n % 3 {
	case 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":14,"message":"the vault starts"}`)
	case 1:
		w.WriteHeader(http.StatusBadGateway)
	default:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestASignInWaitsForAServerThatStartsAgain(t *testing.T) {
	const pending = `{` + authorization + `,"state":"AUTHORIZATION_STATE_PENDING","userCode":"WDJB-MJHT","authorizationUrl":"https://login.example/device"}`
	for title, row := range map[string]struct {
		answer func(w http.ResponseWriter, n int) // of the nth poll
		fails  string
		polls  int
		took   time.Duration
	}{
		"it is there all the time": {answer: func(w http.ResponseWriter, n int) {
			if n < 3 {
				_, _ = io.WriteString(w, pending)
				return
			}
			_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_SUCCEEDED"}`)
		}, polls: 4, took: 4 * time.Second},
		"it is away for some seconds, twice": {answer: func(w http.ResponseWriter, n int) {
			switch {
			case n == 30:
				_, _ = io.WriteString(w, pending)
			case n < 60:
				away(w, n)
			default:
				_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_SUCCEEDED"}`)
			}
		}, polls: 61, took: 61 * time.Second},
		"it does not come back": {answer: away, fails: "no", polls: 31, took: 31 * time.Second},
		"it says that it is over": {answer: func(w http.ResponseWriter, _ int) {
			_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_FAILED","reason":"denied"}`)
		}, fails: "denied", polls: 1, took: time.Second},
		"it refuses": {answer: func(w http.ResponseWriter, _ int) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":5,"message":"there is no such sign-in"}`)
		}, fails: "no such sign-in", polls: 1, took: time.Second},
	} {
		t.Run(title, func(t *testing.T) {
			polls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ":authorize") {
					_, _ = io.WriteString(w, pending)
					return
				}
				polls++
				row.answer(w, polls-1)
			}))
			defer server.Close()
			begun := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			c := &hurried{now: begun}
			said, err := commandOn(t, c, server.URL, "authorize", "mail", "--no-browser", "--no-test")
			if (err != nil) != (row.fails != "") || err != nil && !strings.Contains(err.Error(), row.fails) {
				t.Errorf("got %v\n%s", err, said)
			}
			if polls != row.polls || c.Now().Sub(begun) != row.took {
				t.Errorf("it asked %d times in %v, want %d in %v", polls, c.Now().Sub(begun), row.polls, row.took)
			}
		})
	}
}

func TestTheConfirmationIsSentAgainWhenTheServerStartsAgain(t *testing.T) {
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ":authorize") {
			_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_PENDING","authorizationUrl":"https://login.example/auth"}`)
			return
		}
		if n++; n < 4 {
			away(w, n)
			return
		}
		_, _ = io.WriteString(w, `{`+authorization+`,"state":"AUTHORIZATION_STATE_SUCCEEDED","identity":"ann"}`)
	}))
	defer server.Close()
	var said bytes.Buffer
	a := &app{Streams: Streams{In: strings.NewReader("ABCDE-FGHJK\n"), Out: &said, Err: &said}, clock: &hurried{}}
	root := newRoot(a)
	root.SetArgs([]string{"authorize", "mail", "--no-browser", "--no-test", "--server", server.URL, "--token", "t"})
	if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(said.String(), "signed in as ann") {
		t.Errorf("got %v\n%s", err, said.String())
	}
}

func TestARotationIsFollowedUntilNobodyIsNeededAnyMore(t *testing.T) {
	const (
		name     = `{"name":"keyRotations/r1","done":"3","total":"3","state":"KEY_ROTATION_STATE_`
		at       = name + `RUNNING"}`
		retried  = name + `RUNNING","reason":"the key service is away"}`
		settling = name + `RUNNING","reason":"all keys are exchanged; it waits until 12:05:00 UTC"}`
		ended    = name + `SUCCEEDED"}`
	)
	for title, row := range map[string]struct {
		args    []string
		answers []string
		says    []string
		asked   int
	}{
		"it leaves when only the waiting is left": {nil, []string{at, retried, settling, ended}, []string{"12:05:00 UTC", "ferrule keys status"}, 3},
		"it waits if it is told to":               {[]string{"--wait"}, []string{at, settling, settling, ended}, []string{"12:05:00 UTC", "r1: succeeded"}, 4},
		"machines get what it is by then":         {[]string{"-o", "json"}, []string{settling}, []string{`"state":`, "12:05:00 UTC"}, 1},
	} {
		t.Run(title, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				_, _ = io.WriteString(w, row.answers[min(asked, len(row.answers))-1])
			}))
			defer server.Close()
			said, err := commandOn(t, &hurried{}, server.URL, append([]string{"keys", "rotate"}, row.args...)...)
			if err != nil || asked != row.asked {
				t.Errorf("asked %d times, %v\n%s", asked, err, said)
			}
			for _, text := range row.says {
				if !strings.Contains(said, text) {
					t.Errorf("it does not say %q:\n%s", text, said)
				}
			}
		})
	}
}

func TestACallWithoutASignInSaysHowToGetOn(t *testing.T) {
	for title, row := range map[string]struct{ state, says, not string }{
		"nobody has signed in":      {"NEEDS_AUTHORIZATION", "run `ferrule authorize mail` to sign in", ""},
		"something else is missing": {"ERROR", "CONNECTION_NOT_READY", "ferrule authorize"},
	} {
		t.Run(title, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"code":9,"message":"it cannot be used","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONNECTION_NOT_READY",`+
					`"domain":"ferrule.dev","metadata":{"state":"`+row.state+`","connection":"environments/default/connections/mail"}}]}`)
			}))
			defer server.Close()
			for _, args := range [][]string{{"test", "mail"}, {"invoke", "mail", "Send"}} {
				var said bytes.Buffer
				code := Run(t.Context(), append(args, "--server", server.URL, "--token", "t"), Streams{In: strings.NewReader(""), Out: &said, Err: &said})
				if code != exitFailed || !strings.Contains(said.String(), row.says) || row.not != "" && strings.Contains(said.String(), row.not) {
					t.Errorf("%v ended with %d and said\n%s", args, code, said.String())
				}
			}
		})
	}
}
