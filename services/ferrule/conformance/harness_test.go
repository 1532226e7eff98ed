package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// settings of a run, by environment.
const (
	scopeVariable = "FERRULE_CONFORMANCE" // "full" takes everything, a word takes names that hold it
	everyTenth    = 10
)

// sample returns a fixed tenth of the names, or all.
func sample(names []string) []string {
	scope := os.Getenv(scopeVariable)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		switch scope {
		case "full":
			return false
		case "":
			h := fnv.New32a()
			_, _ = h.Write([]byte(name))
			return h.Sum32()%everyTenth != 0
		}
		return !strings.Contains(name, scope)
	})
}

// subject is one description to be tried.
type subject struct {
	name     string
	doc      document
	files    map[string][]byte
	scripted func(endpoint) bool
	call     func(endpoint, mode) (call, string)
	// locate returns the files with the API at host.
	locate func(host string) map[string][]byte
}

// harness calls operations and counts what comes of it. Its clients are safe for
// concurrent use, its tally is guarded.
type harness struct {
	clients   clients
	recorders chan *recorder

	mu         sync.Mutex
	next       int
	counts     map[string]int
	mismatches []finding
}

// finding is an operation whose request is not what was expected.
type finding struct {
	Package   string `yaml:"package"`
	Operation string `yaml:"operation"`
	Class     string `yaml:"class"`
	Why       string `yaml:"why,omitempty"`
	detail    string
}

func newHarness(t *testing.T) *harness {
	h := &harness{clients: startSuite(t), recorders: make(chan *recorder, workers), counts: map[string]int{}}
	for range workers {
		h.recorders <- startRecorder(t)
	}
	return h
}

// workers is how many descriptions are tried at a time.
const workers = 2

func (h *harness) run(t *testing.T, names []string, read func(string) (subject, error)) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(workers)
	for _, name := range names {
		group.Go(func() error {
			s, err := read(name)
			if err != nil {
				h.count("descriptions that are no JSON", 1)
				return nil //nolint:nilerr // it is counted
			}
			return h.try(t.Context(), s)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// each tries descriptions, some at a time, each with a recorder of its own.
func (h *harness) each(t *testing.T, names []string, try func(ctx context.Context, name string, api *recorder) error) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(workers)
	for _, name := range names {
		group.Go(func() error {
			api := <-h.recorders
			defer func() { h.recorders <- api }()
			return try(t.Context(), name, api)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) count(what string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[what] += n
}

func (h *harness) note(s subject, e endpoint, class, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mismatches = append(h.mismatches, finding{Package: s.name, Operation: e.key(), Class: class, detail: detail})
}

// connect imports a description and connects to it under a name of its own.
func (h *harness) connect(ctx context.Context, s subject, api *recorder) (id string, operations map[string]*connectorv1.Operation, err error) {
	h.mu.Lock()
	h.next++
	id = fmt.Sprintf("c-%d", h.next)
	h.mu.Unlock()
	operations, err = h.clients.connect(ctx, id, s.locate(api.host))
	return id, operations, err
}

// try imports a description and calls its operations.
func (h *harness) try(ctx context.Context, s subject) error {
	api := <-h.recorders
	defer func() { h.recorders <- api }()
	id, operations, err := h.connect(ctx, s, api)
	if err != nil {
		if f := grpcx.FromStatus(err); f.Code() == fault.CodeInvalidArgument {
			h.count("descriptions that are refused: "+string(f.Reason()), 1)
			return nil
		}
		return fmt.Errorf("%s: %w", s.name, err)
	}
	h.count("descriptions", 1)
	for _, e := range s.doc.endpoints() {
		op := operations[e.key()]
		if op == nil {
			op = operations[strings.ToUpper(e.method)+" /"+e.path]
		}
		h.count("operations", 1)
		if op == nil {
			h.note(s, e, "not imported", "")
			continue
		}
		if err := h.operation(ctx, s, e, id, op.GetOperationId(), api); err != nil {
			return fmt.Errorf("%s, %s: %w", s.name, e.key(), err)
		}
	}
	return nil
}

// operation calls one operation in every mode and notes the first mismatch.
func (h *harness) operation(ctx context.Context, s subject, e endpoint, connection, operation string, api *recorder) error {
	called := false
	for _, m := range modes {
		c, problem := s.call(e, m)
		if problem != "" {
			h.count("inputs that could not be made", 1)
			continue
		}
		input := writeJSON(c.input)
		err := h.clients.invoke(ctx, connection, operation, input)
		seen := api.take()
		if s.scripted != nil && s.scripted(e) {
			if err == nil || grpcx.FromStatus(err).Reason() != fault.ReasonCustomCodeRequired || len(seen) > 0 {
				h.note(s, e, "custom code", fmt.Sprintf("got %v, want CUSTOM_CODE_REQUIRED", err))
			}
			h.count("operations with custom code", 1)
			return nil
		}
		called = true
		h.count("calls", 1)
		found, wrong := outcome(c, err, seen)
		if wrong {
			h.note(s, e, found.class, fmt.Sprintf("%s\n      input %.800s", found.detail, input))
			h.count("operations called", 1)
			return ctx.Err()
		}
		h.count("calls that match", 1)
	}
	if called {
		h.count("operations called", 1)
		h.count("operations that match in all calls", 1)
		return nil
	}
	h.note(s, e, "no input", "no mode has an input")
	return nil
}

func outcome(c call, err error, seen []received) (mismatch, bool) {
	if err != nil {
		f := grpcx.FromStatus(err)
		return mismatch{"refused " + string(f.Reason()), fmt.Sprint(f.Message(), f.Violations())}, true
	}
	if len(seen) != 1 {
		return mismatch{"requests", fmt.Sprintf("got %d requests, want 1", len(seen))}, true
	}
	return c.want.judge(seen[0])
}

// finish prints the tally and compares the mismatches with what is explained.
func (h *harness) finish(t *testing.T, corpus string, names []string) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(h.counts)) {
		t.Logf("%6d %s", h.counts[what], what)
	}
	classes := map[string]int{}
	for _, f := range h.mismatches {
		classes[f.Class]++
	}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("%6d mismatches of class %q", classes[class], class)
	}
	if err := compareExplained(corpus, names, h.mismatches); err != nil {
		t.Error(err)
	}
}

var errExplained = errors.New("the mismatches are not those of testdata/explained.yaml")
