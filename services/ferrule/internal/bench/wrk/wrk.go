// Package wrk makes load with the program wrk, which needs much less processor
// time for a call than a generator in Go does.
//
//	script := wrk.Script(request)
//	… write it to a file, and run wrk with wrk.Args(file, "127.0.0.1:8080", 50, 3*time.Second) …
//	result, err := wrk.Parse(out)
package wrk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

// Request is what is sent again and again.
type Request struct {
	// Method is the method, and Body what is sent; empty sends none.
	Method, Body string
	// Path is the path with the query. Unless Numbers is 0, "%d" in it stands for
	// the numbers from 0 up to Numbers-1, which are taken in turn.
	Path    string
	Numbers int
	// Headers are sent with every request.
	Headers map[string]string
}

// mark begins the line with the result.
const mark = "bench-result "

// done prints the result when all is over.
const done = `
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('` + mark + `{"requests":%d,"us":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.connect, e.read, e.write, e.status, e.timeout))
end
`

// Script returns the Lua program that makes wrk send the request and print the
// result.
func Script(r Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrk.method = %s\nwrk.path = %s\n", quote(r.Method), quote(r.Path))
	if r.Body != "" {
		fmt.Fprintf(&b, "wrk.body = %s\n", quote(r.Body))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(&b, "wrk.headers[%s] = %s\n", quote(name), quote(r.Headers[name]))
	}
	if r.Numbers > 0 {
		fmt.Fprintf(&b, `
local all, count, turn = {}, %d, 0
function init(args)
  for i = 1, count do all[i] = wrk.format(nil, string.format(%s, i - 1)) end
end
function request()
  turn = turn %% count + 1
  return all[turn]
end
`, r.Numbers, quote(r.Path))
	}
	return b.String() + done
}

// quote writes a text as a Lua string. Every byte that is not plain is written as
// its number.
func quote(text string) string {
	b := []byte{'"'}
	for _, c := range []byte(text) {
		if c == '"' || c == '\\' || c < ' ' || c > '~' {
			b = fmt.Appendf(b, `\%03d`, c)
			continue
		}
		b = append(b, c)
	}
	return string(append(b, '"'))
}

// Args are the arguments of wrk for one measurement: one thread, so that the
// processors are left to what is measured. wrk takes whole seconds: a duration is
// rounded up.
func Args(script, addr string, connections int, d time.Duration) []string {
	seconds := (d + time.Second - 1) / time.Second
	return []string{"-t1", "-c" + strconv.Itoa(connections), "-d" + strconv.Itoa(int(seconds)) + "s", "--timeout", "10s", "-s", script, "http://" + addr}
}

// said is the line that the script prints; times are in microseconds.
type said struct {
	Requests, US, P50, P99                int
	Connect, Read, Write, Status, Timeout int
}

// Parse reads what wrk prints. Answers with a status of 400 or more are errors, and
// so are connections that failed.
func Parse(out []byte) (measure.Result, error) {
	_, line, found := bytes.Cut(out, []byte(mark))
	if !found {
		return measure.Result{}, errors.New("wrk did not say what it measured")
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	var s said
	if err := json.Unmarshal(line, &s); err != nil {
		return measure.Result{}, fmt.Errorf("read what wrk says: %w", err)
	}
	micro := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	r := measure.Result{
		Requests: s.Requests - s.Status, Errors: s.Connect + s.Read + s.Write + s.Status + s.Timeout,
		Elapsed: micro(s.US), P50: micro(s.P50), P99: micro(s.P99),
	}
	if r.Errors > 0 {
		r.FirstError = fmt.Sprintf("wrk counted %d that could not connect, %d and %d that could not be read and written, %d answers of 400 or more and %d that took too long",
			s.Connect, s.Read, s.Write, s.Status, s.Timeout)
	}
	return r, nil
}
