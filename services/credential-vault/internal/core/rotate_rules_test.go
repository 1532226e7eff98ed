package core_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

var granted = reveal.Grant()

func TestOnlyAdministratorsExchangeKeys(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	for title, caller := range map[string]core.Caller{"a user": ann(), "a service": itself("gateway"), "nobody": {}} {
		_, err := v.RotateKeys(t.Context(), caller, core.KeyLevelAll, "")
		if fault.ReasonOf(err) != fault.ReasonPermissionDenied {
			t.Errorf("%s begins: got %v", title, err)
		}
		_, err = v.GetKeyRotation(t.Context(), caller, core.LatestRotation)
		if fault.ReasonOf(err) != fault.ReasonPermissionDenied {
			t.Errorf("%s looks: got %v", title, err)
		}
	}
	if len(records(t, p.engine)) != 0 {
		t.Error("something was stored")
	}
}

func TestWhatCannotBeRotatedIsRefused(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	_, err := v.RotateKeys(t.Context(), admin(), core.KeyLevelMaster, "default")
	wantReason(t, err, fault.ReasonInvalidArgument)
	_, err = v.RotateKeys(t.Context(), admin(), core.KeyLevelData, "nowhere")
	wantReason(t, err, fault.ReasonEnvironmentNotFound)
	_, err = v.GetKeyRotation(t.Context(), admin(), core.LatestRotation)
	wantReason(t, err, fault.ReasonKeyRotationNotFound)
	_, err = v.GetKeyRotation(t.Context(), admin(), "0123456789abcdef")
	wantReason(t, err, fault.ReasonKeyRotationNotFound)
	_, err = v.GetKeyRotation(t.Context(), admin(), "no id/at all")
	if fault.CodeOf(err) != fault.CodeInvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestAVaultWithoutKeysSaysSo(t *testing.T) {
	r := newRig(t) // its sealer only pretends
	_, err := r.vault.RotateKeys(t.Context(), admin(), core.KeyLevelAll, "")
	if fault.CodeOf(err) != fault.CodeUnimplemented {
		t.Errorf("got %v", err)
	}
}

func TestAskingTwiceIsOneRotation(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 2)
	first := p.begin(v, core.KeyLevelAll, "")
	if again := p.begin(v, core.KeyLevelAll, ""); again.ID != first.ID {
		t.Errorf("got %s and %s", first.ID, again.ID)
	}
	_, err := v.RotateKeys(t.Context(), admin(), core.KeyLevelData, "default")
	if fault.CodeOf(err) != fault.CodeFailedPrecondition || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("another one meanwhile: got %v", err)
	}
	wantSucceeded(t, p.finish(v, func() {}))
	second := p.begin(v, core.KeyLevelAll, "")
	if second.ID == first.ID {
		t.Error("a finished rotation was begun again")
	}
	wantSucceeded(t, p.finish(v, func() {}))
	old, err := v.GetKeyRotation(t.Context(), admin(), first.ID)
	if err != nil || old.State != core.RotationSucceeded {
		t.Errorf("the first one is now %+v, %v", old, err)
	}
	p.readable(v, 2, "at the end")
}

func TestOldKeysStayUntilNoRequestCanUseThem(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	late, keys := p.process(p.engine)
	p.fill(v, 2)
	p.readable(late, 2, "at the start")
	// A slow request has made a key, and has not stored it yet.
	conn, _, err := p.stored(func() {}).WithSecrets(t.Context(), name("crm-1"))
	if err != nil {
		t.Fatal(err)
	}
	slow, err := keys.NewKey(t.Context(), "default", "environments/default/connections/slow")
	if err != nil {
		t.Fatal(err)
	}
	p.begin(v, core.KeyLevelData, "")
	if err := v.ContinueRotation(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := p.latest(v); r.State != core.RotationRunning || !strings.Contains(r.Reason, "waits") || r.Done != 2+1 {
		t.Fatalf("it is %+v, want it to wait", r)
	}
	conn.Name.ID, conn.Key, conn.Change = "slow", slow, 1
	if err := p.stored(func() {}).Insert(t.Context(), core.Write{Connection: conn}); err != nil {
		t.Fatal(err)
	}
	wantSucceeded(t, p.finish(v, func() {}))
	conn, err = p.stored(func() {}).Connection(t.Context(), conn.Name)
	if err != nil || bytes.Equal(conn.Key, slow) {
		t.Fatalf("its key was not encrypted anew: %v", err)
	}
	if _, err := keys.Open(t.Context(), core.KeyPlace("default", conn.Name.String()), conn.Key); err != nil {
		t.Errorf("what the slow request stored cannot be read: %v", err)
	}
}

func TestAWriterWithAnOldKeyHasToReadAgain(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 1)
	stored := p.stored(func() { t.Error("a rotation was announced as a change") })
	before, _, err := stored.WithSecrets(t.Context(), name("crm-0"))
	if err != nil {
		t.Fatal(err)
	}
	p.begin(v, core.KeyLevelData, "")
	wantSucceeded(t, p.finish(v, func() {}))
	after, err := stored.Connection(t.Context(), name("crm-0"))
	if err != nil {
		t.Fatal(err)
	}
	if after.Etag() != before.Etag() {
		t.Error("somebody's edit is spoiled by a rotation")
	}
	before.Change++
	if err := stored.Replace(t.Context(), core.Write{Connection: before}); !errors.Is(err, core.ErrChanged) {
		t.Errorf("a writer brought the old key back: %v", err)
	}
}

