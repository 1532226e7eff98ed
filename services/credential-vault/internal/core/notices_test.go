package core_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// events returns the types of the events about connections that wait to be published,
// without what they have in common.
func (r *rig) events() (types []string) {
	r.t.Helper()
	err := r.faults.View(r.t.Context(), func(tx kv.Reader) error {
		for p, err := range kv.All(tx, []byte("outbox/message/"), 1000) {
			if err != nil {
				return err
			}
			if _, rest, ok := strings.Cut(string(p.Value), `"type":"ferrule.connection.`); ok {
				kind, _, _ := strings.Cut(rest, `"`)
				types = append(types, kind)
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return types
}

// logged makes the rig's vault write its log into what is returned.
func (r *rig) logged() *bytes.Buffer {
	var log bytes.Buffer
	r.vault.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	return &log
}

func TestAConnectionThatFailsIsToldOfOnce(t *testing.T) {
	r := newRig(t)
	log := r.logged()
	r.create(ann())
	for _, step := range []struct {
		name   string
		report core.TestReport
		events []string
		lines  int
	}{
		{"a test that succeeds is no event", core.TestReport{Outcome: core.OutcomeSucceeded}, nil, 0},
		{"the first that fails is one", core.TestReport{Failure: "the API said 401"}, []string{"failed"}, 1},
		{"the next is none", core.TestReport{Failure: "the API said 401"}, []string{"failed"}, 1},
		{"nor is another reason", core.TestReport{Failure: "the API said 403"}, []string{"failed"}, 1},
		{"nor is one that succeeds again", core.TestReport{Outcome: core.OutcomeSucceeded}, []string{"failed"}, 1},
		{"but the next loss is", core.TestReport{Failure: "the API said 401"}, []string{"failed", "failed"}, 2},
	} {
		step.report.Name = name("crm-1")
		r.clock.Advance(time.Minute)
		if _, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), step.report); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.events, r.events()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
		if got := strings.Count(log.String(), "a connection was lost"); got != step.lines {
			t.Errorf("%s: %d lines in the log, want %d", step.name, got, step.lines)
		}
	}
	line := log.String()
	for _, want := range []string{"level=WARN", "connection=environments/default/connections/crm-1", "owner=ann", "state=ERROR", `reason="the API said 401"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line %q does not say %s", line, want)
		}
	}
	if strings.Contains(line, "pw-one") {
		t.Error("the secret is in the log")
	}
}
