package wrk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/wrk"
)

func TestTheScriptSaysWhatIsSent(t *testing.T) {
	for _, row := range []struct {
		name    string
		request wrk.Request
		want    []string
		without []string
	}{
		{
			"one request is written once",
			wrk.Request{Method: "GET", Path: "/a", Headers: map[string]string{"X-B": "b", "Authorization": "Bearer t"}},
			[]string{`wrk.method = "GET"`, `wrk.path = "/a"`, "wrk.headers[\"Authorization\"] = \"Bearer t\"\nwrk.headers[\"X-B\"] = \"b\"\n", "function done("},
			[]string{"wrk.body", "function request"},
		},
		{
			"a body",
			wrk.Request{Method: "POST", Path: "/a", Body: `{"id": "4\2"}` + "\n"},
			[]string{`wrk.body = "{\034id\034: \0344\0922\034}\010"`},
			[]string{"function request"},
		},
		{
			"numbers are taken in turn",
			wrk.Request{Method: "GET", Path: "/many-%d/x", Numbers: 7},
			[]string{`string.format("/many-%d/x", i - 1)`, "7, 0\n", "turn = turn % count + 1"},
			nil,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := wrk.Script(row.request)
			for _, want := range row.want {
				if !strings.Contains(got, want) {
					t.Errorf("there is no %q in\n%s", want, got)
				}
			}
			for _, without := range row.without {
				if strings.Contains(got, without) {
					t.Errorf("there is %q in\n%s", without, got)
				}
			}
		})
	}
}

func TestTimesAreWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Second: "-d1s", 1500 * time.Millisecond: "-d2s", time.Millisecond: "-d1s", time.Minute: "-d60s"} {
		got := wrk.Args("s.lua", "127.0.0.1:1", 50, d)
		if diff := cmp.Diff([]string{"-t1", "-c50", want, "--timeout", "10s", "-s", "s.lua", "http://127.0.0.1:1"}, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", d, diff)
		}
	}
}

func TestWhatWrkSaysIsRead(t *testing.T) {
	const before = "Running 3s test @ http://127.0.0.1:1\n  1 threads and 50 connections\n"
	for _, row := range []struct {
		name, out string
		want      measure.Result
		fails     bool
	}{
		{
			"all is well", before + `bench-result {"requests":3000,"us":3000100,"p50":900,"p99":4000,"connect":0,"read":0,"write":0,"status":0,"timeout":0}` + "\n",
			measure.Result{Requests: 3000, Elapsed: 3000100 * time.Microsecond, P50: 900 * time.Microsecond, P99: 4 * time.Millisecond},
			false,
		},
		{
			"errors do not pass for speed", before + `bench-result {"requests":3000,"us":1000000,"p50":1,"p99":2,"connect":1,"read":2,"write":3,"status":400,"timeout":4}` + "\n",
			measure.Result{
				Requests: 2600, Errors: 410, Elapsed: time.Second, P50: time.Microsecond, P99: 2 * time.Microsecond,
				FirstError: "wrk counted 1 that could not connect, 2 and 3 that could not be read and written, 400 answers of 400 or more and 4 that took too long",
			},
			false,
		},
		{"it says nothing", before, measure.Result{}, true},
		{"it breaks off", before + `bench-result {"requests":`, measure.Result{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := wrk.Parse([]byte(row.out))
			if diff := cmp.Diff(row.want, got); diff != "" || (err != nil) != row.fails {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