func TestARecordThatCannotBeReadStopsTheRotationAndKeepsTheKeys(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 3)
	stored := p.stored(func() {})
	broken, err := stored.Connection(t.Context(), name("crm-1"))
	if err != nil {
		t.Fatal(err)
	}
	good := broken.Key
	broken.Key = bytes.Clone(good)
	broken.Key[len(good)-1] ^= 1
	broken.Change++
	if err := stored.Replace(t.Context(), core.Write{Connection: broken}); err != nil {
		t.Fatal(err)
	}
	first := p.begin(v, core.KeyLevelData, "")
	r := p.finish(v, func() {})
	if r.State != core.RotationFailed || !strings.Contains(r.Reason, "crm-1") {
		t.Fatalf("it ended as %+v, want a reason that names the record", r)
	}
	if err := lends(t.Context(), v, "crm-0", "pw-0"); err != nil {
		t.Error(err)
	}
	broken.Key = good
	broken.Change++
	if err := stored.Replace(t.Context(), core.Write{Connection: broken}); err != nil {
		t.Fatal(err)
	}
	if again := p.begin(v, core.KeyLevelData, ""); again.ID != first.ID || again.State != core.RotationRunning {
		t.Errorf("asking again began %+v, want the same one", again)
	}
	wantSucceeded(t, p.finish(v, func() {}))
	p.readable(v, 3, "after it was put right")
}

func TestAKeyFileThatCannotBeReadIsWaitedForAndThenReported(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 1)
	key, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path, []byte("spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.begin(v, core.KeyLevelMaster, "")
	_ = v.ContinueRotation(t.Context())
	if r := p.latest(v); r.State != core.RotationRunning || r.Failures != 1 || !strings.Contains(r.Reason, "key file") {
		t.Errorf("after one failure it is %+v", r)
	}
	if r := p.finish(v, func() {}); r.State != core.RotationFailed || r.Failures != 10 {
		t.Errorf("it ended as %+v", r)
	}
	p.readable(v, 1, "meanwhile")
	if err := os.WriteFile(p.path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	p.begin(v, core.KeyLevelMaster, "")
	wantSucceeded(t, p.finish(v, func() {}))
	fresh, _ := p.process(p.engine)
	p.readable(fresh, 1, "at the end")
}

func TestOnlyOneProcessWorksAtATime(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 1)
	p.begin(v, core.KeyLevelData, "")
	dying := faultkv.New(p.engine)
	doomed, _ := p.process(dying)
	dying.Crash(faultkv.AfterCommit, 1) // it dies with the lease in its hand
	_ = doomed.ContinueRotation(t.Context())
	before := p.latest(v)
	if before.Lease.Holder == "" {
		t.Fatal("nobody has the lease")
	}
	_ = v.ContinueRotation(t.Context())
	if now := p.latest(v); now.Change != before.Change {
		t.Error("somebody else worked while the lease was valid")
	}
	p.clock.Advance(3 * time.Minute)
	_ = v.ContinueRotation(t.Context())
	if now := p.latest(v); now.Change == before.Change {
		t.Error("nobody took over from the dead")
	}
}

func TestTheLoopFinishesWhatItFindsAndEndsWithItsContext(t *testing.T) {
	p := newPlant(t)
	v, _ := p.process(p.engine)
	p.fill(v, 2)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.RunRotations(ctx) }()
	p.begin(v, core.KeyLevelAll, "")
	testkit.Await(t, "the end of the rotation", func() bool {
		if p.clock.Waiting() > 0 {
			p.clock.Advance(time.Minute)
		}
		return p.latest(v).State != core.RotationRunning
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantSucceeded(t, p.latest(v))
	p.readable(v, 2, "at the end")
}
