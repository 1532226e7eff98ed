package core_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// settling is what a rotation says that began at noon and has only to wait.
const settling = "all keys are exchanged; it waits until no request can use an old one any more, and destroys the old ones at 12:05:00 UTC"

func TestARotationThatWaitsSaysUntilWhen(t *testing.T) {
	for title, level := range map[string]core.KeyLevel{"both": core.KeyLevelAll, "the master key": core.KeyLevelMaster, "data keys": core.KeyLevelData} {
		t.Run(title, func(t *testing.T) {
			p := newPlant(t)
			v, _ := p.process(p.engine)
			p.fill(v, 2)
			p.begin(v, level, "")
			_ = v.ContinueRotation(t.Context())
			if r := p.latest(v); r.Reason != settling || r.Done != r.Total {
				t.Errorf("after %d of %d it says %q", r.Done, r.Total, r.Reason)
			}
			wantSucceeded(t, p.finish(v, func() {}))
		})
	}
}

func TestAFailureBeforeTheWaitingIsNotTheReasonOfIt(t *testing.T) {
	failures := 0
	for n, all := 1, 1; n <= all; n++ {
		p := newPlant(t)
		faulty := faultkv.New(p.engine)
		v, _ := p.process(faulty)
		calm, _ := p.process(p.engine)
		p.fill(v, 2)
		p.begin(v, core.KeyLevelData, "")
		before := faulty.Passed(faultkv.OnUpdate)
		if n > 1 { // the first time only counts
			faulty.Fail(faultkv.OnUpdate, n-1, errors.New("the disk does not answer"))
		}
		_ = v.ContinueRotation(t.Context())
		if n == 1 {
			all = faulty.Passed(faultkv.OnUpdate) - before + 1
		}
		failures += p.latest(calm).Failures
		for range 5 {
			p.clock.Advance(50 * time.Second)
			_ = v.ContinueRotation(t.Context())
		}
		if got := p.latest(calm); !strings.HasPrefix(got.Reason, "all keys are exchanged") || got.Failures != 0 {
			t.Fatalf("a failure of change %d leaves %q after %d failures", n-1, got.Reason, got.Failures)
		}
	}
	if failures < 2 {
		t.Errorf("only %d steps failed", failures)
	}
}
