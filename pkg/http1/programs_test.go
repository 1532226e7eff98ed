package http1

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// step is one thing that a handler does. What it is told goes into notes.
type step func(w http.ResponseWriter, r *http.Request, notes *strings.Builder)

// note keeps errors that both servers must have in common.
func note(notes *strings.Builder, what string, n int, err error) {
	for _, known := range []error{nil, http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrBodyReadAfterClose, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) || err == nil {
			fmt.Fprintf(notes, "%s %d %v; ", what, n, err)
			return
		}
	}
	fmt.Fprintf(notes, "%s failed; ", what)
}

func writes(n int) step {
	return func(w http.ResponseWriter, _ *http.Request, notes *strings.Builder) {
		got, err := io.WriteString(w, strings.Repeat("<", n))
		note(notes, "write", got, err)
	}
}

func sets(name string, values ...string) step {
	return func(w http.ResponseWriter, _ *http.Request, _ *strings.Builder) { w.Header()[name] = values }
}

func answers(status int) step {
	return func(w http.ResponseWriter, _ *http.Request, _ *strings.Builder) { w.WriteHeader(status) }
}

func reads(n int) step {
	return func(_ http.ResponseWriter, r *http.Request, notes *strings.Builder) {
		got, err := io.ReadFull(r.Body, make([]byte, n))
		note(notes, "read", got, err)
	}
}

// steps are all that a program is made of.
var steps = []step{
	writes(0), writes(1), writes(2), writes(511), writes(2047), writes(2048), writes(2049), writes(4096), writes(9000),
	sets("Content-Length", "2"), sets("Content-Length", "2048"), sets("Content-Length"), sets("Content-Length", "x"),
	sets("Content-Type", "a/b"), sets("Content-Type"), sets("Content-Encoding", "gzip"),
	sets("Transfer-Encoding", "chunked"), sets("Transfer-Encoding", "identity"), sets("Transfer-Encoding", "x"),
	sets("Connection", "close"), sets("Connection", "keep-alive, close"), sets("Connection", "keep-alive"),
	sets("Date", "x"), sets("Date"), sets("X-A", "1", "2"), sets("x-a", "3"), sets("X B", "4"), sets("", "5"), sets("X-C", "\r\nX-D: 6\n"),
	sets("Trailer", "X-A, X-T"), sets("X-T", "7"), sets(http.TrailerPrefix+"X-U", "8"), sets("Upgrade", "x"),
	answers(103), answers(200), answers(204), answers(304), answers(404), answers(599),
	reads(0), reads(1), reads(3), reads(5), reads(100),
	func(w http.ResponseWriter, _ *http.Request, notes *strings.Builder) {
		note(notes, "flush", 0, http.NewResponseController(w).Flush())
	},
	func(w http.ResponseWriter, _ *http.Request, _ *strings.Builder) { w.(http.Flusher).Flush() },
	func(_ http.ResponseWriter, r *http.Request, notes *strings.Builder) {
		note(notes, "close", 0, r.Body.Close())
	},
	func(_ http.ResponseWriter, r *http.Request, notes *strings.Builder) {
		content, err := io.ReadAll(r.Body)
		note(notes, "all", len(content), err)
	},
	func(http.ResponseWriter, *http.Request, *strings.Builder) { panic(http.ErrAbortHandler) },
}

// program is what a handler does, a step for each octet, and what it was told.
type program struct {
	mu    sync.Mutex // held while it runs
	steps []byte
	notes strings.Builder
}

func (p *program) begin(steps []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = steps
	p.notes.Reset()
}

func (p *program) noted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.notes.String()
}

func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes.WriteString(r.Method + ": ")
	if r.URL.Path == "/last" {
		return
	}
	for _, n := range p.steps {
		steps[int(n)%len(steps)](w, r, &p.notes)
	}
}

// compare lets the same program answer here and with net/http.
func compare(t *testing.T, theirs, ours *served, programs [2]*program, steps []byte) {
	t.Helper()
	for _, body := range bodies[:3] {
		var answers, notes, logs [2]string
		for i, s := range []*served{theirs, ours} {
			programs[i].begin(steps)
			answers[i] = s.converse(t, body.text+body.text+last, false)
			notes[i], logs[i] = programs[i].noted(), strings.Join(s.log.take(), "\n")
		}
		if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
			t.Errorf("%v, %s: answers (-net/http +ours):\n%s", steps, body.name, diff)
		}
		if diff := cmp.Diff(notes[0], notes[1]); diff != "" {
			t.Errorf("%v, %s: what the handler was told (-net/http +ours):\n%s", steps, body.name, diff)
		}
		if diff := cmp.Diff(logs[0], logs[1]); diff != "" {
			t.Errorf("%v, %s: log (-net/http +ours):\n%s", steps, body.name, diff)
		}
	}
}

func TestWhateverAHandlerDoesItIsToldAndHeardAsWithNetHTTP(t *testing.T) {
	programs := [2]*program{{}, {}}
	theirs, ours := plain(t, programs[0]), ours(t, programs[1])
	for one := range steps { // each alone, and each two of them
		compare(t, theirs, ours, programs, []byte{byte(one)})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		steps := make([]byte, 2+random.IntN(6))
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		if compare(t, theirs, ours, programs, steps); t.Failed() {
			return
		}
	}
}

// FuzzAnswers looks for a program that is answered in another way.
func FuzzAnswers(f *testing.F) {
	for one := range steps {
		f.Add([]byte{byte(one), 1, byte(one + 7), 44})
	}
	programs := [2]*program{{}, {}}
	theirs, ours := plain(f, programs[0]), ours(f, programs[1])
	f.Fuzz(func(t *testing.T, steps []byte) { compare(t, theirs, ours, programs, steps[:min(len(steps), 20)]) })
}

// TestRequestsMayFollowEachOther: ordinary ones and others, in any order, on one connection.
func TestRequestsMayFollowEachOther(t *testing.T) {
	theirs, ours := plain(t, http.HandlerFunc(dump)), ours(t, http.HandlerFunc(dump))
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var text, names strings.Builder
		for range 2 + random.IntN(6) {
			row := requests[random.IntN(len(requests))]
			text.WriteString(row.text)
			names.WriteString(row.name + "; ")
		}
		text.WriteString(last)
		want, got := theirs.converse(t, text.String(), false), ours.converse(t, text.String(), false)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: answers (-net/http +ours):\n%s", names.String(), diff)
		}
	}
}
